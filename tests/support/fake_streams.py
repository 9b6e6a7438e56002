"""A stand-in for stream tasks: it keeps what it was asked and answers from a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mien.streams.port import DriveError, TaskNotFoundError
from mien.streams.spec import DriveInfo, DriveStatus, TaskInfo, TaskSpec, TaskStatus, Voice, VoiceChannel


@dataclass
class FakeFeed:
    """Keeps what is pushed."""

    format: tuple[int, int, VoiceChannel]
    data: bytes = b""
    ended: bool = False

    async def push(self, data: bytes) -> None:
        self.data += data

    def end(self) -> None:
        self.ended = True


@dataclass
class FakeTask:
    """A task that only remembers. `fail_with` is raised by the next call."""

    spec: TaskSpec
    status: TaskStatus = TaskStatus.STREAMING
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    drives: list[DriveInfo] = field(default_factory=list)
    feeds: dict[str, FakeFeed] = field(default_factory=dict)
    fail_with: Exception | None = None
    fail_reason: str = ""
    token: str = "secret-token"

    @property
    def info(self) -> TaskInfo:
        spec = self.spec
        return TaskInfo(spec.task_id, spec.room_id, spec.stream_id, self.status, 1_795_328_538, self.fail_reason)

    def _called(self, name: str, **arguments: Any) -> str:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        self.calls.append((name, arguments))
        drive_id = f"drive-{len(self.drives) + 1}"
        if name in ("speak", "play", "follow", "expect_feed"):
            self.drives.append(DriveInfo(drive_id, DriveStatus.QUEUED))
        return drive_id

    def speak(self, text: str, voice: Voice, *, interrupt: bool) -> str:
        return self._called("speak", text=text, voice=voice, interrupt=interrupt)

    def play(self, url: str, channel: VoiceChannel, *, interrupt: bool) -> str:
        return self._called("play", url=url, channel=channel, interrupt=interrupt)

    def follow(self, room_id: str, stream_id: str) -> str:
        return self._called("follow", room_id=room_id, stream_id=stream_id)

    def expect_feed(self) -> tuple[str, str]:
        return self._called("expect_feed"), self.token

    def feed(self, drive_id: str, sample_rate: int, channels: int, channel: VoiceChannel) -> FakeFeed:
        if not any(drive.drive_id == drive_id for drive in self.drives):
            raise DriveError(f"this task has no WebSocket drive {drive_id!r}")
        self.feeds[drive_id] = FakeFeed((sample_rate, channels, channel))
        return self.feeds[drive_id]

    def interrupt(self) -> None:
        self._called("interrupt")

    def act(self, action: str) -> None:
        self._called("act", action=action)


class FakeTasks:
    """Keeps tasks in a dictionary. `fail_with` is raised by the next creation or stop."""

    def __init__(self) -> None:
        self.tasks: dict[tuple[int, str], FakeTask] = {}
        self.fail_with: Exception | None = None

    async def create(self, spec: TaskSpec) -> FakeTask:
        self._check()
        task = self.tasks[spec.app_id, spec.task_id] = FakeTask(spec)
        return task

    def get(self, app_id: int, task_id: str) -> FakeTask:
        try:
            return self.tasks[app_id, task_id]
        except KeyError:
            raise TaskNotFoundError(f"there is no task {task_id}") from None

    def by_token(self, token: str) -> FakeTask | None:
        return next((task for task in self.tasks.values() if task.token == token), None)

    def live(self, app_id: int) -> Sequence[FakeTask]:
        return [task for task in self.known(app_id) if task.status in (TaskStatus.INITIALISING, TaskStatus.STREAMING)]

    def known(self, app_id: int) -> Sequence[FakeTask]:
        return [task for (owner, _), task in self.tasks.items() if owner == app_id]

    async def stop(self, app_id: int, task_id: str) -> None:
        self._check()
        self.get(app_id, task_id).status = TaskStatus.STOPPED

    async def close(self) -> None:
        self.tasks.clear()

    def _check(self) -> None:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
