"""The example backend, unchanged, against the real HTTP surface with a played conversation."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from mien.callbacks import WebhookCaller
from mien.callbacks.envelope import envelope
from mien.conversation.port import CallbackEvent, WebhookError
from mien.rtc import token04
from tests.support.api_harness import APP_ID, SECRET, Api, running_api

BACKEND = Path(__file__).parents[2] / "examples" / "business-backend" / "backend.py"
START = {"user_id": "u1", "room_id": "r1", "user_stream_id": "s1"}


@dataclass
class Backend:
    """The example program, and Mien behind it."""

    module: ModuleType
    client: httpx.AsyncClient
    api: Api

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def load(callback_secret: str, **variables: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setenv("MIEN_APP_ID", str(APP_ID))
        patch.setenv("MIEN_SERVER_SECRET", SECRET)
        patch.setenv("MIEN_CALLBACK_SECRET", callback_secret)
        spec = importlib.util.spec_from_file_location("example_backend", BACKEND)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["example_backend"] = module
        spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def running(folder: Path, **variables: str) -> AsyncIterator[Backend]:
    async with running_api(folder) as api:
        # The example signs with the real time.
        api.deps.wall = time.time
        secret = (await api.store.apps.get(APP_ID)).callback_secret
        module = load(secret, **variables)
        module.http["mien"] = api.client
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=module.app), base_url="http://backend.test"
        ) as client:
            yield Backend(module, client, api)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running(tmp_path) as started:
        yield started


async def test_a_tool_of_the_model(tmp_path: Path) -> None:
    async with running(tmp_path, TOOLS_URL="http://backend.test") as backend:
        started = await backend.post("/api/start", START)
        await backend.post("/api/start", START | {"room_id": "r2"})
        (tool,) = backend.api.manager.get(APP_ID, started["agent_instance_id"]).spec.tools
        webhooks = WebhookCaller(backend.api.store.apps, transport=httpx.ASGITransport(app=backend.module.app))
        call: dict[str, Any] = {"Name": tool.name, "Arguments": {"time_zone": "Asia/Shanghai"}}
        answer = json.loads(await webhooks.call(APP_ID, tool.url, call, headers={}, timeout_s=5))
        assert answer["time_zone"] == "Asia/Shanghai"
        assert datetime.strptime(answer["time"], "%A, %d %B %Y, %H:%M")
        call["Arguments"] = {"time_zone": "Moon/Base"}
        with pytest.raises(WebhookError, match="no time zone 'Moon/Base'"):
            await webhooks.call(APP_ID, tool.url, call, headers={}, timeout_s=5)
        await webhooks.close()
        forged = await backend.client.post("/api/tools/local-time", json={"Arguments": {}, "Signature": "x"})
        assert forged.status_code == 403


async def test_token(backend: Backend) -> None:
    answer = (await backend.client.get("/api/zego-token", params={"userId": "u1"})).json()
    claims = token04.verify(answer["token"], SECRET, app_id=APP_ID, user_id="u1", now=answer["expire_time"] / 1000 - 1)
    assert claims.expire * 1000 == answer["expire_time"]
    refused = await backend.client.get("/api/zego-token")
    assert (refused.status_code, refused.json()["message"]) == (400, "userId is required")


async def test_voice_call(backend: Backend) -> None:
    started = await backend.post("/api/start", START)
    assert started["code"] == 0
    instance = backend.api.manager.get(APP_ID, started["agent_instance_id"])
    assert instance.spec.rtc.agent_stream_id == started["agent_stream_id"]
    said = await backend.post(
        "/api/send-agent-instance-tts", {"agent_instance_id": started["agent_instance_id"], "text": "Hello"}
    )
    assert said["round"] == instance.round
    stopped = await backend.post("/api/stop", {"agent_instance_id": started["agent_instance_id"]})
    assert stopped["code"] == 0
    again = await backend.post("/api/stop", {"agent_instance_id": started["agent_instance_id"]})
    assert again["code"] == 410001002


async def test_digital_human_call_and_fall_back_to_voice(backend: Backend) -> None:
    body = START | {"digital_human_id": "lin", "config_id": "web"}
    started = await backend.post("/api/start-digital-human", body)
    assert started["digital_human_config"]
    backend.api.manager.no_capacity = False
    backend.api.manager.digital_human_limit = 1
    voice = await backend.post("/api/start-digital-human", body)
    assert (voice["code"], voice["digital_human_config"]) == (0, "")
    assert "voice agent" in voice["message"]
    unknown = await backend.post("/api/start-digital-human", body | {"digital_human_id": "nobody"})
    assert unknown["code"] == 410001027


async def test_the_agent_is_registered_once_and_updated_when_it_changes(backend: Backend) -> None:
    seen: list[str] = []
    original = backend.module.call

    async def spy(action: str, body: dict[str, Any]) -> dict[str, Any]:
        seen.append(action)
        return dict(await original(action, body))

    backend.module.call = spy
    await backend.post("/api/start", START)
    await backend.post("/api/start", START)
    backend.module.AGENT["Name"] = "Yu"
    await backend.post("/api/start", START)
    create = "CreateAgentInstance"
    assert seen == ["QueryAgents", "RegisterAgent", create, "QueryAgents", create, "QueryAgents", "UpdateAgent", create]


async def test_callback_signature(backend: Backend) -> None:
    event = CallbackEvent(APP_ID, "ASRResult", "1", "a", "my_agent", "Lin", "r1", 1, {"Text": "你好"})
    body = json.loads(envelope(event, backend.module.CALLBACK_SECRET, 1_745_502_313_000))
    assert (await backend.client.post("/api/callback", json=body)).status_code == 200
    assert (await backend.client.post("/api/callback", json=body | {"Nonce": "1"})).status_code == 403
    assert (await backend.client.post("/api/callback", json={})).status_code == 403
