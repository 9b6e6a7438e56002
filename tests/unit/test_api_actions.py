"""The contract of every action: valid, each member missing, ill-typed or out of range, unknown ids, wrong state."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mien.api.actions import ACTIONS
from mien.api.products import AGENTS
from mien.conversation.port import (
    ConversationError,
    QueueFullError,
    TtsDisabledError,
    UserListeningError,
    UserNotPublishingError,
)
from mien.conversation.spec import (
    DigitalHumanSpec,
    Message,
    MetaInfoSpec,
    Priority,
    RtcSpec,
    SamePriority,
    Status,
    VadSpec,
)
from mien.rtc.port import VideoKind
from tests.support.api_harness import APP_ID, LLM, RTC, TTS, Api, face_body, running_api, voice_body
from tests.support.mutations import mutations

VAD = {
    "TurnDetectConfig": {"SilenceSegmentation": 600, "PauseInterval": 1200},
    "VoiceDetectConfig": {"SensitiveConfig": {"Level": 3, "MinSpeechDur": 50, "EnergyThreshold": 0.35}},
}
FULL_LLM = {
    "Vendor": "OpenAIChat",
    "Url": "https://llm.example.com/v1/chat/completions",
    "ApiKey": "sk-1",
    "Model": "m",
    "SystemPrompt": "Be kind.",
    "Temperature": 1,
    "TopP": 0.5,
    "Params": {"max_tokens": 16384, "stop": None},
    "AddAgentInfo": True,
    "AgentExtraInfo": {"a": [1, {"b": None}]},
}
FULL_TTS = {
    "Vendor": "MiniMax",
    "Url": "wss://tts.example.com/ws",
    "Params": {"app": {"api_key": "k"}, "model": "speech-2.8-turbo", "voice_setting": {"voice_id": "v"}},
    "FilterText": [{"BeginCharacters": "(", "EndCharacters": ")"}],
    "TerminatorText": "#",
    "CharacterFilter": ["*", "~~"],
}
FULL_ASR = {
    "Vendor": "Tencent",
    "Params": {"engine_model_type": "16k_zh"},
    "HotWord": "面|5",
    "VADSilenceSegmentation": 700,
    "PauseInterval": 900,
    "VADSensitiveLevel": 1,
    "VADMinSpeechDur": 100,
    "VADEnergyThreshold": 0.4,
}
FULL_UPDATED_EXTRAS: dict[str, Any] = {
    "Tools": [
        {
            "Name": "weather",
            "Description": "The weather of a city.",
            "Parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "Url": "https://shop.example.com/tools/weather",
            "Headers": {"Authorization": "Bearer t"},
            "TimeoutMs": 5000,
        }
    ],
    "McpServers": [
        {
            "Url": "https://mcp.example.com/mcp",
            "Headers": {"X-Key": "k"},
            "AllowedTools": ["search"],
            "TimeoutMs": 3000,
        }
    ],
    "Language": "en",
    "Apology": {"Enabled": True, "Text": "Sorry, please say that again."},
}
FULL_EXTRAS: dict[str, Any] = FULL_UPDATED_EXTRAS | {
    "Welcome": {"Text": "Welcome!", "Priority": "Medium", "DelayMs": 800}
}
FULL_INSTANCE = {
    "AgentId": "jacky",
    "UserId": "u1",
    "RTC": RTC | {"StreamExtraInfo": "extra"},
    "LLM": FULL_LLM,
    "TTS": FULL_TTS,
    "ASR": FULL_ASR,
    "VAD": VAD,
    "MessageHistory": {
        "SyncMode": 1,
        "Messages": [{"Role": "user", "Content": "Hi"}, {"Role": "assistant", "Content": "Hello"}],
        "WindowSize": 7,
        "ZIM": {"RobotId": "@RBT#1", "LoadMessageCount": 3},
    },
    "CallbackConfig": {
        "ASRResult": 1,
        "LLMResult": 1,
        "Interrupted": 1,
        "UserSpeakAction": 1,
        "AgentSpeakAction": 1,
        "AgentInstanceStatus": 1,
        "UserAudioData": 1,
        "HostTag": "b",
    },
    "AdvancedConfig": {
        "InterruptMode": 1,
        "MaxIdleTime": 60,
        "DisableTTS": False,
        "CommunicationMode": 2,
        "LLMMetaInfo": {"BeginCharacters": "[[", "EndCharacters": "]]", "SendMetaKeys": ["action"]},
        "AddASRInfo": True,
        "TTSParamPaths": {"emotion": "voice_setting.emotion"},
    },
    "Mien": FULL_EXTRAS,
}
FULL_OBJECTS = {"LLM": FULL_LLM, "TTS": FULL_TTS, "ASR": FULL_ASR, "VAD": VAD, "Mien": FULL_EXTRAS}
INSTANCE = {"AgentInstanceId": "$instance"}
FULL_BODIES: dict[str, dict[str, Any]] = {
    "RegisterAgent": {"AgentId": "new", "Name": "新"} | FULL_OBJECTS,
    "UpdateAgent": {"AgentId": "jacky", "Name": "J"} | FULL_OBJECTS,
    "UnregisterAgent": {"AgentId": "jacky"},
    "ListAgents": {"Limit": 3, "Cursor": ""},
    "QueryAgents": {"AgentIds": ["jacky", "nobody"]},
    "CreateAgentInstance": FULL_INSTANCE,
    "CreateDigitalHumanAgentInstance": FULL_INSTANCE
    | {"DigitalHuman": {"DigitalHumanId": "lin", "ConfigId": "mobile", "EncodeCode": "H264"}},
    "CreateLiveDigitalHumanAgentInstance": {
        "AgentId": "jacky",
        "DigitalHuman": {"DigitalHumanId": "lin", "ConfigId": "web", "EncodeCode": "H264"},
        "RTC": {"RoomId": "r1", "AgentStreamId": "live_s", "AgentUserId": "live_u", "StreamExtraInfo": "x"},
        "TTS": FULL_TTS,
        "CallbackConfig": {"Interrupted": 1, "AgentInstanceStatus": 1, "HostTag": "b"},
        "AdvancedConfig": {"MaxIdleTime": 600, "DisableTTS": False, "TTSParamPaths": {"emotion": "b.c"}},
    },
    "UpdateAgentInstance": INSTANCE
    | {
        "LLM": FULL_LLM,
        "TTS": FULL_TTS,
        "ASR": FULL_ASR,
        "RTC": {"UserStreamId": "other"},
        "Mien": FULL_UPDATED_EXTRAS,
        "VAD": VAD,
        "AdvancedConfig": {"CommunicationMode": 1},
    },
    "DeleteAgentInstance": INSTANCE | {"GracefulShutdown": True, "GracefulShutdownTimeout": 5},
    "SendAgentInstanceTTS": INSTANCE
    | {
        "Text": "Hello",
        "AddHistory": False,
        "InterruptMode": 1,
        "Priority": "Low",
        "SamePriorityOption": "Enqueue",
        "EnqueueUserSpeech": False,
    },
    "SendAgentInstanceLLM": INSTANCE
    | {
        "Text": "Ask",
        "SystemPrompt": "Short.",
        "AddQuestionToHistory": True,
        "AddAnswerToHistory": False,
        "Priority": "High",
        "SamePriorityOption": "Enqueue",
        "EnqueueUserSpeech": True,
    },
    "InterruptAgentInstance": INSTANCE,
    "QueryAgentInstanceStatus": INSTANCE,
    "GetAgentInstanceMsgList": INSTANCE,
    "ResetAgentInstanceMsgList": INSTANCE,
    "AddAgentInstanceMsg": INSTANCE | {"Messages": [{"Role": "user", "Content": "x"}]},
    "StartListening": INSTANCE | {"UserId": "u1", "Sequence": 1},
    "StopListening": INSTANCE | {"UserId": "u1", "Sequence": 2, "CancelFlag": False},
    "MienListRounds": INSTANCE,
}
# The codes of their own that members have; everything else is 410000003.
OWN_CODES = {"DigitalHuman.ConfigId": 410001026, "DigitalHuman.EncodeCode": 410000014}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


async def prepared(api: Api, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with the id of a running instance that speaks with the voice of FULL_TTS and takes the action."""
    if body.get("AgentInstanceId") != "$instance":
        return body
    mode = 2 if name in ("StartListening", "StopListening") else 0
    instance = await api.create_voice(99, TTS=FULL_TTS, AdvancedConfig={"CommunicationMode": mode})
    return body | {"AgentInstanceId": instance}


