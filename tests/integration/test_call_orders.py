"""The documented orders of events, recorded from one real call: HTTP, WebRTC and signed callbacks on loopback. Only the
engines are scripted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Request

from mien import store
from mien.api import ApiDeps, build_api
from mien.callbacks import CallbackService, sign
from mien.client import AsyncClient
from mien.conversation.manager import Manager
from mien.conversation.spec import DigitalHumanSpec
from mien.face.media import StagedMedia
from mien.rtc import token04
from mien.rtc.client import Microphone, RoomClient
from mien.rtc.embedded import EmbeddedRooms, build_router
from mien.rtc.port import VideoKind
from mien.settings import Settings
from tests.support.conversation import FakeFaces, FakeRooms, Script, Stagehand
from tests.support.conversation import Microphone as Unused
from tests.support.fake_instances import FakeDigitalHumans
from tests.support.fake_streams import FakeTasks

from .rtc_support import APP, SECRET, until

pytestmark = pytest.mark.integration

ANSWERS = {
    "今天天气怎么样": '[[{"action":"nod"}]]今天是个晴天。适合出门。',
    "讲个笑话": '[[{"action":"nod"}]]从前有个人。讲完了。',
}
LONG = "这是一段很长很长很长很长很长很长很长很长的回答。"
CALLBACKS = ("ASRResult", "LLMResult", "Interrupted", "UserSpeakAction", "AgentInstanceStatus", "UserAudioData")


class Faces:
    """Media without drawn pictures."""

    async def open(self, digital_human: DigitalHumanSpec | None) -> StagedMedia:
        return StagedMedia(digital_human.config_id if digital_human else VideoKind.NONE)


@dataclass
class Call:
    """A running call as its business backend and its client see it."""

    url: str
    backend: AsyncClient
    script: Script
    manager: Manager
    callback_secret: str
    received: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    instance_id: str = ""

    def take(self, client: RoomClient) -> None:
        self.messages += [json.loads(m.content) for m in client.messages.take() if m.msg_type == 1]

    def statuses(self) -> list[tuple[str, int]]:
        found = (event["Data"] for event in self.received if event["Event"] == "AgentInstanceStatus")
        return [(data["Status"], data["Round"]) for data in found]

    def mark(self, client: RoomClient) -> tuple[int, int]:
        """Where a case begins."""
        self.take(client)
        return len(self.received), len(self.messages)

    async def until_idle(self, client: RoomClient, mark: tuple[int, int], times: int = 1) -> Stagehand:
        """Waits until the agent has come to rest `times` times, by both ways of telling; what was told since `mark`, in
        the order of its numbers, to be read in short."""

        def over() -> bool:
            self.take(client)
            events, messages = self.received[mark[0] :], self.messages[mark[1] :]
            by_callback = sum(event["Data"].get("Status") == "IDLE" for event in events)
            by_message = sum(m["Cmd"] == 6 and m["Data"]["Status"] == 0 for m in messages)
            return by_callback >= times and by_message >= times

        await until(over, 30)
        log = [
            *((e["Sequence"], "callback", SimpleNamespace(event=e["Event"], data=e["Data"])) for e in self.received),
            *((message["SeqId"], "room", message) for message in self.messages),
        ]
        first = min([e["Sequence"] for e in self.received[mark[0] :]] + [m["SeqId"] for m in self.messages[mark[1] :]])
        rooms = FakeRooms(Unused())
        rooms.log = [(kind, entry) for number, kind, entry in sorted(log, key=lambda item: item[0]) if number >= first]
        return Stagehand(self.script, rooms, self.manager, FakeFaces())


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Call]:
    """Everything a server is made of, but the engines, and a business backend that receives its callbacks."""
    settings = Settings(
        data_dir=folder, app_id=APP, server_secret=SECRET, ice_servers=[], ice_host="", min_free_memory_mb=0
    )
    opened = await store.open(settings)
    demo = await opened.apps.ensure_demo(settings)
    rooms, callbacks = EmbeddedRooms(settings), CallbackService(opened.outbox, opened.apps)
    script = Script(in_order=["今天天气怎么样", "请说长一点", "换个话题吧"], char_s=0.1)
    script.reply = lambda question: ANSWERS.get(question, LONG)
    manager = Manager(settings, rooms, script, Faces(), callbacks)
    app = FastAPI()
    call = Call("", None, script, manager, demo.callback_secret)  # type: ignore[arg-type]

    async def secret_of(app_id: int) -> str | None:
        return SECRET if app_id == APP else None

    @app.post("/business/callback")
    async def receive(request: Request) -> None:
        call.received.append(await request.json())

    deps = ApiDeps(
        settings=settings,
        store=opened,
        instances=manager,
        streams=FakeTasks(),
        digital_humans=FakeDigitalHumans(folder),
        timbres=tuple,
        shown=lambda human: False,
        issue_token=token04.issue,
    )
    app.include_router(build_api(deps))
    app.include_router(build_router(rooms, secret_of))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    call.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    await opened.apps.set_callback(APP, f"{call.url}/business/callback")
    await callbacks.start()
    try:
        async with AsyncClient(call.url, APP, SECRET) as backend:
            call.backend = backend
            yield call
    finally:
        await manager.close()
        await rooms.close()
        await callbacks.close()
        server.should_exit = True
        await serving
        await opened.close()


def speech(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    t = np.arange(int(48_000 * seconds)) / 48_000
    return (14_000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16)


async def test_a_call_tells_everything_in_the_documented_order(tmp_path: Path) -> None:
    async with running(tmp_path) as call, RoomClient(call.url, APP, "user", "room", token("user")) as client:
        microphone = Microphone()
        await client.publish("mic", microphone)
        await call.backend.register_agent("agent", name="Mien", llm={"Vendor": "Local"}, tts={"Vendor": "Local"})
        created = await call.backend.call(
            "CreateDigitalHumanAgentInstance",
            {
                "AgentId": "agent",
                "UserId": "user",
                "RTC": {
                    "RoomId": "room",
                    "AgentStreamId": "face",
                    "AgentUserId": "agent_user",
                    "UserStreamId": "mic",
                },
                "DigitalHuman": {"DigitalHumanId": "lin", "ConfigId": "mobile"},
                "CallbackConfig": dict.fromkeys(CALLBACKS, 1),
                "AdvancedConfig": {
                    "LLMMetaInfo": {"BeginCharacters": "[[", "EndCharacters": "]]", "SendMetaKeys": ["action"]}
                },
            },
        )
        call.instance_id = created["AgentInstanceId"]
        await client.wait_for(lambda room: "face" in room.streams)
        await until(lambda: call.received, 10)
        assert [event["Event"] for event in call.received] == ["AgentInstanceCreated"]
        await asyncio.sleep(0.5)

        # Case 1: the user asks.
        mark = call.mark(client)
        microphone.say(speech(1.2))
        case = await call.until_idle(client, mark)
        assert case.told() == [
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
        assert case.shown() == [
            "Cmd1:1 1",
            "Cmd6:1 1",
            "Cmd1:2 1",
            "Cmd3 1",
            "Cmd3:end 1",
            "Cmd6:2 1",
            "Cmd4:今天是个晴天。 1",
            "Cmd6:3 1",
            "Cmd102 1",
            "Cmd4:适合出门。 1",
            "Cmd6:0 1",
        ]

        # Case 2: the backend asks the model.
        mark = call.mark(client)
        asked = await call.backend.ask(call.instance_id, "讲个笑话")
        case = await call.until_idle(client, mark)
        expected = ["THINKING 1", "LLMResult 1", "LLMResult 1", "SPEAKING 1", "AgentInstanceMetaInfo 1", "IDLE 1"]
        assert case.told() == expected
        assert case.shown() == [
            "Cmd6:2 1",
            "Cmd4:从前有个人。 1",
            "Cmd6:3 1",
            "Cmd102 1",
            "Cmd4:讲完了。 1",
            "Cmd6:0 1",
        ]
        assert {message["Round"] for message in case.messages()} == {asked}

        # Case 3: the backend has a text spoken.
        mark = call.mark(client)
        said = await call.backend.say(call.instance_id, '[[{"action":"wave"}]]欢迎光临。')
        case = await call.until_idle(client, mark)
        assert case.told() == ["SPEAKING 1", "AgentInstanceMetaInfo 1", "IDLE 1"]
        assert case.shown() == ["Cmd4:欢迎光临。 1", "Cmd6:3 1", "Cmd102 1", "Cmd6:0 1"]
        assert said > asked

        # Case 4: the user interrupts.
        microphone.say(speech(1.2))
        await until(lambda: call.statuses()[-1][0] == "SPEAKING", 20)
        await asyncio.sleep(0.5)
        mark = call.mark(client)
        microphone.say(speech(2.4))
        case = await call.until_idle(client, mark, times=2)
        assert case.told() == [
            "SPEAK_BEGIN 1",
            "Interrupted 2",
            "IDLE 2",
            "LISTENING 1",
            "SPEAK_END 1",
            "UserAudioData 1",
            "ASRResult 1",
            "THINKING 1",
            "LLMResult 1",
            "SPEAKING 1",
            "IDLE 1",
        ]
        assert case.callbacks("Interrupted")[0][1]["Reason"] == 1
        assert LONG.startswith(case.callbacks("Interrupted")[0][1]["PlayedText"].rstrip("。"))
        assert case.shown() == [
            "Cmd1:1 1",
            *(["Cmd4: 2"] if "Cmd4: 2" in case.shown() else []),
            "Cmd6:0 2",
            "Cmd6:1 1",
            "Cmd1:2 1",
            "Cmd3 1",
            "Cmd3:end 1",
            "Cmd6:2 1",
            f"Cmd4:{LONG} 1",
            "Cmd6:3 1",
            "Cmd6:0 1",
        ]

        # Case 5: texts that wait for each other.
        mark = call.mark(client)
        for text in ("第一句话。", "第二句话。", "第三句话。"):
            await call.backend.say(call.instance_id, text, same_priority="Enqueue")
        case = await call.until_idle(client, mark)
        assert case.told() == ["SPEAKING 1", "SPEAKING 2", "SPEAKING 3", "IDLE 3"]
        assert case.shown() == [
            "Cmd4:第一句话。 1",
            "Cmd6:3 1",
            "Cmd4:第二句话。 2",
            "Cmd6:3 2",
            "Cmd4:第三句话。 3",
            "Cmd6:3 3",
            "Cmd6:0 3",
        ]

        # A client's own request, to either of the agent's names.
        for receiver in ("agent_user", f"ai_agent_{call.instance_id}"):
            content = {"Action": "SendAgentInstanceTTS", "Seq": receiver, "Params": {"Text": "你好。"}}
            await client.send(json.dumps(content), msg_type=20, to=[receiver])
            answer = await reply(client)
            assert (answer["Seq"], answer["Code"]) == (receiver, 0)
            await until(lambda answer=answer: ("IDLE", answer["Data"]["Round"]) in call.statuses(), 20)

        await call.backend.delete_agent_instance(call.instance_id)
        await until(lambda: call.received[-1]["Event"] == "AgentInstanceDeleted", 10)
        deleted = call.received[-1]["Data"]
        assert deleted["Code"] == 0
        assert all(value > 0 for value in deleted["LatencyData"].values()), deleted
        sequence = [event["Sequence"] for event in call.received]
        assert sequence == sorted(set(sequence))
        for event in call.received:
            assert event["Signature"] == sign(call.callback_secret, event["Timestamp"], event["Nonce"])
            identity = ("AppId", "AgentInstanceId", "AgentUserId", "AgentId", "Name", "RoomId")
            known = (APP, call.instance_id, "agent_user", "agent", "Mien", "room")
            assert tuple(event[name] for name in identity) == known


def token(user_id: str) -> str:
    return token04.issue(APP, user_id, SECRET, now=time.time())


async def reply(client: RoomClient) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = await client.messages.next()
            if message.msg_type == 22:
                return dict(json.loads(message.content))
