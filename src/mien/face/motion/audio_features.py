"""What the audio path sees of a voice: mel bands against the voice's own recent level, 100 times a second.

Levels are relative to a peak that is followed at once and forgotten slowly, so that a quiet voice looks like a loud
one. Everything is causal and does not depend on how the audio is cut into pieces.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.lip_kernels import Scale, mel, windows
from mien.face.motion.timing import AUDIO_HOP, AUDIO_WINDOW

BANDS: Final = 40
"""Mel bands, from `_LOWEST` to `_HIGHEST` Hz. Bands above half the sampling rate read as silence."""

_LOWEST, _HIGHEST = 80.0, 7600.0

FLOOR_DB: Final = -56.0
"""dBFS below which nothing is speech, whatever the level has been."""

_FIRST_PEAK_DB: Final = -38.0
"""Peak level taken for granted before anything was heard: quiet speech. It rises at once with the first vowel."""

_LEVEL_FALL_DB: Final = 3.0
"""dB a second by which the remembered peak fades, so that a quiet passage opens the mouth again."""

_RANGE_DB: Final = 60.0
"""From the peak down to the value -1; the peak in one band reads about +1."""

_SCALE: Final = Scale(_LEVEL_FALL_DB * AUDIO_HOP, FLOOR_DB + 12, _RANGE_DB)


class MelBands:
    """Analyses mono audio pushed in order."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, at least 4000. Raises ValueError."""
        if rate < 4000:
            raise ValueError(f"audio at {rate} Hz is too coarse for lips; 8000 Hz or more is needed")
        self._hop = round(rate * AUDIO_HOP)
        self._size = round(rate * AUDIO_WINDOW)
        self._window = np.hanning(self._size + 2)[1:-1].astype(np.float32)
        self._fft = 1 << (self._size - 1).bit_length()
        filters = _mel_filters(rate, self._fft) * np.float32(2 / self._fft / float((self._window**2).sum()))
        self._filters = np.ascontiguousarray(filters.T)
        self._spans = _spans(self._filters)
        self._tail = np.zeros(self._size - self._hop, np.float32)
        self._pending = np.zeros(0, np.float32)
        self._peak_db = np.array([_FIRST_PEAK_DB], np.float32)

    def push(self, pcm: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Bands (n, BANDS), about -1..1, and levels (n,) in dBFS of the n hops completed by `pcm`.

        Hop i ends at `(i + 1) * AUDIO_HOP` and is about the middle of its window, 12.5 ms earlier. Float input in int16
        range is taken too; NaN and infinities count as silence.
        """
        samples = pcm.astype(np.float32)
        if pcm.dtype != np.int16:
            samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -32768, 32767)
        samples *= np.float32(1 / 32768)
        self._pending = np.concatenate([self._pending, samples])
        hops = len(self._pending) // self._hop
        if not hops:
            return np.zeros((0, BANDS), np.float32), np.zeros(0, np.float32)
        block, self._pending = self._pending[: hops * self._hop], self._pending[hops * self._hop :]
        stretch = np.concatenate([self._tail, block])
        self._tail = stretch[hops * self._hop :]
        frames = np.zeros((hops, self._fft), np.float32)
        windows(stretch, self._window, self._hop, frames)
        bands, levels = np.empty((hops, BANDS), np.float32), np.empty(hops, np.float32)
        mel(np.fft.rfft(frames), self._filters, self._spans, _SCALE, self._peak_db, bands, levels)
        return bands, levels


def _spans(filters: NDArray[np.float32]) -> NDArray[np.int64]:
    """First and one past the last bin each of `filters` (BANDS, n) hears, shape (BANDS, 2)."""
    heard = [np.flatnonzero(band) for band in filters]
    return np.array([(bins[0], bins[-1] + 1) if len(bins) else (0, 0) for bins in heard], np.int64)


def _mel_filters(rate: int, fft: int) -> NDArray[np.float32]:
    """Triangles on the mel scale for the n bins up to the last that counts, shape (n, BANDS).

    Narrow ones at least reach the nearest bin.
    """
    frequency = np.fft.rfftfreq(fft, 1 / rate)
    edges = _from_mel(np.linspace(_to_mel(_LOWEST), _to_mel(_HIGHEST), BANDS + 2))
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    bin_width = rate / fft
    rise = (frequency[:, None] - np.minimum(low, mid - bin_width)) / np.maximum(mid - low, bin_width)
    fall = (np.maximum(high, mid + bin_width) - frequency[:, None]) / np.maximum(high - mid, bin_width)
    filters = np.clip(np.minimum(rise, fall), 0, None)
    filters[:, mid > rate / 2] = 0
    used = int(np.flatnonzero(filters.any(1))[-1]) + 1
    result: NDArray[np.float32] = filters[:used].astype(np.float32)
    return result


def _to_mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _from_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)
