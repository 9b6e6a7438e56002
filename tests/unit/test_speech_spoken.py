"""Voices that report when their words are heard move the mouth by sounds, whatever their rate and pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tts
from livekit.agents.types import TimedString

from mien.face.motion.frame import INDEX
from mien.face.stage import Stage
from mien.speech.local.g2p import shared
from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach, attached, attached_more
from mien.speech.reported import Word, from_words
from mien.speech.spoken import PATIENCE_S, pronounce, spoken_frames
from tests.support import virtual_time
from tests.unit.stage_fakes import Recorder

SOUNDS = {"Bob": "bˈɑb", "may": "mˈA", "see": "sˈi", "Pam": "pˈæm"}
TEXT = "Bob may see Pam"
TIMES = [("Bob ", 0.1, 0.5), ("may ", 0.5, 0.9), ("see ", 1.0, 1.3), ("Pam", 1.4, 1.8)]


async def spell(words: Sequence[Word], language: str) -> tuple[Phone, ...]:
    assert language == "en"
    return from_words(words, lambda word: SOUNDS[word.strip()])


def timed(start: int, stop: int) -> list[TimedString]:
    return [TimedString(text, start_time=begin, end_time=end) for text, begin, end in TIMES[start:stop]]


class ReportingVoice(tts.TTS[Any]):
    """Two seconds of a tone. Of `reports`, each says before which tenth of them which words are reported."""

    def __init__(self, reports: dict[int, list[TimedString]], rate: int = VOICE_RATE) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=rate, num_channels=1)
        self.reports = reports

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Reporting(tts=self, input_text=text, conn_options=conn_options)


class _Reporting(tts.ChunkedStream):
    _tts: ReportingVoice

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        rate = self._tts.sample_rate
        output_emitter.initialize(request_id="x", sample_rate=rate, num_channels=1, mime_type="audio/pcm")
        tone = (6000 * np.sin(2 * np.pi * 220 * np.arange(2 * rate) / rate)).astype(np.int16)
        for i, piece in enumerate(np.split(tone, 10)):
            if words := self._tts.reports.get(i):
                output_emitter.push_timed_transcript(words)
            output_emitter.push(piece.tobytes())
            await asyncio.sleep(0.02)
        output_emitter.flush()


async def speak(voice: tts.TTS[Any], **options: Any) -> list[rtc.AudioFrame]:
    async with voice.synthesize(TEXT) as stream:
        return [frame async for frame in spoken_frames(stream, TEXT, 1.5, **{"sounds": spell, **options})]


def latest(frames: list[rtc.AudioFrame]) -> SpokenText:
    told = [spoken for frame in frames if (spoken := attached(frame) or attached_more(frame))]
    return told[-1]


def symbols(spoken: SpokenText) -> str:
    return "".join(phone.symbol or "_" for phone in spoken.phones)


@pytest.mark.parametrize("rate", [16_000, VOICE_RATE, 44_100])
@pytest.mark.parametrize(
    "reports", [{0: timed(0, 4)}, {0: timed(0, 1), 3: timed(1, 3), 6: timed(3, 4)}, {4: timed(0, 4)}]
)
def test_word_times_become_phones_as_they_come(reports: dict[int, list[TimedString]], rate: int) -> None:
    frames = virtual_time.run(lambda: speak(ReportingVoice(reports, rate)))
    assert {frame.sample_rate for frame in frames} == {VOICE_RATE}
    assert sum(frame.samples_per_channel for frame in frames) / VOICE_RATE == pytest.approx(2.0, abs=0.03)
    first = attached(frames[0])
    assert first is not None
    assert first.text == TEXT
    assert [frame for frame in frames if attached(frame)] == frames[:1]
    spoken = latest(frames)
    assert symbols(spoken) == "_bɑbmA_si_pæm"
    assert spoken.phones[1].start == pytest.approx(0.1)
    assert spoken.phones[-1].end == pytest.approx(1.8)


def test_a_voice_that_reports_nothing_is_followed_by_its_sound() -> None:
    frames = virtual_time.run(lambda: speak(ReportingVoice({})))
    assert attached(frames[0]) == SpokenText(TEXT, "en", 1.5)
    assert not any(attached_more(frame) for frame in frames)


def test_words_without_an_end_say_nothing() -> None:
    frames = virtual_time.run(lambda: speak(ReportingVoice({0: [TimedString(TEXT, start_time=0.0)]})))
    assert latest(frames).phones == ()


def test_what_a_voice_knows_of_its_sounds_itself_is_kept() -> None:
    own = SpokenText("x", "en", 0.5, (Phone("a", 0.0, 0.5),))

    async def pieces() -> AsyncIterator[tts.SynthesizedAudio]:
        for i in range(3):
            frame = rtc.AudioFrame(bytes(960), VOICE_RATE, 1, 480)
            yield tts.SynthesizedAudio(frame=attach(frame, own) if i != 1 else frame, request_id="x")

    async def main() -> list[SpokenText | None]:
        return [attached(frame) async for frame in spoken_frames(pieces(), TEXT, 1.5, sounds=spell)]

    assert virtual_time.run(main) == [own, None, own]


def test_sound_does_not_wait_long_for_dictionaries() -> None:
    async def slowly(words: Sequence[Word], language: str) -> tuple[Phone, ...]:
        await asyncio.sleep(PATIENCE_S + 0.15)
        return await spell(words, language)

    frames = virtual_time.run(lambda: speak(ReportingVoice({0: timed(0, 2), 2: timed(2, 4)}), sounds=slowly))
    assert attached(frames[0]) == SpokenText(TEXT, "en", 1.5)
    assert symbols(latest(frames)) == "_bɑbmA_si_pæm"


def test_what_is_asked_for_in_vain_is_given_up_with_the_clip() -> None:
    async def never(words: Sequence[Word], language: str) -> tuple[Phone, ...]:
        await asyncio.sleep(1000)
        return ()

    async def main() -> int:
        await speak(ReportingVoice({0: timed(0, 2)}), sounds=never)
        await asyncio.sleep(1)
        return len(asyncio.all_tasks())

    assert virtual_time.run(main) == 1


def face_of(voice: tts.TTS[Any]) -> np.ndarray:
    """The motion frames of a stage that plays `voice`."""
    recorder = Recorder()

    async def main() -> None:
        stage = Stage(recorder, seed=1)
        await stage.start()
        for frame in await speak(voice):
            await stage.capture_frame(frame)
        stage.flush()
        await asyncio.sleep(4)
        await stage.aclose()

    virtual_time.run(main)
    return np.array([frame for _, _, frame, _ in recorder.frames])


@pytest.mark.parametrize(
    "reports", [{0: timed(0, 4)}, {0: timed(0, 1), 2: timed(1, 2), 4: timed(2, 4)}, {1: timed(0, 4)}]
)
def test_the_mouth_closes_for_the_reported_m_b_and_p(reports: dict[int, list[TimedString]]) -> None:
    press = INDEX["press"]
    by_words, by_sound = face_of(ReportingVoice(reports)), face_of(ReportingVoice({}))
    closings = np.flatnonzero(np.diff((by_words[:, press] > 0.95).astype(int)) == 1)
    # b, b+m, p, m: the tone itself has none of them.
    assert len(closings) >= 3
    assert (by_sound[:, press] > 0.95).sum() < (by_words[:, press] > 0.95).sum()
    steps = np.abs(np.diff(by_words[:, [INDEX["jaw"], INDEX["wide"], INDEX["pucker"]]], axis=0))
    assert steps.max() < 0.6
    assert not by_words[-1, [INDEX["jaw"], press]].any()


def test_words_are_pronounced_as_they_are_read_aloud() -> None:
    assert pronounce("3.5%", "zh") == shared()("百分之三点五")
    assert pronounce("world", "en") == shared()("world")
