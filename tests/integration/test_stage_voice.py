"""The local voice through the stage: lips, level and clock as sent, for zh and en."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from livekit import rtc

from mien.bench.utterances import Utterance, spoken
from mien.face.motion.coarticulation import JAW, LOWER, MOUTH, PRESS, UPPER
from mien.face.motion.frame import INDEX
from mien.face.stage import MEDIA_RATE, Stage, StageEvents
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach
from tests.support import virtual_time
from tests.unit.stage_fakes import Recorder

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not (Settings().models_dir / "kokoro" / "text.onnx").is_file(), reason="the local voice is not installed"
    ),
]

COLUMNS = [INDEX[name] for name in MOUTH]
OPENING = [JAW, UPPER, LOWER]


def rests_before(utterance: Utterance, phone: Phone) -> bool:
    """Whether a pause leads up to `phone`."""
    return any(other.symbol == "" and abs(other.end - phone.start) < 0.01 for other in utterance.phones)


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    return spoken("kokoro")


def play(utterance: Utterance) -> tuple[Recorder, list[float]]:
    """Hands the clip in as a voice does, in slices that come faster than they are played."""
    recorder, drives = Recorder(), []

    async def main() -> None:
        stage = Stage(recorder, seed=1, events=StageEvents(drive_measured=drives.append))
        await stage.start()
        await asyncio.sleep(0.5)
        spoken = SpokenText(utterance.text, utterance.language, utterance.seconds, utterance.phones)
        for begin in range(0, len(utterance.pcm), 12000):
            pcm = utterance.pcm[begin : begin + 12000]
            frame = rtc.AudioFrame(pcm.tobytes(), VOICE_RATE, 1, len(pcm))
            await stage.capture_frame(attach(frame, spoken) if begin == 0 else frame)
            await asyncio.sleep(0.2)
        stage.flush()
        played = await stage.wait_for_playout()
        assert played.synchronized_transcript == utterance.text
        await asyncio.sleep(0.6)
        await stage.aclose()

    virtual_time.run(main)
    return recorder, drives


def test_lips_meet_move_with_the_voice_and_rest(utterances: list[Utterance]) -> None:
    fits = []
    for utterance in utterances:
        recorder, drives = play(utterance)
        assert drives[0] < 80
        start = next(pts for _, pts, pcm in recorder.blocks if np.abs(pcm.astype(int)).max() > 300) / MEDIA_RATE
        first_sound = int(np.argmax(np.abs(utterance.pcm.astype(int)) > 300)) / VOICE_RATE
        times = np.array([pts / MEDIA_RATE for _, pts, _, _ in recorder.frames]) - (start - first_sound)
        mouth = np.array([frame[COLUMNS] for _, _, frame, _ in recorder.frames])
        for phone in utterance.phones:
            if phone.symbol in ("m", "b", "p"):
                around = (times > phone.start - 0.06) & (times < phone.end + 0.06)
                # Behind a pause lips lie together at rest and are not pressed all the way.
                shut = mouth[around][:, OPENING].sum(axis=1).min() < 0.02
                assert shut, (utterance.text, phone, mouth[around])
                assert mouth[around, PRESS].max() > (0.5 if rests_before(utterance, phone) else 0.9), (
                    utterance.text,
                    phone,
                )
        assert not mouth[times < -0.15].any()
        assert not mouth[times > utterance.seconds + 0.15].any()
        fits.append(_envelope_r(recorder))
    # Sentences full of m and b fit worst: lips are together while the voice sounds.
    assert np.mean(fits) > 0.6
    assert np.median(fits) > 0.65
    assert min(fits) > 0.2


def _envelope_r(recorder: Recorder) -> float:
    """Opening sent against the level sent, over the whole recording."""
    signal = recorder.signal().astype(float)
    opening = []
    level = []
    for _, pts, frame, _ in recorder.frames:
        opening.append(frame[INDEX["jaw"]] * (1 - frame[INDEX["press"]]) + 0.25 * frame[INDEX["lower_down"]])
        around = signal[max(pts - 2400, 0) : pts + 2400]
        level.append(np.sqrt((around**2).mean()))
    return float(np.corrcoef(opening, level)[0, 1])
