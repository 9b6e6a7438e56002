"""Live digital humans, in a room and on a CDN: they speak what they are sent and do nothing else. Virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mien.capacity import Capacity
from mien.conversation import port
from mien.conversation.spec import (
    AdvancedSpec,
    CallbackSpec,
    DigitalHumanSpec,
    InstanceSpec,
    Message,
    MetaInfoSpec,
    Priority,
    RtcSpec,
    SamePriority,
    TtsSpec,
)
from mien.rtc.port import PeerFailure, RoomService, RtcError, VideoKind
from mien.settings import Settings
from tests.support.conversation import FakeRooms, Microphone, leave, run, spec, stage, until

LONG = "一二三四五六七八九十一二三四五六七八九十。"
CDN_URL = "rtmp://cdn.example/live/key-1234"


def live(**changes: Any) -> InstanceSpec:
    base: dict[str, Any] = {
        "live": True,
        "digital_human": DigitalHumanSpec("somebody", VideoKind.MOTION),
        "user_id": "",
        "rtc": RtcSpec("room", "agent_user", "agent_stream", stream_extra_info="shop 7"),
        "advanced": AdvancedSpec(max_idle_s=30),
        "callbacks": CallbackSpec(interrupted=True, agent_instance_status=True),
    }
    return spec(**base | changes)


def on_cdn(**changes: Any) -> InstanceSpec:
    face = DigitalHumanSpec("somebody", VideoKind.PICTURE)
    return live(**{"rtc": RtcSpec("", "", ""), "cdn_url": CDN_URL, "digital_human": face} | changes)


def test_it_ends_when_nobody_drives_it_but_never_while_it_speaks() -> None:
    async def main() -> None:
        hand = await stage()
        loop = asyncio.get_running_loop()
        instance = await hand.manager.create(live(advanced=AdvancedSpec(max_idle_s=6)))
        await asyncio.sleep(5)
        await instance.say("欢迎来到直播间。")
        await asyncio.sleep(5)
        await instance.say(LONG * 2)
        await asyncio.sleep(2)
        await instance.say(LONG, same_priority=SamePriority.ENQUEUE)
        await until(lambda: hand.script.spoken[-1:] == [LONG], 40)
        await until(lambda: hand.told()[-1].startswith("IDLE"), 20)
        silent = loop.time()
        await until(lambda: bool(hand.callbacks("AgentInstanceDeleted")), 20)
        assert loop.time() - silent == pytest.approx(6, abs=0.1)
        assert hand.callbacks("AgentInstanceDeleted")[0][1]["Code"] == 1202
        assert hand.callbacks("Exception") == [
            ("Exception", {"Code": 1202, "Message": "nothing was sent to speak for 6 s"})
        ]
        await leave(hand)

    run(main)


def test_it_does_nothing_but_speak() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(live())
        assert hand.peer.extra_info == "shop 7"
        forbidden = (
            lambda: instance.ask("你好"),
            lambda: instance.update(tts=TtsSpec(params={"voice": "b"})),
            lambda: instance.start_listening("user", 1),
            lambda: instance.stop_listening("user", 2),
        )
        for call in forbidden:
            with pytest.raises(port.LiveInstanceError, match="SendAgentInstanceTTS"):
                await call()
        for request in (
            instance.messages,
            instance.reset_messages,
            lambda: instance.add_messages([Message("user", "a")]),
        ):
            with pytest.raises(port.LiveInstanceError):
                request()
        for seq, action in enumerate(
            ("SendAgentInstanceLLM", "StartListening", "StopListening", "SendAgentInstanceTTS")
        ):
            hand.peer.receive("user", {"Action": action, "Seq": f"{seq}", "Params": {"Text": "欢迎。"}})
        await asyncio.sleep(2)
        hand.peer.receive("user", {"Action": "InterruptAgentInstance", "Seq": "9", "Params": {}})
        await asyncio.sleep(1)
        codes = [answer["Code"] for answer in hand.peer.answers()]
        assert codes == [410001049, 410001049, 410001049, 0, 0]
        assert hand.script.spoken == ["欢迎。"]
        await leave(hand)

    run(main)


def test_texts_interrupt_or_wait_by_priority() -> None:
    async def main() -> None:
        hand = await stage(cdn=lambda _: hand.rooms)
        instance = await hand.manager.create(on_cdn())
        await instance.say(LONG)
        await asyncio.sleep(1.5)
        await instance.say("第二段。")
        await instance.say("第三段。", same_priority=SamePriority.ENQUEUE)
        await instance.say("不说了。", priority=Priority.LOW)
        await until(lambda: hand.told()[-1] == "IDLE 4", 20)
        await instance.say(LONG)
        await asyncio.sleep(1.5)
        await instance.interrupt()
        await asyncio.sleep(1)
        assert [data["Reason"] for _, data in hand.callbacks("Interrupted")] == [3, 4]
        assert hand.told()[:8] == [
            "AgentInstanceCreated",
            "SPEAKING 1",
            "Interrupted 1",
            "IDLE 1",
            "SPEAKING 2",
            "SPEAKING 3",
            "SPEAKING 4",
            "IDLE 4",
        ]
        event = next(entry for kind, entry in hand.rooms.log if kind == "callback")
        assert (event.room_id, event.agent_user_id, event.agent_id) == ("", "", "agent")
        await leave(hand)
        assert hand.callbacks()[-1][1]["Code"] == 0

    run(main)


def test_metadata_steer_the_voice() -> None:
    async def main() -> None:
        hand = await stage()
        advanced = AdvancedSpec(
            max_idle_s=30, meta_info=MetaInfoSpec("[[", "]]"), tts_param_paths={"mood": "voice_setting.emotion"}
        )
        instance = await hand.manager.create(live(advanced=advanced, tts=TtsSpec(vendor="MiniMax")))
        await instance.say('[[{"mood":"happy"}]]欢迎大家。')
        await asyncio.sleep(3)
        assert hand.script.spoken == ["欢迎大家。"]
        assert hand.script.voices[-1].params == {"voice_setting": {"emotion": "happy"}}
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("failure", "code"),
    [(PeerFailure.DISCONNECTED, 1205), (PeerFailure.REFUSED, 1206)],
    ids=["disconnected", "refused"],
)
def test_trouble_of_the_push_is_reported_and_its_end_ends_the_instance(failure: PeerFailure, code: int) -> None:
    async def main() -> None:
        hand = await stage(cdn=lambda _: hand.rooms)
        await hand.manager.create(on_cdn())
        events = hand.peer.events
        assert events.interrupted is not None
        assert events.lost is not None
        events.interrupted(PeerFailure.DISCONNECTED, "it broke; trying again")
        await asyncio.sleep(1)
        events.lost(failure, "gave up")
        events.interrupted(failure, "too late to matter")
        await asyncio.sleep(1)
        assert [data for name, data in hand.callbacks("Exception")][:1] == [
            {"Code": 1205, "Message": "it broke; trying again"}
        ]
        assert {"Code": code, "Message": "gave up"} in [data for _, data in hand.callbacks("Exception")]
        assert [data["Code"] for _, data in hand.callbacks("AgentInstanceDeleted")] == [code]
        assert hand.peer.left
        with pytest.raises(port.InstanceNotFoundError):
            hand.manager.get(1, "100")
        await leave(hand)

    run(main)


class Hasty(FakeRooms):
    """Loses the stream before the instance is put together."""

    async def join(self, *args: Any, **options: Any) -> Any:
        peer = await super().join(*args, **options)
        options["events"].lost(PeerFailure.REFUSED, "gone already")
        return peer


def test_a_push_lost_at_once_ends_the_instance_in_order() -> None:
    async def main() -> None:
        hasty = Hasty(Microphone())
        hand = await stage(cdn=lambda _: hasty)
        await hand.manager.create(on_cdn())
        await asyncio.sleep(1)
        assert hand.told() == ["AgentInstanceCreated", "Exception", "AgentInstanceDeleted"]
        assert hand.callbacks("AgentInstanceDeleted")[0][1]["Code"] == 1206
        assert hasty.peers[0].left
        assert hand.manager.running == []
        await leave(hand)

    run(main)


class Unreachable(FakeRooms):
    async def join(self, *_: Any, **__: Any) -> Any:
        raise RtcError("rtmp://cdn.example refused the connection: check host and port")


def test_a_push_that_cannot_begin_leaves_nothing_behind() -> None:
    async def main() -> None:
        def nowhere(url: str) -> RoomService:
            assert url == CDN_URL
            return Unreachable(Microphone())

        def no_address(url: str) -> RoomService:
            raise RtcError("expected rtmp://host/application/stream-key")

        for cdn, words in ((nowhere, "refused the connection"), (no_address, "expected rtmp://"), (None, "no CDN")):
            capacity = Capacity(Settings(min_free_memory_mb=0))
            hand = await stage(cdn=cdn, capacity=capacity)
            with pytest.raises(port.ConversationError, match=words):
                await hand.manager.create(on_cdn())
            assert hand.manager.running == []
            assert capacity.count(VideoKind.PICTURE) == 0
            await leave(hand)
            await capacity.aclose()
            assert hand.callbacks() == []

    run(main)


def test_a_push_counts_as_a_drawn_face() -> None:
    async def main() -> None:
        capacity = Capacity(Settings(min_free_memory_mb=0, max_load=1.0))
        hand = await stage(cdn=lambda _: FakeRooms(Microphone()), capacity=capacity)
        await hand.manager.create(on_cdn())
        assert capacity.count(VideoKind.PICTURE) == 1
        with pytest.raises(port.NoCapacityError, match=r"0\.60 of 1\.00 cores and this one would take 0\.60"):
            await hand.manager.create(on_cdn(instance_id="101"))
        await leave(hand)
        await capacity.aclose()

    run(main)
