"""The real HTTP surface on a real store, with the conversation played by `fake_instances`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from mien import store
from mien.api import ApiDeps, build_api
from mien.api.actions import ACTIONS
from mien.api.products import AGENTS
from mien.api.signature import sign
from mien.rtc import token04
from mien.settings import Settings
from tests.support.fake_instances import FakeDigitalHumans, FakeManager
from tests.support.fake_streams import FakeTasks

APP_ID = 12345
SECRET = "9193cc662a4c0ec135ec71fb57194b38"
NOW = 1_795_328_538.0
TIMBRES = ["af_heart", "am_michael", "zf_xiaoxiao"]

RTC = {"RoomId": "r1", "AgentStreamId": "agent_s1", "AgentUserId": "agent_u1", "UserStreamId": "s1"}
LLM = {
    "Url": "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
    "ApiKey": "zego_test",
    "Model": "doubao-1-5-lite-32k-250115",
    "SystemPrompt": "You are Jacky…",
}
TTS = {
    "Vendor": "ByteDanceV3",
    "Params": {
        "app": {"appid": "zego_test", "token": "zego_test", "resource_id": "seed-tts-2.0"},
        "req_params": {"speaker": "zh_female_vv_uranus_bigtts"},
    },
}


@dataclass
class Api:
    """A running HTTP surface and the fakes behind it."""

    client: httpx.AsyncClient
    app: FastAPI
    deps: ApiDeps
    manager: FakeManager
    streams: FakeTasks
    humans: FakeDigitalHumans
    store: store.Store

    def query(self, action: str, **overrides: str | None) -> dict[str, str]:
        """Signed common parameters; an override of None leaves the parameter out."""
        app_id, nonce, timestamp = (
            str(overrides.get(name) or default)
            for name, default in (("AppId", APP_ID), ("SignatureNonce", "4jtjduof6q"), ("Timestamp", int(NOW)))
        )
        values: dict[str, str | None] = {
            "Action": action,
            "AppId": app_id,
            "SignatureNonce": nonce,
            "Timestamp": timestamp,
            "SignatureVersion": "2.0",
            "Signature": sign(app_id, nonce, SECRET, timestamp),
        }
        return {name: value for name, value in (values | overrides).items() if value is not None}

    async def call(self, action: str, body: Any = None, **overrides: str | None) -> dict[str, Any]:
        """Posts an action and returns the envelope."""
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        answer = await self.client.post(f"/?{urlencode(self.query(action, **overrides))}", content=content)
        return check_envelope(answer)

    async def get(self, action: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
        """The same with GET."""
        pairs = [*self.query(action).items(), *parameters]
        return check_envelope(await self.client.get(f"/?{urlencode(pairs)}"))

    async def ok(self, action: str, body: Any = None) -> Any:
        """Posts an action that must succeed and returns its Data."""
        answer = await self.call(action, body)
        assert answer["Code"] == 0, answer
        return answer["Data"]

    async def create_voice(self, number: int = 1, **members: Any) -> str:
        """Starts a voice instance of agent `jacky` and returns its id."""
        return str((await self.ok("CreateAgentInstance", voice_body(number, **members)))["AgentInstanceId"])


def voice_body(number: int = 1, **members: Any) -> dict[str, Any]:
    """A valid body of CreateAgentInstance."""
    rtc = RTC | {"AgentStreamId": f"agent_s{number}", "AgentUserId": f"agent_u{number}"}
    return {"AgentId": "jacky", "UserId": "u1", "RTC": rtc} | members


def face_body(number: int = 1, **members: Any) -> dict[str, Any]:
    """A valid body of CreateDigitalHumanAgentInstance."""
    return voice_body(number, DigitalHuman={"DigitalHumanId": "lin", "ConfigId": "web"}) | members


def check_envelope(answer: httpx.Response) -> dict[str, Any]:
    """Every answer of the gateway has this shape, whatever was asked."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    envelope: dict[str, Any] = answer.json()
    assert set(envelope) == {"Code", "Message", "RequestId", "Data"}
    assert isinstance(envelope["Code"], int)
    assert envelope["Message"]
    action = (answer.request.url.params.get_list("Action") or [""])[0]
    product = ACTIONS[action].product if action in ACTIONS else AGENTS
    assert re.fullmatch(product.request_id, envelope["RequestId"])
    if envelope["Code"] == 0:
        assert envelope["Message"] == "success"
    else:
        assert envelope["Data"] is None
        assert "Traceback" not in envelope["Message"]
    return envelope


@asynccontextmanager
async def running_api(folder: Path, **settings: Any) -> AsyncIterator[Api]:
    """Builds the surface on a database in `folder`, with app 12345 and agent `jacky` registered."""
    given: dict[str, Any] = {"app_id": APP_ID, "server_secret": SECRET, "rate_limit": 0} | settings
    configuration = Settings(data_dir=folder, **given)
    opened = await store.open(configuration)
    manager, streams, humans = FakeManager(), FakeTasks(), FakeDigitalHumans(folder)
    await opened.apps.ensure_demo(configuration)
    deps = ApiDeps(
        settings=configuration,
        store=opened,
        instances=manager,
        streams=streams,
        digital_humans=humans,
        timbres=lambda: TIMBRES,
        shown=lambda human: any(task.spec.digital_human_id == human for task in streams.tasks.values()),
        issue_token=token04.issue,
        wall=lambda: NOW,
    )
    app = FastAPI(openapi_url=None)
    app.include_router(build_api(deps))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://mien.test") as client:
        api = Api(client, app, deps, manager, streams, humans, opened)
        await api.call("RegisterAgent", {"AgentId": "jacky", "Name": "Jacky", "LLM": LLM, "TTS": TTS})
        yield api
    await opened.close()
