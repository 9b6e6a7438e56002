"""When each sound of a synthesised clause is heard, and where the clause begins and ends.

Kokoro says how many frames each token lasts, but the sound is heard about 60 ms before its token's time, and the last
vowel of a sentence is given up to a second of which most is silence (measured on 11 sentences, 7 voices: closures of
/b/ dip 38 ms before their token begins; the predicted loudness follows the real one at r = 0.97..0.99 without any lag).
So token times are moved earlier and silence is taken from the predicted loudness, both known before any sound is made.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.speech.phones import VOICE_RATE, Phone

COLUMN = 300
"""Samples of one column of acoustic features."""
COLUMN_S = COLUMN / VOICE_RATE
_COLUMNS_PER_FRAME = 2
"""Token durations count in frames of two columns."""
_LEAD = 5
"""Columns (62.5 ms) by which sound precedes its token."""
_SOUND = 1.0
"""Predicted loudness above which something is heard (about -47 dBFS)."""
_BEFORE = 3
"""Columns kept before the first sound."""
_AFTER = 2
"""Columns kept behind the last."""
_PAUSE = 8
"""A silence this many columns long is a pause whatever token it falls in; closures of plosives are shorter."""
_CLOSURES = frozenset("bp")
_SILENT = frozenset(' ;:,.!?—…"()“”^$')
EDGE = "^"
"""Stands for the padding token at both ends."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Columns `start:end` of the clause are worth hearing; `phones` count from `start`, and end with it."""

    start: int
    end: int
    phones: tuple[Phone, ...]


def clause_timing(symbols: Sequence[str], durations: NDArray[np.float32], energy: NDArray[np.float32]) -> Timing:
    """Times of a clause's tokens (`symbols` and `durations` with the padding at both ends) in its trimmed sound."""
    total = len(energy)
    heard = energy > _SOUND
    if not heard.any():
        return Timing(0, 0, ())
    first, last = int(heard.argmax()), total - int(heard[::-1].argmax())
    start, end = max(0, first - _BEFORE), min(total, last + _AFTER)
    silent = _pauses(heard)
    silent[:first] = silent[last:] = True
    owner = _sounding(symbols, _owners(symbols, durations, energy), silent)[start:end]
    edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), end - start]
    phones = [
        Phone("" if owner[begin] < 0 else symbols[owner[begin]], begin * COLUMN_S, stop * COLUMN_S)
        for begin, stop in itertools.pairwise(edges)
    ]
    return Timing(start, end, tuple(phones))


def _owners(symbols: Sequence[str], durations: NDArray[np.float32], energy: NDArray[np.float32]) -> NDArray[np.int64]:
    """The token that sounds in each column. Closures of /b/ and /p/ reach to the quietest column beside them."""
    total = len(energy)
    bounds = np.rint(np.concatenate([[0.0], np.cumsum(durations)]) * _COLUMNS_PER_FRAME).astype(np.int64) - _LEAD
    owner = np.searchsorted(bounds[1:-1], np.arange(total), side="right")
    for token, symbol in enumerate(symbols):
        if symbol not in _CLOSURES:
            continue
        begin, stop = max(0, int(bounds[token])), min(total, int(bounds[token + 1]))
        low, high = max(0, begin - 2), min(total, stop + 2)
        if begin >= stop:
            continue
        quietest = low + int(energy[low:high].argmin())
        owner[min(begin, quietest) : max(stop, quietest + 1)] = token
    return owner


def _sounding(symbols: Sequence[str], owner: NDArray[np.int64], silent: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The token whose sound is heard in each column, -1 in silence.

    What is heard in the time of a space, a mark or the padding belongs to the sound before it, or behind a pause to the
    one after it.
    """
    voiced = [token for token, symbol in enumerate(symbols) if symbol not in _SILENT]
    found = np.full(len(owner), -1, dtype=np.int64)
    last, begins = -1, True
    for column, token in enumerate(owner.tolist()):
        if silent[column] or not voiced:
            begins = True
            continue
        if symbols[token] in _SILENT:
            token = voiced[min(bisect.bisect(voiced, token), len(voiced) - 1)] if begins else last
        else:
            begins = False
        found[column] = last = token
    return found


def _pauses(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Columns inside silences long enough to be a pause."""
    silent = np.zeros(len(heard), dtype=np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], heard, [True]]).astype(np.int8)))
    for begin, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - begin >= _PAUSE:
            silent[begin:stop] = True
    return silent
