"""The documented orders of events (zego-api.md 5.1, cases 1 to 5), on virtual time."""

from __future__ import annotations

import asyncio

from mien.conversation.spec import AdvancedSpec, MetaInfoSpec, Priority, SamePriority, Status
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage

META = AdvancedSpec(meta_info=MetaInfoSpec("[[", "]]", ("action",)))


def with_action(question: str) -> str:
    return '[[{"action":"nod"}]]好的我知道了。我来告诉你。'


def checked(hand: Stagehand) -> None:
    """What holds for every conversation: one ascending sequence over callbacks and messages, and for each change of
    status first the room's message and then the callback."""
    sequence = [entry.sequence for kind, entry in hand.rooms.log if kind == "callback"]
    statuses = hand.messages(6)
    changes = [entry for kind, entry in hand.rooms.log if kind == "callback" and entry.event == "AgentInstanceStatus"]
    assert [Status(message["Data"]["Status"]).name for message in statuses] == [e.data["Status"] for e in changes]
    assert all(message["SeqId"] < entry.sequence for message, entry in zip(statuses, changes, strict=True))
    assert sequence == sorted(set(sequence))
    seq_ids = [message["SeqId"] for message in hand.messages()]
    assert seq_ids == sorted(set(seq_ids))
    assert not set(sequence) & set(seq_ids)


def test_case_1_user_question() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=with_action))
        await hand.manager.create(spec(advanced=META))
        await hand.user.say("今天天气怎么样", 1.4)
        await asyncio.sleep(10)
        assert hand.told() == [
            "AgentInstanceCreated",
            "SPEAK_BEGIN 1",
            "LISTENING 1",
            "SPEAK_END 1",
            "UserAudioData 1",
            "ASRResult 1",
            "THINKING 1",
            "LLMResult 1",
            "LLMResult 1",
            "SPEAKING 1",
            "AgentInstanceMetaInfo 1",
            "IDLE 1",
        ]
        assert hand.shown() == [
            "Cmd1:1 1",
            "Cmd6:1 1",
            "Cmd1:2 1",
            "Cmd3 1",
            "Cmd3:end 1",
            "Cmd6:2 1",
            "Cmd4:好的我知道了。 1",
            "Cmd6:3 1",
            "Cmd102 1",
            "Cmd4:我来告诉你。 1",
            "Cmd6:0 1",
        ]
        assert hand.callbacks("ASRResult") == [
            ("ASRResult", {"UserId": "user", "Round": hand.messages()[0]["Round"], "Text": "今天天气怎么样"})
        ]
        assert [data["Text"] for _, data in hand.callbacks("LLMResult")] == ["好的我知道了。", "我来告诉你。"]
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "nod"}]
        statuses = [(m["Data"]["OldStatus"], m["Data"]["Status"], m["Data"]["Reason"]) for m in hand.messages(6)]
        assert statuses == [
            (0, 1, "user_speech_begin"),
            (1, 2, "llm_begin"),
            (2, 3, "tts_begin"),
            (3, 0, "tts_all_played"),
        ]
        flags = [(m["Data"]["StartFlag"], m["Data"]["EndFlag"]) for m in hand.messages(4)]
        assert flags == [(True, False), (False, True)]
        assert len({m["Data"]["MessageId"] for m in hand.messages(4)}) == 1
        assert len({m["Data"]["MessageId"] for m in hand.messages(3)}) == 1
        checked(hand)
        await leave(hand)

    run(main)


def test_case_2_proactive_question_to_the_model() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=with_action))
        instance = await hand.manager.create(spec(advanced=META))
        number = await instance.ask("讲个笑话")
        await asyncio.sleep(10)
        assert hand.told()[1:] == [
            "THINKING 1",
            "LLMResult 1",
            "LLMResult 1",
            "SPEAKING 1",
            "AgentInstanceMetaInfo 1",
            "IDLE 1",
        ]
        assert {data["Round"] for name, data in hand.callbacks() if "Round" in data} == {number}
        assert hand.shown() == [
            "Cmd6:2 1",
            "Cmd4:好的我知道了。 1",
            "Cmd6:3 1",
            "Cmd102 1",
            "Cmd4:我来告诉你。 1",
            "Cmd6:0 1",
        ]
        assert {message["Round"] for message in hand.messages()} == {number}
        checked(hand)
        await leave(hand)

    run(main)


