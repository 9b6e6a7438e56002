"""Tools over the wire: the real model clients, a real webhook and a real MCP server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit.agents import llm

from mien.callbacks import WebhookCaller, sign
from mien.client import AsyncClient, Extras, Rtc, Tool
from mien.conversation.port import WebhookError
from mien.conversation.spec import ExtrasUpdate, McpServerSpec, ToolSpec
from mien.server import MienServer
from mien.settings import Settings
from mien.speech.engines import Engines
from mien.speech.spec import LlmSpec
from mien.store import App
from tests.support import tool_streams
from tests.support.conversation import Script, Stagehand, Step, leave, spec, stage
from tests.support.llm_server import running_server
from tests.support.tool_servers import Backend, mcp_server, serving

from .rtc_support import until

pytestmark = pytest.mark.integration

SECRET = "callback-secret"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class OneApp:
    """The app store of a test."""

    async def find(self, app_id: int) -> App | None:
        return App(app_id, "Shop", "s" * 32, SECRET, {}, False, datetime.now(UTC)) if app_id == 1 else None


@dataclass(slots=True)
class RealModels(Script):
    """Scripted ears and voice, and this server's own clients for the model."""

    engines: Engines = field(default_factory=lambda: Engines(Settings()))  # type: ignore[call-arg]

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        return self.engines.llm(spec, agent_info=agent_info)

    def takes_tools(self, spec: LlmSpec) -> bool:
        return self.engines.takes_tools(spec)


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture
async def webhooks() -> AsyncIterator[WebhookCaller]:
    caller = WebhookCaller(OneApp())
    yield caller
    await caller.close()


@pytest.fixture
async def hand(webhooks: WebhookCaller) -> AsyncIterator[Stagehand]:
    script = RealModels(tts_s=0.01, char_s=0.01)
    made = await stage(script, webhooks=webhooks)
    yield made
    await leave(made)
    await script.engines.close()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def requests(model: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        found: list[dict[str, Any]] = (await client.get(f"{model}/requests")).json()
    return found


def weather(url: str, **more: Any) -> ToolSpec:
    return ToolSpec("weather", "Of a city", SCHEMA, url, **more)


async def answer_of(hand: Stagehand, **what: Any) -> str:
    """Asks an instance for the weather and waits for what it says."""
    instance = await hand.manager.create(spec(**what))
    await instance.ask("Weather?")
    await until(lambda: "IDLE 1" in hand.told(), 20)
    return instance.messages()[-1].content


@pytest.mark.parametrize("service", [*tool_streams.CHAT, "responses"])
async def test_a_webhook_with_every_services_way_to_call_it(service: str, model: str, hand: Stagehand) -> None:
    backend = Backend()
    chosen = LlmSpec(url=f"{model}/tools/{service}", model="m")
    if service == "responses":
        chosen = LlmSpec(url=f"{model}/tools-by-responses", vendor="OpenAIResponses", model="m")
        cities = ["Paris", "Rome"]
    else:
        cities = [json.loads(arguments)["city"] for _, arguments in tool_streams.CHAT[service][1]]
    async with serving(backend.app) as url:
        tool = weather(f"{url}/weather", headers={"Authorization": "Bearer shop"})
        answer = await answer_of(hand, llm=chosen, tools=(tool,))
    assert answer.startswith("I found: ")
    assert answer.count('"sky":"rain"') == len(cities)
    assert sorted(body["Arguments"]["city"] for body, _ in backend.received) == cities
    body, headers = backend.received[0]
    assert headers["authorization"] == "Bearer shop"
    assert body["Signature"] == sign(SECRET, body["Timestamp"], body["Nonce"])
    assert {key: body[key] for key in ("Name", "AgentInstanceId", "RoomId", "UserId", "AppId")} == {
        "Name": "weather",
        "AgentInstanceId": "100",
        "RoomId": "room",
        "UserId": "user",
        "AppId": 1,
    }
    first, second = (await requests(model))[-2:]
    assert len(first["body"]["tools"]) == 1
    if service != "responses":
        calls = next(message for message in second["body"]["messages"] if message.get("tool_calls"))["tool_calls"]
        results = [message["tool_call_id"] for message in second["body"]["messages"] if message["role"] == "tool"]
        assert sorted(call["id"] for call in calls) == sorted(results)
        assert len(set(results)) == len(cities)


async def test_a_webhook_that_fails_and_one_that_is_not_there(model: str, hand: Stagehand) -> None:
    async with serving(Backend().app) as url:
        chosen = LlmSpec(url=f"{model}/tools/dashscope", model="m")
        answer = await answer_of(hand, llm=chosen, tools=(weather(f"{url}/broken"),))
    assert answer == "I found: weather failed: HTTP 503: the database is away."
    assert hand.callbacks("Exception")[0][1]["Message"] == (
        f"the tool weather at {url}/broken failed: HTTP 503: the database is away"
    )


async def test_what_webhooks_refuse_to_do(webhooks: WebhookCaller) -> None:
    async with serving(Backend().app) as url:
        with pytest.raises(WebhookError, match="HTTP 404"):
            await webhooks.call(1, f"{url}/nothing", {}, headers={}, timeout_s=2)
        with pytest.raises(WebhookError, match="removed"):
            await webhooks.call(2, f"{url}/weather", {}, headers={}, timeout_s=2)
    with pytest.raises(WebhookError, match=r"(?i)connect"):
        await webhooks.call(1, f"{url}/weather", {}, headers={}, timeout_s=2)


async def test_a_webhook_answers_with_no_more_than_it_may() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 200_000))
    caller = WebhookCaller(OneApp(), transport=transport)
    assert len(await caller.call(1, "http://shop.test/x", {}, headers={}, timeout_s=2)) == 64 * 1024
    await caller.close()


