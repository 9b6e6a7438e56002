"""Answers that open with words known before the model has read the question. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import llm, tts

from mien.conversation.spec import AdvancedSpec
from mien.speech.spec import LlmSpec, TtsSpec
from tests.support.conversation import Script, ScriptedLlm, ScriptedTts, Stagehand, leave, run, spec, stage


class OpeningLlm(ScriptedLlm):
    """A scripted model whose answers open with 好的."""

    def opening(self, context: llm.ChatContext) -> str:
        return "好的，"


class OpeningTts(ScriptedTts):
    """A voice that says 好的 without being waited for."""

    openers = frozenset(["好的，"])


class OpeningScript(Script):
    """A script with both. The model needs three seconds."""

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        return OpeningLlm(self, spec, agent_info)

    def tts(self, spec: TtsSpec, **_: Any) -> tts.TTS[Any]:
        return OpeningTts(self, spec)


def script() -> OpeningScript:
    return OpeningScript(ttft_s=3.0, reply=lambda _: "明天是晴天。")


async def asked(hand: Stagehand) -> float:
    """Asks and waits; when the question was over."""
    await hand.user.say("明天天气怎么样？", 1.0)
    over = asyncio.get_running_loop().time()
    await asyncio.sleep(8)
    return over


def test_the_opening_is_heard_while_the_model_thinks_and_the_answer_goes_on_behind_it() -> None:
    async def main() -> None:
        hand = await stage(script())
        instance = await hand.manager.create(spec())
        over = await asked(hand)
        assert hand.sounded[0] < over + 1.5
        assert hand.sounded[-1] > over + 3.0
        assert not [at for at in hand.sounded if over + 2 < at < over + 3], "the model thinks"
        assert hand.script.spoken == ["好的，", "明天是晴天。"]
        assert hand.script.requests[0].messages[-2:] == [("user", "明天天气怎么样？"), ("assistant", "好的，")]
        assert instance.messages()[-1].content == "好的，明天是晴天。"
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == "好的，明天是晴天。"
        (turn,) = instance.timings
        assert turn["llm_first_token"] > 3000 > turn["total"], "the opening is not the model's"
        assert turn["content"] > turn["llm_first_token"], "and not the answer"
        await leave(hand)

    run(main)


def test_speech_that_nobody_asked_for_has_no_opening() -> None:
    async def main() -> None:
        hand = await stage(script())
        instance = await hand.manager.create(spec())
        await instance.ask("说说明天")
        await asyncio.sleep(8)
        assert hand.script.spoken == ["明天是晴天。"]
        assert hand.script.requests[0].messages[-1] == ("user", "说说明天")
        await leave(hand)

    run(main)


def test_nobody_waits_for_text_that_is_only_shown() -> None:
    async def main() -> None:
        hand = await stage(script())
        await hand.manager.create(spec(advanced=AdvancedSpec(disable_tts=True)))
        await asked(hand)
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == "明天是晴天。"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("failure", [RuntimeError("gone")])
def test_a_model_that_fails_behind_its_opening_is_reported(failure: Exception) -> None:
    async def main() -> None:
        failing = script()
        failing.llm_failures = [failure, failure, failure]
        hand = await stage(failing)
        instance = await hand.manager.create(spec())
        await asked(hand)
        assert hand.callbacks("Exception")
        assert instance.messages()[-1].content.startswith("好的，")
        await leave(hand)

    run(main)
