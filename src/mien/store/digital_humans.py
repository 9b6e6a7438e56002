"""Which app a digital human belongs to, its name and its voices. Those without an entry belong to nobody: all may use
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select

from mien.store.database import Database
from mien.store.models import DigitalHumanRow


@dataclass(frozen=True, slots=True)
class OwnedHuman:
    """A digital human an app made; `voices` by language, may be empty."""

    id: str
    app_id: int
    name: str
    voices: Mapping[str, str]


class OwnedHumans:
    """The entries in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, human: OwnedHuman) -> None:
        """Notes who owns a digital human. Do it before its package exists: without an owner it would be everybody's."""
        async with self._database.transaction() as session:
            session.add(
                DigitalHumanRow(
                    id=human.id,
                    app_id=human.app_id,
                    name=human.name,
                    voices=dict(human.voices),
                    created=datetime.now(UTC),
                )
            )

    async def find(self, digital_human_id: str) -> OwnedHuman | None:
        """The entry, if it belongs to somebody."""
        async with self._database.transaction() as session:
            row = await session.get(DigitalHumanRow, digital_human_id)
        return _human(row) if row else None

    async def list(self) -> Sequence[OwnedHuman]:
        """All entries, oldest first."""
        order = (DigitalHumanRow.created, DigitalHumanRow.id)
        async with self._database.transaction() as session:
            rows = (await session.scalars(select(DigitalHumanRow).order_by(*order))).all()
        return [_human(row) for row in rows]

    async def update(
        self, digital_human_id: str, *, name: str | None = None, voices: Mapping[str, str] | None = None
    ) -> None:
        """Changes what is given; nothing happens if there is no entry."""
        async with self._database.transaction() as session:
            row = await session.get(DigitalHumanRow, digital_human_id)
            if row is not None:
                row.name = row.name if name is None else name
                row.voices = row.voices if voices is None else dict(voices)

    async def remove(self, digital_human_id: str) -> None:
        """Forgets an entry. Do it after its package is gone."""
        async with self._database.transaction() as session:
            await session.execute(delete(DigitalHumanRow).where(DigitalHumanRow.id == digital_human_id))


def _human(row: DigitalHumanRow) -> OwnedHuman:
    return OwnedHuman(row.id, row.app_id, row.name, dict(row.voices))
