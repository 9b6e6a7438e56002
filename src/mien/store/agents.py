"""Registered agents. Their LLM, TTS, ASR and Mien objects are kept and given back exactly as they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from mien.store.database import Database, StoreError
from mien.store.models import AgentRow

JsonObject = dict[str, Any]


class AgentExistsError(StoreError):
    """The AgentId is already registered."""


class UnknownAgentError(StoreError):
    """The AgentId is not registered."""


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """A registered agent; None means the object was never given. `extras` is the member `Mien`."""

    agent_id: str
    name: str = ""
    llm: JsonObject | None = None
    tts: JsonObject | None = None
    asr: JsonObject | None = None
    vad: JsonObject | None = None
    extras: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Part of a listing. `after` leads to the next part; None when this is the last."""

    total: int
    agents: Sequence[AgentRecord]
    after: int | None


class Agents:
    """The agents in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, app_id: int, agent: AgentRecord) -> None:
        """Registers an agent. Raises AgentExistsError."""
        async with self._database.transaction() as session:
            session.add(
                AgentRow(
                    app_id=app_id,
                    agent_id=agent.agent_id,
                    name=agent.name,
                    llm=agent.llm,
                    tts=agent.tts,
                    asr=agent.asr,
                    vad=agent.vad,
                    extras=agent.extras,
                )
            )
            try:
                await session.flush()
            except IntegrityError as error:
                raise AgentExistsError(f"Agent {agent.agent_id} is already registered.") from error

    async def update(
        self,
        app_id: int,
        agent_id: str,
        *,
        name: str | None = None,
        llm: JsonObject | None = None,
        tts: JsonObject | None = None,
        asr: JsonObject | None = None,
        vad: JsonObject | None = None,
        extras: JsonObject | None = None,
    ) -> None:
        """Replaces the objects that are given, each as a whole. Raises UnknownAgentError."""
        async with self._database.transaction() as session:
            row = await session.scalar(_one(app_id, agent_id))
            if row is None:
                raise _unknown(agent_id)
            given = {"name": name, "llm": llm, "tts": tts, "asr": asr, "vad": vad, "extras": extras}
            for column, value in given.items():
                if value is not None:
                    setattr(row, column, value)

    async def remove(self, app_id: int, agent_id: str) -> None:
        """Unregisters an agent; its running instances go on. Raises UnknownAgentError."""
        async with self._database.transaction() as session:
            found = await session.scalar(
                delete(AgentRow).where(AgentRow.app_id == app_id, AgentRow.agent_id == agent_id).returning(AgentRow.id)
            )
        if found is None:
            raise _unknown(agent_id)

    async def get(self, app_id: int, agent_id: str) -> AgentRecord:
        """Raises UnknownAgentError."""
        async with self._database.transaction() as session:
            row = await session.scalar(_one(app_id, agent_id))
        if row is None:
            raise _unknown(agent_id)
        return _record(row)

    async def find(self, app_id: int, agent_ids: Sequence[str]) -> Sequence[AgentRecord]:
        """Those of `agent_ids` that are registered, in the order asked for."""
        async with self._database.transaction() as session:
            query = select(AgentRow).where(AgentRow.app_id == app_id, AgentRow.agent_id.in_(agent_ids))
            rows = {row.agent_id: row for row in await session.scalars(query)}
        return [_record(rows[agent_id]) for agent_id in dict.fromkeys(agent_ids) if agent_id in rows]

    async def page(self, app_id: int, limit: int, after: int = 0) -> AgentPage:
        """At most `limit` agents, oldest first, beginning behind position `after` of an earlier page."""
        async with self._database.transaction() as session:
            total = await session.scalar(select(func.count()).select_from(AgentRow).where(AgentRow.app_id == app_id))
            query = select(AgentRow).where(AgentRow.app_id == app_id, AgentRow.id > after)
            rows = (await session.scalars(query.order_by(AgentRow.id).limit(limit + 1))).all()
        more = rows[limit - 1].id if len(rows) > limit else None
        return AgentPage(total or 0, [_record(row) for row in rows[:limit]], more)


def _one(app_id: int, agent_id: str) -> Any:
    return select(AgentRow).where(AgentRow.app_id == app_id, AgentRow.agent_id == agent_id)


def _unknown(agent_id: str) -> UnknownAgentError:
    return UnknownAgentError(f"Agent {agent_id} is not registered.")


def _record(row: AgentRow) -> AgentRecord:
    return AgentRecord(row.agent_id, row.name, row.llm, row.tts, row.asr, row.vad, row.extras)
