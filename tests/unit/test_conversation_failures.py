"""Engines that fail, hang or hear nothing: it is reported, and the call goes on. On virtual time."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import APIConnectionError, APIStatusError

from mien.conversation.spec import Status
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage


def codes(hand: Stagehand) -> list[int]:
    return [data["Code"] for _, data in hand.callbacks("Exception")]


async def still_works(hand: Stagehand) -> None:
    """A question after the trouble is answered."""
    await hand.user.say("还在吗朋友", 1.0)
    await asyncio.sleep(8)
    assert hand.told()[-1].startswith("IDLE")
    assert hand.script.spoken[-1] == "我来回答你。"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (APIStatusError("The API key is invalid", status_code=401), 2203, "API key"),
        (APIStatusError("slow down", status_code=429), 2204, "too many requests"),
        (APIStatusError("no such model", status_code=404), 2202, "Model"),
        (APIStatusError("Insufficient Balance", status_code=402), 2205, "credit"),
        (APIStatusError("blocked by content_filter", status_code=400), 2206, "content review"),
        (APIConnectionError("cannot reach http://127.0.0.1:1/v1"), 2201, "127.0.0.1"),
        (ValueError("broken"), 2201, "broken"),
    ],
)
def test_a_model_that_fails_is_reported_in_words(error: Exception, code: int, words: str) -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[error, error, error, error]))
        await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(6)
        assert codes(hand) == [code]
        exception = hand.callbacks("Exception")[0][1]
        assert words in exception["Message"]
        assert exception["Round"] == hand.callbacks("ASRResult")[0][1]["Round"]
        assert hand.told()[-1] == "IDLE 1"
        hand.script.llm_failures.clear()
        await still_works(hand)
        await leave(hand)

    run(main)


def test_a_model_that_never_answers_is_given_up() -> None:
    async def main() -> None:
        hand = await stage(Script(ttft_s=10_000))
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(20)
        assert codes(hand) == [2201]
        assert "in time" in hand.callbacks("Exception")[0][1]["Message"]
        assert instance.status is Status.IDLE
        hand.script.ttft_s = 0.2
        await still_works(hand)
        await leave(hand)

    run(main)


def test_an_empty_answer_is_reported() -> None:
    async def main() -> None:
        script = Script(reply=lambda _: "")
        hand = await stage(script)
        await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(5)
        assert codes(hand) == [2201]
        assert "empty" in hand.callbacks("Exception")[0][1]["Message"]
        assert hand.told()[-1] == "IDLE 1"
        await leave(hand)

    run(main)


def test_a_voice_that_dies_in_mid_answer_keeps_what_was_heard() -> None:
    async def main() -> None:
        failure = ("回答", APIStatusError("quota exceeded", status_code=429))
        hand = await stage(Script(tts_failures=[failure, failure, failure]))
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert codes(hand) == [2304]
        assert [m["Data"]["Text"] for m in hand.messages(4)] == ["你问的是你好吗对吧。", ""]
        assert hand.told()[-1] == "IDLE 1"
        assert instance.messages()[-1].content.startswith("你问的是你好吗对吧。")
        hand.script.tts_failures.clear()
        await still_works(hand)
        await leave(hand)

    run(main)


def test_a_voice_that_is_missing_is_reported_for_a_proactive_text() -> None:
    async def main() -> None:
        failure = ("欢迎", APIStatusError("bad token", status_code=401))
        hand = await stage(Script(tts_failures=[failure, failure]))
        instance = await hand.manager.create(spec())
        await instance.say("欢迎光临。")
        await asyncio.sleep(5)
        assert codes(hand) == [2303]
        assert instance.status is Status.IDLE
        await leave(hand)

    run(main)


def test_a_recogniser_that_breaks_is_opened_again() -> None:
    async def main() -> None:
        hand = await stage(Script(stt_failures=[RuntimeError("the decoder crashed")]))
        await hand.manager.create(spec())
        await asyncio.sleep(3)
        assert codes(hand) == [2101]
        await still_works(hand)
        await leave(hand)

    run(main)


def test_noise_without_words_ends_in_idle() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await hand.user.say("", 1.0)
        await asyncio.sleep(2)
        assert hand.told()[1:] == ["SPEAK_BEGIN 1", "LISTENING 1", "SPEAK_END 1", "Exception 1", "IDLE 1"]
        assert codes(hand) == [1004]
        assert instance.status is Status.IDLE
        await still_works(hand)
        await leave(hand)

    run(main)


def test_a_recogniser_that_says_nothing_at_all_does_not_leave_the_turn_open() -> None:
    async def main() -> None:
        hand = await stage(Script(asr_s=60))
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(6)
        assert codes(hand) == [1004]
        assert instance.status is Status.IDLE
        await leave(hand)

    run(main)


def test_a_room_that_refuses_messages_is_reported_once() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        hand.peer.fail_messages = True
        await instance.say("欢迎光临。")
        await asyncio.sleep(5)
        assert codes(hand) == [1208]
        await leave(hand)

    run(main)


def test_a_microphone_that_goes_silent_in_mid_word_ends_the_turn() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        saying = asyncio.create_task(hand.user.say("你好吗", 3.0))
        await asyncio.sleep(1)
        hand.user.published = False
        await saying
        await asyncio.sleep(8)
        assert hand.callbacks("ASRResult")[0][1]["Text"] == "你好吗"
        assert hand.told()[-1] == "IDLE 1"
        await leave(hand)

    run(main)
