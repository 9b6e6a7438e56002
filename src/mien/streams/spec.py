"""What a stream task and its drives are made of, already validated. The HTTP layer builds these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from mien.rtc.port import VideoKind


class TaskStatus(IntEnum):
    """What becomes of a task; the numbers travel."""

    INITIALISING = 1
    FAILED = 2
    STREAMING = 3
    STOPPING = 4
    STOPPED = 5


class DriveStatus(IntEnum):
    """What becomes of a drive; the numbers travel."""

    QUEUED = 1
    DRIVING = 2
    FAILED = 3
    ENDED = 4
    INTERRUPTED = 5


class VoiceChannel(IntEnum):
    """Which channel of stereo sound drives the face."""

    MIXED = 0
    LEFT = 1
    RIGHT = 2


@dataclass(frozen=True, slots=True)
class Look:
    """How a digital human is shown. `background` is 0xRRGGBB, None keeps the picture's own; `short_side` in px and
    `bitrate` in bit/s, 0 for the server's settings."""

    video: VideoKind = VideoKind.PICTURE
    background: int | None = None
    short_side: int = 0
    bitrate: int = 0


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Everything one stream task needs; times in s."""

    app_id: int
    task_id: str
    digital_human_id: str
    room_id: str
    stream_id: str
    look: Look = Look()
    ttl_s: int = 86_400
    max_idle_s: int = 900


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and how it speaks: rates -500..500 (half to double speed; half an octave down to half an octave up),
    volume 1..100 (50: as it is)."""

    timbre_id: str
    speech_rate: int = 0
    pitch_rate: int = 0
    volume: int = 50


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task as it is now. `created` in unix seconds; `fail_reason` with FAILED only."""

    task_id: str
    room_id: str
    stream_id: str
    status: TaskStatus
    created: int
    fail_reason: str = ""


@dataclass(frozen=True, slots=True)
class DriveInfo:
    """A drive as it is now."""

    drive_id: str
    status: DriveStatus