def test_every_action_has_a_full_body() -> None:
    agents = {name for name, action in ACTIONS.items() if action.product is AGENTS and action.group != "Digital humans"}
    assert set(FULL_BODIES) == agents


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_every_action_takes_all_its_members(api: Api, name: str) -> None:
    answer = await api.call(name, await prepared(api, name, FULL_BODIES[name]))
    assert answer["Code"] == 0, answer
    result = ACTIONS[name].result
    if result is None:
        assert answer["Data"] is None
    else:
        assert set(answer["Data"]) == set(result.model_fields)
        result.model_validate(answer["Data"])


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_each_wrong_member_is_named(api: Api, name: str) -> None:
    body = await prepared(api, name, FULL_BODIES[name])
    count = 0
    for mutation in mutations(ACTIONS[name].body.model_json_schema(), body):
        answer = await api.call(name, mutation.body)
        where = (name, mutation.dotted, mutation.what, answer)
        wrong_value = mutation.what.startswith("out of range") and mutation.dotted in OWN_CODES
        assert answer["Code"] == (OWN_CODES[mutation.dotted] if wrong_value else 410000003), where
        assert answer["Message"].startswith(mutation.dotted), where
        assert "expected" in answer["Message"] or answer["Message"] == "Priority is invalid", where
        count += 1
    assert count or name == "ListAgents"


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_null_is_absent(api: Api, name: str) -> None:
    body = await prepared(api, name, FULL_BODIES[name])
    schema = ACTIONS[name].body.model_json_schema()
    needed = [*schema.get("required", []), "RTC"]
    nothing = {member: None for member in schema["properties"] if member not in needed}
    assert (await api.call(name, body | nothing))["Code"] == 0


@pytest.mark.parametrize("name", sorted(name for name, body in FULL_BODIES.items() if "AgentInstanceId" in body))
async def test_unknown_instance(api: Api, name: str) -> None:
    for unknown in ("1912122918452641792", "x", "💡"):
        answer = await api.call(name, FULL_BODIES[name] | {"AgentInstanceId": unknown})
        assert answer["Code"] == 410001002


@pytest.mark.parametrize(
    "name",
    [
        "UpdateAgent",
        "UnregisterAgent",
        "CreateAgentInstance",
        "CreateDigitalHumanAgentInstance",
        "CreateLiveDigitalHumanAgentInstance",
    ],
)
async def test_unknown_agent(api: Api, name: str) -> None:
    assert (await api.call(name, FULL_BODIES[name] | {"AgentId": "nobody"}))["Code"] == 410001009


async def test_instances_belong_to_their_app(api: Api) -> None:
    instance = await api.create_voice()
    other = await api.store.apps.create("other")
    from mien.api.signature import sign

    signature = sign(other.app_id, "n", other.server_secret, 1795328538)
    answer = await api.call(
        "QueryAgentInstanceStatus",
        {"AgentInstanceId": instance},
        AppId=str(other.app_id),
        SignatureNonce="n",
        Signature=signature,
    )
    assert answer["Code"] == 410001002


# Registered agents


