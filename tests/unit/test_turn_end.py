"""When the user's turn is over: by the caller's silence, or by what was said, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mien.conversation.spec import Priority, VadSpec
from mien.conversation.turn_end import COMPLETE_S, DEFAULT_S, OPEN_S, Ending, TurnEnd, ending
from tests.support.conversation import Script, leave, run, spec, stage, until

ENDINGS = {
    Ending.COMPLETE: (
        "你叫什么名字",
        "今天天气怎么样？",
        "我周末想做一道简单的菜,你有什么推荐",
        "我晚上总是睡不好,有什么办法可以放松一下呢。",
        "明天几点开会",
        "如果明天下雨我们去哪",
        "给我讲一个故事",
        "帮我查一下",
        "你好",
        "谢谢你。",
        "Hello, what is your name?",
        "What is it like?",
        "When is the meeting?",
        "Can you tell me how to sleep better at night",
        "I have an interview tomorrow. What should I say about myself?",
        "Tell me a story.",
        "Thank you.",
        "你觉得 iPhone 怎么样",
        "请问你们几点开门，明天上午？",
        "Do you want to know?",
    ),
    Ending.UNSURE: (
        "我喜欢吃苹果。",
        "如果明天下雨我就不去了",
        "我昨天去了北京",
        "I have a headache.",
        "I do not feel very well.",
        "If it rains tomorrow, I will stay home.",
        "今天下午三点",
        "我想预约，明天上午。",
        "我想问一下明天上午的会议。",
        "42",
        "",
        "…",
    ),
    Ending.OPEN: (
        "今天天气不错，",
        "如果明天下雨",
        "因为我昨天没睡好。",
        "我想问一下。",
        "请问",
        "嗯，那个",
        "我想去北京和",
        "我觉得",
        "我家附近有一家",
        "Let me think.",
        "There is a restaurant near.",
        "你能不能",
        "周末的时候",
        "I want to",
        "I want to ask about the.",
        "I like it because.",
        "If it rains tomorrow",
        "When I was young",
        "Can you tell me",
        "So",
        "Um",
        "I was thinking...",
        "My name is",
        "我用的是 iPhone 和",
        "我想问一下,明天上午。",
        "请问一下这周末",
        "I would like to know.",
        "I was just wondering",
    ),
}


@pytest.mark.parametrize(("wanted", "text"), [(kind, text) for kind, texts in ENDINGS.items() for text in texts])
def test_the_words_tell_whether_more_will_come(wanted: Ending, text: str) -> None:
    assert ending(text) is wanted


@pytest.mark.parametrize(
    ("given", "silence_s"),
    [
        (VadSpec(silence_segmentation_ms=500), 0.5),
        (VadSpec(silence_segmentation_ms=200), 0.2),
        (VadSpec(silence_segmentation_ms=2000), 2.0),
        (VadSpec(pause_interval_ms=1200), 1.2),
        (VadSpec(silence_segmentation_ms=800, pause_interval_ms=1000), 1.0),
        (VadSpec(silence_segmentation_ms=800, pause_interval_ms=600), 0.8),
    ],
)
def test_what_the_caller_sets_is_kept_whatever_was_said(given: VadSpec, silence_s: float) -> None:
    rule = TurnEnd(given)
    assert {rule.silence_s(text) for texts in ENDINGS.values() for text in texts} == {silence_s}
    assert rule.unheard_s == silence_s


@pytest.mark.parametrize(
    ("vad", "text", "silence_s"),
    [
        (VadSpec(), "今天天气怎么样？", COMPLETE_S),
        (VadSpec(), "我昨天去了北京", DEFAULT_S),
        (VadSpec(), "如果明天下雨", OPEN_S),
        (VadSpec(), "What is your name?", COMPLETE_S),
        (VadSpec(), "I have a headache.", DEFAULT_S),
        (VadSpec(), "I want to go to", OPEN_S),
        (VadSpec(silence_segmentation_ms=700), "今天天气怎么样？", 0.7),
        (VadSpec(silence_segmentation_ms=700), "如果明天下雨", 0.7),
        (VadSpec(pause_interval_ms=1500), "What is your name?", 1.5),
    ],
)
def test_a_turn_ends_after_its_silence(vad: VadSpec, text: str, silence_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(asr_s=0.0))
        await hand.manager.create(spec(vad=vad))
        await hand.user.say(text, 1.0)
        fell_silent = asyncio.get_running_loop().time()
        await until(lambda: bool(hand.callbacks("ASRResult")))
        assert asyncio.get_running_loop().time() - fell_silent == pytest.approx(silence_s, abs=0.06)
        await leave(hand)

    run(main)


def test_a_sentence_that_breaks_off_is_waited_for() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        await hand.user.say("如果明天下雨，", 1.0)
        await asyncio.sleep(0.9)
        await hand.user.say("我们去哪里玩？", 1.0)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["如果明天下雨，我们去哪里玩？"]
        await leave(hand)

    run(main)


def test_words_still_being_recognised_belong_to_the_turn() -> None:
    """The second piece ends and is recognised later than a complete first piece would be answered."""

    async def main() -> None:
        hand = await stage(Script(asr_s=0.7))
        await hand.manager.create(spec())
        await hand.user.say("今天天气怎么样？", 1.0)
        await asyncio.sleep(0.6)
        await hand.user.say("适合出门吗？", 1.0)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["今天天气怎么样？适合出门吗？"]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(("text", "silence_s"), [("今天天气怎么样？", COMPLETE_S), ("如果明天下雨", OPEN_S)])
def test_a_turn_that_waits_for_the_floor_ends_by_the_same_rule(text: str, silence_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(asr_s=0.0))
        instance = await hand.manager.create(spec())
        await instance.say("一二三四五六七八九十。" * 3, priority=Priority.HIGH, enqueue_user_speech=True)
        await until(lambda: bool(hand.sounded))
        await hand.user.say(text, 1.0)
        fell_silent = asyncio.get_running_loop().time()
        await asyncio.sleep(0.28)
        assert hand.callbacks("ASRResult") == []
        await instance.interrupt()
        await until(lambda: bool(hand.callbacks("ASRResult")))
        assert asyncio.get_running_loop().time() - fell_silent == pytest.approx(silence_s, abs=0.06)
        await leave(hand)

    run(main)
