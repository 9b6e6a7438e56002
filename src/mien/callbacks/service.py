"""Delivers server callbacks: signed, in order for each instance or task, again after a failure, and across restarts.

An event goes through three hands. `emit` puts it in memory and returns. The writer signs it and stores it in the
outbox, many at a time. One courier for each instance then posts that instance's events one after the other, so a
receiver that is slow or away holds up nobody else.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import httpx
import structlog

from mien.callbacks.envelope import Event, envelope, name, subject
from mien.store import App, OutboxRecord, StoreError
from mien.streams.port import TaskEvent

RETRY_AFTER_S = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Pauses between attempts, each counted from the beginning of the one before."""
TIMEOUT_S = 5.0
"""How long a receiver may take to answer."""
MAX_WAITING = 1000
"""Events of one instance that may wait; beyond it the newest are dropped: a dead receiver must not fill the disk."""

log = structlog.get_logger(__name__)


class OutboxStore(Protocol):
    """Where waiting events are kept; `mien.store.Outbox`."""

    async def add(self, records: Sequence[OutboxRecord]) -> Sequence[int]: ...
    async def retry(self, record_id: int, attempts: int, next_at: float) -> None: ...
    async def remove(self, record_id: int) -> None: ...
    async def pending(self) -> Sequence[OutboxRecord]: ...


class AppStore(Protocol):
    """Where addresses and secrets come from; `mien.store.Apps`."""

    async def find(self, app_id: int) -> App | None: ...


class CallbackService:
    """The callback sink of a server (`mien.conversation.port.CallbackSink`, `mien.streams.port.TaskEvents`).

    `wall` tells unix seconds; it stamps events and lets retries go on where a restart interrupted them.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        apps: AppStore,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._apps = apps
        self._outbox = outbox
        self._wall = wall
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._emitted: deque[tuple[Event, int]] = deque()
        self._something_emitted = asyncio.Event()
        self._waiting: dict[str, deque[OutboxRecord]] = {}
        self._couriers: dict[str, asyncio.Task[None]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Takes up what an earlier run left in the outbox and begins to deliver."""
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, transport=self._transport, follow_redirects=False)
        try:
            left = await self._outbox.pending()
        except StoreError as error:
            log.warning("callback outbox cannot be read", reason=str(error))
            left = []
        for record in left:
            self._hand_over(record)
        self._writer = asyncio.create_task(self._write(), name="callback-writer")

    def emit(self, event: Event) -> None:
        """Takes an event; never blocks, never raises."""
        self._emitted.append((event, int(self._wall() * 1000)))
        self._something_emitted.set()

    async def close(self, grace_s: float = 2.0) -> None:
        """Stores what is still in memory, gives posts under way `grace_s` seconds, and stops.

        Events that wait for a retry stay in the outbox.
        """
        if self._writer is None or self._client is None:
            return
        # Not cancelled: a batch half stored would be lost.
        self._stopping = True
        self._something_emitted.set()
        await self._writer
        self._writer = None
        horizon = self._wall() + grace_s
        due = [self._couriers[name] for name, queue in self._waiting.items() if queue and queue[0].next_at <= horizon]
        if due:
            await asyncio.wait(due, timeout=grace_s)
        couriers = list(self._couriers.values())
        for courier in couriers:
            courier.cancel()
        await asyncio.gather(*couriers, return_exceptions=True)
        await self._client.aclose()

    async def _write(self) -> None:
        while not self._stopping or self._emitted:
            await self._something_emitted.wait()
            self._something_emitted.clear()
            await self._store_emitted()

    async def _store_emitted(self) -> None:
        batch = [self._emitted.popleft() for _ in range(len(self._emitted))]
        records: list[OutboxRecord] = []
        waiting = {instance_id: len(queue) for instance_id, queue in self._waiting.items()}
        for event, timestamp_ms in batch:
            record = await self._address(event, timestamp_ms)
            if record is None:
                continue
            count = waiting[record.instance_id] = waiting.get(record.instance_id, 0) + 1
            if count > MAX_WAITING:
                log.warning("callback dropped, too many wait", callback=record.event, instance=record.instance_id)
            else:
                records.append(record)
        if not records:
            return
        try:
            ids: Sequence[int] = await self._outbox.add(records)
        except StoreError as error:
            # Better delivered without a safety net than lost.
            log.warning("callback not stored, a restart would lose it", reason=str(error))
            ids = [0] * len(records)
        for record, record_id in zip(records, ids, strict=True):
            self._hand_over(replace(record, id=record_id))

    async def _address(self, event: Event, timestamp_ms: int) -> OutboxRecord | None:
        try:
            app = await self._apps.find(event.app_id)
        except StoreError as error:
            log.warning("callback dropped", callback=name(event), reason=str(error))
            return None
        tag = "" if isinstance(event, TaskEvent) else event.host_tag
        url = app.callback_url(tag) if app else ""
        if app is None or not url:
            return None
        body = envelope(event, app.callback_secret, timestamp_ms)
        return OutboxRecord(event.app_id, subject(event), name(event), url, body)

    def _hand_over(self, record: OutboxRecord) -> None:
        queue = self._waiting.setdefault(record.instance_id, deque())
        queue.append(record)
        if record.instance_id not in self._couriers:
            courier = asyncio.create_task(
                self._carry(record.instance_id, queue), name=f"callbacks-{record.instance_id}"
            )
            self._couriers[record.instance_id] = courier

    async def _carry(self, instance_id: str, queue: deque[OutboxRecord]) -> None:
        try:
            while queue:
                await self._deliver(queue)
                queue.popleft()
        finally:
            if not queue:
                del self._waiting[instance_id]
                del self._couriers[instance_id]

    async def _deliver(self, queue: deque[OutboxRecord]) -> None:
        """Posts the first event of `queue` until it is taken or all attempts are used up."""
        while True:
            record = queue[0]
            await asyncio.sleep(max(0.0, record.next_at - self._wall()))
            began = self._wall()
            problem = await self._post(record)
            if problem is None:
                break
            about = {"callback": record.event, "instance": record.instance_id, "url": record.url}
            if record.attempts >= len(RETRY_AFTER_S):
                log.warning("callback lost after all retries", **about, problem=problem)
                break
            next_at = began + RETRY_AFTER_S[record.attempts]
            log.info("callback not taken, will try again", **about, problem=problem)
            queue[0] = replace(record, attempts=record.attempts + 1, next_at=next_at)
            await self._note_retry(queue[0])
        await self._forget(record)

    async def _post(self, record: OutboxRecord) -> str | None:
        """Returns None when the receiver took the event, else what went wrong."""
        assert self._client is not None
        try:
            answer = await self._client.post(
                record.url, content=record.body.encode(), headers={"Content-Type": "application/json"}
            )
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.is_success else f"HTTP {answer.status_code}"

    async def _note_retry(self, record: OutboxRecord) -> None:
        if record.id:
            try:
                await self._outbox.retry(record.id, record.attempts, record.next_at)
            except StoreError as error:
                log.warning("callback outbox cannot be written", reason=str(error))

    async def _forget(self, record: OutboxRecord) -> None:
        if record.id:
            try:
                await self._outbox.remove(record.id)
            except StoreError as error:
                log.warning("callback outbox cannot be written, the event may be sent twice", reason=str(error))
