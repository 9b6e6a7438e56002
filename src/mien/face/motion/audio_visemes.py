"""A mouth from the sound alone, for voices that do not say what they pronounce.

Band energies of short windows, compared with each other and with the voice's own recent level, say how open, how
spread and how round the mouth is. It knows no phonemes: it opens with vowels, narrows for hisses, closes in gaps and
dips, and is causal and cheap (about 25 us per 10 ms). What it cannot see, like an m in loud speech, it does not show.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.coarticulation import JAW, LOWER, MOUTH, PRESS, PUCKER, UPPER, WIDE
from mien.face.motion.timing import AUDIO_ATTACK, AUDIO_HOP, AUDIO_LEAD, AUDIO_RELEASE, AUDIO_WINDOW, CURVE_RATE

_BANDS: Final = ((90, 450), (450, 1100), (1100, 1800), (1800, 3200), (3800, 7800))
"""Hz: voicing and first formant of closed vowels; first formant of open ones; second formants of back, of front
vowels; hiss."""

_FLOOR_DB: Final = -52.0
"""dBFS below which nothing is speech, whatever the level has been."""

_RANGE_DB: Final = 34.0
"""From the loudest recent sound down to silence. Vowels lie within 15 dB of the peak."""

_FIRST_PEAK_DB: Final = -38.0
"""Peak level taken for granted before anything was heard: quiet speech. It rises at once with the first vowel."""

_LEVEL_FALL_DB: Final = 3.0
"""dB a second by which the remembered peak level fades, so that a quiet passage opens the mouth again."""

_DIP_DB: Final = 14.0
"""A dip this far below the last 150 ms inside speech reads as lips meeting."""


class AudioMouth:
    """Estimates the mouth from PCM pushed in order. One object per clip; times are seconds from its start."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, at least 4000. Raises ValueError."""
        if rate < 4000:
            raise ValueError(f"audio at {rate} Hz is too coarse for lips; 8000 Hz or more is needed")
        self._hop = round(rate * AUDIO_HOP)
        self._size = round(rate * AUDIO_WINDOW)
        self._window = np.hanning(self._size + 2)[1:-1].astype(np.float32)
        self._scale = 1.0 / float((self._window**2).sum())
        spectrum = 1 << (self._size - 1).bit_length()
        self._fft = spectrum
        frequency = np.fft.rfftfreq(spectrum, 1 / rate)
        self._filters = np.stack([(frequency >= low) & (frequency < high) for low, high in _BANDS]).astype(np.float32)
        self._filters *= 2 / spectrum
        self._tail = np.zeros(self._size - self._hop, np.float32)
        self._pending = np.zeros(0, np.float32)
        self._peak_db = _FIRST_PEAK_DB
        self._recent: list[float] = []
        self._pose = np.zeros(len(MOUTH), np.float32)
        self._rows: list[NDArray[np.float32]] = []
        self._rise = 1 - float(np.exp(-AUDIO_HOP / AUDIO_ATTACK))
        self._fall = 1 - float(np.exp(-AUDIO_HOP / AUDIO_RELEASE))

    @property
    def duration(self) -> float:
        """Seconds of audio analysed."""
        return len(self._rows) / CURVE_RATE

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Analyses mono audio; any length. Float input in int16 range is taken too, NaN as silence."""
        samples = np.nan_to_num(pcm.astype(np.float32)) / 32768.0
        self._pending = np.concatenate([self._pending, samples])
        hops = len(self._pending) // self._hop
        if not hops:
            return
        block, self._pending = self._pending[: hops * self._hop], self._pending[hops * self._hop :]
        stretch = np.concatenate([self._tail, block])
        self._tail = stretch[hops * self._hop :]
        frames = np.lib.stride_tricks.sliding_window_view(stretch, self._size)[:: self._hop][:hops]
        power = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * self._window, self._fft)) ** 2
        bands = (power * self._scale) @ self._filters.T
        for band in bands:
            self._rows.append(self._advance(band))

    def finish(self) -> None:
        """No more audio follows: lets the mouth close."""
        self.push(np.zeros(self._hop * 14, np.int16))
        # The exponential never arrives; silence means exactly closed.
        for i, row in enumerate(self._rows[-4:]):
            row *= (3 - i) / 4

    def pose(self, time: float) -> NDArray[np.float32]:
        """The mouth at `time`, shape (len(MOUTH),); closed outside what was pushed."""
        at = (time + AUDIO_LEAD) * CURVE_RATE
        if not self._rows or at < 0:
            return np.zeros(len(MOUTH), np.float32)
        i = int(at)
        if i + 1 >= len(self._rows):
            return self._rows[-1].copy() if i < len(self._rows) + 1 else np.zeros(len(MOUTH), np.float32)
        part = np.float32(at - i)
        return self._rows[i] * (1 - part) + self._rows[i + 1] * part

    def _advance(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        low, open_, back, front, hiss = (float(b) + 1e-10 for b in band)
        voiced = low + open_ + back + front
        level = 10 * float(np.log10(voiced + hiss))
        self._peak_db = max(self._peak_db - _LEVEL_FALL_DB * AUDIO_HOP, level, _FLOOR_DB + 12)
        loud = min(max((level - self._peak_db + _RANGE_DB) / (_RANGE_DB - 6), 0.0), 1.0) if level > _FLOOR_DB else 0.0
        target = np.zeros(len(MOUTH), np.float32)
        if loud > 0:
            openness = _share(open_ + 0.6 * back, low + open_ + back, 0.12, 0.62)
            frontness = _share(front, open_ + back + front, 0.10, 0.55)
            roundness = _share(low, voiced, 0.72, 0.97) * (1 - frontness)
            hissing = _share(hiss, voiced + hiss, 0.35, 0.8)
            vowel = loud * loud * (1 - hissing)
            target[JAW] = vowel * (0.16 + 0.70 * openness) * (1 - 0.35 * roundness) + 0.08 * hissing * loud
            target[WIDE] = vowel * frontness * 0.75 + 0.3 * hissing * loud
            target[PUCKER] = vowel * roundness * 0.8
            target[UPPER] = 0.25 * float(target[JAW]) + 0.22 * hissing * loud
            target[LOWER] = 0.35 * float(target[JAW]) + 0.35 * hissing * loud
        self._recent = [*self._recent[-14:], level]
        if level < max(self._recent) - _DIP_DB and max(self._recent) > self._peak_db - 16:
            target[PRESS] = 0.8 if loud < 0.45 else 0.0
            target[JAW] *= 0.3
        rate = np.where(target > self._pose, self._rise, self._fall).astype(np.float32)
        rate[PRESS] = self._rise
        self._pose = self._pose + rate * (target - self._pose)
        if loud == 0.0:
            self._pose = np.maximum(self._pose - 0.012, 0)
        return self._pose.copy()


def _share(part: float, whole: float, low: float, high: float) -> float:
    """`part / whole`, stretched so that `low` is 0 and `high` is 1."""
    return min(max((part / whole - low) / (high - low), 0.0), 1.0)
