"""Actions on stream tasks as values; see `mien.client.operations`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from mien.client.operations import JsonObject, Operation, given, nothing

CHANNELS = {"mixed": 0, "left": 1, "right": 2}


class TaskStatus(IntEnum):
    """What became of a task."""

    INITIALISING = 1
    FAILED = 2
    STREAMING = 3
    STOPPING = 4
    STOPPED = 5


class DriveStatus(IntEnum):
    """What became of a drive."""

    QUEUED = 1
    DRIVING = 2
    FAILED = 3
    ENDED = 4
    INTERRUPTED = 5


@dataclass(frozen=True, slots=True)
class StreamTask:
    """A digital human in a room. `created` in unix seconds; `fail_reason` with FAILED only."""

    task_id: str
    room_id: str
    stream_id: str
    status: TaskStatus
    created: int
    fail_reason: str = ""


@dataclass(frozen=True, slots=True)
class Drive:
    """Something a task is driven by."""

    drive_id: str
    status: DriveStatus


@dataclass(frozen=True, slots=True)
class SocketDrive:
    """A drive whose sound is to be sent to a WebSocket."""

    drive_id: str
    address: str


def create_stream_task(
    digital_human_id: str,
    room_id: str,
    stream_id: str,
    *,
    small_picture: bool = False,
    background: str | None = None,
    ttl_s: int = 86_400,
    max_idle_s: int = 900,
    size: tuple[int, int] | None = None,
    bitrate: int | None = None,
) -> Operation[str]:
    """CreateDigitalHumanStreamTask; returns the TaskId.

    `small_picture` sends motion that the client draws. `background` is a colour such as "#00ff00"; `size` (width,
    height) in px, `bitrate` in bit/s.
    """
    video = given(Width=size[0] if size else None, Height=size[1] if size else None, Bitrate=bitrate)
    body = given(
        DigitalHumanConfig=given(DigitalHumanId=digital_human_id, BackgroundColor=background),
        RTCConfig={"RoomId": room_id, "StreamId": stream_id},
        TTL=ttl_s,
        MaxIdleTime=max_idle_s,
        ExtraConfig={"OutputMode": 2 if small_picture else 1},
        VideoConfig=video or None,
    )
    return Operation("CreateDigitalHumanStreamTask", body, lambda data: str(data["TaskId"]))


def stop_stream_task(task_id: str) -> Operation[None]:
    """StopDigitalHumanStreamTask."""
    return Operation("StopDigitalHumanStreamTask", {"TaskId": task_id}, nothing)


def stream_task(task_id: str) -> Operation[StreamTask]:
    """GetDigitalHumanStreamTaskStatus."""
    return Operation("GetDigitalHumanStreamTaskStatus", {"TaskId": task_id}, lambda data: _task(data, task_id))


def list_stream_tasks() -> Operation[Sequence[StreamTask]]:
    """QueryDigitalHumanStreamTasks: those that run."""
    return Operation(
        "QueryDigitalHumanStreamTasks", {}, lambda data: [_task(task, task["TaskId"]) for task in data["TaskList"]]
    )


def drive_by_text(
    task_id: str,
    text: str,
    timbre_id: str,
    *,
    interrupt: bool = False,
    speech_rate: int = 0,
    pitch_rate: int = 0,
    volume: int = 50,
) -> Operation[str]:
    """DriveByText; returns the DriveId."""
    voice = {"TimbreId": timbre_id, "SpeechRate": speech_rate, "PitchRate": pitch_rate, "Volume": volume}
    body = {"TaskId": task_id, "Text": text, "InterruptMode": int(interrupt), "TTSConfig": voice}
    return Operation("DriveByText", body, _drive_id)


def drive_by_audio(
    task_id: str, audio_url: str, *, interrupt: bool = False, channel: Literal["mixed", "left", "right"] = "mixed"
) -> Operation[str]:
    """DriveByAudio: an MP3 or WAV; returns the DriveId."""
    body = {
        "TaskId": task_id,
        "AudioUrl": audio_url,
        "InterruptMode": int(interrupt),
        "VoiceChannel": CHANNELS[channel],
    }
    return Operation("DriveByAudio", body, _drive_id)


def drive_by_stream(task_id: str, room_id: str, stream_id: str) -> Operation[str]:
    """DriveByRTCStream: repeats a stream's voice as it comes; returns the DriveId."""
    body = {"TaskId": task_id, "RTCConfig": {"RoomId": room_id, "StreamId": stream_id}}
    return Operation("DriveByRTCStream", body, _drive_id)


def drive_by_socket(task_id: str) -> Operation[SocketDrive]:
    """DriveByWsStream: where to send sound to."""
    return Operation(
        "DriveByWsStream", {"TaskId": task_id}, lambda data: SocketDrive(data["DriveId"], data["WssAddress"])
    )


def interrupt_drives(task_id: str) -> Operation[None]:
    """InterruptDriveTask: silence, and nothing waits any more."""
    return Operation("InterruptDriveTask", {"TaskId": task_id}, nothing)


def do_action(task_id: str, action: str) -> Operation[None]:
    """DoAction."""
    return Operation("DoAction", {"TaskId": task_id, "Action": action}, nothing)


def drives(task_id: str = "", drive_id: str = "") -> Operation[Sequence[Drive]]:
    """GetDriveStatus: drives of a task, one drive, or all of the app."""
    return Operation(
        "GetDriveStatus",
        {"TaskId": task_id, "DriveId": drive_id},
        lambda data: [Drive(drive["DriveId"], DriveStatus(drive["Status"])) for drive in data["DriveList"]],
    )


def _task(wire: JsonObject, task_id: str) -> StreamTask:
    return StreamTask(
        task_id,
        wire["RoomId"],
        wire["StreamId"],
        TaskStatus(wire["Status"]),
        wire["CreateTime"],
        wire.get("FailReason", ""),
    )


def _drive_id(data: JsonObject) -> str:
    return str(data["DriveId"])
