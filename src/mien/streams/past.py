"""A task that has ended: it can be asked about and does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from mien.streams.port import NotStreamingError, StoppedError
from mien.streams.spec import DriveInfo, TaskInfo, TaskStatus, Voice, VoiceChannel


@dataclass(frozen=True, slots=True)
class PastTask:
    """`mien.streams.port.Task` after its end. `ended_at` is loop time."""

    app_id: int
    info: TaskInfo
    drives: Sequence[DriveInfo]
    ended_at: float

    def speak(self, text: str, voice: Voice, *, interrupt: bool) -> NoReturn:
        self.refuse()

    def play(self, url: str, channel: VoiceChannel, *, interrupt: bool) -> NoReturn:
        self.refuse()

    def follow(self, room_id: str, stream_id: str) -> NoReturn:
        self.refuse()

    def expect_feed(self) -> NoReturn:
        self.refuse()

    def feed(self, drive_id: str, sample_rate: int, channels: int, channel: VoiceChannel) -> NoReturn:
        self.refuse()

    def interrupt(self) -> None:
        self.refuse()

    def act(self, action: str) -> None:
        self.refuse()

    def refuse(self) -> NoReturn:
        """Raises NotStreamingError or StoppedError."""
        if self.info.status is TaskStatus.FAILED:
            raise NotStreamingError(f"the task failed: {self.info.fail_reason}")
        raise StoppedError("the task has stopped; create another with CreateDigitalHumanStreamTask")
