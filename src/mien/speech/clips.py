"""Splits text into clips a voice can speak one after the other. Nothing is lost: the clips joined are the text."""

from __future__ import annotations

import re

MAX_UNITS = 60
"""Longest clip: a Chinese character counts 1, any other letter or digit 1/3, so this is about 12 s of speech."""
FIRST_UNITS = 20
"""A first clip longer than this is cut at a comma: the shorter it is, the sooner it is heard."""

_SENTENCE_END = re.compile(r"(?:[。！？!?…]+|\.(?=\s|$)|[;；]|\n)[\"”’」』)）\]]*\s*")
_PAUSE = re.compile(r"[，、,：:；;—–]+\s*(?!\d)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No|Jr|Sr|Inc|Ltd|[A-Z])\.\s*$|^\s*\d+\.\s*$"
)


def units(text: str) -> float:
    """How much there is to say, in Chinese characters."""
    return sum(1.0 if "\u3400" <= letter <= "\u9fff" else 1 / 3 if letter.isalnum() else 0.0 for letter in text)


def split(text: str) -> list[str]:
    """Clips of `text` in order; empty if it is empty. Text with nothing to say joins the clip before it."""
    clips: list[str] = []
    for sentence in _cut(text, _SENTENCE_END):
        limit = FIRST_UNITS if not any(units(clip) for clip in clips) else MAX_UNITS
        for piece in _fit(sentence, limit):
            if clips and (not units(piece) or not units(clips[-1])):
                clips[-1] += piece
            else:
                clips.append(piece)
    return clips


def _cut(text: str, ends: re.Pattern[str]) -> list[str]:
    pieces: list[str] = []
    start = 0
    for match in ends.finditer(text):
        if _ABBREVIATION.search(text[start : match.end()]):
            continue
        pieces.append(text[start : match.end()])
        start = match.end()
    return [*pieces, text[start:]] if start < len(text) else pieces


def _fit(sentence: str, limit: float) -> list[str]:
    """A sentence in pieces of at most `limit` units where commas allow it, never above `MAX_UNITS`."""
    if units(sentence) <= limit:
        return [sentence]
    pieces: list[str] = []
    for part in _cut(sentence, _PAUSE):
        if pieces and units(pieces[-1]) + units(part) <= (limit if len(pieces) == 1 else MAX_UNITS):
            pieces[-1] += part
        else:
            pieces += _halves(part)
    return pieces


def _halves(part: str) -> list[str]:
    """A part without pauses, cut at a space near its middle (or anywhere) until it fits."""
    if units(part) <= MAX_UNITS:
        return [part]
    middle = len(part) // 2
    space = part.rfind(" ", 0, middle)
    cut = space + 1 if space > middle // 2 else middle
    return [*_halves(part[:cut]), *_halves(part[cut:])]
