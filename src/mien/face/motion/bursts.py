"""Where lips really part: voices report stops by different conventions, their sound does not.

Some count the silence before a burst to the stop, some to a pause before it, some put the burst in the middle. So the
closures of p and b are moved to the dip and the burst found in the sound near them, wherever the sound is known.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.coarticulation import Hold
from mien.face.motion.visemes import Spell, Viseme

STEP: Final = 0.0025
"""Seconds between the levels that are compared."""

_WINDOW: Final = 0.008
_BEFORE, _AFTER = 0.07, 0.03
"""How far around the reported sound its burst is looked for."""

NEEDS: Final = _AFTER + 0.14
"""Seconds of sound behind the beginning of a stop that are needed to find its burst."""

_LONGEST, _SHORTEST = 0.11, 0.045
"""Closures as people make them."""

_VISIBLE: Final = 0.026
"""The closed hold ends this much before the burst: so long it takes from there to a gap that is seen at 25 frames a
second."""

_CLEAR_DB: Final = 7.0
"""A rise of the level within 10 ms that is a burst."""

Levels = NDArray[np.float32]
"""dB every `STEP`, shape (n,)."""


def levels(pcm: NDArray[np.int16], rate: int) -> Levels:
    """Levels of the pre-emphasised sound: the hum of a closed b hardly shows in them."""
    sharp = np.diff(pcm.astype(np.float64) / 32768, prepend=0.0)
    size, hop = int(_WINDOW * rate), STEP * rate
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([np.zeros(size // 2), sharp**2, np.zeros(size)]))])
    at = (np.arange(int(len(pcm) / hop)) * hop).astype(np.int64)
    result: Levels = (10 * np.log10((sums[at + size] - sums[at]) / size + 1e-8)).astype(np.float32)
    return result


def closure(level: Levels, spell: Spell) -> Hold | None:
    """When lips are closed for the stop `spell`, or None where no burst is clear. `level` begins with the clip."""
    first = max(int((spell.start - _BEFORE) / STEP), 0)
    last = min(int((min(spell.end, spell.start + 0.12) + _AFTER) / STEP), len(level) - 5)
    if spell.viseme is not Viseme.PP or last - first < 12:
        return None
    window = level[first : last + 4]
    rise = window[4:] - window[:-4]
    burst = int(rise.argmax())
    if rise[burst] < _CLEAR_DB:
        return None
    # The steepest 10 ms begin where the lips let go.
    opened = first + burst + 2
    quiet = float(window[max(burst - 4, 0) : burst + 3].min())
    begin = opened
    while begin > 0 and opened - begin < _LONGEST / STEP and level[begin - 1] < quiet + _CLEAR_DB:
        begin -= 1
    end = opened * STEP - _VISIBLE
    return Hold(Viseme.PP, min(begin * STEP, end - _SHORTEST), end)