async def test_agents_are_echoed_verbatim(api: Api) -> None:
    sent: dict[str, Any] = {
        "AgentId": "a!#$%&()+-:;<=.>?@[]^_{}|~,\\",
        "Name": "李浩然",
        "LLM": {"Model": "m", "Url": "https://x.example/v1", "ApiKey": "secret", "Unknown": {"z": 1, "a": [None, 1.0]}},
        "TTS": TTS | {"FilterText": [{"BeginCharacters": "（", "EndCharacters": "）"}]},
        "ASR": {"Params": {}},
    }
    await api.ok("RegisterAgent", sent)
    (found,) = (await api.ok("QueryAgents", {"AgentIds": [sent["AgentId"]]}))["Agents"]
    assert json.dumps(found) == json.dumps(sent)


async def test_unset_objects_are_empty(api: Api) -> None:
    await api.ok("RegisterAgent", {"AgentId": "bare", "LLM": None})
    (found,) = (await api.ok("QueryAgents", {"AgentIds": ["bare"]}))["Agents"]
    assert found == {"AgentId": "bare", "Name": "", "LLM": {}, "TTS": {}, "ASR": {}}


async def test_registering_twice(api: Api) -> None:
    assert (await api.call("RegisterAgent", {"AgentId": "jacky"}))["Code"] == 410001008
    await api.ok("UnregisterAgent", {"AgentId": "jacky"})
    await api.ok("RegisterAgent", {"AgentId": "jacky"})


async def test_update_replaces_whole_objects(api: Api) -> None:
    await api.ok("UpdateAgent", {"AgentId": "jacky", "LLM": {"Url": "https://x.example/v1", "Model": "m"}, "TTS": None})
    (found,) = (await api.ok("QueryAgents", {"AgentIds": ["jacky"]}))["Agents"]
    assert found["LLM"] == {"Url": "https://x.example/v1", "Model": "m"}
    assert found["TTS"] == TTS
    assert found["Name"] == "Jacky"


async def test_whole_numbers_may_have_a_point(api: Api) -> None:
    assert len((await api.ok("ListAgents", b'{"Limit": 1.0}'))["Agents"]) == 1
    answer = await api.call("ListAgents", {"Limit": 1.5})
    assert answer["Message"] == "Limit is invalid: expected an integer from 0 to 10"
    vad = {"TurnDetectConfig": {"SilenceSegmentation": 700.0}}
    callbacks = {"ASRResult": 1.0}
    instance = await api.create_voice(VAD=vad, CallbackConfig=callbacks, AdvancedConfig={"CommunicationMode": 2.0})
    spec = api.manager.get(APP_ID, instance).spec
    assert (spec.vad.silence_segmentation_ms, spec.callbacks.asr_result, spec.advanced.walkie_talkie) == (
        700,
        True,
        True,
    )
    await api.ok("RegisterAgent", b'{"AgentId": "p", "ASR": {"VADSilenceSegmentation": 500.0}}')
    assert json.dumps((await api.ok("QueryAgents", {"AgentIds": ["p"]}))["Agents"][0]["ASR"]).endswith("500.0}")


async def test_pages_of_agents(api: Api) -> None:
    for number in range(7):
        await api.ok("RegisterAgent", {"AgentId": f"a{number}"})
    first = await api.ok("ListAgents")
    assert (first["Total"], [agent["AgentId"] for agent in first["Agents"]]) == (8, ["jacky", "a0", "a1", "a2", "a3"])
    second = await api.ok("ListAgents", {"Cursor": first["Cursor"], "Limit": 2})
    assert [agent["AgentId"] for agent in second["Agents"]] == ["a4", "a5"]
    third = await api.ok("ListAgents", {"Cursor": second["Cursor"], "Limit": 10})
    assert ([agent["AgentId"] for agent in third["Agents"]], third["Cursor"]) == (["a6"], "")
    for cursor in ("!", "AAAA=", "_____________", "汉"):
        answer = await api.call("ListAgents", {"Cursor": cursor})
        assert answer["Code"] == 410000003, cursor


async def test_name_is_limited_in_bytes(api: Api) -> None:
    await api.ok("RegisterAgent", {"AgentId": "long", "Name": "名" * 85})
    assert (await api.call("RegisterAgent", {"AgentId": "longer", "Name": "名" * 86}))["Code"] == 410000003


async def test_second_start_of_the_sample_backend_changes_nothing(api: Api) -> None:
    """That backend compares what it would send with what QueryAgents gives, member by member."""
    config = {"LLM": LLM, "TTS": TTS | {"FilterText": [{"BeginCharacters": "(", "EndCharacters": ")"}]}}
    await api.ok("RegisterAgent", {"AgentId": "s", "Name": "李浩然", "ASR": {"Params": {}}} | config)
    (found,) = (await api.ok("QueryAgents", {"AgentIds": ["s"]}))["Agents"]
    assert {name: found[name] for name in ("LLM", "TTS", "ASR")} == config | {"ASR": {"Params": {}}}


# Trial credentials and vendors


@pytest.mark.parametrize("name", ["RegisterAgent", "UpdateAgent", "CreateAgentInstance", "UpdateAgentInstance"])
async def test_trial_credential_at_a_foreign_address(api: Api, name: str) -> None:
    llm = LLM | {"Url": "https://api.openai.com/v1/chat/completions"}
    answer = await api.call(name, await prepared(api, name, FULL_BODIES[name]) | {"LLM": llm})
    assert answer["Code"] == 410001047
    assert "zego_test" in answer["Message"]


async def test_trial_credentials_mean_our_own_engines(api: Api) -> None:
    instance = api.manager.get(APP_ID, await api.create_voice())
    assert (instance.spec.llm.url, instance.spec.llm.api_key, instance.spec.llm.model) == ("", "", "")
    assert instance.spec.llm.system_prompt == "You are Jacky…"
    assert (instance.spec.tts.vendor, instance.spec.tts.params) == ("", {})


