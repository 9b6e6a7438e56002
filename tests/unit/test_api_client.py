"""`mien.client` and `mien api` against the real HTTP surface."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

import httpx
import pytest
from typer.testing import CliRunner

from mien.cli.api import app as command
from mien.client import (
    AsyncClient,
    Client,
    DigitalHuman,
    Drive,
    DriveStatus,
    EditedDigitalHuman,
    Extras,
    FacePoints,
    Iris,
    McpServer,
    Message,
    MienError,
    NewDigitalHuman,
    Rtc,
    TaskStatus,
    Tool,
    UnreachableError,
    Welcome,
)
from mien.conversation.spec import ExtrasUpdate, McpServerSpec, Priority, ToolSpec, WelcomeSpec
from mien.errors import UserError
from mien.face.create.edit import Edits, IrisEdit
from mien.streams.spec import Voice
from tests.support.api_harness import APP_ID, SECRET, Api, running_api

RTC = Rtc("r1", "agent_s", "agent_u", "s1")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        running.deps.wall = time.time
        yield running


class Bridge(httpx.BaseTransport):
    """Lets a synchronous client talk to an ASGI app on a loop of its own."""

    def __init__(self, runner: asyncio.Runner, api: Api) -> None:
        self._runner = runner
        self._inner = httpx.ASGITransport(app=api.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return self._runner.run(send())


@pytest.fixture
def sync_client(tmp_path: Path) -> Iterator[Client]:
    with asyncio.Runner() as runner:
        context = running_api(tmp_path)
        api = runner.run(context.__aenter__())
        api.deps.wall = time.time
        yield Client("http://mien.test", APP_ID, SECRET, http=httpx.Client(transport=Bridge(runner, api)))
        runner.run(context.__aexit__(None, None, None))


async def test_a_conversation_by_async_client(api: Api) -> None:
    mien = AsyncClient("http://mien.test/", APP_ID, SECRET, http=api.client)
    await mien.register_agent("guide", name="Guide", llm={"Vendor": "Local"}, tts={"Vendor": "Local"})
    await mien.update_agent("guide", name="Guide 2")
    (agent,) = await mien.query_agents(["guide", "nobody"])
    assert (agent.name, agent.llm) == ("Guide 2", {"Vendor": "Local"})
    page = await mien.list_agents(limit=1)
    assert (page.total, len(page.agents)) == (2, 1)
    assert (await mien.list_agents(cursor=page.cursor)).cursor == ""
    instance = await mien.create_agent_instance("guide", "u1", RTC, advanced_config={"CommunicationMode": 2})
    assert_type(instance, str)
    assert_type(await mien.say(instance, "Hello", priority="High"), int)
    assert await mien.ask(instance, "Why?") == await mien.interrupt(instance) - 1
    assert await mien.status(instance) == "IDLE"
    await mien.add_messages(instance, [Message("user", "Hi")])
    assert await mien.messages(instance) == [Message("user", "Hi")]
    await mien.reset_messages(instance)
    assert await mien.messages(instance) == []
    await mien.start_listening(instance, sequence=1)
    await mien.stop_listening(instance, sequence=2)
    await mien.start_listening(instance)
    await mien.stop_listening(instance, cancel=True)
    fake = api.manager.get(APP_ID, instance)
    assert [arguments["cancel"] for name, arguments in fake.calls if name == "stop_listening"] == [False, True]
    await mien.update_agent_instance(instance, user_stream_id="s2")
    quiet = await mien.create_agent_instance("guide", "u1", Rtc("r2", "s3", "a3", "m3"))
    await mien.update_agent_instance(quiet, advanced_config={"CommunicationMode": 1})
    assert api.manager.get(APP_ID, quiet).calls[-1][1]["listen_only"]
    await mien.delete_agent_instance(instance)
    human = await mien.create_digital_human_agent_instance("guide", "u1", RTC, "lin")
    await mien.delete_agent_instance(human.instance_id, graceful=True)
    live = await mien.create_live_digital_human_agent_instance("guide", "r1", "live_s", "live_u", "lin")
    await mien.say(live.instance_id, "Welcome")
    pushed = await mien.push_live_digital_human_agent_instance("guide", "rtmp://cdn.example/live/k", "lin")
    assert api.manager.get(APP_ID, pushed.instance_id).spec.cdn_url == "rtmp://cdn.example/live/k"
    await mien.unregister_agent("guide")
    with pytest.raises(MienError) as refused:
        await mien.say("1", "x")
    assert refused.value.code == 410001002
    assert "CreateAgentInstance" in refused.value.advice
    assert refused.value.request_id.isdigit()


async def test_what_goes_beyond_the_compatible_api(api: Api) -> None:
    mien = AsyncClient("http://mien.test/", APP_ID, SECRET, http=api.client)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    extras = Extras(
        tools=[
            Tool("weather", "https://shop.test/w", "Of a city", schema, {"A": "b"}, 2000),
            Tool("light", "http://l"),
        ],
        mcp_servers=[McpServer("http://mcp.test/mcp", allowed_tools=["search"]), McpServer("http://mcp2.test/mcp")],
        welcome=Welcome(prompt="Greet", priority="Low", delay_ms=100),
        language="en",
    )
    await mien.register_agent("guide", extras=extras)
    await mien.update_agent("jacky", extras=Extras(language="zh"))
    guide, jacky = await mien.query_agents(["guide", "jacky"])
    assert guide.extras == extras.wire()
    assert jacky.extras == {"Language": "zh"}
    instance = await mien.create_agent_instance("guide", "u1", RTC, extras=Extras(welcome=Welcome("Hi")))
    spec = api.manager.get(APP_ID, instance).spec
    assert spec.tools[0] == ToolSpec("weather", "Of a city", schema, "https://shop.test/w", {"A": "b"}, 2.0)
    assert spec.tools[1].parameters == {"type": "object", "properties": {}}
    assert [server.allowed for server in spec.mcp_servers] == [("search",), None]
    assert spec.welcome == WelcomeSpec("Hi", "", Priority.HIGH, 0.5)
    await mien.update_agent_instance(instance, extras=Extras(mcp_servers=[McpServer("http://m")], language="auto"))
    await mien.say(instance, "Hello", enqueue_user_speech=True)
    calls = api.manager.get(APP_ID, instance).calls
    assert calls[0][1]["extras"] == ExtrasUpdate(None, (McpServerSpec("http://m"),), "auto")
    assert calls[1][1]["enqueue_user_speech"]


async def test_a_driven_digital_human_by_async_client(api: Api, tmp_path: Path) -> None:
    mien = AsyncClient("http://mien.test/", APP_ID, SECRET, http=api.client)
    picture = tmp_path / "me.png"
    picture.write_bytes(b"\x89PNG")
    made = await mien.create_digital_human(picture, "小明", voices={"zh": "zf_xiaoxiao"}, style="photo")
    assert_type(made, NewDigitalHuman)
    assert api.humans.created == [(b"\x89PNG", {"name": "小明", "style": "photo", "size": "portrait"})]
    assert made.warnings == ["the face is small"]
    found = await mien.digital_human_points(made.id)
    assert_type(found, FacePoints)
    assert (found.editable, found.canvas, found.points[1], found.irises) == (
        True,
        (100, 200),
        (30, 40.5),
        {"r": Iris(12.5, 20, 4)},
    )
    assert found.groups["brow_r"]
    edited = await mien.edit_digital_human(made.id, points={1: (31, 40.5)}, irises={"r": Iris(13, 20, 4)}, follow=False)
    assert edited.warnings == ["the jaw opens less"]
    assert api.humans.edited[-1][1] == Edits(
        points={1: (31, 40.5)}, irises={"r": IrisEdit(centre=(13, 20), radius=4)}, follow=False
    )
    await mien.update_digital_human(made.id, name="Ming", voices={"en": "af_heart"})
    assert await mien.digital_human(made.id) == DigitalHuman(made.id, "Ming", made.avatar_url, False, [])
    own = await mien.list_digital_humans(fetch="own")
    assert (own.total, own.digital_humans[0].name) == (1, "Ming")
    assert (await mien.list_digital_humans(fetch="public", offset=1, limit=5)).digital_humans[0].id == "yu"
    assert [timbre.id for timbre in (await mien.list_timbres(made.id)).timbres] == ["af_heart"]
    assert (await mien.list_timbres()).total == 3
    assert (await mien.render_info("lin")).package_url.startswith("http://mien.test/avatars/lin/")
    task = await mien.create_stream_task(
        made.id, "r", "s", small_picture=True, background="#112233", ttl_s=60, max_idle_s=30, size=(480, 854)
    )
    assert_type(task, str)
    look = api.streams.get(APP_ID, task).spec.look
    assert (look.background, look.short_side, look.video) == (0x112233, 480, "mobile")
    assert (await mien.stream_task(task)).status is TaskStatus.STREAMING
    assert [entry.task_id for entry in await mien.list_stream_tasks()] == [task]
    first = await mien.drive_by_text(task, "Hi", "af_heart", interrupt=True, speech_rate=1, pitch_rate=2, volume=3)
    await mien.drive_by_audio(task, "https://x.example/a.wav", channel="left")
    await mien.drive_by_stream(task, "r", "host")
    assert (await mien.drive_by_socket(task)).address == "ws://mien.test/ws?Token=secret-token"
    await mien.interrupt_drives(task)
    await mien.do_action(task, "wave")
    assert (await mien.drives(task))[0] == Drive(first, DriveStatus.QUEUED)
    calls = api.streams.get(APP_ID, task).calls
    assert [name for name, _ in calls] == ["speak", "play", "follow", "expect_feed", "interrupt", "act"]
    assert calls[0][1] == {"text": "Hi", "voice": Voice("af_heart", 1, 2, 3), "interrupt": True}
    await mien.stop_stream_task(task)
    assert (await mien.stream_task(task)).status is TaskStatus.STOPPED
    with pytest.raises(MienError, match="is being shown"):
        await mien.delete_digital_human(made.id)
    api.streams.tasks.clear()
    await mien.delete_digital_human(made.id)
    with pytest.raises(MienError, match="400000003"):
        await mien.digital_human(made.id)


def test_an_upload_synchronously(sync_client: Client) -> None:
    with sync_client as mien:
        made = mien.create_digital_human(b"\x89PNG", "Ming")
        assert_type(made, NewDigitalHuman)
        assert mien.digital_human(made.id).name == "Ming"
        line = [(1.0, 2.0), (3.0, 4.0)]
        assert_type(mien.edit_digital_human(made.id, mouth_line=line, style="illustration"), EditedDigitalHuman)
        task = mien.create_stream_task(made.id, "r", "s")
        assert mien.drive_by_text(task, "Hi", "af_heart") == "drive-1"


def test_the_same_synchronously(sync_client: Client) -> None:
    with sync_client as mien:
        instance = mien.create_agent_instance("jacky", "u1", RTC)
        assert_type(mien.say(instance, "Hello"), int)
        assert mien.call("QueryAgentInstanceStatus", {"AgentInstanceId": instance}) == {"Status": "IDLE"}
        with pytest.raises(MienError, match="410001008"):
            mien.register_agent("jacky")


def answering(answer: httpx.Response | Exception) -> Client:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Client("http://x.test", 1, "s", http=httpx.Client(transport=httpx.MockTransport(handle)))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"Code": None}),
    ],
)
def test_no_mien_there(answer: httpx.Response | Exception) -> None:
    with pytest.raises(UnreachableError, match=r"http://x\.test/"):
        answering(answer).status("1")


@pytest.mark.parametrize("url", ["nonsense", "localhost:8700", "ftp://x.test"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UnreachableError, match="no address of a server"), Client(url, 1, "s") as mien:
        mien.status("1")


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (410001009, "Agent x is not registered.", "Agent x is not registered. (register it with RegisterAgent)"),
        (410000003, "Text is invalid", "Text is invalid"),
        (100000007, "see /docs for those that are", "see /docs for those that are"),
    ],
)
def test_advice_is_given_once(code: int, message: str, words: str) -> None:
    with pytest.raises(MienError) as caught:
        answering(httpx.Response(200, json={"Code": code, "Message": message})).status("1")
    assert str(caught.value) == f"QueryAgentInstanceStatus answered {code}: {words}"
    assert caught.value.advice


def test_codes_we_do_not_know() -> None:
    with pytest.raises(MienError) as caught:
        answering(httpx.Response(200, json={"Code": 999, "Message": "odd"})).status("1")
    assert (caught.value.code, caught.value.advice) == (999, "")


def test_command(sync_client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[tuple[str, int, str]] = []

    def client(url: str, app_id: int, secret: str) -> Client:
        given.append((url, app_id, secret))
        return sync_client

    monkeypatch.setattr("mien.cli.api.Client", client)
    monkeypatch.setattr(sync_client, "close", lambda: None)
    monkeypatch.setenv("MIEN_APP_ID", str(APP_ID))
    monkeypatch.setenv("MIEN_SERVER_SECRET", SECRET)
    where = ["--data-dir", str(tmp_path)]
    body = json.dumps({"AgentIds": ["jacky"]})
    done = CliRunner().invoke(command, ["QueryAgents", "--json", body, *where])
    assert json.loads(done.output)["Agents"][0]["Name"] == "Jacky"
    assert given == [("http://127.0.0.1:8700", APP_ID, SECRET)]
    file = tmp_path / "body.json"
    file.write_text(body)
    assert "Jacky" in CliRunner().invoke(command, ["QueryAgents", "--json", f"@{file}", *where]).output
    assert "Jacky" in CliRunner().invoke(command, ["QueryAgents", "--json", "-", *where], input=body).output
    for wrong in ("{", "[]", "@/nowhere"):
        failed = CliRunner().invoke(command, ["QueryAgents", "--json", wrong, *where])
        assert isinstance(failed.exception, UserError)
    refused = CliRunner().invoke(command, ["QueryAgents", *where])
    assert isinstance(refused.exception, MienError)
    picture = tmp_path / "me.png"
    picture.write_bytes(b"\x89PNG")
    create = ["MienCreateDigitalHuman", "--json", '{"Name": "Ming"}', *where]
    made = json.loads(CliRunner().invoke(command, [*create, "--file", f"Picture={picture}"]).output)
    assert sync_client.digital_human(made["DigitalHumanId"]).name == "Ming"
    for wrong, words in (("me.png", "is not MEMBER=PATH"), ("Picture=/nowhere.png", "/nowhere.png cannot be read")):
        failed = CliRunner().invoke(command, [*create, "--file", wrong])
        assert words in str(failed.exception)
