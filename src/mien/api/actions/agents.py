"""Actions on registered agents."""

from __future__ import annotations

import base64
import binascii

from mien.api.actions.registry import Call, action
from mien.api.errors import ReturnCode, invalid
from mien.api.schemas import results
from mien.api.schemas.agents import ListAgents, QueryAgents, RegisterAgent, UnregisterAgent, UpdateAgent
from mien.api.schemas.base import JsonObject, member
from mien.api.specs import llm_spec
from mien.store import AgentRecord

DEFAULT_PAGE = 5
GROUP = "Agents"


@action(GROUP, RegisterAgent, failure=ReturnCode.SYSTEM)
async def register_agent(call: Call, body: RegisterAgent) -> None:
    """Registers an agent: its model, voice and recogniser under a name of the caller's choice."""
    llm_spec(body.LLM)  # refuses the trial credential at a foreign address
    objects = _objects(call.raw)
    await call.deps.store.agents.add(call.app.app_id, AgentRecord(body.AgentId, body.Name, **objects))


@action(GROUP, UpdateAgent, failure=ReturnCode.SYSTEM)
async def update_agent(call: Call, body: UpdateAgent) -> None:
    """Changes a registered agent; running instances keep what they were created with."""
    llm_spec(body.LLM)
    objects = _objects(call.raw)
    await call.deps.store.agents.update(call.app.app_id, body.AgentId, name=body.Name, **objects)


@action(GROUP, UnregisterAgent, failure=ReturnCode.SYSTEM)
async def unregister_agent(call: Call, body: UnregisterAgent) -> None:
    """Removes a registered agent; running instances go on."""
    await call.deps.store.agents.remove(call.app.app_id, body.AgentId)


@action(GROUP, ListAgents, failure=ReturnCode.SYSTEM, result=results.AgentPage)
async def list_agents(call: Call, body: ListAgents) -> JsonObject:
    """Lists the registered agents, oldest first, page by page."""
    page = await call.deps.store.agents.page(call.app.app_id, body.Limit or DEFAULT_PAGE, _position(body.Cursor))
    return {
        "Total": page.total,
        "Agents": [_wire(agent) for agent in page.agents],
        "Cursor": _cursor(page.after) if page.after is not None else "",
    }


@action(GROUP, QueryAgents, failure=ReturnCode.SYSTEM, result=results.AgentList)
async def query_agents(call: Call, body: QueryAgents) -> JsonObject:
    """Gives those of the named agents that are registered, their objects exactly as they were sent."""
    agents = await call.deps.store.agents.find(call.app.app_id, body.AgentIds)
    return {"Agents": [_wire(agent) for agent in agents]}


def _objects(raw: JsonObject) -> dict[str, JsonObject | None]:
    """The objects that are stored, exactly as they were sent, by their name in the store."""
    objects = {name.lower(): member(raw, name) for name in ("LLM", "TTS", "ASR", "VAD")}
    return objects | {"extras": member(raw, "Mien")}


def _wire(agent: AgentRecord) -> JsonObject:
    wire = {
        "AgentId": agent.agent_id,
        "Name": agent.name,
        "LLM": agent.llm or {},
        "TTS": agent.tts or {},
        "ASR": agent.asr or {},
    }
    return wire if agent.extras is None else wire | {"Mien": agent.extras}


def _cursor(after: int) -> str:
    return base64.urlsafe_b64encode(after.to_bytes(8).lstrip(b"\0")).decode()


def _position(cursor: str) -> int:
    try:
        position = int.from_bytes(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        position = -1
    if not 0 <= position < 2**63 or _cursor(position) != cursor:
        raise invalid("Cursor", "the Cursor of an earlier answer, or nothing")
    return position
