"""Where the first clip of an answer may end before its first clause does, for voices that are slow to begin.

A short first clip is heard sooner, and while it is heard the next is made. It ends where a speaker might pause too:
behind an opening word ("Sure,"), or in front of a word that begins a new phrase.
"""

from __future__ import annotations

import re

WORDS = 4
"""English words the first clip has at least, unless it is an opener."""
CHARACTERS = 6
"""The same for Chinese characters."""

_PHRASE_EN = frozenset(
    (
        *("and", "or", "but", "so", "because", "that", "which", "who", "where", "when", "while", "if", "unless"),
        *("to", "for", "with", "without", "by", "from", "in", "on", "at", "about", "before", "after", "into", "using"),
        *("during", "through", "between", "including", "like", "such", "as", "than"),
    )
)
_PHRASE_ZH = re.compile(r"以及|或者|或是|并且|而且|但是|因为|所以|如果|还有|比如|例如|包括|然后|来帮|来让|让你|让您")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_OPEN_WORD = re.compile(r" +(?:[A-Za-z][A-Za-z'’-]*)?")
_CHINESE = re.compile(r"[\u3400-\u9fff]{2}")


def undecided(text: str) -> bool:
    """Whether what follows the first character of `text` must be read further to know if it begins a phrase."""
    return _OPEN_WORD.fullmatch(text) is not None or _CHINESE.fullmatch(text) is not None


def begins_phrase(read: str, following: str, units: int) -> bool:
    """Whether `following` begins a new phrase, behind the `units` words or characters of `read`."""
    if read[-1:].isspace():
        word = _WORD.match(following)
        return units >= WORDS and word is not None and word.group().lower() in _PHRASE_EN
    return units >= CHARACTERS and _PHRASE_ZH.match(following) is not None