@pytest.mark.parametrize(
    ("spelling", "vendor"),
    [
        ("Minimax", "MiniMax"),
        ("BytedanceFlowing", "ByteDanceFlowing"),
        ("bytedancev3", "ByteDanceV3"),
        ("LOCAL", "Local"),
    ],
)
async def test_vendor_spellings(api: Api, spelling: str, vendor: str) -> None:
    body = {"vendor": spelling, "params": {"app": {"api_key": "k"}}}
    instance = api.manager.get(APP_ID, await api.create_voice(TTS=body))
    assert instance.spec.tts.vendor == vendor
    assert instance.spec.tts.params == {"app": {"api_key": "k"}}


async def test_what_a_tts_needs(api: Api) -> None:
    for tts, path in (
        ({"Params": {"app": {}}}, "TTS.Vendor"),
        ({"Vendor": "MiniMax"}, "TTS.Params"),
        ({"Vendor": "MiniMax", "Params": {}}, "TTS.Params.app"),
        ({"Vendor": "MiniMax", "Params": {"app": "k"}}, "TTS.Params.app"),
        ({"Vendor": "Acme", "Params": {"app": {}}}, "TTS.Vendor"),
    ):
        answer = await api.call("RegisterAgent", {"AgentId": "t", "TTS": tts})
        assert answer["Code"] == 410000003
        assert answer["Message"].startswith(f"{path} is ")
    await api.ok("RegisterAgent", {"AgentId": "t", "TTS": {"Vendor": "Local"}})


async def test_what_an_llm_needs(api: Api) -> None:
    for llm, path in (
        ({"Model": "m"}, "LLM.Url"),
        ({"Url": "https://x.example/v1"}, "LLM.Model"),
        ({"Url": "x.example/v1", "Model": "m"}, "LLM.Url"),
        ({"Url": "https://", "Model": "m"}, "LLM.Url"),
        ({"Url": "https://[::1", "Model": "m"}, "LLM.Url"),
        ({"Url": "file:///etc/passwd", "Model": "m"}, "LLM.Url"),
    ):
        answer = await api.call("RegisterAgent", {"AgentId": "t", "LLM": llm})
        assert answer["Code"] == 410000003
        assert answer["Message"].startswith(f"{path} is "), answer
    await api.ok("RegisterAgent", {"AgentId": "t", "LLM": {"Vendor": "Local", "SystemPrompt": "Hi"}})


# Instances


async def test_body_of_the_sample_backend(api: Api) -> None:
    body = {
        "AgentId": "jacky",
        "UserId": "u1",
        "RTC": {
            "RoomId": "r1",
            "AgentStreamId": "stream_agent_tu2co70t",
            "AgentUserId": "user_agent_kdjkt509",
            "UserStreamId": "s1",
        },
        "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
        "LLM": None,
        "TTS": None,
        "ASR": None,
        "CallbackConfig": None,
        "AdvancedConfig": None,
    }
    data = await api.ok("CreateAgentInstance", body)
    assert list(data) == ["AgentInstanceId", "RequestId"]
    spec = api.manager.get(APP_ID, data["AgentInstanceId"]).spec
    assert (spec.app_id, spec.agent_id, spec.agent_name, spec.user_id) == (APP_ID, "jacky", "Jacky", "u1")
    assert (spec.rtc.room_id, spec.rtc.agent_stream_id) == ("r1", "stream_agent_tu2co70t")
    assert (spec.history.window_size, spec.history.messages) == (10, ())
    assert spec.digital_human is None


async def test_defaults(api: Api) -> None:
    spec = api.manager.get(APP_ID, await api.create_voice()).spec
    assert spec.vad == VadSpec(None, None, 0.2, 0)
    assert (spec.llm.temperature, spec.llm.top_p, spec.llm.vendor) == (0.7, 0.9, "OpenAIChat")
    assert spec.history.window_size == 20
    assert spec.advanced.voice_interrupts
    assert (spec.advanced.max_idle_s, spec.advanced.walkie_talkie, spec.advanced.disable_tts) == (120, False, False)
    assert not any((spec.callbacks.asr_result, spec.callbacks.llm_result, spec.callbacks.interrupted))


async def test_every_member_reaches_the_conversation(api: Api) -> None:
    data = await api.ok("CreateDigitalHumanAgentInstance", FULL_BODIES["CreateDigitalHumanAgentInstance"])
    spec = api.manager.get(APP_ID, data["AgentInstanceId"]).spec
    assert (spec.llm.url, spec.llm.api_key, spec.llm.model) == (FULL_LLM["Url"], "sk-1", "m")
    assert (spec.llm.temperature, spec.llm.top_p) == (1, 0.5)
    assert spec.llm.params == {"max_tokens": 16384, "stop": None}
    assert spec.llm.add_agent_info
    assert spec.llm.agent_extra_info == {"a": [1, {"b": None}]}
    assert spec.tts.filter_text == (("(", ")"),)
    assert (spec.tts.terminator_text, spec.tts.character_filter) == ("#", ("*", "~~"))
    assert (spec.asr.vendor, spec.asr.hot_word) == ("Tencent", "面|5")
    assert spec.vad == VadSpec(600, 1200, 0.35, 50)
    assert spec.rtc.stream_extra_info == "extra"
    assert spec.history.messages == (Message("user", "Hi"), Message("assistant", "Hello"))
    assert spec.callbacks.host_tag == "b"
    assert spec.callbacks.user_audio_data
    assert spec.callbacks.agent_instance_status
    assert (spec.advanced.voice_interrupts, spec.advanced.max_idle_s, spec.advanced.walkie_talkie) == (False, 60, True)
    assert spec.advanced.meta_info is not None
    assert spec.advanced.meta_info.send_keys == ("action",)
    assert spec.advanced.tts_param_paths == {"emotion": "voice_setting.emotion"}
    assert spec.digital_human is not None
    assert spec.digital_human.config_id is VideoKind.MOTION