def test_case_3_proactive_text() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=META))
        await instance.say('[[{"action":"wave"}]]欢迎光临。')
        await asyncio.sleep(5)
        assert hand.told()[1:] == ["SPEAKING 1", "AgentInstanceMetaInfo 1", "IDLE 1"]
        assert hand.shown() == ["Cmd4:欢迎光临。 1", "Cmd6:3 1", "Cmd102 1", "Cmd6:0 1"]
        checked(hand)
        await leave(hand)

    run(main)


def test_case_4_the_user_interrupts() -> None:
    async def main() -> None:
        hand = await stage(Script(partials=True))
        await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(2.2)
        heard_until = len(hand.told())
        shown_until = len(hand.shown())
        await hand.user.say("等一下我想问别的", 1.6)
        await asyncio.sleep(10)
        assert hand.told()[heard_until:] == [
            "SPEAK_BEGIN 2",
            "Interrupted 1",
            "IDLE 1",
            "LISTENING 2",
            "SPEAK_END 2",
            "UserAudioData 2",
            "ASRResult 2",
            "THINKING 2",
            "LLMResult 2",
            "LLMResult 2",
            "SPEAKING 2",
            "IDLE 2",
        ]
        shown = hand.shown()[shown_until:]
        # Words of the second round may come as often as the recogniser finds more of them, in their place.
        assert [entry for entry in shown if entry != "Cmd3 2"] == [
            "Cmd1:1 2",
            "Cmd4: 1",
            "Cmd6:0 1",
            "Cmd6:1 2",
            "Cmd1:2 2",
            "Cmd3:end 2",
            "Cmd6:2 2",
            "Cmd4:你问的是等一下我想问别的对吧。 2",
            "Cmd6:3 2",
            "Cmd4:我来回答你。 2",
            "Cmd6:0 2",
        ]
        words = [place for place, entry in enumerate(shown) if entry == "Cmd3 2"]
        assert words
        assert shown.index("Cmd6:1 2") < min(words)
        assert max(words) < shown.index("Cmd3:end 2")
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 1
        checked(hand)
        await leave(hand)

    run(main)


def test_case_5_a_queue_of_texts() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        numbers = [
            await instance.say(text, priority=Priority.MEDIUM, same_priority=SamePriority.ENQUEUE)
            for text in ("第一句话。", "第二句话。", "第三句话。")
        ]
        await asyncio.sleep(10)
        assert hand.told()[1:] == ["SPEAKING 1", "SPEAKING 2", "SPEAKING 3", "IDLE 3"]
        assert hand.shown() == [
            "Cmd4:第一句话。 1",
            "Cmd6:3 1",
            "Cmd4:第二句话。 2",
            "Cmd6:3 2",
            "Cmd4:第三句话。 3",
            "Cmd6:3 3",
            "Cmd6:0 3",
        ]
        rounds = [data["Round"] for _, data in hand.callbacks("AgentInstanceStatus")]
        assert rounds == [*numbers, numbers[-1]]
        flags = [(m["Data"]["StartFlag"], m["Data"]["EndFlag"]) for m in hand.messages(4)]
        assert flags == [(True, True)] * 3
        checked(hand)
        await leave(hand)

    run(main)


def test_an_interrupted_round_gets_no_result_of_what_the_model_still_writes() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: "很长的第一句话在这里。" * 10, token_s=0.2))
        await hand.manager.create(spec())
        await hand.user.say("讲个故事", 1.0)
        await asyncio.sleep(4)
        before = len(hand.callbacks("LLMResult"))
        await hand.user.say("停一下换个话题", 1.5)
        await asyncio.sleep(0.2)
        first = hand.callbacks("ASRResult")[0][1]["Round"]
        cut = hand.told().index("Interrupted 1")
        assert not any(entry == "LLMResult 1" for entry in hand.told()[cut:])
        assert 0 < before < 10
        assert hand.callbacks("Interrupted")[0][1]["Round"] == first
        await leave(hand)

    run(main)
