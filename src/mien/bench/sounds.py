"""Sounds a caller's room makes beside words, and what rooms and microphones do to words: from seeds, 48 kHz mono."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.bench.recordings import Sound, pink
from mien.rtc.port import AUDIO_CLOCK

Wave = NDArray[np.float64]

_FULL: Final = 32_767
_SCALE: Final = (0, 2, 4, 7, 9)
"""Pentatonic: any notes of it sound together."""
_DTMF: Final = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "0": (941, 1336), "#": (941, 1477)}


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * AUDIO_CLOCK), np.int16)


def joined(*parts: Sound | float) -> Sound:
    """Sounds one after the other; a number is silence in seconds."""
    return np.concatenate([silence(part) if isinstance(part, int | float) else part for part in parts])


def louder(sound: Sound, db: float) -> Sound:
    """`sound` with `db` more; what is too loud is clipped, as a microphone's converter does."""
    return _clipped(sound.astype(np.float64) * 10 ** (db / 20))


def shouted(sound: Sound, *, db: float = 18.0) -> Sound:
    """A voice at the top of its strength: much louder, and squeezed softly at the limit."""
    wave = sound.astype(np.float64) / _FULL * 10 ** (db / 20)
    return _clipped(np.tanh(wave) * 0.95 * _FULL)


def mixed(sounds: Sequence[Sound]) -> Sound:
    """All at once, as long as the longest."""
    out = np.zeros(max(map(len, sounds)))
    for sound in sounds:
        out[: len(sound)] += sound
    return _clipped(out)


def hiss(seconds: float, *, dbfs: float, seed: int = 0) -> Sound:
    """White noise: a fan, a shower, a bad line."""
    return _at(np.random.default_rng(seed).normal(0, 1, int(seconds * AUDIO_CLOCK)), dbfs)


def street(seconds: float, *, dbfs: float, seed: int = 0) -> Sound:
    """Pink noise."""
    return _at(pink(int(seconds * AUDIO_CLOCK), seed), dbfs)


def babble(voices: Sequence[Sound], seconds: float, *, dbfs: float, seed: int = 0) -> Sound:
    """Many people at once, far away: each of `voices` again and again from a place of its own, without their top."""
    random = np.random.default_rng(seed)
    length = int(seconds * AUDIO_CLOCK)
    out = np.zeros(length)
    for voice in voices:
        for _ in range(2):
            repeated = np.resize(voice.astype(np.float64), length)
            out += np.roll(repeated, random.integers(length)) * random.uniform(0.6, 1.0)
    spectrum = np.fft.rfft(out)
    spectrum /= 1 + (np.fft.rfftfreq(length, 1 / AUDIO_CLOCK) / 1500) ** 2
    return _at(np.fft.irfft(spectrum, length), dbfs)


def music(seconds: float, *, dbfs: float, seed: int = 0) -> Sound:
    """A tune over chords and a beat, three notes a second."""
    random = np.random.default_rng(seed)
    out = np.zeros(int(seconds * AUDIO_CLOCK) + AUDIO_CLOCK)
    beat = AUDIO_CLOCK // 3
    for number, start in enumerate(range(0, int(seconds * AUDIO_CLOCK), beat)):
        out[start : start + beat * 2] += _note(60 + 12 + _SCALE[random.integers(5)], 2 / 3, bright=0.6)
        if number % 6 == 0:
            root = 48 + _SCALE[random.integers(5)]
            for step in (0, 7, 12):
                out[start : start + AUDIO_CLOCK] += 0.5 * _note(root + step, 1.0, bright=0.4)
        drum = random.normal(0, 1, beat // 2) * np.exp(-np.arange(beat // 2) / (0.03 * AUDIO_CLOCK))
        out[start : start + beat // 2] += drum * (0.8 if number % 2 else 0.3)
    return _at(out[: int(seconds * AUDIO_CLOCK)], dbfs)


def keys(digits: str, *, dbfs: float) -> Sound:
    """A telephone's keys, 0.15 s each."""
    time = np.arange(int(0.15 * AUDIO_CLOCK)) / AUDIO_CLOCK
    parts: list[Sound | float] = []
    for digit in digits:
        low, high = _DTMF[digit]
        parts += [_at(np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time), dbfs), 0.12]
    return joined(*parts)


def beeps(count: int, *, dbfs: float, hertz: float = 1000.0) -> Sound:
    """A machine that wants attention: half a second on, half a second off."""
    tone = _at(np.sin(2 * np.pi * hertz * np.arange(AUDIO_CLOCK // 2) / AUDIO_CLOCK), dbfs)
    return joined(*[part for _ in range(count) for part in (tone, 0.5)])


def _note(number: int, seconds: float, *, bright: float) -> Wave:
    """A plucked string; `number` as in MIDI."""
    time = np.arange(int(seconds * AUDIO_CLOCK)) / AUDIO_CLOCK
    pitch = 440 * 2 ** ((number - 69) / 12)
    wave: Wave = np.sum([bright**k * np.sin(2 * np.pi * pitch * (k + 1) * time) for k in range(5)], axis=0)
    return wave * np.minimum(1, time / 0.01) * np.exp(-3 * time)


def _at(wave: Wave, dbfs: float) -> Sound:
    """`wave` with a mean power of `dbfs`."""
    return _clipped(wave / np.sqrt(np.mean(wave**2)) * 10 ** (dbfs / 20) * _FULL)


def _clipped(wave: Wave) -> Sound:
    sound: Sound = np.clip(np.rint(wave), -_FULL - 1, _FULL).astype(np.int16)
    return sound
