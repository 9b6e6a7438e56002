"""A call over real WebRTC on loopback: the real stage, publisher and rooms, with scripted engines of known delay."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from mien.conversation.manager import Manager
from mien.conversation.spec import DigitalHumanSpec, RtcSpec, WelcomeSpec
from mien.face.media import StagedMedia
from mien.rtc.client import Microphone, Playback, RoomClient
from mien.rtc.port import VideoKind
from mien.settings import Settings
from tests.support.conversation import FakeRooms, Script, spec
from tests.support.conversation import Microphone as Unused

from .rtc_support import APP, serving, until

pytestmark = pytest.mark.integration


class Faces:
    """Media without drawn pictures."""

    async def open(self, digital_human: DigitalHumanSpec | None) -> StagedMedia:
        return StagedMedia(digital_human.config_id if digital_human else VideoKind.NONE)


def speech(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A loud tone."""
    t = np.arange(int(48_000 * seconds)) / 48_000
    return (14_000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16)


class Ear:
    """Notes when the agent is heard."""

    def __init__(self, playback: Playback) -> None:
        self.times: list[float] = []
        self._task = asyncio.create_task(self._run(playback))

    async def _run(self, playback: Playback) -> None:
        loop = asyncio.get_running_loop()
        async for block in playback.audio:
            if np.abs(block.pcm).max() > 500:
                self.times.append(loop.time())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def commands(client: RoomClient, seen: list[dict[str, Any]]) -> list[str]:
    """Room messages in short, "Cmd" and what matters of its data."""
    seen += [json.loads(message.content) for message in client.messages.take() if message.msg_type == 1]
    return [f"{m['Cmd']}:{m['Data'].get('SpeakStatus') or m['Data'].get('Status', '')}" for m in seen]


async def test_a_question_is_answered_and_the_answer_can_be_interrupted() -> None:
    script = Script(in_order=["你好吗", "等一下"], reply=lambda _: "一二三四五六七八九十一二三四五六七八九十。")
    async with serving() as server:
        sink = FakeRooms(Unused())
        manager = Manager(Settings(min_free_memory_mb=0), server.rooms, script, Faces(), sink)
        face = DigitalHumanSpec("somebody", VideoKind.MOTION)
        where = RtcSpec("room", "agent", "face", "mic")
        loop = asyncio.get_running_loop()
        async with server.client() as client:
            microphone = Microphone()
            await client.publish("mic", microphone)
            instance = await manager.create(spec(app_id=APP, rtc=where, digital_human=face))
            await client.wait_for(lambda room: "face" in room.streams)
            playback = await client.play("face")
            ear = Ear(playback)
            await asyncio.sleep(0.5)
            ended = await microphone.say(speech(1.0))
            await until(lambda: len(ear.times) > 20, 10)
            answered_after = ear.times[0] - ended
            began = loop.time()
            microphone.say(speech(1.2))
            await asyncio.sleep(1.0)
            silent_after = max(at for at in ear.times) - began
            seen: list[dict[str, Any]] = []
            await until(lambda: "6:0" in commands(client, seen), 5)
            await until(lambda: commands(client, seen).count("6:3") == 2, 10)
            told = commands(client, seen)
            assert told[:9] == ["1:1", "6:1", "1:2", "3:", "3:", "6:2", "4:", "6:3", "1:1"]
            assert [m["SeqId"] for m in seen] == sorted(m["SeqId"] for m in seen)
            await client.send(
                json.dumps({"Action": "InterruptAgentInstance", "Seq": "a", "Params": {}}), msg_type=20, to=["agent"]
            )
            async with asyncio.timeout(5):
                answer = next(m for m in [await client.messages.next()] if m.msg_type in (1, 22))
                while answer.msg_type != 22:
                    answer = await client.messages.next()
            assert json.loads(answer.content)["Code"] == 0
            turns = instance.timings
            await manager.close()
            await client.wait_for(lambda room: "face" not in room.streams)
            await ear.close()
        # The scripted engines take 0.25 + 0.2 + 0.2 + 0.15 s and the first clause is 20 characters: 0.2 s.
        assert answered_after < 2.5
        assert silent_after < 0.9
        assert turns[0]["interrupted"]
        names = [event.event for kind, event in sink.log if kind == "callback"]
        assert names[0] == "AgentInstanceCreated"
        assert names[-1] == "AgentInstanceDeleted"
        print(f"answer heard after {answered_after:.2f} s, silent after {silent_after:.2f} s")


async def test_the_welcome_is_heard_by_the_user_who_comes() -> None:
    script = Script(in_order=["你好吗"])
    async with serving() as server:
        sink = FakeRooms(Unused())
        manager = Manager(Settings(min_free_memory_mb=0), server.rooms, script, Faces(), sink)
        face = DigitalHumanSpec("somebody", VideoKind.MOTION)
        where = RtcSpec("room", "agent", "face", "mic")
        welcome = WelcomeSpec("一二三四五六七八九十。", delay_s=0.3)
        instance = await manager.create(spec(app_id=APP, rtc=where, digital_human=face, welcome=welcome))
        async with server.client() as client:
            await client.wait_for(lambda room: "face" in room.streams)
            # In the room, but without the stream: nobody would hear it.
            await asyncio.sleep(0.8)
            assert script.spoken == []
            ear = Ear(await client.play("face"))
            seen: list[dict[str, Any]] = []
            await until(lambda: "6:0" in commands(client, seen), 15)
            assert commands(client, seen) == ["4:", "6:3", "6:0"]
            # All of its two seconds arrive, the first word too.
            assert len(ear.times) * 0.02 > 1.8
            microphone = Microphone()
            await client.publish("mic", microphone)
            await asyncio.sleep(0.5)
            microphone.say(speech(1.0))
            await until(lambda: commands(client, seen).count("6:3") == 2, 15)
            await ear.close()
        said = [message.content for message in instance.messages()]
        await manager.close()
    assert said[:2] == [welcome.text, "你好吗"]
    assert script.spoken.count(welcome.text) == 1
