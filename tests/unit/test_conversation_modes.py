"""Metadata that steers the voice, listening without answering, second thoughts, and ending at once. Virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mien.conversation import port
from mien.conversation.spec import AdvancedSpec, MetaInfoSpec, Status, TtsSpec, VadSpec
from tests.support.conversation import Script, leave, run, spec, stage

LONG = "一二三四五六七八九十一二三四五六七八九十。"
MARKS = MetaInfoSpec("[[", "]]", ("action",))
STEERED = AdvancedSpec(meta_info=MARKS, tts_param_paths={"mood": "voice_setting.emotion"})
MINIMAX = TtsSpec(vendor="MiniMax", params={"voice_setting": {"voice_id": "x"}})


def moods(script: Script) -> list[Any]:
    return [voice.params["voice_setting"].get("emotion") for voice in script.voices]


def test_metadata_holds_for_all_clauses_of_its_sentence() -> None:
    async def main() -> None:
        reply = '[[{"mood":"happy"}]]今天真高兴呀，明天也会很高兴，大家都高兴。我们明天见吧。'
        hand = await stage(Script(reply=lambda _: reply, token_s=0.3))
        await hand.manager.create(spec(advanced=STEERED, tts=MINIMAX))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(20)
        assert "".join(hand.script.spoken) == "今天真高兴呀，明天也会很高兴，大家都高兴。我们明天见吧。"
        assert len(hand.script.spoken) > 2
        assert moods(hand.script) == ["happy"] * (len(hand.script.spoken) - 1) + [None]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    "text",
    [
        '[[{"mood":"sad","action":"bow"}]]再见了朋友。我会想你。',
        '再见了朋友。我会想你。 [[{"mood":"sad","action":"bow"}]]',
    ],
)
def test_metadata_of_a_text_to_speak_stands_at_either_end_and_holds_for_all_of_it(text: str) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=STEERED, tts=MINIMAX))
        await instance.say(text)
        await asyncio.sleep(6)
        assert hand.script.spoken == ["再见了朋友。", "我会想你。"]
        assert moods(hand.script) == ["sad", "sad"]
        assert hand.shown()[:3] == ["Cmd4:再见了朋友。 1", "Cmd6:3 1", "Cmd102 1"]
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "bow"}]
        assert instance.messages()[-1].content.strip() == "再见了朋友。我会想你。"
        await leave(hand)

    run(main)


def test_metadata_behind_an_answer_is_not_lost() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: '好的朋友。[[{"action":"wave"}]]'))
        await hand.manager.create(spec(advanced=STEERED))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "wave"}]
        assert [m["Data"]["EndFlag"] for m in hand.messages(4)][-1]
        assert hand.callbacks("Exception") == []
        await leave(hand)

    run(main)


def test_metadata_alone_is_an_answer() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: '[[{"action":"nod"}]]'))
        instance = await hand.manager.create(spec(advanced=STEERED))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "nod"}]
        assert hand.messages(4) == []
        assert hand.callbacks("Exception") == []
        assert instance.status is Status.IDLE
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("MiniMax", {"voice_setting": {"emotion": "happy"}}),
        ("ByteDanceV3", {"req_params": {"audio_params": {"emotion": "happy", "emotion_scale": 3}}}),
        ("CosyVoice", {}),
    ],
)
def test_older_programs_name_no_paths(vendor: str, expected: dict[str, Any]) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(meta_info=MARKS), tts=TtsSpec(vendor=vendor)))
        await instance.say('[[{"emotion":"happy","emotion_scale":3}]]你好朋友。')
        await asyncio.sleep(4)
        assert [voice.params for voice in hand.script.voices] == [expected]
        await leave(hand)

    run(main)


def test_listening_without_answering() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(listen_only=True)))
        await hand.user.say("今天的会议开始", 1.5)
        await asyncio.sleep(6)
        assert hand.script.requests == []
        assert hand.script.spoken == []
        assert hand.told() == [
            "AgentInstanceCreated",
            "SPEAK_BEGIN 1",
            "LISTENING 1",
            "SPEAK_END 1",
            "UserAudioData 1",
            "ASRResult 1",
            "IDLE 1",
        ]
        assert [message.content for message in instance.messages()] == ["今天的会议开始"]
        await instance.say("我在记录。")
        await asyncio.sleep(4)
        assert hand.script.spoken == ["我在记录。"]
        await instance.update(listen_only=False)
        await hand.user.say("说了些什么", 1.0)
        await asyncio.sleep(6)
        assert [content for _, content in hand.script.requests[-1].messages] == [
            "今天的会议开始",
            "我在记录。",
            "说了些什么",
        ]
        assert hand.told()[-1] == "IDLE 3"
        await instance.update(listen_only=True)
        asked = len(hand.script.requests)
        await hand.user.say("再听一会儿", 1.0)
        await asyncio.sleep(6)
        assert len(hand.script.requests) == asked
        assert hand.callbacks("Exception") == []
        await leave(hand)

    run(main)


def test_when_a_turn_is_over_can_be_changed_during_the_call() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(vad=VadSpec(silence_segmentation_ms=500)))

        async def pause_in_mid_thought() -> list[str]:
            before = len(hand.callbacks("ASRResult"))
            await hand.user.say("我想问一下。", 1.0)
            await asyncio.sleep(0.9)
            await hand.user.say("明天会下雨吗？", 1.0)
            await asyncio.sleep(10)
            return [data["Text"] for _, data in hand.callbacks("ASRResult")[before:]]

        assert len(await pause_in_mid_thought()) == 2
        await instance.update(vad=VadSpec(pause_interval_ms=1200))
        assert await pause_in_mid_thought() == ["我想问一下。明天会下雨吗？"]
        await instance.update(vad=VadSpec(silence_segmentation_ms=400))
        assert len(await pause_in_mid_thought()) == 2
        assert hand.callbacks("Exception") == []
        await leave(hand)

    run(main)


def test_the_button_is_let_go_without_an_answer() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        number = await instance.start_listening("user", 1)
        await hand.user.say("算了不说了", 1.0)
        assert await instance.stop_listening("user", 2, cancel=True) == number
        await asyncio.sleep(8)
        assert hand.callbacks("ASRResult", "Exception") == []
        assert hand.script.spoken == []
        assert instance.status is Status.IDLE
        assert instance.messages() == []
        await instance.start_listening("user", 3)
        await hand.user.say("你好吗", 1.0)
        await instance.stop_listening("user", 4)
        await asyncio.sleep(8)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["你好吗"]
        await leave(hand)

    run(main)


def test_the_user_must_be_in_the_room_to_be_listened_to() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        with pytest.raises(port.UserAbsentError, match="'other' is not in the room"):
            await instance.start_listening("other")
        hand.peer.present.clear()
        with pytest.raises(port.UserAbsentError):
            await instance.start_listening()
        await leave(hand)

    run(main)


def test_a_graceful_shutdown_can_be_cut_short_and_not_asked_for_twice() -> None:
    async def main() -> None:
        hand = await stage()
        before = len(asyncio.all_tasks())
        instance = await hand.manager.create(spec())
        await instance.say(LONG * 3)
        await asyncio.sleep(1)
        await hand.manager.delete(1, "100", graceful=True, timeout_s=100)
        assert instance.shutting_down
        with pytest.raises(port.ShuttingDownError):
            await hand.manager.delete(1, "100", graceful=True)
        await hand.manager.delete(1, "100")
        await asyncio.sleep(1)
        assert hand.manager.running == []
        assert [data["Code"] for _, data in hand.callbacks("AgentInstanceDeleted")] == [0]
        await hand.manager.close()
        assert len(asyncio.all_tasks()) == before
        await leave(hand)

    run(main)
