"""The life of instances: limits, memory, listening on demand, shutting down, control by room message. Virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mien.conversation import port
from mien.conversation.spec import (
    AdvancedSpec,
    CallbackSpec,
    DigitalHumanSpec,
    HistorySpec,
    LlmSpec,
    Message,
    MetaInfoSpec,
    RtcSpec,
    Status,
    TtsSpec,
)
from mien.rtc.port import VideoKind
from tests.support.conversation import Microphone, Script, leave, run, spec, stage

LONG = "一二三四五六七八九十一二三四五六七八九十。"


def numbered(number: int, **changes: Any) -> Any:
    rtc = RtcSpec(f"room{number}", f"agent{number}", f"stream{number}", "mic")
    return spec(instance_id=str(number), rtc=rtc, **changes)


def test_limits_capacity_and_unknown_faces() -> None:
    async def main() -> None:
        hand = await stage(max_voice_instances=1, max_digital_human_instances=2, max_load=1.0)
        create = hand.manager.create
        face = DigitalHumanSpec("somebody", VideoKind.PICTURE)
        await create(numbered(1))
        with pytest.raises(port.InstanceLimitError, match="1 voice instances"):
            await create(numbered(2))
        with pytest.raises(port.UnknownDigitalHumanError):
            await create(numbered(3, digital_human=DigitalHumanSpec("nobody")))
        with pytest.raises(port.TtsDisabledError):
            await create(numbered(3, digital_human=face, advanced=AdvancedSpec(disable_tts=True)))
        await create(numbered(3, digital_human=face))
        with pytest.raises(port.NoCapacityError, match=r"0\.62 of 1\.00 cores"):
            await create(numbered(4, digital_human=face))
        await create(numbered(4, digital_human=DigitalHumanSpec("somebody", VideoKind.MOTION)))
        with pytest.raises(port.InstanceLimitError, match="2 digital human"):
            await create(numbered(5, digital_human=face))
        await create(numbered(6, app_id=2))
        with pytest.raises(port.InstanceNotFoundError):
            hand.manager.get(2, "1")
        await leave(hand)
        assert len(hand.callbacks("AgentInstanceCreated")) == len(hand.callbacks("AgentInstanceDeleted")) == 4

    run(main)


def test_too_little_memory_is_said_with_numbers() -> None:
    async def main() -> None:
        hand = await stage(min_free_memory_mb=10**9)
        with pytest.raises(port.NoCapacityError, match="1000000000 MB must stay"):
            await hand.manager.create(spec())
        await leave(hand)

    run(main)


def test_a_stream_id_in_use_is_refused_and_leaves_nothing_behind() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        with pytest.raises(port.StreamTakenError):
            await hand.manager.create(spec(instance_id="101"))
        assert len(hand.manager.running) == 1
        await leave(hand)

    run(main)


def test_a_vendor_that_is_missing_is_told_or_refused() -> None:
    async def main() -> None:
        hand = await stage(Script(notice="the voice of Elsewhere is not available"))
        instance = await hand.manager.create(spec())
        assert [name for name, _ in hand.callbacks()] == ["AgentInstanceCreated", "Exception"]
        assert hand.callbacks("Exception")[0][1] == {"Code": 2301, "Message": "the voice of Elsewhere is not available"}
        with pytest.raises(port.ConversationError, match="Refused"):
            await instance.update(tts=TtsSpec(vendor="Refused"))
        with pytest.raises(port.ConversationError, match="Refused"):
            await hand.manager.create(numbered(7, tts=TtsSpec(vendor="Refused")))
        assert len(hand.manager.running) == 1
        assert hand.rooms.peers[-1].left
        await leave(hand)

    run(main)


def test_closing_ends_every_task() -> None:
    async def main() -> None:
        hand = await stage(max_voice_instances=20)
        await hand.user.close()
        before = asyncio.all_tasks()
        for number in range(10):
            hand.rooms.microphones["mic"] = Microphone()
            instance = await hand.manager.create(numbered(number))
            await instance.say(LONG)
        await asyncio.sleep(1.5)
        assert len(asyncio.all_tasks()) > len(before) + 50
        await hand.manager.close()
        assert asyncio.all_tasks() == before
        assert all(peer.left for peer in hand.rooms.peers)
        assert {data["Code"] for _, data in hand.callbacks("AgentInstanceDeleted")} == {0}

    run(main)


def test_memory_window_system_prompt_and_message_actions() -> None:
    async def main() -> None:
        hand = await stage()
        history = HistorySpec(3, tuple(Message("user" if i % 2 == 0 else "assistant", f"旧{i}") for i in range(6)))
        instance = await hand.manager.create(spec(history=history, llm=LlmSpec(system_prompt="你是小面")))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert hand.script.requests[-1].messages == [
            ("system", "你是小面"),
            ("assistant", "旧3"),
            ("user", "旧4"),
            ("assistant", "旧5"),
            ("user", "你好吗"),
        ]
        assert hand.script.requests[-1].agent_info["round_id"] == hand.messages(1)[0]["Round"]
        assert len(instance.messages()) == 8
        instance.add_messages([Message("assistant", "补充一句")])
        assert instance.messages()[-1] == Message("assistant", "补充一句")
        told = len(hand.told())
        await instance.ask("讲个笑话", system_prompt="你很幽默", add_question=True)
        await asyncio.sleep(8)
        assert hand.script.requests[-1].messages[0] == ("system", "你很幽默")
        assert hand.script.requests[-1].messages[-2:] == [("assistant", "补充一句"), ("user", "讲个笑话")]
        assert [m.content for m in instance.messages()[-2:]] == ["讲个笑话", "你问的是讲个笑话对吧。我来回答你。"]
        assert not any("Cmd3" in entry for entry in hand.shown()[told:])
        await instance.ask("别记住", add_answer=False)
        await asyncio.sleep(8)
        assert [m.content for m in instance.messages()[-2:]] == ["讲个笑话", "你问的是讲个笑话对吧。我来回答你。"]
        await instance.say("这句不记。", add_history=False)
        await asyncio.sleep(4)
        assert instance.messages()[-1].content == "你问的是讲个笑话对吧。我来回答你。"
        instance.reset_messages()
        assert instance.messages() == []
        await leave(hand)

    run(main)


def test_text_pipeline_reaches_voice_subtitles_and_memory_differently() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: "（微笑着说）**你好**呀朋友。再见END不说这个。"))
        tts = TtsSpec(filter_text=(("（", "）"),), terminator_text="END", character_filter=("呀",))
        instance = await hand.manager.create(spec(tts=tts))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert hand.script.spoken == ["你好朋友。", "再见"]
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == "（微笑着说）**你好**呀朋友。再见END不说这个。"
        assert instance.messages()[-1].content == "（微笑着说）**你好**呀朋友。再见END不说这个。"
        await leave(hand)

    run(main)


def test_metadata_steers_the_voice_of_its_sentence() -> None:
    async def main() -> None:
        reply = '[[{"mood":"happy","action":"wave"}]]今天真高兴呀。我们明天见吧。'
        hand = await stage(Script(reply=lambda _: reply))
        advanced = AdvancedSpec(
            meta_info=MetaInfoSpec("[[", "]]", ("action",)), tts_param_paths={"mood": "voice_setting.emotion"}
        )
        tts = TtsSpec(vendor="MiniMax", params={"voice_setting": {"voice_id": "x"}})
        await hand.manager.create(spec(advanced=advanced, tts=tts))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert [voice.params["voice_setting"] for voice in hand.script.voices] == [
            {"voice_id": "x", "emotion": "happy"},
            {"voice_id": "x"},
        ]
        await leave(hand)

    run(main)


def test_without_tts_only_text_is_told() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(disable_tts=True)))
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(4)
        assert hand.sounded == []
        assert hand.script.spoken == []
        assert [m["Data"]["Text"] for m in hand.messages(4)] == ["你问的是你好吗对吧。", "我来回答你。", ""]
        assert [m["Data"]["Status"] for m in hand.messages(6)] == [1, 2, 3, 0]
        with pytest.raises(port.TtsDisabledError):
            await instance.say("你好。")
        await leave(hand)

    run(main)


def test_walkie_talkie() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        await hand.user.say("没人听见这句", 1.0)
        await asyncio.sleep(3)
        assert hand.told() == ["AgentInstanceCreated"]
        number = await instance.start_listening("user", 1)
        assert instance.status is Status.LISTENING
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(1.5)
        assert instance.status is Status.LISTENING
        await hand.user.say("听得见吗", 1.0)
        assert await instance.stop_listening("user", 2) == number
        await asyncio.sleep(8)
        assert len(hand.callbacks("ASRResult")) == 1
        assert hand.callbacks("ASRResult")[0][1]["Text"].replace(" ", "") == "你好吗听得见吗"
        assert hand.told()[-2:] == ["SPEAKING 1", "IDLE 1"]
        with pytest.raises(port.OutdatedSequenceError):
            await instance.start_listening("user", 2)
        await instance.say(LONG)
        await asyncio.sleep(1)
        await instance.start_listening("user", 3)
        await asyncio.sleep(0.2)
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 1
        await instance.stop_listening("user", 4)
        await asyncio.sleep(8)
        assert hand.callbacks("Exception")[0][1]["Code"] == 1004
        assert instance.status is Status.IDLE
        hand.user.published = False
        with pytest.raises(port.UserNotPublishingError):
            await instance.start_listening("user", 5)
        await leave(hand)

    run(main)


def test_listening_on_demand_needs_walkie_talkie_mode() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        with pytest.raises(port.NotWalkieTalkieError):
            await instance.start_listening()
        await leave(hand)

    run(main)


def test_an_absent_user_ends_the_instance() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(advanced=AdvancedSpec(max_idle_s=30)))
        await asyncio.sleep(100)
        assert len(hand.manager.running) == 1
        hand.peer.part("user")
        await asyncio.sleep(20)
        hand.peer.join("user")
        await asyncio.sleep(100)
        hand.peer.part("user")
        await asyncio.sleep(31)
        assert hand.manager.running == []
        assert hand.callbacks("Exception", "AgentInstanceDeleted")[0][1]["Code"] == 1202
        assert hand.callbacks("Exception", "AgentInstanceDeleted")[1][1]["Code"] == 1202
        assert hand.peer.left
        await leave(hand)

    run(main)


def test_a_removed_agent_ends() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        assert hand.peer.events.kicked
        hand.peer.events.kicked("the same user id logged in elsewhere")
        await asyncio.sleep(1)
        assert [data["Code"] for _, data in hand.callbacks("Exception", "AgentInstanceDeleted")] == [1203, 1203]
        await leave(hand)

    run(main)


def test_graceful_shutdown_finishes_the_sentence() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(LONG)
        await asyncio.sleep(1)
        await hand.manager.delete(1, "100", graceful=True)
        with pytest.raises(port.ShuttingDownError):
            await instance.say("不行。")
        await asyncio.sleep(6)
        assert hand.callbacks("Interrupted") == []
        assert len(hand.sounded) * 0.02 == pytest.approx(len(LONG) * 0.2, abs=0.1)
        assert hand.callbacks("AgentInstanceDeleted")[0][1]["Code"] == 0
        await leave(hand)

    run(main)


def test_graceful_shutdown_lets_the_user_finish_and_answers() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        speaking = asyncio.create_task(hand.user.say("最后一个问题", 1.5))
        await asyncio.sleep(0.5)
        await hand.manager.delete(1, "100", graceful=True)
        await speaking
        await asyncio.sleep(8)
        assert hand.told()[-3:] == ["SPEAKING 1", "IDLE 1", "AgentInstanceDeleted"]
        await leave(hand)

    run(main)


def test_graceful_shutdown_does_not_wait_for_ever() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(LONG * 3)
        await hand.manager.delete(1, "100", graceful=True, timeout_s=2)
        await asyncio.sleep(3)
        assert hand.callbacks("AgentInstanceDeleted")[0][1]["Code"] == 0
        await leave(hand)

    run(main)


def test_update_takes_effect_from_the_next_turn() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        second = Microphone()
        second.start()
        hand.rooms.microphones["other"] = second
        await instance.update(llm=LlmSpec(model="b"), tts=TtsSpec(params={"voice": "b"}), user_stream_id="other")
        hand.script.microphone, first = second, hand.script.microphone
        await first.say("没人听", 1.0)
        await asyncio.sleep(3)
        assert hand.told() == ["AgentInstanceCreated"]
        await second.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert hand.script.requests[-1].spec.model == "b"
        assert hand.script.voices[-1].params == {"voice": "b"}
        await first.close()
        await leave(hand)

    run(main)


def test_control_by_room_message_is_idempotent() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        request = {"Action": "SendAgentInstanceTTS", "Seq": "user:web:1", "Params": {"Text": "你好朋友。"}}
        for _ in range(3):
            hand.peer.receive("user", request)
            await asyncio.sleep(0.1)
        hand.peer.receive("user", request | {"Seq": "user:web:2", "Params": {"Text": "x" * 301}})
        hand.peer.receive("user", request | {"Seq": "user:web:3", "Params": {"Text": "a", "Priority": ""}})
        hand.peer.receive("user", {"Action": "StartListening", "Seq": "user:web:4", "Params": {}})
        hand.peer.receive("user", {"Action": "DeleteEverything", "Seq": "user:web:5"})
        await asyncio.sleep(5)
        answers = hand.peer.answers()
        assert [(answer["Seq"][-1], answer["Code"]) for answer in answers] == [
            ("1", 0),
            ("1", 0),
            ("1", 0),
            ("2", 410000003),
            ("3", 410000003),
            ("4", 410001042),
            ("5", 410000003),
        ]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["Data"]["Round"] > 0
        assert answers[4]["Message"] == "Priority is invalid"
        assert hand.script.spoken == ["你好朋友。"]
        assert all(to == ("user",) for kind, _, to in hand.peer.sent if kind == 22)
        await leave(hand)

    run(main)


def test_only_chosen_callbacks_are_sent() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(callbacks=CallbackSpec(host_tag="blue")))
        await hand.user.say("你好吗", 1.2)
        await asyncio.sleep(8)
        await leave(hand)
        assert hand.told() == ["AgentInstanceCreated", "AgentInstanceDeleted"]
        event = hand.rooms.log[0][1]
        assert event.host_tag == "blue"
        latency = hand.callbacks("AgentInstanceDeleted")[0][1]["LatencyData"]
        assert latency == {
            "LLMTTFT": 200,
            "LLMTPS": pytest.approx(43, abs=8),
            "TTSAudioFirstFrameTime": 250,
            "TotalCost": 940,
        }

    run(main)


@pytest.mark.parametrize("lead_s", [0.0, 0.35])
def test_latency_ends_with_the_first_sound_not_with_silence_in_front_of_it(lead_s: float) -> None:
    async def main() -> None:
        hand = await stage(Script(lead_s=lead_s))
        instance = await hand.manager.create(spec())
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await instance.ask("讲个笑话")
        await asyncio.sleep(8)
        await leave(hand)
        latency = hand.callbacks("AgentInstanceDeleted")[0][1]["LatencyData"]
        assert latency["TotalCost"] == pytest.approx((hand.sounded[0] - began) * 1000, abs=25)
        assert latency["LLMTTFT"] == 200

    run(main)


def test_timings_of_a_turn() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.2)
        await asyncio.sleep(8)
        (turn,) = hand.manager.timings("100")
        assert turn == instance.timings[0]
        stages = ["end_of_speech_to_text", "llm_first_token", "first_clause", "tts_first_audio", "total"]
        values = [turn[name] for name in stages]
        assert values == sorted(values)
        # Voice detection 0.25 s, recognition 0.2 s, first token 0.2 s, first clause, voice 0.15 s; nothing else.
        assert turn["total"] < 1000
        assert 0 < turn["drive"] <= 80
        with pytest.raises(port.InstanceNotFoundError):
            hand.manager.timings("7")
        await leave(hand)

    run(main)


def test_a_long_talk_neither_slows_down_nor_grows() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(history=HistorySpec(window_size=4)))
        tasks = 0
        for turn in range(40):
            await hand.user.say(f"第{turn}个问题", 1.0)
            await asyncio.sleep(8)
            if turn == 2:
                tasks = len(asyncio.all_tasks())
        assert len(hand.callbacks("ASRResult")) == 40
        assert hand.callbacks("Exception", "Interrupted") == []
        assert len(hand.script.requests[-1].messages) == 5
        assert len(asyncio.all_tasks()) == tasks
        totals = [turn["total"] for turn in instance.timings]
        assert max(totals) - min(totals) <= 40
        await leave(hand)

    run(main)
