"""How the local model's answers begin: fitting, not twice in a row, and not where nobody can tell."""

from __future__ import annotations

import pytest
from livekit.agents import llm

from mien.speech.local.llm import LocalLLM
from mien.speech.local.openings import OPENINGS, opening
from mien.speech.local.voice import OPENERS
from mien.speech.spec import LlmSpec

ZH = "你叫小面，请用口语中文回答。"
EN = "You are Mien. Answer in spoken sentences."


@pytest.mark.parametrize(
    ("question", "language", "kind"),
    [
        ("你好！", "zh", "greeting"),
        ("你好，小面。", "zh", "greeting"),
        ("Hello, Mien!", "en", "greeting"),
        ("Good morning.", "en", "greeting"),
        ("请给我讲一个笑话。", "zh", "request"),
        ("你能给我唱首歌吗？", "zh", "request"),
        ("Can you tell me a joke?", "en", "request"),
        ("Please explain it.", "en", "request"),
        ("请问现在几点了？", "zh", "question"),
        ("今天天气怎么样", "zh", "question"),
        ("你喜欢猫吗？", "zh", "question"),
        ("What is the capital of France?", "en", "question"),
        ("Are you a person", "en", "question"),
        ("Hello, what can you do?", "en", "question"),
        ("我今天有点累。", "zh", "remark"),
        ("I had a long day.", "en", "remark"),
    ],
)
def test_the_opening_fits_what_was_said(question: str, language: str, kind: str) -> None:
    assert opening(question) in OPENINGS[language][kind]  # type: ignore[index]


def test_no_opening_comes_twice_in_a_row() -> None:
    said: list[str] = []
    for _ in range(9):
        said.append(opening("Why?", EN, [f"{first} because." for first in said]))
    assert all(a != b != c != a for a, b, c in zip(said, said[1:], said[2:], strict=False))
    assert set(said) == set(OPENINGS["en"]["question"])


def test_an_opening_that_cannot_vary_is_left_out() -> None:
    assert opening("你好！", ZH) == "你好！"
    assert opening("你好！", ZH, ["你好！我是小面。"]) == ""


@pytest.mark.parametrize(
    ("question", "instructions"),
    [
        ("...", EN),
        (" ", EN),
        ("Say it in Chinese.", EN),
        ("请用英语回答。", ZH),
        ("你好吗？", EN),
        ("How are you?", ZH),
    ],
)
def test_nothing_is_said_where_nobody_can_tell_the_language(question: str, instructions: str) -> None:
    assert opening(question, instructions) == ""


def test_every_opening_is_kept_as_sound() -> None:
    for language, kinds in OPENINGS.items():
        assert {text for texts in kinds.values() for text in texts} <= set(OPENERS[language])


def _context(*messages: tuple[llm.ChatRole, str]) -> llm.ChatContext:
    context = llm.ChatContext.empty()
    for role, text in messages:
        context.add_message(role=role, content=text)
    return context


async def _unloaded() -> None:
    raise AssertionError("an opening is known without the model")


def test_the_model_opens_answers_to_users_and_can_be_told_not_to() -> None:
    asked = _context(("system", EN), ("user", "Why?"), ("assistant", "Let me see, because."), ("user", "Why not?"))
    model = LocalLLM(_unloaded, LlmSpec())  # type: ignore[arg-type]
    assert model.opening(asked) in set(OPENINGS["en"]["question"])
    assert model.opening(_context(("system", EN))) == ""
    assert model.opening(_context(("user", "Why?"), ("assistant", "Because."))) == ""
    assert LocalLLM(_unloaded, LlmSpec(params={"openings": False})).opening(asked) == ""  # type: ignore[arg-type]
