"""The member `Mien`: kept and echoed as sent, merged by sub-object, refused in words, and absent unless it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mien.conversation.spec import ExtrasUpdate, InstanceSpec, McpServerSpec, Priority, ToolSpec, WelcomeSpec
from tests.support.api_harness import APP_ID, Api, face_body, running_api, voice_body

TOOL = {"Name": "weather", "Url": "https://shop.test/weather"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


async def started(api: Api, agent: Any = None, instance: Any = None, **more: Any) -> InstanceSpec:
    """The specification of an instance whose agent and body have these `Mien` objects."""
    members = {} if agent is None else {"Mien": agent}
    await api.ok("RegisterAgent", {"AgentId": "a"} | members)
    body = voice_body(AgentId="a", **more) | ({} if instance is None else {"Mien": instance})
    created = await api.ok("CreateAgentInstance", body)
    return api.manager.get(APP_ID, created["AgentInstanceId"]).spec


async def test_it_is_echoed_exactly_as_sent_and_only_if_it_was(api: Api) -> None:
    sent = {"language": "EN", "Tools": [TOOL | {"Unknown": [1, None]}], "Other": {"b": 1, "a": None}}
    await api.ok("RegisterAgent", {"AgentId": "a", "mien": sent})
    (plain, ours) = (await api.ok("QueryAgents", {"AgentIds": ["jacky", "a"]}))["Agents"]
    assert set(plain) == {"AgentId", "Name", "LLM", "TTS", "ASR"}
    assert ours["Mien"] == sent
    assert list(ours["Mien"]) == list(sent)
    listed = (await api.ok("ListAgents", {}))["Agents"]
    assert [agent.get("Mien") for agent in listed] == [None, sent]
    await api.ok("UpdateAgent", {"AgentId": "a", "Name": "A"})
    await api.ok("UpdateAgent", {"AgentId": "jacky", "Mien": {"Language": "zh"}})
    updated = (await api.ok("QueryAgents", {"AgentIds": ["jacky", "a"]}))["Agents"]
    assert [agent["Mien"] for agent in updated] == [{"Language": "zh"}, sent]


async def test_without_it_an_instance_is_as_before(api: Api) -> None:
    spec = await started(api)
    assert (spec.tools, spec.mcp_servers, spec.welcome, spec.asr.language) == ((), (), None, "")


async def test_every_member_reaches_the_conversation(api: Api) -> None:
    spec = await started(
        api,
        {
            "Tools": [TOOL | {"Description": "d", "Parameters": SCHEMA, "Headers": {"A": "b"}, "TimeoutMs": 2500}],
            "McpServers": [{"Url": "http://mcp.test/mcp", "Headers": {"A": "b"}, "AllowedTools": ["x"]}],
            "Welcome": {"Text": "Hi", "Priority": "Low", "DelayMs": 0},
            "Language": "en",
        },
    )
    assert spec.tools == (ToolSpec("weather", "d", SCHEMA, "https://shop.test/weather", {"A": "b"}, 2.5),)
    assert spec.mcp_servers == (McpServerSpec("http://mcp.test/mcp", {"A": "b"}, ("x",), 10.0),)
    assert spec.welcome == WelcomeSpec("Hi", "", Priority.LOW, 0.0)
    assert spec.asr.language == "en"


async def test_an_instance_replaces_whole_members_of_its_agent(api: Api) -> None:
    agent = {"Tools": [TOOL], "McpServers": [{"Url": "http://mcp.test/mcp"}], "Welcome": {"Text": "Hi"}}
    spec = await started(api, agent | {"Language": "zh"}, {"Tools": [], "Welcome": {"Prompt": "Greet"}})
    assert spec.tools == ()
    assert len(spec.mcp_servers) == 1
    assert spec.welcome == WelcomeSpec("", "Greet", Priority.HIGH, 0.5)
    assert spec.asr.language == "zh"


async def test_digital_humans_have_it_too(api: Api) -> None:
    body = face_body(Mien={"Language": "en", "Welcome": {"Text": "Hi"}})
    created = await api.ok("CreateDigitalHumanAgentInstance", body)
    spec = api.manager.get(APP_ID, created["AgentInstanceId"]).spec
    assert spec.asr.language == "en"
    assert spec.welcome is not None


async def test_a_live_digital_human_speaks_the_language_of_its_agent(api: Api) -> None:
    await api.ok("RegisterAgent", {"AgentId": "a", "Mien": {"Language": "en", "Tools": [TOOL]}})
    rtc = {"RoomId": "r", "AgentStreamId": "s", "AgentUserId": "u"}
    body = {"AgentId": "a", "DigitalHuman": {"DigitalHumanId": "lin"}, "RTC": rtc}
    created = await api.ok("CreateLiveDigitalHumanAgentInstance", body)
    spec = api.manager.get(APP_ID, created["AgentInstanceId"]).spec
    assert (spec.asr.language, spec.tools) == ("en", ())


async def test_a_running_instance_changes(api: Api) -> None:
    instance = await api.create_voice()
    await api.ok("UpdateAgentInstance", {"AgentInstanceId": instance, "Mien": {"Language": "auto", "Tools": [TOOL]}})
    await api.ok("UpdateAgentInstance", {"AgentInstanceId": instance, "Mien": {"McpServers": []}})
    calls = [arguments["extras"] for _, arguments in api.manager.get(APP_ID, instance).calls]
    tool = ToolSpec("weather", "", {"type": "object", "properties": {}}, "https://shop.test/weather")
    assert calls == [ExtrasUpdate((tool,), None, "auto"), ExtrasUpdate(None, (), None)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Tools": [{"Url": "https://a.test"}]}, "Mien.Tools[0].Name is required: expected 1 to 64"),
        ({"Tools": [TOOL | {"Name": "a b"}]}, "Mien.Tools[0].Name is invalid: expected 1 to 64 characters out of"),
        ({"Tools": [TOOL | {"Url": "stdio:ls"}]}, "Mien.Tools[0].Url is invalid: expected an address such as https"),
        ({"Tools": [TOOL, TOOL]}, "Mien.Tools is invalid: expected a name of its own for each tool; weather is"),
        (
            {"Tools": [TOOL | {"Parameters": {"type": "string"}}]},
            "Mien.Tools[0].Parameters is invalid: expected a",
        ),
        (
            {"Tools": [TOOL | {"Parameters": {"x": "y" * 20_000}}]},
            "Mien.Tools[0].Parameters is invalid: expected a",
        ),
        ({"Tools": [TOOL | {"Headers": {"Content-Length": "1"}}]}, "Mien.Tools[0].Headers is invalid: expected names"),
        ({"Tools": [TOOL | {"Headers": {"A": "b\r\nC: d"}}]}, "Mien.Tools[0].Headers is invalid: expected names"),
        ({"Tools": [TOOL | {"TimeoutMs": 90_000}]}, "Mien.Tools[0].TimeoutMs is invalid: expected an integer from 100"),
        (
            {"Tools": [TOOL | {"Name": f"t{i}"} for i in range(33)]},
            "Mien.Tools is invalid: expected an array of",
        ),
        ({"McpServers": [{"Url": "ws://a.test"}]}, "Mien.McpServers[0].Url is invalid: expected an address"),
        ({"McpServers": [{"Url": "http://a.test"}] * 9}, "Mien.McpServers is invalid: expected an array of at most 8"),
        ({"McpServers": [{"Command": "ls"}]}, "Mien.McpServers[0].Url is required"),
        ({"Welcome": {}}, "Mien.Welcome is invalid: expected either Text or Prompt"),
        ({"Welcome": {"Text": "a", "Prompt": "b"}}, "Mien.Welcome is invalid: expected either Text or Prompt"),
        ({"Welcome": {"Text": "x" * 301}}, "Mien.Welcome.Text is invalid: expected a text of 1 to 300 characters"),
        ({"Language": "fr"}, "Mien.Language is invalid: expected one of zh, en, auto"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, given: Any, message: str) -> None:
    for name, body in (
        ("RegisterAgent", {"AgentId": "new"}),
        ("CreateAgentInstance", voice_body()),
    ):
        answer = await api.call(name, body | {"Mien": given})
        assert answer["Code"] == 410000003
        assert answer["Message"].startswith(message)


async def test_what_an_instance_cannot_do(api: Api) -> None:
    quiet = voice_body(AdvancedConfig={"DisableTTS": True}, Mien={"Welcome": {"Text": "Hi"}})
    answer = await api.call("CreateAgentInstance", quiet)
    assert answer["Message"].startswith("Mien.Welcome.Text is invalid: expected Prompt instead")
    instance = await api.create_voice()
    answer = await api.call("UpdateAgentInstance", {"AgentInstanceId": instance, "Mien": {"Welcome": {"Text": "Hi"}}})
    assert answer["Message"].startswith("Mien is invalid: expected no Welcome")


@pytest.mark.parametrize("name", ["SendAgentInstanceTTS", "SendAgentInstanceLLM"])
async def test_users_that_wait(api: Api, name: str) -> None:
    instance = await api.create_voice()
    for wanted in ({}, {"EnqueueUserSpeech": True}):
        await api.ok(name, {"AgentInstanceId": instance, "Text": "Hello"} | wanted)
    calls = api.manager.get(APP_ID, instance).calls
    assert [arguments["enqueue_user_speech"] for _, arguments in calls] == [False, True]
