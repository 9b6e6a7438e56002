"""Callbacks that wait for delivery, so that a restart loses none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from mien.store.database import Database
from mien.store.models import OutboxRow


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """One callback as it will be posted. `next_at` is the earliest time of the next attempt, unix seconds."""

    app_id: int
    instance_id: str
    event: str
    url: str
    body: str
    attempts: int = 0
    next_at: float = 0.0
    id: int = 0


class Outbox:
    """The waiting callbacks in the database, oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, records: Sequence[OutboxRecord]) -> Sequence[int]:
        """Stores callbacks in one transaction and returns their ids, in order."""
        rows = [
            OutboxRow(
                app_id=record.app_id,
                instance_id=record.instance_id,
                event=record.event,
                url=record.url,
                body=record.body,
                attempts=record.attempts,
                next_at=record.next_at,
            )
            for record in records
        ]
        async with self._database.transaction() as session:
            for row in rows:
                session.add(row)
                # Ids must count up in the order given; a bulk insert does not promise that.
                await session.flush()
        return [row.id for row in rows]

    async def retry(self, record_id: int, attempts: int, next_at: float) -> None:
        """Notes that an attempt failed."""
        async with self._database.transaction() as session:
            change = update(OutboxRow).where(OutboxRow.id == record_id)
            await session.execute(change.values(attempts=attempts, next_at=next_at))

    async def remove(self, record_id: int) -> None:
        """Forgets a callback that was delivered or given up."""
        async with self._database.transaction() as session:
            await session.execute(delete(OutboxRow).where(OutboxRow.id == record_id))

    async def pending(self) -> Sequence[OutboxRecord]:
        """Everything that waits, oldest first."""
        async with self._database.transaction() as session:
            rows = (await session.scalars(select(OutboxRow).order_by(OutboxRow.id))).all()
        return [
            OutboxRecord(row.app_id, row.instance_id, row.event, row.url, row.body, row.attempts, row.next_at, row.id)
            for row in rows
        ]
