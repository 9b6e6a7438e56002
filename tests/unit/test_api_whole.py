"""Actions by HTTP on a conversation that is really running. Virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mien.rtc.port import RoomMessage
from tests.support.conversation import Script, run
from tests.support.whole_api import WholeApi, whole_api
from tests.unit.test_api_actions import FULL_BODIES

LONG = "一二三四五六七八九十一二三四五六七八九十。"


def playing(folder: Path, scenario: Callable[[WholeApi], Awaitable[None]], script: Script | None = None) -> None:
    async def main() -> None:
        async with whole_api(folder, script) as api:
            await scenario(api)

    run(main)


def test_while_it_shuts_down_nothing_else_is_taken(tmp_path: Path) -> None:
    async def scenario(api: WholeApi) -> None:
        one = {"AgentInstanceId": await api.create()}
        await api.ok("SendAgentInstanceTTS", one | {"Text": LONG})
        await asyncio.sleep(1)
        await api.ok("DeleteAgentInstance", one | {"GracefulShutdown": True, "GracefulShutdownTimeout": 20})
        for name in sorted(name for name, body in FULL_BODIES.items() if "AgentInstanceId" in body):
            if name != "MienListRounds":
                answer = await api.call(name, FULL_BODIES[name] | one | {"GracefulShutdown": True})
                assert answer["Code"] == 410001041, name
        assert api.hand.peer.events.message
        request = {"Action": "InterruptAgentInstance", "Seq": "1"}
        api.hand.peer.events.message(RoomMessage("room", "user", 20, json.dumps(request)))
        await asyncio.sleep(0.1)
        assert api.hand.peer.answers()[0]["Code"] == 410001041
        await asyncio.sleep(6)
        assert (await api.call("QueryAgentInstanceStatus", one))["Code"] == 410001002
        assert api.hand.callbacks("Interrupted") == []
        assert api.hand.callbacks()[-1][1]["Code"] == 0

    playing(tmp_path, scenario)


def test_a_running_instance_is_changed_from_its_next_turn_on(tmp_path: Path) -> None:
    async def scenario(api: WholeApi) -> None:
        one = {"AgentInstanceId": await api.create()}
        llm = {"Url": "https://llm.example.com/v1", "Model": "b", "SystemPrompt": "简短", "Params": {"max_tokens": 9}}
        tts = {"Vendor": "Local", "Params": {"voice": "b"}}
        await api.ok("UpdateAgentInstance", one | {"LLM": llm, "TTS": tts, "ASR": {"Params": {"language": "zh"}}})
        await api.hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        (request,) = api.hand.script.requests
        assert request.messages == [("system", "简短"), ("user", "你好吗")]
        assert (request.spec.model, request.spec.params) == ("b", {"max_tokens": 9})
        assert api.hand.script.voices[-1].params == {"voice": "b"}
        assert await api.ok("GetAgentInstanceMsgList", one) == {
            "Total": 2,
            "MessageList": [
                {"Role": "user", "Content": "你好吗"},
                {"Role": "assistant", "Content": "你问的是你好吗对吧。我来回答你。"},
            ],
        }

    playing(tmp_path, scenario)


def test_messages_are_added_without_a_word_to_anybody(tmp_path: Path) -> None:
    async def scenario(api: WholeApi) -> None:
        one = {"AgentInstanceId": await api.create()}
        before = len(api.hand.rooms.log)
        added = [{"Role": "user", "Content": "我叫小明"}, {"Role": "assistant", "Content": "你好小明"}]
        await api.ok("AddAgentInstanceMsg", one | {"Messages": added})
        await asyncio.sleep(5)
        assert len(api.hand.rooms.log) == before
        assert api.hand.script.requests == []
        await api.ok("SendAgentInstanceLLM", one | {"Text": "我叫什么"})
        await asyncio.sleep(5)
        assert [content for _, content in api.hand.script.requests[0].messages] == ["我叫小明", "你好小明", "我叫什么"]
        await api.ok("ResetAgentInstanceMsgList", one)
        assert await api.ok("GetAgentInstanceMsgList", one) == {"Total": 0, "MessageList": []}

    playing(tmp_path, scenario)


def test_statuses_as_they_are_asked_for(tmp_path: Path) -> None:
    async def scenario(api: WholeApi) -> None:
        one = {"AgentInstanceId": await api.create()}

        async def status() -> Any:
            return (await api.ok("QueryAgentInstanceStatus", one))["Status"]

        assert await status() == "IDLE"
        speaking = asyncio.create_task(api.hand.user.say("你好吗", 1.0))
        await asyncio.sleep(0.5)
        assert await status() == "LISTENING"
        await speaking
        await asyncio.sleep(0.7)
        assert await status() == "THINKING"
        await asyncio.sleep(1.2)
        assert await status() == "SPEAKING"
        await asyncio.sleep(6)
        assert await status() == "IDLE"

    playing(tmp_path, scenario, Script(ttft_s=0.8))


def test_an_interruption_tells_its_round_and_what_was_heard(tmp_path: Path) -> None:
    async def scenario(api: WholeApi) -> None:
        one = {"AgentInstanceId": await api.create()}
        said = await api.ok("SendAgentInstanceTTS", one | {"Text": LONG})
        await asyncio.sleep(2)
        assert await api.ok("InterruptAgentInstance", one) == said
        await asyncio.sleep(0.5)
        ((_, data),) = api.hand.callbacks("Interrupted")
        assert (data["Round"], data["Reason"]) == (said["Round"], 4)
        assert LONG.startswith(data["PlayedText"])
        assert 5 <= len(data["PlayedText"]) <= 12
        later = await api.ok("SendAgentInstanceTTS", one | {"Text": "再见。"})
        assert later["Round"] > said["Round"]

    playing(tmp_path, scenario)
