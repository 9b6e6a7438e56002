"""Speaks one text with the local voice and nothing else running: for `mien call --say`, demos and tests."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from mien.settings import Settings
from mien.speech.engines import Engines
from mien.speech.phones import VOICE_RATE

QUESTION_VOICES = {"zh": "zm_yunxi", "en": "am_michael"}
"""Other voices than the digital humans' own."""


async def say(
    text: str, language: str, settings: Settings, *, rate: int = VOICE_RATE, voice: str = ""
) -> NDArray[np.int16]:
    """Mono sound of `text` at `rate` Hz; empty when there is nothing to say.

    Raises FileNotFoundError with the remedy when the models are missing, UnknownVoiceError.
    """
    engines = Engines(settings)
    try:
        local = await engines.voice()
        name = voice or QUESTION_VOICES.get(language, QUESTION_VOICES["zh"])
        pieces = [sound async for sound, _ in local.stream(text, language, name)]
    finally:
        await engines.close()
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    return sound if rate == VOICE_RATE else _resampled(sound, rate)


def _resampled(sound: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    resampler = rtc.AudioResampler(VOICE_RATE, rate, quality=rtc.AudioResamplerQuality.HIGH)
    frames = [*resampler.push(rtc.AudioFrame(sound.tobytes(), VOICE_RATE, 1, len(sound))), *resampler.flush()]
    return np.concatenate([np.frombuffer(frame.data, dtype=np.int16) for frame in frames] or [sound[:0]])
