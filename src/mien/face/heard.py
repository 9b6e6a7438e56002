"""How much of a text was heard when its voice was cut off: to the word in English, to the character in Chinese.

The phones say when each word or syllable was spoken. Where their number fits the text's words or characters the cut is
exact; where it does not (numbers, abbreviations, mixed languages are spoken differently from how they are written) it
is taken in proportion to the time spent speaking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mien.face.motion.visemes import LENGTHENING, PAUSES, STRESS
from mien.speech.phones import Phone, SpokenText

_HAN: Final = "\u3400-\u9fff\uf900-\ufaff"
_UNIT: Final = re.compile(rf"[{_HAN}]|[^\s{_HAN}]*[^\W{_HAN}][^\s{_HAN}]*", re.UNICODE)
_VOWELS: Final = frozenset("aɑæɐɛeəɚɜɤioɔɒuʊyøœɨɯɪᵻʌᵊAIOQWY")

MOSTLY: Final = 0.6
"""A word or syllable counts as heard when this much of it was played."""

_WHOLE: Final = 0.3
"""Seconds that a clip may last longer than its phones."""


def heard_text(spoken: SpokenText, seconds: float) -> str:
    """The beginning of `spoken.text` that was heard after `seconds` of its audio."""
    units = _units(spoken.text)
    if not units:
        return spoken.text if seconds >= spoken.duration > 0 else ""
    times = _unit_times(spoken, units)
    if times is not None:
        count = sum(1 for start, end in times if seconds >= start + MOSTLY * (end - start))
    else:
        count = int(_share_spoken(spoken, seconds) * len(units) + 1 - MOSTLY)
    if count <= 0:
        return ""
    return spoken.text if count >= len(units) else spoken.text[: units[count - 1][1]]


def joined(texts: Iterable[str]) -> str:
    """Clips' texts one after the other, with a space between words of languages that have them."""
    result = ""
    for text in texts:
        gap = result and text and not result[-1].isspace() and not text[0].isspace()
        if gap and result[-1].isascii() and text[0].isascii():
            result += " "
        result += text
    return result


def _units(text: str) -> list[tuple[str, int]]:
    """Words and Han characters, each with where it ends in `text`, punctuation after it included."""
    found = list(_UNIT.finditer(text))
    if not found:
        return []
    ends = [later.start() for later in found[1:]] + [len(text)]
    return [(match.group(), len(text[:end].rstrip())) for match, end in zip(found, ends, strict=True)]


def _unit_times(spoken: SpokenText, units: Sequence[tuple[str, int]]) -> list[tuple[float, float]] | None:
    """When each unit is spoken, or None when the phones do not fit the text."""
    if not spoken.phones or spoken.phones[-1].end <= spoken.duration - _WHOLE:
        return None
    han = sum(bool(re.match(f"[{_HAN}]", unit)) for unit, _ in units)
    if han == len(units):
        times = _syllables(spoken.phones)
    elif han == 0:
        times = _words(spoken.phones)
    else:
        return None
    return times if len(times) == len(units) else None


def _is_pause(phone: Phone) -> bool:
    return not phone.symbol or all(letter in PAUSES for letter in phone.symbol)


def _words(phones: Sequence[Phone]) -> list[tuple[float, float]]:
    words: list[tuple[float, float]] = []
    inside = False
    for phone in phones:
        if _is_pause(phone):
            inside = False
        elif inside:
            words[-1] = (words[-1][0], phone.end)
        else:
            words.append((phone.start, phone.end))
            inside = True
    return words


def _syllables(phones: Sequence[Phone]) -> list[tuple[float, float]]:
    """Vowel nuclei, each reaching back to the consonants before it."""
    syllables: list[tuple[float, float]] = []
    onset: float | None = None
    in_nucleus = False
    for phone in phones:
        if phone.symbol in STRESS or _is_pause(phone):
            in_nucleus = False
            onset = None if _is_pause(phone) else onset
        elif phone.symbol and all(letter in LENGTHENING for letter in phone.symbol):
            in_nucleus = False
            if syllables and onset is None:
                syllables[-1] = (syllables[-1][0], phone.end)
        elif phone.symbol[:1] in _VOWELS:
            if in_nucleus:
                syllables[-1] = (syllables[-1][0], phone.end)
            else:
                syllables.append((phone.start if onset is None else onset, phone.end))
            in_nucleus, onset = True, None
        else:
            in_nucleus = False
            onset = phone.start if onset is None else onset
    return syllables


def _share_spoken(spoken: SpokenText, seconds: float) -> float:
    sounds = [p for p in spoken.phones if not _is_pause(p)]
    # Phones that end well before the clip are not all of them yet.
    if sounds and spoken.phones[-1].end > spoken.duration - _WHOLE:
        total = sum(p.end - p.start for p in sounds)
        done = sum(min(max(seconds - p.start, 0.0), p.end - p.start) for p in sounds)
        return done / total if total > 0 else 0.0
    return min(seconds / spoken.duration, 1.0) if spoken.duration > 0 else 0.0
