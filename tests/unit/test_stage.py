"""The stage on virtual time: pacing, latency, pause, clear, underrun, drift, truthful positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice.io import PlaybackFinishedEvent

from mien.bench.utterances import at_voice_rate
from mien.bench.voices.espeak import Espeak
from mien.face.motion.emotion import Feeling
from mien.face.motion.frame import INDEX
from mien.face.stage import BLOCK_SAMPLES, MEDIA_RATE, Stage, StageEvents
from mien.speech.phones import VOICE_RATE, SpokenText
from tests.support import virtual_time
from tests.unit.stage_fakes import MOUTH, Recorder, feed, frames, speech, tone

AAA = "aaaaaaaaaa"


class Played(Recorder):
    """A recorder with the stage that feeds it and what the stage told."""

    def __init__(self) -> None:
        super().__init__()
        self.clauses: list[SpokenText] = []
        self.starts: list[float] = []
        self.drives: list[float] = []
        self.finished: list[PlaybackFinishedEvent] = []
        events = StageEvents(self.clauses.append, self.starts.append, self.drives.append)
        self.stage = Stage(self, seed=3, events=events)
        self.stage.on("playback_finished", self.finished.append)


def play(script: Callable[[Played], Awaitable[None]]) -> Played:
    """Runs `script` with a started stage on virtual time."""
    played = Played()

    async def main() -> None:
        await played.stage.start()
        await script(played)
        await played.stage.aclose()

    virtual_time.run(main)
    return played


def test_silence_keeps_the_clock_running() -> None:
    async def script(p: Played) -> None:
        await asyncio.sleep(1.0)

    p = play(script)
    assert [pts for _, pts, _ in p.blocks] == [i * BLOCK_SAMPLES for i in range(len(p.blocks))]
    assert len(p.blocks) in (50, 51)
    assert [pts for _, pts, _, _ in p.frames] == [i * 2 * BLOCK_SAMPLES for i in range(len(p.frames))]
    assert not p.signal().any()
    assert not np.any([frame[MOUTH] for _, _, frame, _ in p.frames])


@pytest.mark.parametrize("offset", [0.0, 0.001, 0.013, 0.02, 0.0301])
def test_first_motion_leaves_within_80_ms_of_the_first_audio(offset: float) -> None:
    async def script(p: Played) -> None:
        await asyncio.sleep(0.5 + offset)
        await feed(p.stage, speech("aaa", AAA))
        await asyncio.sleep(1.5)

    p = play(script)
    assert len(p.drives) == 1
    assert 0 < p.drives[0] < 80
    first = next(now for now, _, frame, _ in p.frames if frame[INDEX["jaw"]] > 0.01)
    assert first - (0.5 + offset) < 0.08


def test_a_burst_leaves_paced_and_whole() -> None:
    spoken = speech("long", "a" * 50)

    async def script(p: Played) -> None:
        await asyncio.sleep(0.1)
        await feed(p.stage, spoken)
        await asyncio.sleep(6)

    p = play(script)
    gaps = np.diff([now for now, _, _ in p.blocks])
    assert np.allclose(gaps, 0.02, atol=1e-6)
    assert (p.loud[-1] - p.loud[0]) / MEDIA_RATE == pytest.approx(5.0, abs=0.03)
    (event,) = p.finished
    assert event.playback_position == pytest.approx(5.0)
    assert not event.interrupted
    assert event.synchronized_transcript == "long"


def test_the_voice_is_the_voice_at_twice_the_rate() -> None:
    async def script(p: Played) -> None:
        for frame in frames(tone(1.0, 1000), speech("x", AAA), piece=0.0317):
            await p.stage.capture_frame(frame)
        p.stage.flush()
        await asyncio.sleep(1.5)

    signal = play(script).signal().astype(float)
    begin = int(np.argmax(np.abs(signal) > 100))
    heard = signal[begin + 200 : begin + 46000]
    t = np.arange(len(heard)) / MEDIA_RATE
    parts = [np.mean(heard * np.exp(-2j * np.pi * f * t)) * 2 for f in (1000, 23000)]
    assert abs(parts[0]) == pytest.approx(8000, rel=0.01)
    assert abs(parts[1]) < 8000 * 10 ** (-70 / 20)


def test_an_hour_without_drift() -> None:
    async def script(p: Played) -> None:
        keep: list[tuple[float, int]] = []
        p.voice = lambda pcm, pts: keep.append((asyncio.get_running_loop().time(), pts))  # type: ignore[method-assign]
        p.motion = lambda frame, pts, speaking: None  # type: ignore[method-assign]
        p.stage._double = lambda block: block  # type: ignore[method-assign, assignment]
        p.stage._engine.frame = lambda t: np.zeros(24, np.float32)  # type: ignore[method-assign]
        await asyncio.sleep(3600)
        assert max(abs(now - pts / MEDIA_RATE) for now, pts in keep) < 1e-3
        assert len(keep) in (180_000, 180_001)

    play(script)


def test_clear_is_silent_in_a_block_and_closed_in_120_ms() -> None:
    spoken = speech("one two three four", "w a n t u u θ i i f o ɹ".replace(" ", ""), each=0.2)
    cleared_at = 0.0

    async def script(p: Played) -> None:
        nonlocal cleared_at
        await feed(p.stage, spoken, flush=False)
        await asyncio.sleep(0.9)
        cleared_at = asyncio.get_running_loop().time()
        p.stage.clear_buffer()
        assert p.finished[0].interrupted
        p.stage.flush()
        await asyncio.sleep(1)

    p = play(script)
    assert len(p.finished) == 1
    loud_until = max(now for now, _, pcm in p.blocks if np.abs(pcm.astype(int)).max() > 50)
    assert loud_until <= cleared_at + 0.0201
    late = [frame[MOUTH] for now, _, frame, _ in p.frames if now >= cleared_at + 0.12]
    assert not np.any(late)
    mouths = np.array([frame[MOUTH] for _, _, frame, _ in p.frames])
    assert np.abs(np.diff(mouths, axis=0)).max() < 0.95


def test_the_position_at_a_clear_is_what_was_sent() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("x", "a" * 30))
        await asyncio.sleep(1.0)
        p.stage.clear_buffer()
        sent = len(p.loud) * 0.02
        assert p.finished[0].playback_position == pytest.approx(sent, abs=0.021)
        assert (await p.stage.wait_for_playout()).interrupted

    play(script)


def test_audio_after_a_clear_is_dropped_until_the_flush() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("x", AAA), flush=False)
        await asyncio.sleep(0.3)
        p.stage.clear_buffer()
        await feed(p.stage, speech("late", AAA))
        await asyncio.sleep(0.1)
        assert not p.loud[-1] > 0.36 * MEDIA_RATE
        await feed(p.stage, speech("next", AAA))
        await asyncio.sleep(1.5)

    p = play(script)
    assert [event.synchronized_transcript for event in p.finished] == ["", "next"]


def test_pause_holds_and_resume_goes_on() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("x", AAA))
        await asyncio.sleep(0.5)
        p.stage.pause()
        before = len(p.loud)
        await asyncio.sleep(1.0)
        assert len(p.loud) <= before + 1
        assert not p.stage.speaking
        assert not np.any(p.frames[-1][2][MOUTH])
        p.stage.resume()
        await asyncio.sleep(1.0)

    p = play(script)
    (event,) = p.finished
    assert (event.interrupted, event.playback_position) == (False, pytest.approx(1.0))
    assert len(p.loud) * 0.02 == pytest.approx(1.0, abs=0.06)
    jaw = [frame[INDEX["jaw"]] for now, _, frame, _ in p.frames if 1.7 < now < 1.9]
    assert min(jaw) > 0.3


def test_an_underrun_holds_the_pose_then_rests_then_goes_on() -> None:
    async def script(p: Played) -> None:
        spoken = speech("aa", "a" * 20)
        pieces = frames(tone(2.0), spoken, piece=0.1)
        for frame in pieces[:10]:
            await p.stage.capture_frame(frame)
        await asyncio.sleep(2.0)
        for frame in pieces[10:]:
            await p.stage.capture_frame(frame)
        p.stage.flush()
        await asyncio.sleep(2.0)

    p = play(script)
    jaw = {round(now, 2): float(frame[INDEX["jaw"]]) for now, _, frame, _ in p.frames}
    # Voice runs dry at 1.02 (20 ms preroll).
    assert jaw[1.08] > 0.9 * jaw[1.0]
    assert jaw[1.4] == 0
    assert jaw[2.4] > 0.5
    assert p.finished[0].playback_position == pytest.approx(2.0)
    assert not p.finished[0].interrupted


def test_motion_keeps_its_place_when_audio_trickles_in() -> None:
    """The same words, in one burst and just in time, give the same mouth at the same voice."""
    spoken = speech("bamapa", "bamapafavabama", each=0.12)

    def mouths(p: Played) -> np.ndarray:
        start = p.loud[0]
        return np.array([frame[MOUTH] for _, pts, frame, _ in p.frames if start <= pts < start + 1.6 * MEDIA_RATE])

    async def burst(p: Played) -> None:
        await asyncio.sleep(0.1)
        await feed(p.stage, spoken)
        await asyncio.sleep(3)

    async def trickle(p: Played) -> None:
        await asyncio.sleep(0.1)
        for frame in frames(tone(spoken.duration), spoken, piece=0.06):
            await p.stage.capture_frame(frame)
            await asyncio.sleep(0.055)
        p.stage.flush()
        await asyncio.sleep(3)

    early, late = mouths(play(burst)), mouths(play(trickle))
    assert np.allclose(early[:, 3:4], late[:, 3:4], atol=1e-5)
    # How wide the mouth opens also depends on how loud what follows is known to be.
    assert np.allclose(early, late, atol=0.12)


def test_the_heard_words_are_told() -> None:
    words = ("w", "ʌ", "n", " ", "t", "u", "u", " ", "θ", "ɹ", "i", " ", "f", "ɔ", "ɹ")

    async def script(p: Played) -> None:
        await feed(p.stage, speech("One two, three four.", words))
        await asyncio.sleep(0.8)
        p.stage.clear_buffer()

    assert play(script).finished[0].synchronized_transcript == "One two,"


def test_clauses_are_announced_when_their_first_sample_leaves() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("first,", AAA), flush=False)
        await feed(p.stage, speech("second.", AAA))
        await asyncio.sleep(0.9)
        assert [c.text for c in p.clauses] == ["first,"]
        await asyncio.sleep(0.3)
        assert [c.text for c in p.clauses] == ["first,", "second."]
        await asyncio.sleep(1.5)

    p = play(script)
    assert p.finished[0].synchronized_transcript == "first, second."
    assert len(p.starts) == 1
    assert p.starts[0] == pytest.approx(p.loud[0] / MEDIA_RATE)


def test_two_answers_follow_each_other() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("one", AAA))
        await feed(p.stage, speech("two", AAA))
        assert (await p.stage.wait_for_playout()).synchronized_transcript == "two"

    p = play(script)
    assert [e.playback_position for e in p.finished] == [pytest.approx(1.0)] * 2
    assert len(p.starts) == 2


def test_speech_without_phones_moves_the_mouth_too() -> None:
    async def script(p: Played) -> None:
        for frame in frames(said):
            await p.stage.capture_frame(frame)
        p.stage.flush()
        await asyncio.sleep(len(said) / VOICE_RATE + 0.5)

    engine = Espeak()
    said = at_voice_rate(engine.say("Hello, how are you?", "en-us")[0], engine.rate)
    p = play(script)
    assert max(float(frame[INDEX["jaw"]]) for _, _, frame, _ in p.frames) > 0.3
    assert not np.any(p.frames[-1][2][MOUTH])
    assert p.finished[0].synchronized_transcript is None


def test_a_short_stall_is_made_up_for_and_a_long_one_skipped() -> None:
    async def script(p: Played) -> None:
        loop = asyncio.get_running_loop()
        await feed(p.stage, speech("x", "a" * 40))
        await asyncio.sleep(0.5)
        loop._jump.offset += 0.07  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)
        loop._jump.offset += 1.5  # type: ignore[attr-defined]
        await asyncio.sleep(4)

    p = play(script)
    pts = np.array([pts for _, pts, _ in p.blocks])
    steps = np.diff(pts) // BLOCK_SAMPLES
    assert sorted(set(steps.tolist())) == [1, int(steps.max())]
    assert 70 <= steps.max() <= 76
    now = np.array([now for now, _, _ in p.blocks])
    assert np.max(now - pts / MEDIA_RATE) < 0.12
    assert p.finished[0].playback_position == pytest.approx(4.0)


def test_another_sample_rate_is_refused_in_words() -> None:
    async def script(p: Played) -> None:
        with pytest.raises(ValueError, match="24000 Hz"):
            await p.stage.capture_frame(rtc.AudioFrame(bytes(320), 16000, 1, 160))

    play(script)


def test_closing_ends_what_was_said() -> None:
    async def script(p: Played) -> None:
        await feed(p.stage, speech("x", AAA))
        await asyncio.sleep(0.3)

    p = play(script)
    assert [event.interrupted for event in p.finished] == [True]


def test_gestures_and_expressions_begin_when_they_are_asked_for() -> None:
    lasts: list[float] = []

    async def script(p: Played) -> None:
        await asyncio.sleep(1.0)
        lasts.append(p.stage.gesture("greet"))
        p.stage.express(Feeling("happy", 1.0))
        await asyncio.sleep(2.0)
        with pytest.raises(ValueError, match="greet"):
            p.stage.gesture("wink")  # type: ignore[arg-type]

    async def still(p: Played) -> None:
        await asyncio.sleep(3.0)

    moved, unmoved = (np.array([frame for _, _, frame, _ in play(s).frames][:75]) for s in (script, still))
    assert 2 < lasts[0] < 4
    assert np.array_equal(moved[:25], unmoved[:25])
    assert (moved[:, INDEX["pitch"]] - unmoved[:, INDEX["pitch"]]).max() > 2
    assert moved[-1, INDEX["cheek"]] > 0.35
