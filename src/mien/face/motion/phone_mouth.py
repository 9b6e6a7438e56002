"""A mouth from phones: the curves of one clip, made truer by its sound once that is known.

Phones say which shape; the sound says how much of it, and when exactly a stop bursts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion import bursts
from mien.face.motion.coarticulation import FV, JAW, LOWER, MOUTH, UPPER, Hold, curves
from mien.face.motion.loudness import Loudness, UsualLevel
from mien.face.motion.timing import CURVE_RATE, STOP_SETTLES_AHEAD
from mien.face.motion.visemes import Spell, Viseme

_CONTEXT: Final = 0.2
"""Seconds of sound in front of a stop that are looked at."""


class PhoneMouth:
    """Times are seconds from the clip's first sample."""

    def __init__(self, spells: Sequence[Spell], usual: UsualLevel) -> None:
        """`usual`: the level of this voice, shared by its clips."""
        self._usual = usual
        self._loudness: Loudness | None = None
        self._known: dict[Spell, Hold] = {}
        self._settled = float("-inf")
        self._skipped = 0.0
        self._sound = np.zeros(0, np.int16)
        self._dropped = 0
        self.respell(spells)

    def respell(self, spells: Sequence[Spell]) -> None:
        """Other spells from now on: those there were, and more that got known."""
        self._spells = spells
        self._unsettled = [spell for spell in spells if spell.viseme is Viseme.PP and spell.start > self._settled]
        self._known = {spell: hold for spell, hold in self._known.items() if spell in spells}
        self._curve, self._begin = curves(spells, self._known)

    def skip(self, seconds: float) -> None:
        """The clip's audio is not known up to here. Before the first `push` only."""
        self._skipped = seconds

    def push(self, pcm: NDArray[np.int16], rate: int, now: float) -> None:
        """The clip's next audio, mono; up to `now` its mouth has been shown already."""
        if self._loudness is None:
            self._loudness = Loudness(rate, self._usual)
            self._dropped = round(self._skipped * rate)
            self._loudness.push(np.zeros(self._dropped, np.int16))
        self._loudness.push(pcm)
        self._sound = np.concatenate([self._sound, pcm])
        self._settle(rate, now)

    def pose(self, time: float) -> NDArray[np.float32]:
        """The mouth at `time`, shape (len(MOUTH),); closed outside the clip."""
        at = (time - self._begin) * CURVE_RATE
        i = int(at)
        if at < 0 or i + 1 >= len(self._curve):
            return np.zeros(len(MOUTH), np.float32)
        part = np.float32(at - i)
        row: NDArray[np.float32] = self._curve[i] * (1 - part) + self._curve[i + 1] * part
        if self._loudness is not None:
            opening = self._loudness.opening(time)
            # The lip on the teeth and pressed lips are held whatever the level.
            row[JAW] *= opening + (1 - opening) * row[FV]
            row[UPPER] *= 0.5 + 0.5 * opening
            row[LOWER] *= 0.5 + 0.5 * opening
            np.minimum(row, 1, out=row)
        return row

    def _settle(self, rate: int, now: float) -> None:
        """Moves closures of stops to their bursts, where the sound has come and the closure is still ahead."""
        heard = (self._dropped + len(self._sound)) / rate
        found: dict[Spell, Hold] = {}
        while self._unsettled and self._unsettled[0].start + bursts.NEEDS <= heard:
            spell = self._unsettled.pop(0)
            self._settled = spell.start
            first = max(int((spell.start - _CONTEXT) * rate) - self._dropped, 0)
            last = int((spell.start + bursts.NEEDS) * rate) - self._dropped
            if last <= first:
                continue
            offset = (self._dropped + first) / rate
            level = bursts.levels(self._sound[first:last], rate)
            hold = bursts.closure(level, Spell(spell.viseme, spell.start - offset, spell.end - offset))
            if hold is None:
                continue
            hold = Hold(hold.kind, hold.start + offset, hold.end + offset)
            if min(hold.start, spell.start) > now + STOP_SETTLES_AHEAD:
                found[spell] = hold
        if found:
            self._known |= found
            self._curve, self._begin = curves(self._spells, self._known)
        # Only what is in front of the next stop is needed again; which that is may not be known yet.
        keep_from = (min([spell.start for spell in self._unsettled[:1]] + [heard]) - _CONTEXT) * rate
        drop = min(max(int(keep_from) - self._dropped, 0), len(self._sound))
        self._sound, self._dropped = self._sound[drop:], self._dropped + drop
