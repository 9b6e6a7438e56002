"""How loud the voice is from moment to moment: a mouth opens wider for a stressed vowel than for a mumbled one.

Phones say which shape, not how much of it. With the jaw scaled by the voice's own envelope the opening follows the
voice; `mien bench lipsync` shows by how much.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.timing import AUDIO_HOP

_WINDOW: Final = np.array([0.1, 0.25, 0.3, 0.25, 0.1], np.float32)
"""Smoothing over 50 ms: a syllable, not a pitch period."""

_SOFTEST: Final = 0.18
_SLOPE: Final = 0.88
_LOUDEST: Final = 1.3
"""Opening for a level relative to the usual one: 0.18 for none, 1.06 for the usual, at most 1.3."""
_EVEN: Final = 0.6
"""Power of the level: the eye follows loudness as the ear does, closer to decibels than to sound pressure."""

_VOICED: Final = 0.1
"""Share of the loudest recent level below which a moment does not count towards the usual level."""

_MEMORY: Final = 200
"""Moments (of 10 ms) over which the usual level is taken once so many have been heard."""


class UsualLevel:
    """The usual level of one voice, learnt while it speaks; shared by its clips."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._level = 0.0
        self._count = 0

    def learn(self, power: NDArray[np.float32]) -> None:
        """Takes in mean squares of 10 ms each."""
        level = np.sqrt(power)
        self._peak = max(self._peak * 0.9, float(level.max(initial=0.0)))
        voiced = level[level > _VOICED * self._peak]
        if len(voiced):
            weight = len(voiced) / min(self._count + len(voiced), _MEMORY + len(voiced))
            self._level += weight * (float(voiced.mean()) - self._level)
            self._count += len(voiced)

    @property
    def value(self) -> float:
        """Root mean square, 0 before anything was heard."""
        return self._level


class Loudness:
    """The envelope of one clip; times are seconds from its start."""

    def __init__(self, rate: int, usual: UsualLevel) -> None:
        self._hop = round(rate * AUDIO_HOP)
        self._usual = usual
        self._pending = np.zeros(0, np.float32)
        self._power: list[float] = []

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Takes the clip's next audio, mono."""
        samples = np.concatenate([self._pending, pcm.astype(np.float32) / 32768])
        hops = len(samples) // self._hop
        self._pending = samples[hops * self._hop :]
        if hops:
            power = (samples[: hops * self._hop].reshape(hops, self._hop) ** 2).mean(axis=1)
            self._usual.learn(power)
            self._power.extend(power.tolist())

    def opening(self, time: float) -> float:
        """How far to open at `time`, 1 being as usual; 1 where no audio is known."""
        at = max(int(time / AUDIO_HOP), 0)
        if not self._usual.value or at >= len(self._power) + 2:
            return 1.0
        part = (time / AUDIO_HOP) - at if time > 0 else 0.0
        level = (1 - part) * self._level(at) + part * self._level(at + 1)
        return min(_SOFTEST + _SLOPE * float((level / self._usual.value) ** _EVEN), _LOUDEST)

    def _level(self, at: int) -> float:
        last = len(self._power) - 1
        total = sum(w * self._power[min(max(at + i - 2, 0), last)] for i, w in enumerate(_WINDOW.tolist()))
        return float(total**0.5)
