"""Expressions, and which one a sentence or a word for it asks for.

Reading feelings from words is a guess, so what it finds is shown slightly; whoever knows better says so in metadata.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, get_args

ExpressionName = Literal["neutral", "happy", "sad", "surprised", "serious"]
EXPRESSIONS: Final[tuple[ExpressionName, ...]] = get_args(ExpressionName)


class Features(NamedTuple):
    """What an expression adds to the face at full intensity; units of `frame.CHANNELS`."""

    smile: float = 0.0
    frown: float = 0.0
    cheek: float = 0.0
    brow: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_y: float = 0.0


FEATURES: Final[dict[ExpressionName, Features]] = {
    "neutral": Features(),
    "happy": Features(smile=0.55, cheek=0.45, brow=0.10, pitch=-0.4),
    "sad": Features(smile=-0.20, frown=0.40, brow=0.14, pitch=1.6, roll=1.0, gaze_y=0.10),
    "surprised": Features(brow=0.50, pitch=-0.8),
    "serious": Features(smile=-0.20, frown=0.06, brow=-0.26, pitch=0.4),
}


class Feeling(NamedTuple):
    """An expression and how strongly it shows, 0..1."""

    name: ExpressionName
    intensity: float


NEUTRAL: Final = Feeling("neutral", 0.0)

_WORDS: Final[tuple[tuple[ExpressionName, str], ...]] = (
    (
        "sad", r"对不起|抱歉|很遗憾|可惜|难过|伤心|不幸|节哀|"
        r"\b(?:sorry|unfortunately|sadly|regret|apologi[sz]e|condolences|sad)\b",
    ),
    (
        "surprised", r"哇|天啊|天哪|真的吗|居然|竟然|没想到|"
        r"\b(?:wow|really\?|no way|oh my|incredible|unbelievable)(?!\w)",
    ),
    (
        "serious", r"警告|危险|注意|务必|严重|紧急|"
        r"\b(?:warning|danger(?:ous)?|careful|caution|serious(?:ly)?|urgent|emergency)\b",
    ),
    (
        "happy", r"哈哈|太好了|太棒了|恭喜|高兴|开心|欢迎|谢谢|祝你|"
        r"\b(?:haha|great|wonderful|awesome|congratulations|happy|glad|welcome|thank(?:s| you)|lovely|delighted)\b",
    ),
)  # fmt: skip
_NEGATION: Final = re.compile(r"(?:不|没有?|别|\bnot |n't |\bnever |\bun)$", re.IGNORECASE)
_PATTERNS: Final = tuple((name, re.compile(words, re.IGNORECASE)) for name, words in _WORDS)
_GUESSED: Final = 0.5
_SYNONYMS: Final[dict[str, ExpressionName]] = {
    "joy": "happy", "excited": "happy", "cheerful": "happy", "smile": "happy", "tender": "happy", "comfort": "happy",
    "lovey-dovey": "happy", "shy": "happy", "高兴": "happy", "开心": "happy",
    "sorrow": "sad", "sorry": "sad", "depressed": "sad", "悲伤": "sad", "难过": "sad",
    "surprise": "surprised", "fear": "surprised", "fearful": "surprised", "惊讶": "surprised",
    "angry": "serious", "disgusted": "serious", "hate": "serious", "coldness": "serious", "tension": "serious",
    "生气": "serious", "严肃": "serious", "calm": "neutral", "中性": "neutral", "平静": "neutral",
}  # fmt: skip
"""Other words for them, those of voices' emotions among them."""


def of_text(text: str) -> Feeling:
    """The feeling the words of a sentence suggest (zh, en), `NEUTRAL` where none does. Negated words do not count."""
    for name, pattern in _PATTERNS:
        found = [m for m in pattern.finditer(text) if not _NEGATION.search(text[max(m.start() - 6, 0) : m.start()])]
        if found:
            return Feeling(name, min(_GUESSED + 0.2 * ("!" in text or "！" in text) + 0.1 * (len(found) - 1), 0.8))
    return NEUTRAL


def feeling(name: str, intensity: float) -> Feeling:
    """The expression called `name`, or by a word for it (zh, en); `intensity` 0..1. Raises ValueError."""
    wanted = name.strip().lower()
    known = wanted if wanted in EXPRESSIONS else _SYNONYMS.get(wanted)
    if known is None:
        raise ValueError(f"there is no expression {name[:40]!r}; there are {', '.join(EXPRESSIONS)}")
    return Feeling(known, min(max(intensity, 0.0), 1.0))