@pytest.mark.parametrize(
    ("asr", "vad", "wanted"),
    [
        ({}, None, VadSpec(None, None, 0.2, 0)),
        ({"VADSilenceSegmentation": 700, "PauseInterval": 900}, None, VadSpec(700, 900, 0.2, 0)),
        (
            {"VADSilenceSegmentation": 700},
            {"TurnDetectConfig": {"SilenceSegmentation": 300}},
            VadSpec(300, None, 0.2, 0),
        ),
        ({"PauseInterval": 400}, None, VadSpec(500, None, 0.2, 0)),
        ({"VADSensitiveLevel": 1}, None, VadSpec(None, None, 0.4, 100)),
        ({"VADSensitiveLevel": 2}, None, VadSpec(None, None, 0.1, 0)),
        (
            {"VADSensitiveLevel": 3, "VADEnergyThreshold": 0.9, "VADMinSpeechDur": 70},
            None,
            VadSpec(None, None, 0.9, 70),
        ),
        ({"VADEnergyThreshold": 0.9}, None, VadSpec(None, None, 0.2, 0)),
        ({}, {"VoiceDetectConfig": {"SensitiveConfig": {"Level": 1}}}, VadSpec(None, None, 0.4, 100)),
    ],
)
async def test_turn_and_voice_detection(api: Api, asr: Any, vad: Any, wanted: VadSpec) -> None:
    assert api.manager.get(APP_ID, await api.create_voice(ASR=asr, VAD=vad)).spec.vad == wanted


async def test_rtc_info_is_rtc(api: Api) -> None:
    body = voice_body()
    body["RtcInfo"] = body.pop("RTC")
    await api.ok("CreateAgentInstance", body)


async def test_digital_human_config(api: Api) -> None:
    web = await api.ok("CreateDigitalHumanAgentInstance", face_body(1))
    assert json.loads(base64.b64decode(web["DigitalHumanConfig"], validate=True)) == {
        "DigitalHumanId": "lin",
        "Streams": [{"RoomId": "r1", "StreamId": "agent_s1", "EncodeCode": "H264", "ConfigId": "web"}],
    }
    human = {"DigitalHumanId": "lin", "ConfigId": "mobile"}
    mobile = await api.ok("CreateDigitalHumanAgentInstance", face_body(2, DigitalHuman=human))
    (stream,) = json.loads(base64.b64decode(mobile["DigitalHumanConfig"]))["Streams"]
    assert list(stream) == ["RoomId", "StreamId", "EncodeCode", "PackageUrl", "ConfigId"]
    assert stream["PackageUrl"].startswith("http://mien.test/avatars/lin/")
    assert (await api.client.get(stream["PackageUrl"])).status_code == 200


@pytest.mark.parametrize(
    ("trial", "ours"),
    [("c4b56d5c-db98-4d91-86d4-5a97b507da97", "lin"), ("63c3aa64-1d80-4b04-a0be-1c65614eb7eb", "yu")],
)
async def test_trial_digital_humans_are_ours(api: Api, trial: str, ours: str) -> None:
    data = await api.ok("CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": trial}))
    spec = api.manager.get(APP_ID, data["AgentInstanceId"]).spec
    assert spec.digital_human is not None
    assert spec.digital_human.digital_human_id == ours
    assert json.loads(base64.b64decode(data["DigitalHumanConfig"]))["DigitalHumanId"] == trial
    api.humans.all.clear()
    answer = await api.call("CreateDigitalHumanAgentInstance", face_body(2, DigitalHuman={"DigitalHumanId": trial}))
    assert answer["Code"] == 410001027


async def test_unknown_digital_human(api: Api) -> None:
    answer = await api.call("CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": "nobody"}))
    assert answer["Code"] == 410001027
    assert "lin" in answer["Message"]


async def test_a_digital_human_must_speak(api: Api) -> None:
    answer = await api.call("CreateDigitalHumanAgentInstance", face_body(AdvancedConfig={"DisableTTS": True}))
    assert answer["Code"] == 410000003
    assert answer["Message"].startswith("AdvancedConfig.DisableTTS is invalid")


async def test_limits(api: Api) -> None:
    for number in range(10):
        await api.ok("CreateAgentInstance", voice_body(number))
        await api.ok("CreateDigitalHumanAgentInstance", face_body(100 + number))
    assert (await api.call("CreateAgentInstance", voice_body(50)))["Code"] == 410000011
    assert (await api.call("CreateDigitalHumanAgentInstance", face_body(50)))["Code"] == 410001031


async def test_no_headroom(api: Api) -> None:
    api.manager.no_capacity = True
    assert (await api.call("CreateAgentInstance", voice_body()))["Code"] == 410000010
    assert (await api.call("CreateDigitalHumanAgentInstance", face_body()))["Code"] == 410001025


async def test_stream_in_use(api: Api) -> None:
    await api.create_voice(1)
    assert (await api.call("CreateAgentInstance", voice_body(1)))["Code"] == 410001030
    assert (await api.call("CreateDigitalHumanAgentInstance", face_body(1)))["Code"] == 410001030


async def test_creation_fails_in_words(api: Api) -> None:
    api.manager.fail_with = ConversationError("the room r1 is closed; open it first")
    voice = await api.call("CreateAgentInstance", voice_body())
    face = await api.call("CreateDigitalHumanAgentInstance", face_body())
    assert (voice["Code"], face["Code"]) == (410001003, 410001028)
    assert voice["Message"] == "the room r1 is closed; open it first"


