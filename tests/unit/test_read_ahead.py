"""What the local model reads before it is asked, and when it must not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, ClassVar

import pytest
from livekit.agents import APIConnectOptions, llm

from mien.speech.local.llama import Message, Sampling
from mien.speech.local.llm import LocalLLM
from mien.speech.pace import ReadsAhead
from mien.speech.spec import LlmSpec
from tests.support.conversation import Script, ScriptedLlm, leave, run, spec, stage, until


class Brain:
    """A model that takes a second to read and notes what it does."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def warm(self, messages: Sequence[Message], **_: Any) -> None:
        self.log.append(f"reads {messages[-1]['content']}")
        await asyncio.sleep(1.0)
        self.log.append("has read")

    async def stream(self, messages: Sequence[Message], sampling: Sampling, **_: Any) -> AsyncGenerator[str, None]:
        self.log.append(f"answers {messages[-1]['content']}")
        await asyncio.sleep(1.0)
        yield "Yes."


def asked(text: str) -> llm.ChatContext:
    return llm.ChatContext([llm.ChatMessage(role="user", content=[text])])


def test_the_answer_waits_for_what_is_being_read_and_nothing_is_read_during_it() -> None:
    async def main() -> None:
        brain = Brain()

        async def loaded() -> Any:
            return brain

        model = LocalLLM(loaded, LlmSpec())
        assert isinstance(model, ReadsAhead)
        model.read_ahead(asked("what"))
        await asyncio.sleep(0.1)
        model.read_ahead(asked("what is"))
        stream = model.chat(chat_ctx=asked("what is it"), conn_options=APIConnectOptions(max_retry=0))
        await asyncio.sleep(1.5)
        model.read_ahead(asked("too late"))
        await stream.collect()
        assert brain.log == ["reads what", "has read", "answers what is it"]
        model.read_ahead(asked("next"))
        await asyncio.sleep(0.1)
        await model.aclose()
        assert brain.log[3:] == ["reads next"]

    run(main)


class ReadingLlm(ScriptedLlm):
    """A scripted model that notes what it is given to read."""

    seen: ClassVar[list[str]] = []

    def read_ahead(self, context: llm.ChatContext) -> None:
        question = context.items[-1]
        assert isinstance(question, llm.ChatMessage)
        self.seen.append((question.text_content or "").strip())


class ReadingScript(Script):
    """A script whose model reads ahead."""

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        return ReadingLlm(self, spec, agent_info)


def test_the_first_words_are_read_while_the_user_speaks_and_not_what_is_no_turn() -> None:
    async def main() -> None:
        script = ReadingScript(partials=True)
        seen = ReadingLlm.seen
        seen.clear()
        hand = await stage(script)
        await hand.manager.create(spec())
        await hand.user.say("今天天气怎么样", 1.0)
        assert seen[-1]
        assert all("今天天气怎么样".startswith(words) for words in seen)
        await until(lambda: bool(hand.sounded))
        before = list(seen)
        await hand.user.say("嗯嗯", 0.5)
        assert seen == before
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("said", "asked_for"),
    [
        (["今天天气怎么样？"], ["今天天气怎么样？"]),
        (["如果明天下雨，", "我们去哪里玩？"], ["如果明天下雨，", "如果明天下雨，我们去哪里玩？"]),
    ],
    ids=["kept", "thrown away"],
)
def test_an_answer_begun_before_the_turn_is_over_is_the_one_that_is_heard(
    said: list[str], asked_for: list[str]
) -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        for words in said:
            await hand.user.say(words, 1.0)
            await asyncio.sleep(0.9)
        await asyncio.sleep(8)
        asked = [request.messages[-1][1].replace(" ", "") for request in hand.script.requests]
        assert asked == asked_for
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["".join(said)]
        told = "".join(data["Text"] for _, data in hand.callbacks("LLMResult"))
        assert told.replace(" ", "") == f"你问的是{''.join(said)}对吧。我来回答你。"
        await leave(hand)

    run(main)