async def test_tools_of_an_mcp_server(model: str, hand: Stagehand) -> None:
    calls: list[str] = []
    async with serving(mcp_server(calls).streamable_http_app()) as url:
        server = McpServerSpec(f"{url}/mcp", allowed=("weather", "secret.door"))
        chosen = LlmSpec(url=f"{model}/tools/openai", model="m")
        instance = await hand.manager.create(spec(llm=chosen, mcp_servers=(server,)))
        await until(lambda: len(instance._live.agent.tools) == 2)
        await instance.ask("Weather?")
        await until(lambda: "IDLE 1" in hand.told(), 20)
        assert sorted(calls) == ["Paris", "Rome"]
        assert "sun in Paris" in instance.messages()[-1].content
        offered = (await requests(model))[-1]["body"]["tools"]
        assert sorted(tool["function"]["name"] for tool in offered) == ["secret_door", "weather"]
        assert next(tool for tool in offered if tool["function"]["name"] == "weather")["function"]["description"] == (
            "The weather of a city."
        )
        await instance.update(extras=ExtrasUpdate(mcp_servers=()))
        assert instance._live.agent.tools == []
        await hand.manager.close()
    assert hand.callbacks("Exception") == []


async def test_an_mcp_server_that_is_restarted_in_the_middle_of_a_call(model: str, hand: Stagehand) -> None:
    calls: list[str] = []
    chosen = LlmSpec(url=f"{model}/tools/dashscope", model="m")
    async with serving(mcp_server(calls).streamable_http_app()) as url:
        server = McpServerSpec(f"{url}/mcp", timeout_s=3.0)
        instance = await hand.manager.create(spec(llm=chosen, mcp_servers=(server,)))
        await until(lambda: bool(instance._live.agent.tools))
    async with serving(mcp_server(calls).streamable_http_app(), int(url.rsplit(":", 1)[1])):
        await instance.ask("Weather?", add_answer=False)
        await until(lambda: "IDLE 1" in hand.told(), 20)
        assert calls == ["Paris"]
        assert hand.callbacks("Exception") == []
        await hand.manager.close()


async def test_an_mcp_server_that_is_away_at_first(model: str, hand: Stagehand, unused_port: int) -> None:
    server = McpServerSpec(f"http://127.0.0.1:{unused_port}/mcp?key=secret", timeout_s=2.0)
    instance = await hand.manager.create(spec(llm=LlmSpec(url=f"{model}/tools/openai"), mcp_servers=(server,)))
    await until(lambda: bool(hand.callbacks("Exception")), 10)
    exception = hand.callbacks("Exception")[0][1]
    assert exception["Code"] == 2201
    assert f"http://127.0.0.1:{unused_port}/mcp cannot be reached" in exception["Message"]
    assert "secret" not in exception["Message"]
    async with serving(mcp_server([]).streamable_http_app(), unused_port):
        await until(lambda: bool(instance._live.agent.tools), 15)
        await hand.manager.close()
    assert len(hand.callbacks("Exception")) == 1


async def test_a_tool_of_an_mcp_server_that_fails() -> None:
    hand = await stage(Script(tts_s=0.01, char_s=0.01, steps=[Step(calls=[("broken", "{}")]), Step("It is broken.")]))
    async with serving(mcp_server([]).streamable_http_app()) as url:
        server = McpServerSpec(f"{url}/mcp", allowed=("broken",))
        instance = await hand.manager.create(spec(mcp_servers=(server,)))
        await until(lambda: bool(instance._live.agent.tools))
        await instance.ask("Try it")
        await until(lambda: "IDLE 1" in hand.told(), 20)
        await leave(hand)
    assert "the sensor is wet" in hand.script.requests[1].items[-1]
    assert "the tool broken at" in hand.callbacks("Exception")[0][1]["Message"]


async def test_a_name_that_two_servers_have(model: str, hand: Stagehand) -> None:
    async with serving(mcp_server([]).streamable_http_app()) as url:
        own = weather(f"{url}/none")
        server = McpServerSpec(f"{url}/mcp", allowed=("weather",))
        chosen = LlmSpec(url=f"{model}/tools/openai")
        instance = await hand.manager.create(spec(llm=chosen, tools=(own,), mcp_servers=(server,)))
        await until(lambda: bool(hand.callbacks("Exception")), 10)
        assert "another tool has this name" in hand.callbacks("Exception")[0][1]["Message"]
        assert len(instance._live.agent.tools) == 1
        await hand.manager.close()


async def test_the_whole_server(model: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, app_id=12345, server_secret="s" * 32, callback_url="", min_free_memory_mb=0)
    mien = await MienServer.build(settings, local_url="")
    backend = Backend()
    async with serving(mien.app) as url, serving(backend.app) as shop, AsyncClient(url, 12345, "s" * 32) as client:
        chosen = {"Url": f"{model}/tools/gemini", "Model": "m"}
        await client.register_agent("guide", llm=chosen, extras=Extras(tools=[Tool("weather", f"{shop}/weather")]))
        where = Rtc("room", "agent", "agent_1", "mic")
        instance = await client.create_agent_instance("guide", "user", where, advanced_config={"DisableTTS": True})
        await client.ask(instance, "Weather?")
        async with asyncio.timeout(20):
            while not await client.messages(instance):  # noqa: ASYNC110 - the API is asked, it does not tell
                await asyncio.sleep(0.2)
        (said,) = await client.messages(instance)
        await client.delete_agent_instance(instance)
        await mien.close()
    assert said.content.count('"sky":"rain"') == 2
    assert {body["AgentInstanceId"] for body, _ in backend.received} == {instance}


def test_importing_the_server_does_not_load_the_mcp_client() -> None:
    code = "import mien.server, sys; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