async def test_update_of_a_running_instance(api: Api) -> None:
    instance = await api.create_voice(TTS=FULL_TTS)
    fake = api.manager.get(APP_ID, instance)
    body = {
        "AgentInstanceId": instance,
        "TTS": {"Vendor": "minimax", "Params": {"app": {"api_key": "k2"}, "model": "other"}},
        "RTC": {"UserStreamId": "s2"},
    }
    await api.ok("UpdateAgentInstance", body)
    ((name, arguments),) = fake.calls
    assert name == "update"
    assert (arguments["llm"], arguments["asr"], arguments["user_stream_id"]) == (None, None, "s2")
    assert arguments["tts"].params["model"] == "other"
    assert arguments["tts"].filter_text == (("(", ")"),)
    other = {"Vendor": "CosyVoice", "Params": {"app": {}}}
    answer = await api.call("UpdateAgentInstance", {"AgentInstanceId": instance, "TTS": other})
    assert answer["Code"] == 410000003
    assert answer["Message"].startswith("TTS.Vendor is invalid: expected MiniMax")
    filters = {"FilterText": [{"BeginCharacters": "<", "EndCharacters": ">"}], "TerminatorText": "!"}
    tts = FULL_TTS | filters | {"CharacterFilter": ["!"]}
    await api.ok("UpdateAgentInstance", {"AgentInstanceId": instance, "TTS": tts})
    kept = fake.calls[-1][1]["tts"]
    assert (kept.filter_text, kept.terminator_text, kept.character_filter) == ((("(", ")"),), "#", ("*", "~~"))
    for members, wanted in (
        ({"ASR": {}}, None),
        ({"ASR": {"VADSilenceSegmentation": 900}}, VadSpec(900, None, 0.2, 0)),
        ({"VAD": VAD}, VadSpec(600, 1200, 0.35, 50)),
    ):
        await api.ok("UpdateAgentInstance", {"AgentInstanceId": instance} | members)
        assert fake.calls[-1][1]["vad"] == wanted
    fake.fail_with = ConversationError("the recogniser cannot be changed")
    answer = await api.call("UpdateAgentInstance", {"AgentInstanceId": instance, "ASR": {}})
    assert answer["Code"] == 410001011


async def test_delete(api: Api) -> None:
    instance = await api.create_voice()
    await api.ok("DeleteAgentInstance", {"AgentInstanceId": instance})
    assert api.manager.deleted == [(instance, False, 30.0)]
    assert (await api.call("DeleteAgentInstance", {"AgentInstanceId": instance}))["Code"] == 410001002


async def test_graceful_shutdown(api: Api) -> None:
    instance = await api.create_voice()
    body = {"AgentInstanceId": instance, "GracefulShutdown": True, "GracefulShutdownTimeout": 7}
    await api.ok("DeleteAgentInstance", body)
    assert api.manager.deleted == [(instance, True, 7.0)]
    for name in sorted(name for name, body in FULL_BODIES.items() if "AgentInstanceId" in body):
        answer = await api.call(name, FULL_BODIES[name] | {"AgentInstanceId": instance})
        assert answer["Code"] == (0 if name == "MienListRounds" else 410001041), name
    await api.ok("DeleteAgentInstance", {"AgentInstanceId": instance})
    assert (await api.call("QueryAgentInstanceStatus", {"AgentInstanceId": instance}))["Code"] == 410001002


async def test_the_created_instance_knows_its_request(api: Api) -> None:
    for name, body in (
        ("CreateAgentInstance", voice_body(1)),
        ("CreateDigitalHumanAgentInstance", face_body(2)),
        ("CreateLiveDigitalHumanAgentInstance", FULL_BODIES["CreateLiveDigitalHumanAgentInstance"]),
    ):
        answer = await api.call(name, body)
        assert answer["Data"]["RequestId"] == answer["RequestId"]


async def test_agent_and_user_need_ids_of_their_own(api: Api) -> None:
    for member, same in (("AgentUserId", "u1"), ("AgentStreamId", "s1")):
        answer = await api.call("CreateAgentInstance", voice_body(RTC=RTC | {member: same}))
        assert answer["Code"] == 410000003
        assert answer["Message"].startswith(f"RTC.{member} is invalid: expected another id")


async def test_communication_mode(api: Api) -> None:
    quiet = await api.create_voice(1, AdvancedConfig={"CommunicationMode": 1})
    assert api.manager.get(APP_ID, quiet).spec.advanced.listen_only
    for mode, listen_only in ((0, False), (1, True)):
        config = {"AdvancedConfig": {"CommunicationMode": mode}}
        await api.ok("UpdateAgentInstance", {"AgentInstanceId": quiet} | config)
        assert api.manager.get(APP_ID, quiet).calls[-1][1]["listen_only"] is listen_only
    radio = await api.create_voice(2, AdvancedConfig={"CommunicationMode": 2})
    answer = await api.call("UpdateAgentInstance", {"AgentInstanceId": radio} | config)
    assert answer["Message"].startswith("AdvancedConfig.CommunicationMode is invalid: expected nothing")


async def test_steering_the_voice_needs_no_marks_of_its_own(api: Api) -> None:
    paths = {"TTSParamPaths": {"mood": "voice_setting.emotion"}}
    spec = api.manager.get(APP_ID, await api.create_voice(1, AdvancedConfig=paths)).spec
    assert spec.advanced.meta_info is not None
    assert (spec.advanced.meta_info.begin, spec.advanced.meta_info.end) == ("[[", "]]")
    body = FULL_BODIES["CreateLiveDigitalHumanAgentInstance"] | {"AdvancedConfig": paths}
    live = await api.ok("CreateLiveDigitalHumanAgentInstance", body)
    assert api.manager.get(APP_ID, live["AgentInstanceId"]).spec.advanced.meta_info == spec.advanced.meta_info
    bare = api.manager.get(APP_ID, await api.create_voice(3)).spec
    assert bare.advanced.meta_info is None


# Control


