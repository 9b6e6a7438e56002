"""Bodies of the actions on stream tasks: digital humans in a room that are driven from outside."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from mien.api.schemas.base import Checked, Flag, RtcIdText, Wire, not_blank
from mien.api.schemas.engines import is_url

IdText = Annotated[str, Field(min_length=1, max_length=128)]
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")


def _is_colour(value: str) -> bool:
    return bool(_COLOUR.fullmatch(value))


def _is_file(value: str) -> bool:
    return value.startswith(("http://", "https://")) and is_url(value)


ColourText = Annotated[str, Checked(_is_colour, "a colour such as #00ff00")]
FileUrl = Annotated[
    str, Checked(lambda value: len(value) <= 2048 and _is_file(value), "an address such as https://host/speech.mp3")
]
Channel = Annotated[int, Field(ge=0, le=2, description="0 both channels mixed, 1 left, 2 right")]
Mode = Annotated[Flag, Field(description="0 wait for its turn, 1 interrupt and drop what waits")]


class GetDigitalHumanList(Wire):
    """GetDigitalHumanList."""

    FetchMode: int = Field(default=1, ge=1, le=3, description="1 all, 2 public ones, 3 this app's own")
    Offset: int = Field(default=0, ge=0, le=1_000_000, description="How many to leave out")
    Limit: int = Field(default=20, ge=1, le=20, description="How many at most")


class OneHuman(Wire):
    """The body of actions that need nothing but the digital human."""

    DigitalHumanId: IdText = Field(description="As GetDigitalHumanList gives it")


class GetTimbreList(Wire):
    """GetTimbreList."""

    DigitalHumanId: str = Field(default="", max_length=128, description="Its own voices; empty: all of this server")
    Offset: int = Field(default=0, ge=0, le=1_000_000, description="How many to leave out")
    Limit: int = Field(default=20, ge=1, le=20, description="How many at most")


class HumanConfig(Wire):
    """Who is shown, and before what."""

    DigitalHumanId: IdText = Field(description="As GetDigitalHumanList gives it")
    BackgroundColor: ColourText | None = Field(
        default=None, description="Colour behind a person whose picture has layers; left out: the picture's background"
    )


class StreamRtc(Wire):
    """A stream of a room."""

    RoomId: RtcIdText
    StreamId: RtcIdText


class StreamExtra(Wire):
    """What of the face travels."""

    OutputMode: int = Field(default=1, ge=1, le=2, description="1 the drawn picture, 2 its motion (the client draws)")


class StreamVideo(Wire):
    """The drawn picture. It keeps its proportions: what counts is the shorter side."""

    Width: int | None = Field(default=None, ge=64, le=4096, description="px")
    Height: int | None = Field(default=None, ge=64, le=4096, description="px")
    Bitrate: int | None = Field(default=None, ge=100_000, le=3_000_000, description="bit/s at most")


class CreateDigitalHumanStreamTask(Wire):
    """CreateDigitalHumanStreamTask."""

    DigitalHumanConfig: HumanConfig
    RTCConfig: StreamRtc
    TTL: int = Field(default=86_400, ge=10, le=86_400, description="Seconds after which it ends")
    MaxIdleTime: int = Field(default=900, ge=30, le=86_400, description="Seconds without a drive after which it ends")
    ExtraConfig: StreamExtra | None = None
    VideoConfig: StreamVideo | None = None


class OneTask(Wire):
    """The body of actions that need nothing but the task."""

    TaskId: IdText = Field(description="As CreateDigitalHumanStreamTask answered it")


class QueryDigitalHumanStreamTasks(Wire):
    """QueryDigitalHumanStreamTasks."""


class StreamSpeech(Wire):
    """The voice and how it speaks."""

    TimbreId: IdText = Field(description="As GetTimbreList gives it")
    SpeechRate: int = Field(default=0, ge=-500, le=500, description="-500 half, 500 double the speed")
    PitchRate: int = Field(default=0, ge=-500, le=500, description="-500 half an octave lower, 500 higher")
    Volume: int = Field(default=50, ge=1, le=100, description="50: as it is")


class DriveByText(Wire):
    """DriveByText."""

    TaskId: IdText = Field(description="As CreateDigitalHumanStreamTask answered it")
    Text: Annotated[str, not_blank(1800)]
    InterruptMode: Mode = 0
    TTSConfig: StreamSpeech


class DriveByAudio(Wire):
    """DriveByAudio."""

    TaskId: IdText = Field(description="As CreateDigitalHumanStreamTask answered it")
    AudioUrl: FileUrl = Field(description="MP3 or WAV, at most 50 MiB")
    InterruptMode: Mode = 0
    VoiceChannel: Channel = 0


class DriveByRTCStream(Wire):
    """DriveByRTCStream."""

    TaskId: IdText = Field(description="As CreateDigitalHumanStreamTask answered it")
    RTCConfig: StreamRtc


class DoAction(Wire):
    """DoAction."""

    TaskId: IdText = Field(description="As CreateDigitalHumanStreamTask answered it")
    Action: IdText = Field(description="As GetDigitalHumanInfo gives it")


class GetDriveStatus(Wire):
    """GetDriveStatus."""

    TaskId: str = Field(default="", max_length=128, description="Drives of this task only")
    DriveId: str = Field(default="", max_length=128, description="This drive only")


# Answers


class ActionInfo(Wire):
    """Something a digital human can do."""

    Action: str = Field(description="What DoAction takes")
    PreviewUrl: str = Field(description="Empty: there is no recording of it")


class HumanInfo(Wire):
    """A digital human."""

    DigitalHumanId: str = Field(description="Names it in all other actions")
    Name: str = Field(description="For people to read")
    AvatarUrl: str = Field(description="A picture of it")
    IsPublic: bool = Field(description="Whether every app may use it")
    Actions: list[ActionInfo] = Field(description="Gestures it can make")


class HumanPage(Wire):
    """A page of digital humans."""

    Total: int = Field(description="How many there are")
    DigitalHumans: list[HumanInfo] = Field(description="Those of this page")


class TimbreInfo(Wire):
    """A voice."""

    TimbreId: str = Field(description="What DriveByText takes")
    Name: str = Field(description="For people to read")
    AvatarUrl: str = Field(description="Empty: voices have no picture")


class TimbrePage(Wire):
    """A page of voices."""

    Total: int = Field(description="How many there are")
    Timbres: list[TimbreInfo] = Field(description="Those of this page")


class RenderInfo(Wire):
    """What a client needs to draw a digital human itself."""

    ClientInferencePackageUrl: str = Field(description="The package with everything that is needed to draw it")
    IsSupportSmallImageMode: bool = Field(description="Whether clients can draw it")


class TaskCreated(Wire):
    """A new task."""

    TaskId: str = Field(description="Names the task in all other actions and in callbacks")


class TaskState(Wire):
    """A task as it is now."""

    Status: int = Field(description="1 initialising, 2 failed, 3 streaming, 4 stopping, 5 stopped", ge=1, le=5)
    RoomId: str = Field(description="Where it streams")
    StreamId: str = Field(description="What clients play")
    FailReason: str = Field(description="With Status 2 only")
    CreateTime: int = Field(description="Unix time in seconds")


class TaskEntry(Wire):
    """A task that runs."""

    TaskId: str = Field(description="As CreateDigitalHumanStreamTask answered it")
    RoomId: str = Field(description="Where it streams")
    StreamId: str = Field(description="What clients play")
    Status: int = Field(description="1 initialising, 3 streaming")
    CreateTime: int = Field(description="Unix time in seconds")


class TaskList(Wire):
    """The tasks that run, oldest first."""

    TaskList: list[TaskEntry] = Field(description="Those of this app")


class DriveBegun(Wire):
    """A new drive."""

    DriveId: str = Field(description="Names the drive in callbacks, room messages and GetDriveStatus")


class WsDriveBegun(DriveBegun):
    """A new drive, and where its sound is to be sent."""

    WssAddress: str = Field(description="The WebSocket its sound is to be sent to")


class DriveEntry(Wire):
    """A drive as it is now."""

    DriveId: str = Field(description="Names the drive in callbacks, room messages and GetDriveStatus")
    Status: int = Field(description="1 queued, 2 driving, 3 failed, 4 ended, 5 interrupted", ge=1, le=5)


class DriveList(Wire):
    """Drives, oldest first."""

    DriveList: list[DriveEntry] = Field(description="Those of the last hour too")
