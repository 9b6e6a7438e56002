"""Interruption at every stage, false interruptions, and who may interrupt whom, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mien.conversation.port import QueueFullError, UserListeningError
from mien.conversation.spec import AdvancedSpec, Priority, SamePriority, Status, VadSpec
from tests.support.conversation import Script, leave, run, spec, stage, until

LONG = "一二三四五六七八九十一二三四五六七八九十。"


def test_the_voice_stops_within_300_ms_of_the_user() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: LONG))
        await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await until(lambda: bool(hand.sounded))
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await hand.user.say("等一下等一下", 1.5)
        await asyncio.sleep(0.3)
        after = [at for at in hand.sounded if at > began]
        assert after
        assert max(after) - began < 0.3
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("stage_name", "after_s"), [("thinking", 0.7), ("before the first sound", 1.2), ("speaking", 2.4)]
)
def test_the_user_interrupts_at_every_stage(stage_name: str, after_s: float) -> None:
    async def main() -> None:
        script = Script(ttft_s=0.5, tts_s=0.8)
        hand = await stage(script)
        instance = await hand.manager.create(spec())
        await hand.user.say("第一个问题", 1.0)
        await asyncio.sleep(after_s)
        expected = Status.SPEAKING if stage_name == "speaking" else Status.THINKING
        assert instance.status is expected
        await hand.user.say("第二个问题来了", 1.5)
        await asyncio.sleep(10)
        told = hand.told()
        assert told.index("Interrupted 1") < told.index("IDLE 1") < told.index("ASRResult 2") < told.index("SPEAKING 2")
        assert told[-1] == "IDLE 2"
        played = hand.callbacks("Interrupted")[0][1]["PlayedText"]
        assert bool(played) == (stage_name == "speaking")
        memory = [message.content for message in instance.messages()]
        assert memory[0] == "第一个问题"
        assert memory[-2:] == ["第二个问题来了", "你问的是第二个问题来了对吧。我来回答你。"]
        assert memory[1:-2] == ([played] if played else [])
        await leave(hand)

    run(main)


def test_what_was_heard_is_told_when_the_voice_has_stopped_for_breath() -> None:
    async def main() -> None:
        hand = await stage(Script(tts_s=4.0))
        instance = await hand.manager.create(spec())
        await instance.say("第一句话说完了。第二句话还在路上。")
        await until(lambda: bool(hand.sounded))
        await asyncio.sleep(3)
        assert asyncio.get_running_loop().time() - hand.sounded[-1] > 0.5
        assert instance.status is Status.SPEAKING
        await instance.interrupt()
        await asyncio.sleep(0.5)
        assert hand.callbacks("Interrupted")[0][1]["PlayedText"] == "第一句话说完了。"
        assert [message.content for message in instance.messages()] == ["第一句话说完了。"]
        await leave(hand)

    run(main)


@pytest.mark.parametrize("after_s", [0.3, 0.7, 1.2, 2.4])
def test_the_backend_interrupts_at_every_stage(after_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(ttft_s=0.5, tts_s=0.8))
        instance = await hand.manager.create(spec())
        await hand.user.say("第一个问题", 1.0)
        await asyncio.sleep(after_s)
        before = instance.status
        number = await instance.interrupt()
        await asyncio.sleep(0.5)
        if before is Status.LISTENING:
            assert hand.callbacks("Interrupted") == []
        else:
            assert hand.callbacks("Interrupted")[0][1] | {"PlayedText": ""} == {
                "Round": number,
                "Reason": 4,
                "PlayedText": "",
            }
            assert instance.status is Status.IDLE
        await asyncio.sleep(6)
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(8)
        assert instance.messages()[-1].content == "你问的是还在吗朋友对吧。我来回答你。"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("noise", ["", "嗯。"])
def test_a_cough_or_a_backchannel_only_pauses_the_voice(noise: str) -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: LONG))
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await until(lambda: bool(hand.sounded))
        await asyncio.sleep(1)
        await hand.user.say(noise, 0.4)
        paused_from = asyncio.get_running_loop().time()
        await asyncio.sleep(10)
        gap = [at for at in hand.sounded if paused_from < at < paused_from + 1.0]
        assert gap == []
        assert "Interrupted 1" not in hand.told()
        assert hand.told()[-1] == "IDLE 1"
        assert instance.messages()[-1].content == LONG
        sounded_s = len(hand.sounded) * 0.02
        assert sounded_s == pytest.approx(len(LONG) * 0.2, abs=0.1)
        exceptions = [data["Code"] for _, data in hand.callbacks("Exception")]
        assert exceptions == ([1004] if not noise else [])
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("words", "seconds", "partials", "interrupts"),
    [
        ("好的，对", 0.9, False, False),
        ("好的，对，嗯", 1.8, True, False),
        ("好的，对，嗯", 1.8, False, True),
        ("", 1.8, True, True),
    ],
    ids=["a nod of 0.9 s", "a long nod, understood meanwhile", "the same, not understood", "a long noise"],
)
def test_how_long_a_nod_may_be(words: str, seconds: float, partials: bool, interrupts: bool) -> None:
    async def main() -> None:
        hand = await stage(Script(partials=partials))
        instance = await hand.manager.create(spec())
        await instance.say(LONG * 2)
        await until(lambda: bool(hand.sounded))
        await asyncio.sleep(1)
        await hand.user.say(words, seconds)
        await asyncio.sleep(14)
        assert bool(hand.callbacks("Interrupted")) == interrupts
        assert hand.told()[-1].startswith("IDLE")
        await leave(hand)

    run(main)


def test_who_speaks_together_with_the_agents_first_words_is_heard() -> None:
    """It could be their echo: the guard waits, and then loses nothing."""

    async def main() -> None:
        hand = await stage(
            Script(reply=lambda question: LONG if "故事" in question else "好的朋友。"), echo_guard="auto"
        )
        instance = await hand.manager.create(spec())
        await hand.user.say("讲一个故事", 1.0)
        await until(lambda: bool(hand.sounded))
        await hand.user.say("等一下", 0.4)
        await asyncio.sleep(8)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["讲一个故事", "等一下"]
        assert instance.messages()[-1].content == "好的朋友。"
        await leave(hand)

    run(main)


def test_interrupt_mode_1_ignores_the_user_until_playback_is_over() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(voice_interrupts=False)))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(2.0)
        await hand.user.say("等一下等一下", 1.5)
        await asyncio.sleep(6)
        assert "Interrupted 1" not in hand.told()
        assert "SPEAK_BEGIN 2" not in hand.told()
        await instance.say(LONG)
        await asyncio.sleep(1)
        await instance.interrupt()
        await asyncio.sleep(0.5)
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 4
        await hand.user.say("现在可以说了", 1.0)
        await asyncio.sleep(6)
        assert instance.messages()[-1].content == "你问的是现在可以说了对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_high_priority_is_heard_whoever_speaks() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        speaking = asyncio.create_task(hand.user.say("我正在说话呢你听着", 2.0))
        await asyncio.sleep(1.0)
        assert instance.status is Status.LISTENING
        with pytest.raises(UserListeningError):
            await instance.say("现在不行。")
        with pytest.raises(UserListeningError):
            await instance.ask("现在不行。")
        await instance.say("欢迎你来到这里。", priority=Priority.HIGH)
        await speaking
        await asyncio.sleep(4)
        assert hand.callbacks("Interrupted") == []
        assert hand.script.spoken[0] == "欢迎你来到这里。"
        assert len(hand.sounded) * 0.02 == pytest.approx(1.6, abs=0.1)
        assert instance.status is Status.IDLE
        await leave(hand)

    run(main)


def test_priorities_and_the_queue() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        enqueue = SamePriority.ENQUEUE
        await instance.say("甲一二三四五六七八。", same_priority=enqueue)
        numbers = [await instance.say(f"乙{i}号一二三。", same_priority=enqueue) for i in range(5)]
        assert numbers == sorted(numbers)
        with pytest.raises(QueueFullError):
            await instance.say("太多了。", same_priority=enqueue)
        with pytest.raises(QueueFullError):
            await instance.say("低优先级也不行。", priority=Priority.LOW)
        await asyncio.sleep(1)
        # A higher priority takes over and drops what is below it.
        await instance.say("丙很重要的话。", priority=Priority.HIGH)
        # A lower one waits behind it, whatever its option.
        await instance.say("丁以后再说吧。", priority=Priority.LOW)
        await asyncio.sleep(8)
        assert [text[0] for text in hand.script.spoken] == ["甲", "丙", "丁"]
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 3
        # Same priority clears and interrupts by default, and tells which call did it.
        await instance.say(LONG)
        await asyncio.sleep(1)
        await instance.ask("换个话题")
        await asyncio.sleep(8)
        assert [data["Reason"] for _, data in hand.callbacks("Interrupted")] == [3, 2]
        assert hand.told()[-1].startswith("IDLE")
        await leave(hand)

    run(main)


def test_the_user_drops_what_waits_at_their_level() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(LONG, same_priority=SamePriority.ENQUEUE)
        await instance.say("后面的话。", same_priority=SamePriority.ENQUEUE)
        await asyncio.sleep(1)
        await hand.user.say("我有一个问题想问", 1.5)
        await asyncio.sleep(8)
        assert "后面的话。" not in hand.script.spoken
        assert instance.messages()[-1].content == "你问的是我有一个问题想问对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_pause_interval_merges_sentences_into_one_turn() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(vad=VadSpec(pause_interval_ms=1200)))
        await hand.user.say("我想问一下。", 1.0)
        await asyncio.sleep(0.9)
        await hand.user.say("明天会下雨吗？", 1.0)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["我想问一下。明天会下雨吗？"]
        assert len({message["Round"] for message in hand.messages()}) == 1
        assert instance.messages()[0].role == "user"
        await leave(hand)

    run(main)


def test_without_pause_interval_going_on_begins_a_round_that_interrupts_the_answer() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(vad=VadSpec(silence_segmentation_ms=500)))
        await hand.user.say("我想问一下。", 1.0)
        await asyncio.sleep(0.9)
        await hand.user.say("明天会下雨吗？", 1.2)
        await asyncio.sleep(9)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["我想问一下。", "明天会下雨吗？"]
        assert "Interrupted 1" in hand.told()
        await leave(hand)

    run(main)