@pytest.mark.parametrize(
    ("members", "priority", "same"),
    [
        ({}, Priority.MEDIUM, SamePriority.CLEAR_AND_INTERRUPT),
        ({"InterruptMode": 0}, Priority.MEDIUM, SamePriority.CLEAR_AND_INTERRUPT),
        ({"InterruptMode": 1}, Priority.HIGH, SamePriority.CLEAR_AND_INTERRUPT),
        ({"InterruptMode": 1, "Priority": "Low"}, Priority.LOW, SamePriority.CLEAR_AND_INTERRUPT),
        ({"Priority": "High", "SamePriorityOption": "Enqueue"}, Priority.HIGH, SamePriority.ENQUEUE),
    ],
)
async def test_priorities(api: Api, members: Any, priority: Priority, same: SamePriority) -> None:
    instance = await api.create_voice()
    data = await api.ok("SendAgentInstanceTTS", {"AgentInstanceId": instance, "Text": "Hi"} | members)
    assert isinstance(data["Round"], int)
    ((_, arguments),) = api.manager.get(APP_ID, instance).calls
    assert (arguments["priority"], arguments["same_priority"]) == (priority, same)


@pytest.mark.parametrize("name", ["SendAgentInstanceTTS", "SendAgentInstanceLLM"])
async def test_empty_priority_has_the_known_sentence(api: Api, name: str) -> None:
    answer = await api.call(name, {"AgentInstanceId": await api.create_voice(), "Text": "x", "Priority": ""})
    assert (answer["Code"], answer["Message"]) == (410000003, "Priority is invalid")


async def test_ask_defaults(api: Api) -> None:
    instance = await api.create_voice()
    await api.ok("SendAgentInstanceLLM", {"AgentInstanceId": instance, "text": "Why?"})
    assert api.manager.get(APP_ID, instance).calls == [
        (
            "ask",
            {
                "text": "Why?",
                "system_prompt": None,
                "add_question": False,
                "add_answer": True,
                "priority": Priority.MEDIUM,
                "same_priority": SamePriority.CLEAR_AND_INTERRUPT,
                "enqueue_user_speech": False,
            },
        )
    ]


async def test_an_empty_system_prompt_is_none_of_its_own(api: Api) -> None:
    """Clients that always send the member send it empty where they mean the instance's."""
    instance = await api.create_voice()
    for given, wanted in (("", None), ("Short.", "Short.")):
        await api.ok("SendAgentInstanceLLM", {"AgentInstanceId": instance, "Text": "Why?", "SystemPrompt": given})
        assert api.manager.get(APP_ID, instance).calls[-1][1]["system_prompt"] == wanted


async def test_text_of_300_characters(api: Api) -> None:
    instance = await api.create_voice()
    await api.ok("SendAgentInstanceTTS", {"AgentInstanceId": instance, "Text": "汉" * 300})
    for text in ("汉" * 301, "", " \n\t"):
        answer = await api.call("SendAgentInstanceTTS", {"AgentInstanceId": instance, "Text": text})
        assert answer["Code"] == 410000003


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("SendAgentInstanceTTS", UserListeningError("the user is speaking"), 410001013),
        ("SendAgentInstanceTTS", QueueFullError("5 rounds wait"), 410001007),
        ("SendAgentInstanceTTS", TtsDisabledError("DisableTTS is set"), 410001007),
        ("SendAgentInstanceLLM", UserListeningError("the user is speaking"), 410001013),
        ("SendAgentInstanceLLM", QueueFullError("5 rounds wait"), 410001006),
        ("InterruptAgentInstance", ConversationError("no"), 410001024),
        ("GetAgentInstanceMsgList", ConversationError("no"), 410001022),
        ("ResetAgentInstanceMsgList", ConversationError("no"), 410001023),
        ("AddAgentInstanceMsg", ConversationError("no"), 410001010),
        ("StartListening", UserNotPublishingError("s1 is not published"), 410001046),
        ("StartListening", ConversationError("no"), 410001044),
        ("StopListening", ConversationError("no"), 410001045),
    ],
)
async def test_states_that_forbid(api: Api, name: str, error: Exception, code: int) -> None:
    body = await prepared(api, name, FULL_BODIES[name])
    api.manager.get(APP_ID, body["AgentInstanceId"]).fail_with = error
    answer = await api.call(name, body)
    assert (answer["Code"], answer["Message"]) == (code, str(error))


async def test_status(api: Api) -> None:
    instance = await api.create_voice()
    for status in Status:
        api.manager.get(APP_ID, instance).status = status
        assert await api.ok("QueryAgentInstanceStatus", {"AgentInstanceId": instance}) == {"Status": status.name}


async def test_messages(api: Api) -> None:
    history = {"SyncMode": 1, "Messages": [{"Role": "user", "Content": "Hi"}]}
    one = {"AgentInstanceId": await api.create_voice(MessageHistory=history)}
    await api.ok("AddAgentInstanceMsg", one | {"Messages": [{"Role": "assistant", "Content": "你好"}]})
    assert await api.ok("GetAgentInstanceMsgList", one) == {
        "Total": 2,
        "MessageList": [{"Role": "user", "Content": "Hi"}, {"Role": "assistant", "Content": "你好"}],
    }
    await api.ok("ResetAgentInstanceMsgList", one)
    assert await api.ok("GetAgentInstanceMsgList", one) == {"Total": 0, "MessageList": []}


async def test_walkie_talkie(api: Api) -> None:
    duplex = {"AgentInstanceId": await api.create_voice(1)}
    assert (await api.call("StartListening", duplex))["Code"] == 410001042
    radio = {"AgentInstanceId": await api.create_voice(2, AdvancedConfig={"CommunicationMode": 2})}
    started = await api.ok("StartListening", radio | {"Sequence": 2**62})
    assert isinstance(started["Round"], int)
    assert (await api.call("StopListening", radio | {"Sequence": 1}))["Code"] == 410001043
    await api.ok("StopListening", radio | {"Sequence": 2**62, "UserId": "u1"})
    await api.ok("StopListening", radio | {"CancelFlag": True})
    calls = api.manager.get(APP_ID, radio["AgentInstanceId"]).calls
    assert [arguments.get("cancel") for _, arguments in calls] == [None, False, True]


