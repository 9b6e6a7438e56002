"""EnqueueUserSpeech: what the user says over a text that they may not interrupt is answered after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mien.conversation.spec import AdvancedSpec, Priority, SamePriority, Status
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage

TEXT = "一二三四五六七八九十一二三四五六七八九十。"
"""Takes 4.2 s."""


async def say(hand: Stagehand, instance: Any, how: str) -> None:
    """TEXT with High priority, by HTTP or by room message."""
    if how == "room message":
        params = {"Text": TEXT, "Priority": "High", "EnqueueUserSpeech": True}
        hand.peer.receive("user", {"Action": "SendAgentInstanceTTS", "Seq": "1", "Params": params})
    else:
        await instance.say(TEXT, priority=Priority.HIGH, enqueue_user_speech=True)


@pytest.mark.parametrize("how", ["http", "room message"])
def test_what_is_said_over_the_text_is_answered_after_it(how: str) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, how)
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(0.9)
        assert instance.status is Status.SPEAKING
        assert hand.callbacks("ASRResult") == []
        await asyncio.sleep(8)
        assert len([at for at in hand.sounded if at < 4.6]) * 0.02 == pytest.approx(4.2, abs=0.15)
        assert hand.callbacks("Interrupted") == []
        assert hand.told()[1:] == [
            "SPEAKING 1",
            "SPEAK_BEGIN 2",
            "SPEAK_END 2",
            "IDLE 1",
            "LISTENING 2",
            "UserAudioData 2",
            "ASRResult 2",
            "THINKING 2",
            "LLMResult 2",
            "LLMResult 2",
            "SPEAKING 2",
            "IDLE 2",
        ]
        shown = hand.shown()
        assert shown.index("Cmd6:0 1") < shown.index("Cmd3 2") < shown.index("Cmd3:end 2") < shown.index("Cmd6:2 2")
        assert [message.content for message in instance.messages()] == [
            TEXT,
            "我想问个问题",
            "你问的是我想问个问题对吧。我来回答你。",
        ]
        await leave(hand)

    run(main)


def test_several_sentences_are_one_turn() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await hand.user.say("第一句。", 0.8)
        await asyncio.sleep(1.0)
        await hand.user.say("第二句。", 0.8)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["第一句。第二句。"]
        assert instance.messages()[-1].content == "你问的是第一句。第二句。对吧。我来回答你。"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("before_s", [3.2, 3.9])
def test_a_user_who_still_speaks_when_the_text_ends_is_heard_out(before_s: float) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await asyncio.sleep(0.5)
        await hand.user.say("先说一句。", 0.8)
        await asyncio.sleep(before_s - 1.3)
        await hand.user.say("再说很长的一句。", 2.0)
        await asyncio.sleep(8)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["先说一句。再说很长的一句。"]
        assert hand.script.requests[-1].messages[-1] == ("user", "先说一句。再说很长的一句。")
        assert len([r for r in hand.script.requests if r.messages[-1][1].startswith("先")]) == 1
        assert instance.messages()[-2].content == "先说一句。再说很长的一句。"
        assert hand.told()[-1] == "IDLE 2"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("asr_s", [0.2, 1.5])
def test_words_that_are_recognised_only_after_the_text(asr_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(asr_s=asr_s))
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await asyncio.sleep(3.1)
        await hand.user.say("最后才说的话", 1.0)
        await asyncio.sleep(10)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["最后才说的话"]
        assert instance.messages()[-1].content == "你问的是最后才说的话对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_noise_at_the_end_does_not_swallow_what_was_said() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(2.0)
        await hand.user.say("", 0.6)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["我想问个问题"]
        assert instance.messages()[-1].content == "你问的是我想问个问题对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_a_user_who_already_speaks_is_not_cut_off() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        speaking = asyncio.create_task(hand.user.say("我正在说的话", 2.0))
        await asyncio.sleep(1.0)
        await say(hand, instance, "http")
        await speaking
        await asyncio.sleep(10)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["我正在说的话"]
        assert hand.script.spoken[0] == TEXT
        assert hand.callbacks("Interrupted") == []
        assert hand.told()[-1].startswith("IDLE")
        await leave(hand)

    run(main)


def test_only_noises_and_nods_are_not_answered() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await asyncio.sleep(1.0)
        await hand.user.say("嗯。", 0.5)
        await asyncio.sleep(8)
        assert hand.callbacks("ASRResult") == []
        assert hand.told()[-1] == "IDLE 1"
        assert len(instance.messages()) == 1
        await leave(hand)

    run(main)


def test_the_user_waits_behind_what_is_already_in_line() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        high, enqueue = Priority.HIGH, SamePriority.ENQUEUE
        await instance.say(TEXT, priority=high, enqueue_user_speech=True)
        await instance.say("第二段。", priority=high, same_priority=enqueue)
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(10)
        assert hand.script.spoken == [TEXT, "第二段。", "你问的是我想问个问题对吧。", "我来回答你。"]
        await leave(hand)

    run(main)


def test_an_interrupted_text_gives_the_floor_to_what_waits() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await say(hand, instance, "http")
        await asyncio.sleep(0.5)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(1.0)
        await instance.interrupt()
        await asyncio.sleep(6)
        assert instance.messages()[-1].content == "你问的是我想问个问题对吧。我来回答你。"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("enqueue", [True, False])
def test_interrupt_mode_1_keeps_the_users_words_only_where_asked(enqueue: bool) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(voice_interrupts=False)))
        await instance.say(TEXT, enqueue_user_speech=enqueue)
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(9)
        assert hand.script.spoken[0] == TEXT
        assert len([at for at in hand.sounded if at < 4.6]) * 0.02 == pytest.approx(4.2, abs=0.15)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == (["我想问个问题"] if enqueue else [])
        await leave(hand)

    run(main)


def test_a_text_the_user_may_interrupt_is_interrupted() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(TEXT, enqueue_user_speech=True)
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.2)
        await asyncio.sleep(8)
        assert [data["Reason"] for _, data in hand.callbacks("Interrupted")] == [1]
        assert instance.messages()[-1].content == "你问的是我想问个问题对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_without_it_a_high_text_still_ignores_the_user() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(TEXT, priority=Priority.HIGH)
        await asyncio.sleep(1.0)
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(9)
        assert hand.told()[1:] == ["SPEAKING 1", "IDLE 1"]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(("begin_s", "asr_s"), [(0.5, 0.2), (2.6, 1.5)])
def test_a_button_pressed_over_the_text(begin_s: float, asr_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(asr_s=asr_s))
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        await say(hand, instance, "http")
        await asyncio.sleep(begin_s)
        await instance.start_listening("user")
        await hand.user.say("我想问个问题", 1.0)
        await asyncio.sleep(0.1)
        await instance.stop_listening("user")
        await asyncio.sleep(12)
        assert hand.callbacks("Interrupted") == []
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["我想问个问题"]
        assert instance.messages()[-1].content == "你问的是我想问个问题对吧。我来回答你。"
        assert hand.told()[-1] == "IDLE 2"
        await leave(hand)

    run(main)
