"""What happens in a task, told to the business backend (callbacks) and to the room (messages)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from mien.rtc.port import AgentPeer
from mien.streams.drives import Drive
from mien.streams.port import TaskEvent, TaskEvents
from mien.streams.spec import DriveStatus, TaskSpec, TaskStatus

TASK_STATUS: Final = 3
DRIVE_STATUS: Final = 4
"""`EventType` of callbacks."""
CMD_DRIVE: Final = 1001
"""`Cmd` of room messages."""
SENT_WITHIN_S: Final = 1.0

log = structlog.get_logger(__name__)


class Reporter:
    """Tells the events of one task, in order. `wall` is unix seconds."""

    def __init__(self, spec: TaskSpec, events: TaskEvents, *, wall: Callable[[], float] = time.time) -> None:
        self._spec = spec
        self._events = events
        self._wall = wall
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._in_room: set[str] = set()
        """Drives the room knows to be speaking."""

    def open(self, peer: AgentPeer) -> None:
        """Begins to send room messages."""
        self._sender = asyncio.create_task(self._send(peer), name="streams.messages")

    async def close(self) -> None:
        """Sends what still waits, for at most a second, and stops."""
        if self._sender is None:
            return
        try:
            async with asyncio.timeout(SENT_WITHIN_S):
                await self._outgoing.join()
        except TimeoutError:
            log.warning("room messages left unsent", task=self._spec.task_id, count=self._outgoing.qsize())
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        self._sender = None

    def task(self, status: TaskStatus, fail_reason: str = "") -> None:
        """The task's status changed."""
        spec = self._spec
        log.info("stream task", task=spec.task_id, status=status.name, reason=fail_reason or None)
        self._emit(
            TASK_STATUS,
            {"Status": int(status), "RoomId": spec.room_id, "StreamId": spec.stream_id, "FailReason": fail_reason},
        )

    def drive(self, drive: Drive) -> None:
        """A drive's status changed."""
        detail: dict[str, Any] = {"DriveId": drive.drive_id, "Status": int(drive.status)}
        if drive.problem:
            log.warning("drive failed", task=self._spec.task_id, drive=drive.drive_id, reason=drive.problem)
            detail["FailReason"] = drive.problem
        self._emit(DRIVE_STATUS, detail)
        if drive.status is DriveStatus.DRIVING:
            self._in_room.add(drive.drive_id)
            self._message(drive.drive_id, DriveStatus.DRIVING)
        elif drive.over and drive.drive_id in self._in_room:
            # Clients know two messages, beginning and end; however it ended, nothing more is said.
            self._in_room.discard(drive.drive_id)
            self._message(drive.drive_id, DriveStatus.ENDED)

    def _emit(self, event_type: int, detail: dict[str, Any]) -> None:
        self._events.emit(
            TaskEvent(self._spec.app_id, self._spec.task_id, event_type, int(self._wall() * 1000), detail)
        )

    def _message(self, drive_id: str, status: DriveStatus) -> None:
        message = {
            "Product": "digitalhuman",
            "Timestamp": int(self._wall() * 1000),
            "Cmd": CMD_DRIVE,
            "Data": {"Status": int(status), "DriveId": drive_id},
        }
        self._outgoing.put_nowait(json.dumps(message, separators=(",", ":")))

    async def _send(self, peer: AgentPeer) -> None:
        failed = False
        while True:
            content = await self._outgoing.get()
            try:
                await peer.send_message(content)
                failed = False
            except Exception as error:  # noqa: BLE001 - a room that refuses a message must not end the task
                if not failed:
                    log.warning("a room message could not be sent", task=self._spec.task_id, reason=str(error))
                failed = True
            finally:
                self._outgoing.task_done()
