"""The local recogniser's stream on virtual time: partial passes, early and final ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from livekit import rtc

from mien.speech.local.stt import LocalSTT, Samples
from mien.speech.local.whisper import LISTEN_RATE, Language, Recognition
from tests.support.conversation import LOUD, LoudnessVad
from tests.support.virtual_time import run

FRAME = LISTEN_RATE // 50
Event = tuple[str, str, float]


class Ear:
    """Understands as many words as it hears seconds, in `takes` seconds; notes every pass."""

    def __init__(self, takes: float, confidence: float = 0.9) -> None:
        self.takes, self.confidence = takes, confidence
        self.passes: list[tuple[float, float]] = []
        """Seconds of speech and patience of each pass."""

    async def __call__(self, samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition:
        self.passes.append((round(len(samples) / LISTEN_RATE, 2), patience_s))
        await asyncio.sleep(self.takes)
        loud = np.abs(samples) > LOUD // 2
        words = round(loud.sum() / LISTEN_RATE)
        return Recognition(" ".join(f"word{n}" for n in range(words)), "en", self.confidence)


def listen(ear: Callable[..., object], *spans: tuple[float, float]) -> list[Event]:
    """Speaks `spans` of (sound, silence) seconds at their real pace; what the stream said: kind, text, when."""

    async def main() -> list[Event]:
        loop = asyncio.get_running_loop()
        stream = LocalSTT(ear, lambda: LoudnessVad(0.06, 0.26), "en").stream()  # type: ignore[arg-type]
        events: list[Event] = []

        async def read() -> None:
            async for event in stream:
                text = event.alternatives[0].text if event.alternatives else ""
                events.append((event.type.name, text, round(loop.time(), 2)))

        reading = asyncio.create_task(read())
        for sound, silence in spans:
            for level, seconds in ((LOUD, sound), (0, silence)):
                for _ in range(round(seconds * 50)):
                    block = np.full(FRAME, level, np.int16)
                    stream.push_frame(rtc.AudioFrame(block.tobytes(), LISTEN_RATE, 1, FRAME))
                    await asyncio.sleep(0.02)
        await asyncio.sleep(5)
        stream.end_input()
        await reading
        await stream.aclose()
        assert not [t for t in asyncio.all_tasks() if (t.get_name() or "").startswith("stt.")]
        return events

    return run(main)


def texts(events: list[Event], kind: str) -> list[str]:
    return [text for name, text, _ in events if name == kind]


def test_what_was_said_so_far_is_shown_while_somebody_speaks() -> None:
    ear = Ear(0.1)
    events = listen(ear, (4.0, 1.0))
    partials = texts(events, "INTERIM_TRANSCRIPT")
    assert len(partials) == 4
    assert [len(text.split()) for text in partials] == sorted(len(text.split()) for text in partials)
    assert texts(events, "FINAL_TRANSCRIPT") == ["word0 word1 word2 word3"]
    # Only the pass that counts is in a hurry.
    assert [patience > 0 for _, patience in ear.passes] == [True] * 4 + [False]


def test_a_slow_machine_makes_few_partial_passes_and_is_not_late_for_the_final_one() -> None:
    quick, slow = listen(Ear(0.1), (6.0, 1.0)), listen(Ear(0.9), (6.0, 1.0))
    assert len(texts(slow, "INTERIM_TRANSCRIPT")) == 2 < len(texts(quick, "INTERIM_TRANSCRIPT"))
    (late,) = [at for name, _, at in slow if name == "FINAL_TRANSCRIPT"]
    # Speech ends at 6.0, the suspicion of it comes 0.12 s later, and a pass takes 0.9 s.
    assert late == pytest.approx(7.04, abs=0.05)


def test_a_partial_pass_is_dropped_when_the_speaker_stops() -> None:
    events = listen(Ear(0.6), (1.0, 1.0))
    assert texts(events, "INTERIM_TRANSCRIPT") == []
    assert texts(events, "FINAL_TRANSCRIPT") == ["word0"]


def test_very_long_speech_gets_no_more_partial_passes() -> None:
    ear = Ear(0.1)
    listen(ear, (15.0, 1.0))
    assert max(seconds for seconds, patience in ear.passes if patience > 0) <= 10.0


def test_what_is_hardly_understood_is_not_shown() -> None:
    events = listen(Ear(0.1, confidence=0.2), (3.0, 1.0))
    assert texts(events, "INTERIM_TRANSCRIPT") == []
    assert len(texts(events, "FINAL_TRANSCRIPT")) == 1


def test_a_failing_partial_pass_ends_nothing() -> None:
    class Broken(Ear):
        async def __call__(self, samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition:
            if patience_s:
                raise RuntimeError("no memory")
            return await super().__call__(samples, language)

    events = listen(Broken(0.1), (2.0, 1.0))
    assert texts(events, "FINAL_TRANSCRIPT") == ["word0 word1"]
