"""Callbacks: signature, order, the retry schedule on virtual time, and what survives a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from mien import store
from mien.callbacks import CallbackService, sign
from mien.callbacks.envelope import envelope
from mien.callbacks.service import MAX_WAITING
from mien.conversation.port import CallbackEvent
from mien.settings import Settings
from mien.store import App, OutboxRecord, StoreError
from mien.streams.port import TaskEvent
from tests.support import virtual_time

SECRET = "callback-secret-callback-secret!"
APP = App(
    7, "shop", "s" * 32, SECRET, {"": "http://shop.test/cb", "b": "http://other.test/cb"}, False, datetime.now(UTC)
)


class MemoryOutbox:
    """An outbox that lives as long as the test."""

    def __init__(self) -> None:
        self.rows: dict[int, OutboxRecord] = {}
        self.broken = False
        self._next = 1

    async def add(self, records: Sequence[OutboxRecord]) -> Sequence[int]:
        self._check()
        ids = list(range(self._next, self._next + len(records)))
        self._next += len(records)
        self.rows |= {row_id: replace(record, id=row_id) for row_id, record in zip(ids, records, strict=True)}
        return ids

    async def retry(self, record_id: int, attempts: int, next_at: float) -> None:
        self._check()
        self.rows[record_id] = replace(self.rows[record_id], attempts=attempts, next_at=next_at)

    async def remove(self, record_id: int) -> None:
        self._check()
        self.rows.pop(record_id, None)

    async def pending(self) -> Sequence[OutboxRecord]:
        self._check()
        return list(self.rows.values())

    def _check(self) -> None:
        if self.broken:
            raise StoreError("the disk is full")


class OneApp:
    """Only app 7 exists."""

    async def find(self, app_id: int) -> App | None:
        return APP if app_id == APP.app_id else None


class Receiver(httpx.AsyncBaseTransport):
    """A business backend; `answer` gives the status for the nth post of an event."""

    def __init__(self, answer: Callable[[dict[str, Any], int], int] = lambda event, n: 200) -> None:
        self.answer = answer
        self.posts: list[tuple[float, str, dict[str, Any]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        event = json.loads(request.content)
        assert request.headers["content-type"] == "application/json"
        seen = sum(1 for _, _, other in self.posts if other["Nonce"] == event["Nonce"])
        self.posts.append((round(asyncio.get_running_loop().time(), 3), str(request.url), event))
        status = self.answer(event, seen)
        if status == 0:
            raise httpx.ConnectError("connection refused")
        return httpx.Response(status)

    @property
    def sequences(self) -> list[int]:
        return [event["Sequence"] for _, _, event in self.posts]


def event(sequence: int, instance: str = "1912124734317838336", **changes: Any) -> CallbackEvent:
    base = CallbackEvent(
        app_id=7,
        event="ASRResult",
        agent_instance_id=instance,
        agent_user_id="agent_user_1",
        agent_id="jacky",
        agent_name="Jacky",
        room_id="room_1",
        sequence=sequence,
        data={"UserId": "user_1", "Round": 1, "Text": "你好"},
    )
    return replace(base, **changes)


def run(scenario: Callable[[CallbackService], Any], receiver: Receiver, outbox: MemoryOutbox | None = None) -> None:
    """Runs `scenario` with a started service on virtual time."""

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        service = CallbackService(outbox or MemoryOutbox(), OneApp(), transport=receiver, wall=clock)
        await service.start()
        await scenario(service)
        await service.close()

    virtual_time.run(main)


def test_signature_vector() -> None:
    assert sign("secret", "1470820198", "123412") == "5bd59fd62953a8059fb7eaba95720f66d19e4517"


def test_envelope_has_the_documented_members() -> None:
    body = json.loads(envelope(event(5), SECRET, 1_745_502_313_000))
    assert body.pop("Signature") == sign(SECRET, 1_745_502_313_000, body["Nonce"])
    assert body.pop("Nonce").isdigit()
    assert body == {
        "AppId": 7,
        "AgentInstanceId": "1912124734317838336",
        "AgentUserId": "agent_user_1",
        "AgentId": "jacky",
        "Name": "Jacky",
        "RoomId": "room_1",
        "Sequence": 5,
        "Data": {"UserId": "user_1", "Round": 1, "Text": "你好"},
        "Event": "ASRResult",
        "Timestamp": 1_745_502_313_000,
    }


def test_envelope_of_a_stream_task() -> None:
    told = TaskEvent(7, "6a5898fa", 4, 1_774_356_158_143, {"DriveId": "d5cfd6e5", "Status": 2})
    body = json.loads(envelope(told, SECRET, 1_774_356_158_999))
    assert body.pop("Signature") == sign(SECRET, "1774356158", body["Nonce"])
    assert body.pop("Nonce").isdigit()
    assert body == {
        "AppId": 7,
        "TaskId": "6a5898fa",
        "EventType": 4,
        "Timestamp": "1774356158",
        "EventTime": 1_774_356_158_143,
        "Detail": {"DriveId": "d5cfd6e5", "Status": 2},
    }


def test_events_of_a_task_arrive_in_order_and_hold_up_nobody_else() -> None:
    receiver = Receiver(lambda body, n: 503 if body.get("TaskId") == "slow" and n == 0 else 200)

    async def scenario(service: CallbackService) -> None:
        for number in range(3):
            for task in ("slow", "quick"):
                service.emit(TaskEvent(7, task, 3, number, {"Status": number}))
        await asyncio.sleep(10)

    run(scenario, receiver)
    assert {url for _, url, _ in receiver.posts} == {"http://shop.test/cb"}
    quick = [(at, body["Detail"]["Status"]) for at, _, body in receiver.posts if body["TaskId"] == "quick"]
    slow = [body["Detail"]["Status"] for _, _, body in receiver.posts if body["TaskId"] == "slow"]
    assert quick == [(0, 0), (0, 1), (0, 2)]
    assert slow == [0, 0, 1, 1, 2, 2]


def test_half_a_surrogate_pair_is_replaced() -> None:
    body = json.loads(envelope(event(1, data={"Text": "a\ud83d"}), SECRET, 1))
    assert body["Data"]["Text"] == "a?"


def test_events_of_an_instance_arrive_in_order() -> None:
    receiver = Receiver()
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        for number in range(20):
            service.emit(event(number))
            if number % 3 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(1)

    run(scenario, receiver, outbox)
    assert receiver.sequences == list(range(20))
    assert outbox.rows == {}


def test_retries_after_2_4_8_16_32_seconds_then_lost() -> None:
    receiver = Receiver(lambda event, n: 500 if event["Sequence"] == 1 else 200)
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1))
        service.emit(event(2))
        await asyncio.sleep(100)

    run(scenario, receiver, outbox)
    assert [time for time, _, e in receiver.posts if e["Sequence"] == 1] == [0, 2, 6, 14, 30, 62]
    assert [time for time, _, e in receiver.posts if e["Sequence"] == 2] == [62]
    assert len({e["Signature"] for _, _, e in receiver.posts if e["Sequence"] == 1}) == 1
    assert outbox.rows == {}


@pytest.mark.parametrize("failure", [0, 301, 404, 500])
def test_anything_but_2xx_is_tried_again(failure: int) -> None:
    receiver = Receiver(lambda event, n: 204 if n else failure)

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1))
        await asyncio.sleep(10)

    run(scenario, receiver)
    assert [time for time, _, _ in receiver.posts] == [0, 2]


def test_one_dead_receiver_does_not_hold_up_others() -> None:
    receiver = Receiver(lambda event, n: 500 if event["AgentInstanceId"] == "1" else 200)

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1, "1"))
        service.emit(event(2, "2"))
        await asyncio.sleep(1)

    run(scenario, receiver)
    assert receiver.sequences[:2] == [1, 2]


def test_host_tag_chooses_the_address_and_an_unknown_one_the_default() -> None:
    receiver = Receiver()

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1, "1", host_tag="b"))
        service.emit(event(2, "2", host_tag="nobody"))
        service.emit(event(3, "3"))
        await asyncio.sleep(1)

    run(scenario, receiver)
    assert sorted((e["Sequence"], url) for _, url, e in receiver.posts) == [
        (1, "http://other.test/cb"),
        (2, "http://shop.test/cb"),
        (3, "http://shop.test/cb"),
    ]


def test_an_app_without_address_gets_nothing() -> None:
    receiver = Receiver()
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1, app_id=8))
        await asyncio.sleep(1)

    run(scenario, receiver, outbox)
    assert receiver.posts == []


def test_a_full_disk_does_not_stop_delivery() -> None:
    receiver = Receiver(lambda event, n: 200 if n else 500)
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        outbox.broken = True
        service.emit(event(1))
        await asyncio.sleep(5)

    run(scenario, receiver, outbox)
    assert [time for time, _, _ in receiver.posts] == [0, 2]


def test_a_flood_for_a_dead_receiver_is_bounded() -> None:
    receiver = Receiver(lambda event, n: 500)
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        for number in range(MAX_WAITING + 50):
            service.emit(event(number))
        await asyncio.sleep(1)
        assert len(outbox.rows) == MAX_WAITING
        service.emit(event(5000))
        await asyncio.sleep(0.5)
        assert len(outbox.rows) == MAX_WAITING

    run(scenario, receiver, outbox)


def test_what_is_emitted_just_before_close_is_delivered() -> None:
    receiver = Receiver()
    outbox = MemoryOutbox()

    async def scenario(service: CallbackService) -> None:
        service.emit(event(1))
        service.emit(event(2))

    run(scenario, receiver, outbox)
    assert receiver.sequences == [1, 2]
    assert outbox.rows == {}


def test_a_restart_goes_on_with_the_retries_that_remain() -> None:
    outbox = MemoryOutbox()
    down, up = Receiver(lambda event, n: 503), Receiver()

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        first = CallbackService(outbox, OneApp(), transport=down, wall=clock)
        await first.start()
        first.emit(event(1))
        first.emit(event(2))
        await asyncio.sleep(7)
        await first.close(grace_s=0.1)
        assert [row.attempts for row in outbox.rows.values()] == [3, 0]
        second = CallbackService(outbox, OneApp(), transport=up, wall=clock)
        await second.start()
        await asyncio.sleep(20)
        await second.close()

    virtual_time.run(main)
    assert [time for time, _, _ in down.posts] == [0, 2, 6]
    # The third retry was due at 14 s, and stays due then.
    assert [(time, e["Sequence"]) for time, _, e in up.posts] == [(14, 1), (14, 2)]
    assert outbox.rows == {}


async def test_the_real_outbox_keeps_order_and_attempts(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    opened = await store.open(settings)
    records = [OutboxRecord(7, "1", "ASRResult", "http://x.test", f'{{"n":{n}}}') for n in range(5)]
    ids = await opened.outbox.add(records)
    assert list(ids) == sorted(ids)
    await opened.outbox.retry(ids[0], 2, 123.5)
    await opened.outbox.remove(ids[1])
    await opened.close()
    again = await store.open(settings)
    pending = await again.outbox.pending()
    await again.close()
    assert [record.body for record in pending] == ['{"n":0}', '{"n":2}', '{"n":3}', '{"n":4}']
    assert (pending[0].attempts, pending[0].next_at) == (2, 123.5)
