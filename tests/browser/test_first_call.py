"""The first call as a person makes it: the page, `mien serve` with its real models, a spoken question."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mien.settings import Settings
from mien.speech.say import say
from mien.viewer.own_server import OwnServer
from tests.browser.conftest import MICROPHONE_RATE, Launch, inspect, picture, wait_for, write_microphone

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]
QUESTION = "今天天气怎么样？"


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    # In a thread of its own: Playwright keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        speech = thread.submit(asyncio.run, say(QUESTION, "zh", Settings(), rate=MICROPHONE_RATE)).result()
    return write_microphone(tmp_path / "question.wav", np.asarray(speech, np.int16), before_s=8, after_s=90)


def test_the_first_call(built_page: Path, tmp_path: Path, microphone: Path, launch: Launch) -> None:
    with OwnServer(data_dir=tmp_path) as server:
        server.wait_ready()
        page = launch(microphone=microphone).new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{server.url}/?lang=zh&config=mobile")
        page.locator("[data-test=call]").click()
        wait_for(page, "s.phase === 'talking' && s.faceVisible", 60)
        wait_for(page, "s.utterances.some(u => u.speaker === 'user' && u.done)", 60)
        wait_for(page, "s.agentLevel > 0.01 && s.motion[0] > 0.15", 60)
        picture(page, "first-call")
        wait_for(page, "s.utterances.some(u => u.speaker === 'agent' && u.done)", 60)
        state = inspect(page)
    heard = next(u["text"] for u in state["utterances"] if u["speaker"] == "user")
    assert "天气" in heard
    assert state["maxAgentLevel"] > 0.02
    assert state["channel"] > 100