# Live digital humans


async def test_live_digital_human(api: Api) -> None:
    """The body of the sample backend; then what it can do and what it cannot."""
    body = {
        "AgentId": "jacky",
        "DigitalHuman": {"DigitalHumanId": "lin", "ConfigId": "web"},
        "RTC": {
            "RoomId": "r1",
            "AgentStreamId": "stream_agent_0srnfmk4",
            "AgentUserId": "user_agent_j23wo3ls",
        },
    }
    data = await api.ok("CreateLiveDigitalHumanAgentInstance", body)
    assert json.loads(base64.b64decode(data["DigitalHumanConfig"]))["Streams"][0]["StreamId"] == "stream_agent_0srnfmk4"
    one = {"AgentInstanceId": data["AgentInstanceId"]}
    spec = api.manager.get(APP_ID, data["AgentInstanceId"]).spec
    assert (spec.live, spec.user_id, spec.advanced.max_idle_s) == (True, "", 900)
    assert spec.advanced.meta_info == MetaInfoSpec("[[", "]]")
    full = FULL_BODIES["CreateLiveDigitalHumanAgentInstance"] | {"ExtensionParams": {"anything": ["goes"]}}
    other = await api.ok("CreateLiveDigitalHumanAgentInstance", full)
    assert api.manager.get(APP_ID, other["AgentInstanceId"]).spec.rtc.stream_extra_info == "x"
    await api.ok("SendAgentInstanceTTS", one | {"Text": "Welcome"})
    await api.ok("InterruptAgentInstance", one)
    await api.ok("QueryAgentInstanceStatus", one)
    for name in (
        "SendAgentInstanceLLM",
        "StartListening",
        "StopListening",
        "GetAgentInstanceMsgList",
        "ResetAgentInstanceMsgList",
        "AddAgentInstanceMsg",
        "UpdateAgentInstance",
    ):
        assert (await api.call(name, FULL_BODIES[name] | one))["Code"] == 410001049, name
    await api.ok("DeleteAgentInstance", one)


async def test_live_digital_human_on_a_cdn(api: Api) -> None:
    """CDN wins over RTC, whatever RTC holds; the face is drawn; the stream key stays where it is."""
    url = "rtmp://x.example/live/key-1234"
    body = {
        "AgentId": "jacky",
        "DigitalHuman": {"DigitalHumanId": "lin", "ConfigId": "mobile"},
        "RTC": {"RoomId": ""},
        "CDN": {"Url": url},
        "AdvancedConfig": {"MaxIdleTime": 86400},
        "ExtensionParams": {"anything": ["goes"]},
    }
    data = await api.ok("CreateLiveDigitalHumanAgentInstance", body)
    config = json.loads(base64.b64decode(data["DigitalHumanConfig"]))
    assert config == {"DigitalHumanId": "lin", "Streams": []}
    spec = api.manager.get(APP_ID, data["AgentInstanceId"]).spec
    assert (spec.cdn_url, spec.live, spec.advanced.max_idle_s) == (url, True, 86400)
    assert spec.digital_human == DigitalHumanSpec("lin", VideoKind.PICTURE)
    assert spec.rtc == RtcSpec("", "", "")
    assert "key-1234" not in repr(spec)
    await api.ok("SendAgentInstanceTTS", {"AgentInstanceId": data["AgentInstanceId"], "Text": "Welcome"})
    one = {"AgentInstanceId": data["AgentInstanceId"], "Text": "?"}
    assert (await api.call("SendAgentInstanceLLM", one))["Code"] == 410001049


async def test_a_cdn_that_cannot_be_reached(api: Api) -> None:
    api.manager.fail_with = ConversationError("rtmp://x.example refused the connection: check host and port")
    body = FULL_BODIES["CreateLiveDigitalHumanAgentInstance"] | {"CDN": {"Url": "rtmp://x.example/live/key-1234"}}
    answer = await api.call("CreateLiveDigitalHumanAgentInstance", body)
    assert answer["Code"] == 410001028
    assert answer["Message"] == "rtmp://x.example refused the connection: check host and port"


async def test_what_a_live_digital_human_needs(api: Api) -> None:
    body = dict(FULL_BODIES["CreateLiveDigitalHumanAgentInstance"])
    nowhere = await api.call("CreateLiveDigitalHumanAgentInstance", body | {"RTC": None})
    assert nowhere["Code"] == 410000003
    assert nowhere["Message"] == "RTC is required: expected an object, or CDN in its place"
    wrong = ["http://x.example/live/key-1234", "rtmp://x.example/key-1234", "rtmp:///live/key-1234"]
    for url in (None, "", 5, f"rtmp://x.example/live/{'k' * 2048}", *wrong):
        answer = await api.call("CreateLiveDigitalHumanAgentInstance", body | {"CDN": {"Url": url}})
        assert (answer["Code"], answer["Message"][:7]) == (410000003, "CDN.Url")
        assert "expected rtmp://host/application/stream-key" in answer["Message"]
        assert "key-1234" not in answer["Message"]
    silent = await api.call("CreateLiveDigitalHumanAgentInstance", body | {"AdvancedConfig": {"DisableTTS": True}})
    assert silent["Message"].startswith("AdvancedConfig.DisableTTS is invalid")
    idle = await api.call("CreateLiveDigitalHumanAgentInstance", body | {"AdvancedConfig": {"MaxIdleTime": 29}})
    assert idle["Message"] == "AdvancedConfig.MaxIdleTime is invalid: expected an integer from 30 to 86400"
