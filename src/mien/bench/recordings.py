"""What the benchmark says to a digital human: questions, an interruption, a backchannel; clean, noisy, and a cough.

The recordings lie in `clips/` and were made by scripts/record_clips.py; noise and cough are made here, from a seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.rtc.port import AUDIO_CLOCK
from mien.viewer.call import Language, spoken_part
from mien.viewer.mp4 import read_audio

Sound = NDArray[np.int16]
"""48 kHz mono."""

CLIPS: Final = Path(__file__).parent / "clips"
NOISE_DB: Final = 15.0
"""Speech is this much louder than the noise of a noisy question: a street behind a closed window."""
PAD_S: Final = 0.3
"""The noise begins before the speech and goes on behind it."""


def questions(lang: Language) -> list[Sound]:
    """The recorded questions, each clean and then in noise. A noisy one ends with `PAD_S` of noise alone."""
    clips = [spoken_part(read_audio(path)) for path in sorted(CLIPS.glob(f"{lang}-question-*.ogg"))]
    return [sound for number, clip in enumerate(clips) for sound in (clip, noisy(clip, seed=number))]


def clip(lang: Language, name: str) -> Sound:
    """A recording by name, without silence around it."""
    return spoken_part(read_audio(CLIPS / f"{lang}-{name}.ogg"))


def noisy(sound: Sound, *, seed: int, below_db: float = NOISE_DB) -> Sound:
    """`sound` in pink noise that begins `PAD_S` before it and ends `PAD_S` after it."""
    pad = int(PAD_S * AUDIO_CLOCK)
    padded = np.concatenate([np.zeros(pad), sound.astype(np.float64), np.zeros(pad)])
    noise = pink(len(padded), seed)
    level = np.sqrt(np.mean(sound.astype(np.float64) ** 2)) * 10 ** (-below_db / 20)
    mixed: Sound = np.clip(np.rint(padded + noise * level), -32768, 32767).astype(np.int16)
    return mixed


def cough(*, seed: int = 0) -> Sound:
    """Two bursts of a cough: noise through the mouth, sharp at its beginning, 0.35 s long in all."""
    random = np.random.default_rng(seed)
    bursts = []
    for seconds, level in ((0.14, 9000.0), (0.05, 0.0), (0.16, 6000.0)):
        time = np.arange(int(seconds * AUDIO_CLOCK)) / AUDIO_CLOCK
        bursts.append(random.normal(0, 1, len(time)) * np.exp(-time / 0.05) * np.minimum(1, time / 0.004) * level)
    sound: Sound = np.clip(np.concatenate(bursts), -32768, 32767).astype(np.int16)
    return sound


def pink(length: int, seed: int) -> NDArray[np.float64]:
    """Noise with as much power in every octave, RMS 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=length))
    frequency = np.fft.rfftfreq(length, 1 / AUDIO_CLOCK)
    spectrum /= np.sqrt(np.maximum(frequency, 50.0))
    noise = np.fft.irfft(spectrum, length)
    result: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return result
