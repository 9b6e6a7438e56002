"""Chromium on the call page: the browser, what it hears as its microphone, and where pictures of it go."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.support.scripted_server import ScriptedServer, syllables

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "out" / "browser"
MICROPHONE_RATE = 48_000
SOFTWARE_WEBGL = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader"]
FLAGS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    *SOFTWARE_WEBGL,
]
Launch = Callable[..., Browser]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def built_page() -> Path:
    dist = ROOT / "web" / "app" / "dist"
    if not (dist / "index.html").is_file():
        pytest.fail("The page is not built: run `make setup`, or `npm install && npm run build` in web/")
    return dist


@pytest.fixture(scope="session")
def scripted(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedServer]:
    """A server whose words are scripted, shared by the tests that only look at the page."""
    with ScriptedServer(tmp_path_factory.mktemp("mien")) as server:
        yield server


# Not shared with other tests: Playwright's synchronous API keeps a loop of its own in the thread that started it.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def launch(playwright: Playwright, chromium: str) -> Iterator[Launch]:
    """Starts a browser; `microphone` is a WAV file it hears once, `flags` are more command-line switches."""
    started: list[Browser] = []

    def start(*, microphone: Path | None = None, flags: tuple[str, ...] = ()) -> Browser:
        more = [*flags]
        if microphone is not None:
            more += [
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ]
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *more])
        started.append(browser)
        return browser

    yield start
    for browser in started:
        browser.close()


def write_microphone(path: Path, speech: NDArray[np.int16], *, before_s: float, after_s: float = 60) -> Path:
    """A WAV of `speech` (48 kHz) after `before_s` of silence: the fake microphone begins when the page opens it."""
    quiet = [np.zeros(int(seconds * MICROPHONE_RATE), np.int16) for seconds in (before_s, after_s)]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(MICROPHONE_RATE)
        out.writeframes(np.concatenate([quiet[0], speech, quiet[1]]).tobytes())
    return path


@pytest.fixture(scope="session")
def buzzing_microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something like speech, eight seconds after the page has opened the microphone."""
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    return write_microphone(path, (syllables(1.6, MICROPHONE_RATE) * 2).astype(np.int16), before_s=8)


def inspect(page: Page) -> dict[str, Any]:
    """What the page says about its call (`window.__mien`)."""
    found: dict[str, Any] = page.evaluate("__mien.inspect()")
    return found


def wait_for(page: Page, condition: str, within_s: float = 30) -> None:
    """Waits until the JavaScript `condition` on `s = __mien.inspect()` holds; else says where the page is."""
    try:
        page.wait_for_function(
            f"(() => {{ const s = __mien.inspect(); return {condition} }})()", timeout=within_s * 1000
        )
    except Exception as error:
        state = inspect(page) | {"motion": None}
        raise AssertionError(f"{condition} did not come true; the page is at {json.dumps(state)}") from error


def picture(page: Page, name: str) -> Path:
    """Leaves a screenshot under out/browser."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    return path
