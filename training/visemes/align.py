"""Where the lips really part: synthesisers report stops by different conventions, the sound does not.

Some count the closure before a burst to the stop, some to a pause before it, some put the burst in the middle. The net
should learn one thing, so closures of p and b are moved to the dip and burst found in the clean sound near them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.face.motion.coarticulation import CLOSURES, Hold, separate
from mien.face.motion.visemes import Spell, Viseme

STEP = 0.0025
"""Seconds between the levels that are compared."""
_WINDOW = 0.008
_BEFORE, _AFTER = 0.07, 0.03
"""How far around the reported sound its burst is looked for."""
_LONGEST, _SHORTEST = 0.11, 0.045
"""Closures as people make them."""
_CLEAR_DB = 7.0


def closures(pcm: np.ndarray, rate: int, spells: Sequence[Spell]) -> list[Hold]:
    """When lips are closed in a clean clip (int16)."""
    level = _levels(pcm, rate)
    found = []
    for spell in spells:
        if spell.viseme not in CLOSURES:
            continue
        low, high = (spell.start + share * (spell.end - spell.start) for share in CLOSURES[spell.viseme])
        if spell.viseme is Viseme.PP and (settled := _settle(level, spell)) is not None:
            low, high = settled
        found.append(Hold(spell.viseme, low, high))
    return separate(sorted(found, key=lambda hold: hold.start))


def _levels(pcm: np.ndarray, rate: int) -> np.ndarray:
    """dB of the pre-emphasised sound: the hum of a closed b hardly shows in it."""
    sharp = np.diff(pcm.astype(np.float64) / 32768, prepend=0.0)
    size, hop = int(_WINDOW * rate), STEP * rate
    padded = np.concatenate([np.zeros(size // 2), sharp**2, np.zeros(size)])
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    at = (np.arange(int(len(pcm) / hop)) * hop).astype(int)
    return 10 * np.log10((sums[at + size] - sums[at]) / size + 1e-8)


def _settle(level: np.ndarray, spell: Spell) -> tuple[float, float] | None:
    first = max(int((spell.start - _BEFORE) / STEP), 0)
    last = min(int((min(spell.end, spell.start + 0.12) + _AFTER) / STEP), len(level) - 5)
    if last - first < 12:
        return None
    window = level[first : last + 4]
    rise = window[4:] - window[:-4]
    burst = int(rise.argmax())
    if rise[burst] < _CLEAR_DB:
        return None
    # The steepest 10 ms begin where the lips let go.
    open_at = first + burst + 2
    quiet = window[max(burst - 4, 0) : burst + 3].min()
    back = open_at
    while back > 0 and open_at - back < _LONGEST / STEP and level[back - 1] < quiet + _CLEAR_DB:
        back -= 1
    closed_at = min(back * STEP, open_at * STEP - _SHORTEST)
    return closed_at, open_at * STEP
