"""The exact sequences of the published sample backend: what it sends, compares and falls back to, step by step."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_harness import Api, running_api

AGENT_ID, AGENT_NAME = "ai_agent_example_1", "李浩然"
LLM = {
    "Url": "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
    "ApiKey": "zego_test",
    "Model": "doubao-1-5-lite-32k-250115",
    "SystemPrompt": "你是李浩然……",
}
FILTERS = [{"BeginCharacters": begin, "EndCharacters": end} for begin, end in (("(", ")"), ("（", "）"), ("{", "}"))]
MINIMAX = {
    "Vendor": "MiniMax",
    "Params": {
        "app": {"group_id": "g", "api_key": "k"},
        "model": "speech-2.8-turbo",
        "voice_setting": {"voice_id": "v", "speed": 1, "vol": 1, "pitch": 0},
        "audio_setting": {"sample_rate": 32000, "bitrate": 128000, "format": "mp3", "channel": 1},
    },
    "FilterText": FILTERS,
}
# The older environment variables: today's vendor name with yesterday's parameters.
BYTEDANCE = {
    "Vendor": "ByteDanceV3",
    "Params": {
        "app": {"appid": "zego_test", "token": "zego_test", "cluster": "volcano_tts"},
        "speed_ratio": 1,
        "volume_ratio": 1,
        "pitch_ratio": 1,
        "audio": {"rate": 24000, "voice_type": "zh_female_wanwanxiaohe_moon_bigtts"},
    },
    "FilterText": FILTERS,
}


def same(first: Any, second: Any) -> bool:
    """Its comparison: number of members and their values, to any depth; JSON's types."""
    if isinstance(first, dict) and isinstance(second, dict):
        return len(first) == len(second) and all(name in second and same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and bool(first == second)


class Sample:
    """Its calls, in its order, with its bodies."""

    def __init__(self, api: Api, tts: dict[str, Any]) -> None:
        self.api, self.tts = api, tts
        self.sent: list[str] = []
        self.stored_instance: str | None = None
        self._suffix = 0

    async def request(self, action: str, body: Any) -> dict[str, Any]:
        self.sent.append(action)
        return await self.api.call(action, body)

    async def ensure_agent(self) -> None:
        config = {"LLM": LLM, "TTS": self.tts, "ASR": {"Params": {}}}
        result = await self.request("QueryAgents", {"AgentIds": [AGENT_ID]})
        agents = result["Data"]["Agents"]
        if not agents:
            made = await self.request("RegisterAgent", {"AgentId": AGENT_ID, "Name": AGENT_NAME, **config})
            assert made["Code"] == 0, made
        elif not all(same(agents[0][name], config[name]) for name in config):
            made = await self.request("UpdateAgent", {"AgentId": AGENT_ID, "Name": AGENT_NAME, **config})
            assert made["Code"] == 0, made

    def body(self, **more: Any) -> dict[str, Any]:
        self._suffix += 1
        return {
            "AgentId": AGENT_ID,
            "UserId": "u1",
            "RTC": {
                "RoomId": "r1",
                "AgentStreamId": f"stream_agent_tu2co70{self._suffix}",
                "AgentUserId": f"user_agent_kdjkt50{self._suffix}",
                "UserStreamId": "s1",
            },
            "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
            "LLM": None,
            "TTS": None,
            "ASR": None,
            "CallbackConfig": None,
            **more,
        }

    async def start(self, advanced: Any = None) -> dict[str, Any]:
        """/api/start"""
        await self.ensure_agent()
        if self.stored_instance:
            await self.request("DeleteAgentInstance", {"AgentInstanceId": self.stored_instance})
        result = await self.request("CreateAgentInstance", self.body(AdvancedConfig=advanced))
        assert result["Code"] == 0, result
        return result

    async def start_digital_human(self, digital_human_id: str = "c4b56d5c-db98-4d91-86d4-5a97b507da97") -> Any:
        """/api/start-digital-human"""
        await self.ensure_agent()
        human = {"DigitalHumanId": digital_human_id, "ConfigId": "web"}
        result = await self.request("CreateDigitalHumanAgentInstance", self.body(DigitalHuman=human))
        if result["Code"] == 410001025:
            result = await self.request("CreateAgentInstance", self.body(AdvancedConfig=None))
        if result["Code"] == 0:
            self.stored_instance = result["Data"]["AgentInstanceId"]
        return result


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


@pytest.mark.parametrize("tts", [MINIMAX, BYTEDANCE], ids=["MiniMax", "older ByteDance"])
async def test_the_second_start_changes_nothing(api: Api, tts: dict[str, Any]) -> None:
    sample = Sample(api, tts)
    first = await sample.start()
    second = await sample.start(advanced={"InterruptMode": 0})
    assert sample.sent == ["QueryAgents", "RegisterAgent", "CreateAgentInstance", "QueryAgents", "CreateAgentInstance"]
    assert first["Data"]["AgentInstanceId"].isdigit()
    # It passes request_id on from here.
    assert second["Data"]["RequestId"] == second["RequestId"]


async def test_a_changed_configuration_is_updated_once(api: Api) -> None:
    sample = Sample(api, MINIMAX)
    await sample.start()
    sample.tts = MINIMAX | {"FilterText": FILTERS[:1]}
    await sample.start()
    await sample.start()
    assert sample.sent.count("UpdateAgent") == 1
    found = await sample.request("QueryAgents", {"AgentIds": [AGENT_ID]})
    assert json.dumps(found["Data"]["Agents"][0]["TTS"]) == json.dumps(sample.tts)


async def test_without_room_for_a_face_it_starts_a_voice(api: Api) -> None:
    sample = Sample(api, MINIMAX)
    made = await sample.start_digital_human()
    assert set(made["Data"]) == {"AgentInstanceId", "DigitalHumanConfig", "RequestId"}
    create = api.manager.create

    async def no_room_for_faces(spec: Any) -> Any:
        api.manager.no_capacity = spec.digital_human is not None
        return await create(spec)

    api.manager.create = no_room_for_faces  # type: ignore[method-assign]
    voice = await sample.start_digital_human()
    assert sample.sent[-3:] == ["QueryAgents", "CreateDigitalHumanAgentInstance", "CreateAgentInstance"]
    assert set(voice["Data"]) == {"AgentInstanceId", "RequestId"}


async def test_a_whole_session_with_a_face(api: Api) -> None:
    sample = Sample(api, BYTEDANCE)
    made = await sample.start_digital_human()
    one = {"AgentInstanceId": made["Data"]["AgentInstanceId"]}
    said = await sample.request(
        "SendAgentInstanceTTS",
        one
        | {
            "Text": "你好",
            "AddHistory": None,
            "InterruptMode": None,
            "Priority": None,
            "SamePriorityOption": None,
            "EnqueueUserSpeech": None,
        },
    )
    assert isinstance(said["Data"]["Round"], int)
    # The next start ends the instance it remembers.
    await sample.start()
    assert sample.sent[-3:] == ["QueryAgents", "DeleteAgentInstance", "CreateAgentInstance"]
    assert (await sample.request("DeleteAgentInstance", one))["Code"] == 410001002


async def test_its_console_passes_any_action_through(api: Api) -> None:
    sample = Sample(api, MINIMAX)
    made = await sample.start()
    one = {"AgentInstanceId": made["Data"]["AgentInstanceId"]}
    for action, body in (
        ("ListAgents", {"Limit": 0, "Cursor": ""}),
        ("UpdateAgentInstance", one | {"LLM": LLM | {"SystemPrompt": "简短"}}),
        ("SendAgentInstanceLLM", one | {"Text": "你好"}),
        ("QueryAgentInstanceStatus", one),
        ("DeleteAgentInstance", one),
        ("UnregisterAgent", {"AgentId": AGENT_ID}),
    ):
        assert (await sample.request(action, body))["Code"] == 0, action


async def test_a_live_digital_human(api: Api) -> None:
    sample = Sample(api, MINIMAX)
    await sample.ensure_agent()
    body = {
        "AgentId": AGENT_ID,
        "DigitalHuman": {"DigitalHumanId": "c4b56d5c-db98-4d91-86d4-5a97b507da97", "ConfigId": "web"},
        "RTC": {"RoomId": "r1", "AgentStreamId": "stream_agent_0srnfmk4", "AgentUserId": "user_agent_j23wo3ls"},
        "ExtensionParams": {"anything": [1, {"at": "all"}]},
    }
    made = await sample.request("CreateLiveDigitalHumanAgentInstance", body)
    assert made["Code"] == 0
    assert made["Data"]["AgentInstanceId"].isdigit()
