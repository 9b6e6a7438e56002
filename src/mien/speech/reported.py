"""Phones from what other engines report: viseme events or word times, in their own notations.

Whoever wraps a vendor's voice turns its events into `Phone`s here and attaches them as a `SpokenText`; the face needs
nothing else. Azure's and Polly's visemes are named by number or letter in their public documentation; each is written
as the phone that looks like it. Words are filled with their phones in proportion to how long such sounds usually last.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from mien.speech.phones import Phone

AZURE_VISEMES: Final[Mapping[str, str]] = {
    "0": "", "1": "æ", "2": "ɑ", "3": "ɔ", "4": "ɛ", "5": "ɚ", "6": "i", "7": "w", "8": "o", "9": "W", "10": "Y",
    "11": "I", "12": "h", "13": "ɹ", "14": "l", "15": "s", "16": "ʃ", "17": "ð", "18": "f", "19": "t", "20": "k",
    "21": "p",
}  # fmt: skip
"""Viseme ids of Azure's speech service."""

POLLY_VISEMES: Final[Mapping[str, str]] = {
    "sil": "", "p": "p", "t": "t", "S": "ʃ", "T": "θ", "f": "f", "k": "k", "i": "i", "r": "ɹ", "s": "s", "u": "u",
    "@": "ə", "a": "ɑ", "e": "e", "E": "ɛ", "o": "o", "O": "ɔ", "J": "ʃ",
}  # fmt: skip
"""Viseme symbols of Amazon Polly's speech marks."""

OCULUS_VISEMES: Final[Mapping[str, str]] = {
    "sil": "", "PP": "p", "FF": "f", "TH": "θ", "DD": "t", "kk": "k", "CH": "ʃ", "SS": "s", "nn": "n", "RR": "ɹ",
    "aa": "ɑ", "E": "ɛ", "I": "i", "ih": "i", "O": "o", "oh": "o", "U": "u", "ou": "u",
}  # fmt: skip
"""The fifteen names many engines share."""

_VOWELS: Final = frozenset("aɑæeɛʌɐɤɜəᵊɪᵻiɚɨɯɔɒoʊuyøœAIOQWY")
_LONG: Final = frozenset("AIOQWYɑɔæ")
_QUICK: Final = frozenset("bdɡɾɹlnjwɥʔᵊ")
_MARKS: Final = frozenset("ˈˌ→↗↘↓ʰʲ̩̯̃˞ ;:,.!?—…\"()“”'’-")
_USUAL: Final = (1.5, 1.2, 0.7, 1.0)
"""Relative lengths of long and other vowels, of quick and other consonants."""


class Event(NamedTuple):
    """A mouth shape that begins at `start` (seconds from the clip's first sample)."""

    start: float
    viseme: str


class Word(NamedTuple):
    """A word and when it is heard, in seconds from the clip's first sample."""

    text: str
    start: float
    end: float


def from_visemes(events: Iterable[Event], names: Mapping[str, str], duration: float) -> tuple[Phone, ...]:
    """Phones that look like `events`, the last one lasting until `duration`. Unknown names are skipped."""
    known = sorted((e for e in events if e.viseme in names), key=lambda e: e.start)
    ends = [*(event.start for event in known[1:]), duration]
    return tuple(Phone(names[e.viseme], e.start, end) for e, end in zip(known, ends, strict=False) if end > e.start)


def from_words(words: Sequence[Word], pronounce: Callable[[str], str]) -> tuple[Phone, ...]:
    """Phones of `words`, with silence between them. `pronounce`: text to phoneme symbols (`mien.speech.local.g2p`)."""
    phones: list[Phone] = []
    at = 0.0
    for word in sorted(words, key=lambda w: w.start):
        begin = max(word.start, at)
        if word.end <= begin:
            continue
        symbols = [symbol for symbol in pronounce(word.text) if symbol not in _MARKS]
        if not symbols:
            continue
        if begin > at:
            phones.append(Phone("", at, begin))
        lengths = [_usual_length(symbols, i) for i in range(len(symbols))]
        scale = (word.end - begin) / sum(lengths)
        edges = [begin + scale * passed for passed in itertools.accumulate(lengths, initial=0.0)]
        phones += [Phone(s, *edge) for s, edge in zip(symbols, itertools.pairwise(edges), strict=True)]
        at = word.end
    return tuple(phones)


def _usual_length(symbols: Sequence[str], i: int) -> float:
    symbol = symbols[i]
    long, vowel, quick, other = _USUAL
    if symbol == "ː":
        return 0.6
    if symbol in _LONG:
        return long
    if symbol in _VOWELS:
        # The vowel of the last syllable is drawn out.
        return vowel if any(s in _VOWELS for s in symbols[i + 1 :]) else vowel * 1.2
    return quick if symbol in _QUICK else other
