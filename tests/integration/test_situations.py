"""Some situations of `mien bench situations` with the real ears, on virtual time.

Voice detection and recognition run in no time at all, everything else takes what it takes. Needs the recognition model.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.bench import situations
from mien.bench.recordings import Sound
from mien.bench.scripted import ScriptedEngines
from mien.bench.situations import SITUATIONS, Situation, Turn
from mien.conversation.manager import Manager
from mien.conversation.spec import AsrSpec, VadSpec, WelcomeSpec
from mien.models import speech_files
from mien.rtc.port import AUDIO_CLOCK, LISTEN_RATE
from mien.settings import Settings
from mien.speech.local.stt import Samples
from mien.speech.local.whisper import Language, Recognition, Whisper
from tests.support import virtual_time
from tests.support.conversation import EPOCH, FakeFaces, FakeRooms, HeardMedia, Microphone, Ticks, spec, until

pytestmark = pytest.mark.integration

TRIED = (
    "question",
    "question in noise, 10 dB",
    "pause of 0.9 s, PauseInterval 1200",
    "pause in mid-sentence",
    "okay, right over the agent",
)
"""The command plays all of them; these few keep the tests short."""
RECOGNISES_IN_S = 0.4
BLOCK = 320
NOISE = 3.0
QUIET_S = 1.5
"""Nothing has happened for this long when a situation is over."""


@cache
def whisper() -> Whisper:
    return Whisper(Settings().models_dir / speech_files.WHISPER_DIR, 2)


class Loop(virtual_time.VirtualTimeLoop):
    """What would run on another thread runs at once, so that the clock cannot run past it."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done


async def recognise(samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition:
    await asyncio.sleep(RECOGNISES_IN_S)
    return whisper().recognise(samples.astype(np.float32) / 32768.0, language)


def slowly(sound: Sound) -> NDArray[np.int16]:
    """From 48 to 16 kHz, without what does not fit in."""
    spectrum = np.fft.rfft(sound.astype(np.float64))
    length = len(sound) // 3
    return np.clip(np.rint(np.fft.irfft(spectrum[: length // 2 + 1], length) / 3), -32768, 32767).astype(np.int16)


class Room(Microphone):
    """A caller in a room with faint noise and, where wanted, a loudspeaker."""

    def __init__(self) -> None:
        super().__init__()
        self._said: deque[NDArray[np.int16]] = deque()
        self._random = np.random.default_rng(0)
        self.heard: deque[NDArray[np.int16]] | None = None
        self.echo = (0.0, 0)

    async def speak(self, sound: Sound) -> None:
        voice = slowly(sound)
        whole = np.append(voice, np.zeros(-len(voice) % BLOCK, np.int16))
        self._said.extend(whole.reshape(-1, BLOCK))
        await until(lambda: not self._said, 120)

    def play(self, pcm: NDArray[np.int16]) -> None:
        """The agent's voice, as it leaves."""
        if self.heard is not None:
            self.heard.append(pcm.reshape(-1, 3).mean(axis=1).astype(np.int16))

    async def listen(self) -> AsyncIterator[NDArray[np.int16]]:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 0.02
            await asyncio.sleep(due - loop.time())
            block = np.rint(self._random.normal(0, NOISE, BLOCK))
            if self._said:
                block += self._said.popleft()
            gain, late = self.echo
            if self.heard is not None and len(self.heard) > late:
                block += gain * self.heard.popleft()
            yield np.clip(block, -32768, 32767).astype(np.int16)


class Faces(FakeFaces):
    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room

    async def open(self, digital_human: Any) -> HeardMedia:
        room = self._room

        class Loud(HeardMedia):
            def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
                super().voice(pcm, pts)
                room.play(pcm)

        self.opened.append(Loud())
        return self.opened[-1]


class VirtualPlace:
    """`situations.Place`."""

    def __init__(self, room: Room, instance: Any, faces: Faces) -> None:
        self.room, self.instance, self.faces = room, instance, faces

    async def say(self, sound: Sound) -> None:
        await self.room.speak(sound)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def agent_says(self, text: str) -> None:
        await self.instance.say(text)
        await self.agent_heard()

    async def agent_heard(self) -> None:
        already = len(self.faces.opened[-1].sounded)
        await until(lambda: len(self.faces.opened[-1].sounded) > already)

    def loudspeaker(self, *, db: float, delay_s: float) -> None:
        self.room.heard, self.room.echo = deque(), (10 ** (db / 20), round(delay_s / 0.02))


async def played(situation: Situation) -> list[Turn]:
    room = Room()
    rooms, faces = FakeRooms(room), Faces(room)
    manager = Manager(Settings(min_free_memory_mb=0), rooms, ScriptedEngines(ears=recognise), faces, rooms)
    greeting = situation.extras.get("Welcome")
    config = situation.vad.get("TurnDetectConfig", {})
    instance = await manager.create(
        spec(
            asr=AsrSpec(language=situation.lang),
            vad=VadSpec(pause_interval_ms=config.get("PauseInterval")),
            welcome=WelcomeSpec(greeting["Text"]) if greeting else None,
        )
    )
    if not greeting:
        await asyncio.sleep(1)
    await situation.play(VirtualPlace(room, instance, faces))
    await asyncio.sleep(QUIET_S)
    async with asyncio.timeout(60):
        await instance._live.quiet()
        await asyncio.sleep(QUIET_S)
        await instance._live.quiet()
    turns = [Turn(t["origin"], t["text"], t["answer"], t["interrupted"]) for t in instance.timings]
    await manager.close()
    return turns


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s.name in TRIED], ids=lambda s: f"{s.lang} {s.name}")
def test_a_situation_ends_as_it_should(situation: Situation) -> None:
    def now() -> float:
        try:
            return EPOCH + asyncio.get_running_loop().time()
        except RuntimeError:
            return EPOCH

    began = time.monotonic()
    with (
        mock.patch("time.time", now),
        mock.patch("time.perf_counter", now),
        mock.patch("time.perf_counter_ns", Ticks()),
        asyncio.Runner(loop_factory=Loop) as runner,
    ):
        turns = runner.run(played(situation))
    print(f"{time.monotonic() - began:.1f} s: {situations.got(turns)}")
    assert situations.problems(situation, turns) == []


def test_resampling_keeps_the_sound() -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(AUDIO_CLOCK) / AUDIO_CLOCK)).astype(np.int16)
    slow = slowly(tone)
    assert len(slow) == LISTEN_RATE
    assert np.argmax(np.abs(np.fft.rfft(slow))) == 440
