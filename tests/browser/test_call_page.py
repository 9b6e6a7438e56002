"""The call page in Chromium against a server with scripted words: everything else is real, WebRTC included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Launch, inspect, picture, wait_for
from tests.support.scripted_server import ANSWER, QUESTION, ScriptedServer

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
RING = 3
"""Width of the line around the chosen face, px."""


WATCH_FACE = """() => {
  const small = document.createElement('canvas'); [small.width, small.height] = [90, 160];
  const pen = small.getContext('2d', { willReadFrequently: true });
  window.faceMoved = 0; let resting;
  setInterval(() => {
    const face = document.querySelector('.face.shown'); if (!face) return;
    pen.drawImage(face, 0, 0, 90, 160);
    const now = pen.getImageData(0, 0, 90, 160).data;
    if (__mien.inspect().agentLevel < 0.02) { resting ??= now; return }
    for (let i = 0; resting && i < now.length; i++)
      window.faceMoved = Math.max(window.faceMoved, Math.abs(now[i] - resting[i]));
  }, 80) }"""
"""Compares what is shown while the agent sounds with what was shown before, in the page: it must not miss a moment."""


def call(page: Page) -> None:
    page.locator("[data-test=call]").click()


@pytest.mark.parametrize(
    ("lang", "query", "view"),
    [("zh", "&config=mobile", DESKTOP), ("en", "", PHONE)],
    ids=["drawn here, zh, desktop", "falls back to video, en, phone"],
)
def test_a_call_is_heard_seen_and_read(
    scripted: ScriptedServer, launch: Launch, buzzing_microphone: Path, lang: str, query: str, view: dict[str, int]
) -> None:
    browser = launch(microphone=buzzing_microphone)
    page = browser.new_page(viewport=view, color_scheme="light" if lang == "en" else "dark")
    page.goto(f"{scripted.url}/?lang={lang}{query}")
    call(page)
    wait_for(page, "s.phase === 'talking' && s.faceVisible", 40)
    # WebGL is software here, so only the address can ask for drawing in the page.
    assert inspect(page)["config"] == ("mobile" if query else "web")
    page.evaluate(WATCH_FACE)
    wait_for(page, "s.maxAgentLevel > 0.05 && window.faceMoved > 40")
    picture(page, f"call-{lang}")

    wait_for(page, "s.status === 'idle' && s.utterances.length >= 2 && s.utterances.every(u => u.done)")
    state = inspect(page)
    assert [u["text"] for u in state["utterances"][:2]] == [QUESTION[lang], ANSWER[lang]]
    shown = page.locator("[data-test=transcript]:visible").inner_text()
    assert QUESTION[lang] in shown
    assert ANSWER[lang] in shown
    if query:
        assert state["channel"] > 50, "no motion frames came on the data channel"
        assert state["sei"] > 50, "no motion frames came as SEI"

    page.locator("[data-test=hangup]").click()
    wait_for(page, "s.phase === 'idle' && s.trouble === undefined")


def test_the_mouth_follows_the_voice(scripted: ScriptedServer, launch: Launch, buzzing_microphone: Path) -> None:
    page = launch(microphone=buzzing_microphone).new_page(viewport=PHONE)
    page.goto(f"{scripted.url}/?lang=zh&config=mobile&auto=1")
    wait_for(page, "s.status === 'speaking' && s.agentLevel > 0.02", 60)
    open_ = page.evaluate(
        """() => new Promise(done => { const jaws = []; const end = performance.now() + 2500;
        const look = () => { jaws.push(__mien.inspect().motion[0]);
          performance.now() < end ? requestAnimationFrame(look) : done(jaws) }; look() })"""
    )
    assert max(open_) > 0.25
    wait_for(page, "s.status === 'idle' && s.motion[0] < 0.02")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_refused_microphone_is_said_in_words_and_typing_works_instead(
    scripted: ScriptedServer, launch: Launch, lang: str
) -> None:
    page = launch(flags=("--deny-permission-prompts", "--use-fake-device-for-media-stream")).new_page(viewport=DESKTOP)
    page.goto(f"{scripted.url}/?lang={lang}")
    call(page)
    dialog = page.get_by_role("alertdialog")
    dialog.wait_for()
    assert dialog.get_attribute("data-problem") == "microphone-denied"
    assert re.search("The microphone is blocked" if lang == "en" else "麦克风被禁用了", dialog.inner_text())
    picture(page, f"microphone-refused-{lang}")

    page.locator("[data-remedy=type]").click()
    wait_for(page, "s.phase === 'talking'", 40)
    question = "How are you?" if lang == "en" else "你好吗？"
    field = page.locator("[data-test=ask]:visible")
    field.fill(question)
    field.press("Enter")
    wait_for(page, f"s.utterances.some(u => u.speaker === 'agent' && u.text === {ANSWER[lang]!r})")
    assert question in page.locator("[data-test=transcript]:visible").inner_text()


def test_no_microphone(scripted: ScriptedServer, launch: Launch) -> None:
    # The flag alone would bring fake devices; a count of none takes them away.
    flags = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=0")
    page = launch(flags=flags).new_page(viewport=PHONE)
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'))"
    )
    page.goto(f"{scripted.url}/?lang=en")
    call(page)
    assert page.get_by_role("alertdialog").get_attribute("data-problem") == "microphone-missing"


def test_plain_http_from_elsewhere_says_why_there_is_no_microphone(scripted: ScriptedServer, launch: Launch) -> None:
    port = scripted.url.rsplit(":", 1)[1]
    page = launch(flags=("--host-resolver-rules=MAP mien.example 127.0.0.1",)).new_page(viewport=DESKTOP)
    page.goto(f"http://mien.example:{port}/?lang=en")
    call(page)
    dialog = page.get_by_role("alertdialog")
    assert dialog.get_attribute("data-problem") == "insecure-context"
    assert "https://" in dialog.inner_text()


@pytest.mark.parametrize(
    ("code", "kind"), [(410001025, "server-busy"), (410001031, "instance-limit")], ids=["no headroom", "limit reached"]
)
def test_a_busy_server(
    scripted: ScriptedServer, launch: Launch, buzzing_microphone: Path, code: int, kind: str
) -> None:
    page = launch(microphone=buzzing_microphone).new_page(viewport=PHONE, color_scheme="dark")

    def busy(route: Route) -> None:
        route.fulfill(status=503, json={"code": code, "message": "busy", "advice": "wait"})

    page.route("**/api/demo/start", busy)
    page.goto(f"{scripted.url}/?lang=zh")
    call(page)
    dialog = page.get_by_role("alertdialog")
    dialog.wait_for()
    assert dialog.get_attribute("data-problem") == kind
    picture(page, kind)
    page.unroute("**/api/demo/start")
    page.locator("[data-remedy=retry]").click()
    wait_for(page, "s.phase === 'talking'", 40)


def test_a_server_that_still_wakes_up(scripted: ScriptedServer, launch: Launch, buzzing_microphone: Path) -> None:
    page = launch(microphone=buzzing_microphone).new_page(viewport=PHONE)
    answers = [503, 503, 503]
    page.route("**/readyz", lambda route: route.fulfill(status=answers.pop() if answers else 200, json={}))
    page.goto(f"{scripted.url}/?lang=en")
    call(page)
    page.get_by_text("The server has just started").first.wait_for()
    wait_for(page, "s.phase === 'talking'", 40)


def test_a_call_survives_a_lost_connection_and_says_when_it_cannot(
    built_page: Path, tmp_path: Path, launch: Launch, buzzing_microphone: Path
) -> None:
    with ScriptedServer(tmp_path) as server:
        page = launch(microphone=buzzing_microphone).new_page(viewport=DESKTOP)
        page.add_init_script(
            """const Real = WebSocket; window.sockets = [];
            window.WebSocket = class extends Real { constructor(...a) { super(...a); window.sockets.push(this) } };"""
        )
        page.goto(f"{server.url}/?lang=en&config=mobile")
        call(page)
        wait_for(page, "s.phase === 'talking' && s.faceVisible", 60)

        page.evaluate("window.sockets.at(-1).close()")
        wait_for(page, "s.reconnecting")
        wait_for(page, "!s.reconnecting && s.phase === 'talking'")
        before = inspect(page)["channel"]
        wait_for(page, f"s.channel > {before} + 25")

        server.kill()
        wait_for(page, "s.reconnecting", 20)
        assert page.get_by_text("Reconnecting").first.is_visible()
        picture(page, "reconnecting")
        dialog = page.get_by_role("alertdialog")
        dialog.wait_for(timeout=60_000)
        assert dialog.get_attribute("data-problem") == "connection-lost"
        picture(page, "connection-lost")


def test_the_page_works_from_the_keyboard(scripted: ScriptedServer, launch: Launch, buzzing_microphone: Path) -> None:
    page = launch(microphone=buzzing_microphone).new_page(viewport=DESKTOP)
    page.goto(f"{scripted.url}/?lang=zh")
    page.get_by_role("radio", name="中文").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="A face that answers").wait_for()
    page.keyboard.press("Enter")
    wait_for(page, "s.phase === 'talking'", 40)
    page.keyboard.press("m")
    wait_for(page, "s.muted")
    page.keyboard.press("m")
    wait_for(page, "!s.muted")


def test_the_chosen_face_is_whole_and_more_show_that_they_are_there(scripted: ScriptedServer, launch: Launch) -> None:
    page = launch().new_page(viewport=DESKTOP)

    def six(route: Route) -> None:
        answer = route.fetch()
        options = answer.json()
        one = options["digital_humans"][0]
        options["digital_humans"] = [one | {"id": f"{one['id']}{number or ''}"} for number in range(6)]
        route.fulfill(response=answer, json=options)

    page.route("**/api/demo/options*", six)
    page.goto(scripted.url)
    page.locator(".faces label").nth(5).wait_for(state="attached")
    strip, chosen, fifth = (
        page.locator(place).bounding_box() or {}
        for place in (".faces", ".faces label:has(:checked) img", ".faces label:nth-child(5)")
    )
    assert chosen["x"] - RING >= strip["x"]
    assert strip["x"] + strip["width"] - fifth["x"] > 10
