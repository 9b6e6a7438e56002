"""Loss concealment for voice: the last pitch periods go on, fading (after ITU-T G.711 Appendix I).

FFmpeg's Opus decoder cannot be asked for the codec's own concealment, and a hole of silence makes a recogniser hear a
word boundary.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_RATE: Final = 48_000
_MIN_LAG: Final = _RATE // 400
_MAX_LAG: Final = _RATE // 66
_HISTORY: Final = 2 * _MAX_LAG
_STRIDE: Final = 6
"""The pitch search looks at every sixth sample first, as 8 kHz are plenty for it."""
_HOLD: Final = _RATE // 100
"""Samples at full level before the fade begins."""
_FADE: Final = _RATE // 20
"""Samples from full level to silence."""
_BLEND: Final = _RATE // 200
"""Samples of cross-fade back into received voice."""


class Concealer:
    """Fills gaps in one stream of 48 kHz mono int16."""

    def __init__(self) -> None:
        self._history = np.zeros(_HISTORY, np.float32)
        self._period = np.zeros(0, np.float32)
        self._made = 0

    def received(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Notes received voice; after a gap its beginning is blended with what was made up."""
        if self._made and len(pcm):
            n = min(_BLEND, len(pcm))
            ramp = np.linspace(0, 1, n, dtype=np.float32)
            pcm = pcm.copy()
            pcm[:n] = np.rint(self._continue(n) * (1 - ramp) + pcm[:n] * ramp).astype(np.int16)
        self._made = 0
        self._remember(pcm.astype(np.float32))
        return pcm

    def lost(self, samples: int) -> NDArray[np.int16]:
        """Voice for `samples` that never came."""
        if not self._made:
            self._period = self._history[-_pitch(self._history) :].copy()
        made = self._continue(samples)
        self._made += samples
        return np.rint(made).astype(np.int16)

    def _continue(self, samples: int) -> NDArray[np.float32]:
        at = np.arange(self._made, self._made + samples)
        gain = np.clip(1 - (at - _HOLD) / _FADE, 0, 1)
        return (self._period[at % len(self._period)] * gain).astype(np.float32)

    def _remember(self, pcm: NDArray[np.float32]) -> None:
        self._history = np.concatenate((self._history, pcm))[-_HISTORY:]


def _pitch(history: NDArray[np.float32]) -> int:
    """The lag, in samples, at which the newest samples repeat best."""
    coarse = history[::-1][::_STRIDE][::-1]
    target = coarse[-_MAX_LAG // _STRIDE :]
    best, best_score = _MIN_LAG, -1.0
    for lag in range(_MIN_LAG // _STRIDE, _MAX_LAG // _STRIDE + 1):
        past = coarse[len(coarse) - len(target) - lag : len(coarse) - lag]
        if len(past) < len(target):
            break
        score = float(past @ target) / (float(np.sqrt((past @ past) * (target @ target))) + 1e-6)
        if score > best_score:
            best, best_score = lag * _STRIDE, score
    return best
