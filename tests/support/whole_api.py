"""The HTTP surface on a real conversation with scripted engines, on virtual time; only the database is in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI

from mien.api import ApiDeps, build_api
from mien.api.signature import sign
from mien.rtc import token04
from mien.settings import Settings
from mien.store import AgentRecord, App, Store, UnknownAgentError
from tests.support.api_harness import NOW, check_envelope
from tests.support.conversation import Script, Stagehand, leave, stage
from tests.support.fake_instances import FakeDigitalHumans
from tests.support.fake_streams import FakeTasks

APP = App(1, "shop", "s" * 32, "c" * 32, {}, False, datetime(2026, 1, 1, tzinfo=UTC))
AGENT = AgentRecord("agent", "Mien", {"Vendor": "Local"}, {"Vendor": "Local"}, None)


class MemoryApps:
    """Only app 1 exists."""

    async def find(self, app_id: int) -> App | None:
        return APP if app_id == APP.app_id else None


class MemoryAgents:
    """Only `AGENT` is registered."""

    async def get(self, app_id: int, agent_id: str) -> AgentRecord:
        if agent_id != AGENT.agent_id:
            raise UnknownAgentError(f"there is no agent {agent_id}")
        return AGENT

    async def find(self, app_id: int, agent_ids: Sequence[str]) -> Sequence[AgentRecord]:
        return [AGENT] if AGENT.agent_id in agent_ids else []


@dataclass
class WholeApi:
    """A caller of the API, and everything behind it."""

    client: httpx.AsyncClient
    hand: Stagehand

    async def call(self, action: str, body: Any = None) -> dict[str, Any]:
        """Posts an action, `body` as JSON or as raw bytes, and returns the envelope."""
        query = {
            "Action": action,
            "AppId": str(APP.app_id),
            "SignatureNonce": "n",
            "Timestamp": str(int(NOW)),
            "SignatureVersion": "2.0",
            "Signature": sign(APP.app_id, "n", APP.server_secret, int(NOW)),
        }
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return check_envelope(await self.client.post("/", params=query, content=content))

    async def ok(self, action: str, body: Any = None) -> Any:
        """Posts an action that must succeed and returns its Data."""
        answer = await self.call(action, body)
        assert answer["Code"] == 0, answer
        return answer["Data"]

    async def create(self, **members: Any) -> str:
        """A voice instance that sends every callback; returns its id."""
        names = ("ASRResult", "LLMResult", "Interrupted", "UserSpeakAction", "AgentInstanceStatus", "UserAudioData")
        body = {
            "AgentId": "agent",
            "UserId": "user",
            "RTC": {
                "RoomId": "room",
                "AgentStreamId": "agent_stream",
                "AgentUserId": "agent_user",
                "UserStreamId": "mic",
            },
            "CallbackConfig": dict.fromkeys(names, 1),
        }
        return str((await self.ok("CreateAgentInstance", body | members))["AgentInstanceId"])


@asynccontextmanager
async def whole_api(folder: Path, script: Script | None = None, **settings: Any) -> AsyncIterator[WholeApi]:
    """Runs on the loop of `tests.support.conversation.run`."""
    hand = await stage(script, **settings)
    deps = ApiDeps(
        settings=Settings(data_dir=folder, rate_limit=0),
        store=cast(Store, SimpleNamespace(apps=MemoryApps(), agents=MemoryAgents())),
        instances=hand.manager,
        streams=FakeTasks(),
        digital_humans=FakeDigitalHumans(folder),
        timbres=tuple,
        shown=lambda human: False,
        issue_token=token04.issue,
        wall=lambda: NOW,
    )
    app = FastAPI(openapi_url=None)
    app.include_router(build_api(deps))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://mien.test") as client:
        yield WholeApi(client, hand)
    await leave(hand)
