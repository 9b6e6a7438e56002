"""Actions on stream tasks: digital humans in a room that are driven from outside."""

from __future__ import annotations

import uuid

from mien.api.actions.registry import Call, action
from mien.api.errors import ReturnCode
from mien.api.humans import find_human
from mien.api.products import STREAMS
from mien.api.schemas import streams as wire
from mien.api.schemas.base import JsonObject
from mien.rtc.port import VideoKind
from mien.streams.port import Task
from mien.streams.spec import Look, TaskSpec, Voice, VoiceChannel

GROUP = "Digital human streams"
SOCKET_PATH = "/ws"
SMALL_PICTURE = 2
SMALLEST_SIDE, LARGEST_SIDE = 240, 1080
_FAILURE = ReturnCode.STREAM_SYSTEM


@action(GROUP, wire.CreateDigitalHumanStreamTask, failure=_FAILURE, result=wire.TaskCreated, product=STREAMS)
async def create_task(call: Call, body: wire.CreateDigitalHumanStreamTask) -> JsonObject:
    """Puts a digital human into a room; it can be driven once its status is 3."""
    human = await find_human(
        call.deps, call.app.app_id, body.DigitalHumanConfig.DigitalHumanId, member="DigitalHumanConfig.DigitalHumanId"
    )
    spec = TaskSpec(
        app_id=call.app.app_id,
        task_id=str(uuid.uuid4()),
        digital_human_id=human.id,
        room_id=body.RTCConfig.RoomId,
        stream_id=body.RTCConfig.StreamId,
        look=_look(body),
        ttl_s=body.TTL,
        max_idle_s=body.MaxIdleTime,
    )
    await call.deps.streams.create(spec)
    return {"TaskId": spec.task_id}


@action(GROUP, wire.OneTask, name="StopDigitalHumanStreamTask", failure=_FAILURE, product=STREAMS)
async def stop_task(call: Call, body: wire.OneTask) -> None:
    """Ends a task."""
    await call.deps.streams.stop(call.app.app_id, body.TaskId)


@action(
    GROUP,
    wire.OneTask,
    name="GetDigitalHumanStreamTaskStatus",
    failure=_FAILURE,
    result=wire.TaskState,
    product=STREAMS,
)
async def get_task_status(call: Call, body: wire.OneTask) -> JsonObject:
    """Tells what became of a task, up to an hour after its end."""
    info = _task(call, body.TaskId).info
    return {
        "Status": int(info.status),
        "RoomId": info.room_id,
        "StreamId": info.stream_id,
        "FailReason": info.fail_reason,
        "CreateTime": info.created,
    }


@action(GROUP, wire.QueryDigitalHumanStreamTasks, failure=_FAILURE, result=wire.TaskList, product=STREAMS)
async def query_tasks(call: Call, body: wire.QueryDigitalHumanStreamTasks) -> JsonObject:
    """Lists the tasks that run."""
    infos = [task.info for task in call.deps.streams.live(call.app.app_id)]
    return {
        "TaskList": [
            {
                "TaskId": info.task_id,
                "RoomId": info.room_id,
                "StreamId": info.stream_id,
                "Status": int(info.status),
                "CreateTime": info.created,
            }
            for info in infos
        ]
    }


@action(GROUP, wire.DriveByText, failure=_FAILURE, result=wire.DriveBegun, product=STREAMS)
async def drive_by_text(call: Call, body: wire.DriveByText) -> JsonObject:
    """Makes the digital human speak a text."""
    tts = body.TTSConfig
    voice = Voice(tts.TimbreId, tts.SpeechRate, tts.PitchRate, tts.Volume)
    return {"DriveId": _task(call, body.TaskId).speak(body.Text, voice, interrupt=bool(body.InterruptMode))}


@action(GROUP, wire.DriveByAudio, failure=_FAILURE, result=wire.DriveBegun, product=STREAMS)
async def drive_by_audio(call: Call, body: wire.DriveByAudio) -> JsonObject:
    """Makes the digital human speak a sound file."""
    channel, interrupt = VoiceChannel(body.VoiceChannel), bool(body.InterruptMode)
    return {"DriveId": _task(call, body.TaskId).play(body.AudioUrl, channel, interrupt=interrupt)}


@action(GROUP, wire.DriveByRTCStream, failure=_FAILURE, result=wire.DriveBegun, product=STREAMS)
async def drive_by_rtc_stream(call: Call, body: wire.DriveByRTCStream) -> JsonObject:
    """Makes the digital human repeat the voice of a stream as it comes, instead of anything else."""
    return {"DriveId": _task(call, body.TaskId).follow(body.RTCConfig.RoomId, body.RTCConfig.StreamId)}


@action(GROUP, wire.OneTask, name="DriveByWsStream", failure=_FAILURE, result=wire.WsDriveBegun, product=STREAMS)
async def drive_by_ws_stream(call: Call, body: wire.OneTask) -> JsonObject:
    """Makes the digital human speak what is sent to a WebSocket, instead of anything else."""
    drive_id, token = _task(call, body.TaskId).expect_feed()
    address = f"ws{call.base_url.removeprefix('http')}{SOCKET_PATH}?Token={token}"
    return {"DriveId": drive_id, "WssAddress": address}


@action(GROUP, wire.OneTask, name="InterruptDriveTask", failure=_FAILURE, product=STREAMS)
async def interrupt_drive_task(call: Call, body: wire.OneTask) -> None:
    """Silences the digital human and drops what is queued."""
    _task(call, body.TaskId).interrupt()


@action(GROUP, wire.DoAction, failure=_FAILURE, product=STREAMS)
async def do_action(call: Call, body: wire.DoAction) -> None:
    """Makes the digital human do one of the actions that GetDigitalHumanInfo gives."""
    _task(call, body.TaskId).act(body.Action)


@action(GROUP, wire.GetDriveStatus, failure=_FAILURE, result=wire.DriveList, product=STREAMS)
async def get_drive_status(call: Call, body: wire.GetDriveStatus) -> JsonObject:
    """Tells what became of drives: of a task, of one drive, or of all tasks of the app."""
    tasks = [_task(call, body.TaskId)] if body.TaskId else call.deps.streams.known(call.app.app_id)
    drives = [drive for task in tasks for drive in task.drives]
    return {
        "DriveList": [
            {"DriveId": drive.drive_id, "Status": int(drive.status)}
            for drive in drives
            if body.DriveId in ("", drive.drive_id)
        ]
    }


def _task(call: Call, task_id: str) -> Task:
    return call.deps.streams.get(call.app.app_id, task_id)


def _look(body: wire.CreateDigitalHumanStreamTask) -> Look:
    extra = body.ExtraConfig or wire.StreamExtra()
    video = body.VideoConfig or wire.StreamVideo()
    colour = body.DigitalHumanConfig.BackgroundColor
    sides = [side for side in (video.Width, video.Height) if side is not None]
    return Look(
        video=VideoKind.MOTION if extra.OutputMode == SMALL_PICTURE else VideoKind.PICTURE,
        background=int(colour[1:7], 16) if colour else None,
        short_side=min(max(min(sides), SMALLEST_SIDE), LARGEST_SIDE) if sides else 0,
        bitrate=video.Bitrate or 0,
    )
