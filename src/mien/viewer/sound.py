"""Where speech begins and ends in a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPEECH_DBFS = -46.0
"""RMS of a 10 ms block above which it counts as sound: far above Opus comfort noise, below any spoken vowel."""


def loud_blocks(pcm: NDArray[np.int16], rate: int, *, dbfs: float = SPEECH_DBFS) -> NDArray[np.bool_]:
    """For each 10 ms block, whether it is louder than `dbfs`."""
    size = rate // 100
    blocks = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64)
    rms = np.sqrt((blocks**2).mean(axis=1)) if len(blocks) else np.zeros(0)
    loud: NDArray[np.bool_] = rms > 32768 * 10 ** (dbfs / 20)
    return loud


def speech_span(pcm: NDArray[np.int16], rate: int) -> tuple[int, int] | None:
    """First and one-past-last sample of sound, to 10 ms; None when all is silent."""
    loud = np.flatnonzero(loud_blocks(pcm, rate))
    if not len(loud):
        return None
    size = rate // 100
    return int(loud[0]) * size, (int(loud[-1]) + 1) * size


def envelope(pcm: NDArray[np.int16], rate: int, fps: int) -> NDArray[np.float64]:
    """RMS of each 1/fps s, in dBFS from -60 (silence) to 0."""
    size = rate // fps
    blocks = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64) / 32768
    rms = np.sqrt((blocks**2).mean(axis=1)) if len(blocks) else np.zeros(0)
    level: NDArray[np.float64] = np.clip(20 * np.log10(rms + 1e-6), -60, 0)
    return level
