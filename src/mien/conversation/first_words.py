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
_PHRASE_ZH = re.compile(
    r"和|以及|或者|或是|并且|而且|但是|但|因为|所以|如果|还有|比如|例如|包括|然后|来帮|来让|帮助|让你|让您"
)
_LONGEST_ZH = 2
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def undecided(following: str) -> bool:
    """Whether more of the text must be read before `begins_phrase` can say something about what follows."""
    word = following.lstrip(" ")
    if not word or not word[0].isascii():
        return len(word) < _LONGEST_ZH
    return word[-1].isalpha()


def begins_phrase(read: str, following: str, units: int) -> bool:
    """Whether `following` begins a new phrase, behind the `units` words or characters of `read`."""
    if read[-1:].isspace():
        word = _WORD.match(following)
        return units >= WORDS and word is not None and word.group().lower() in _PHRASE_EN
    chinese = "\u3400" <= read[-1:] <= "\u9fff"
    return chinese and units >= CHARACTERS and _PHRASE_ZH.match(following) is not None
