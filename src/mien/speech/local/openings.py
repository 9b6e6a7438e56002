"""The first words of the local model's answers, known before it has read the question.

People say "let me see" or "好的" while they think. So does an agent whose model and voice need a second or two: these
words are kept as sound, and the model goes on behind them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from mien.speech.normalise import Language, language_of

Kind = Literal["greeting", "request", "question", "remark"]

# The likeliest first, in which order they are spoken in advance.
OPENINGS: Final[dict[Language, dict[Kind, tuple[str, ...]]]] = {
    "zh": {
        "question": ("让我想想，", "这个嘛，", "嗯，让我想想，"),
        "request": ("好的，", "没问题，", "当然可以，"),
        "remark": ("明白了，", "这样啊，"),
        "greeting": ("你好！",),
    },
    "en": {
        "question": ("Let me see,", "Let me think,", "Well, let me see,"),
        "request": ("Sure,", "Of course,", "Certainly,"),
        "remark": ("I see.", "I understand."),
        "greeting": ("Hello!",),
    },
}

_GREETINGS: Final = re.compile(
    r"(?:你好|您好|嗨|哈喽|早上好|下午好|晚上好|(?:hello|hi|hey|good (?:morning|afternoon|evening))\b)\W*"
    r"(?:小面|mien|there|啊|呀)?\W*",
    re.IGNORECASE,
)
_REQUESTS: Final = re.compile(
    r"请(?!问)|麻烦|帮我|给我|跟我|教我|讲|说说|介绍|告诉我"
    r"|你?(?:能不能|能否|可不可以|可以|能)[^？?]*[给帮教讲说唱介跟]"
    r"|(?:(?:can|could|will|would) you (?:please )?|please )?"
    r"(?:tell|give|show|explain|describe|teach|help|sing|write|say|recommend|suggest|introduce|read|list)\b",
    re.IGNORECASE,
)
_QUESTIONS: Final = re.compile(
    r"[？?]|[吗呢]\W*$|什么|怎么|为什么|哪|谁|几|多少|是不是|有没有"
    r"|^\W*(?:so |and |but )?(?:what|why|how|who|where|when|which|is|are|do|does|did|can|could|will|would|should)\b",
    re.IGNORECASE,
)
_OTHER_LANGUAGE: Final = re.compile(r"英文|英语|中文|汉语|普通话|翻译|english|chinese|mandarin|translat", re.IGNORECASE)
_RECENT: Final = 2
"""Answers back to which no opening is used again, as long as there is another."""


def opening(question: str, instructions: str = "", earlier: Sequence[str] = ()) -> str:
    """How the answer to `question` begins; "" where that cannot be told.

    `instructions`: the system prompt, whose language must be the question's. `earlier`: the agent's answers so far.
    """
    language = language_of(question, "en")
    if not any(letter.isalpha() for letter in question) or _OTHER_LANGUAGE.search(question):
        return ""
    if instructions.strip() and language_of(instructions, language) != language:
        return ""
    choices = OPENINGS[language][_kind(question.strip())]
    recent = [answer.lstrip() for answer in earlier[-_RECENT:]]
    # Where several would do, it is the next one's turn.
    first = len(earlier) % len(choices)
    turns = choices[first:] + choices[:first]
    return next((choice for choice in turns if not any(answer.startswith(choice) for answer in recent)), "")


def _kind(question: str) -> Kind:
    if _GREETINGS.fullmatch(question):
        return "greeting"
    if _REQUESTS.match(question):
        return "request"
    return "question" if _QUESTIONS.search(question) else "remark"
