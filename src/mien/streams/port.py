"""How the rest of Mien drives stream tasks, what those are assembled from, and where they report to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from livekit.agents import tts
from livekit.agents.voice import io

from mien.rtc.port import AgentPeer, VideoKind
from mien.speech.spec import TtsSpec
from mien.streams.sound import Sound
from mien.streams.spec import DriveInfo, Look, TaskInfo, TaskSpec, Voice, VoiceChannel


class StreamError(Exception):
    """Something a stream task cannot do; the text says why and what to do."""


class TaskNotFoundError(StreamError):
    """The app has no task with this id."""


class NotStreamingError(StreamError):
    """The task is not streaming yet, or never will."""


class StoppedError(StreamError):
    """The task is stopping or has stopped."""


class StreamExistsError(StreamError):
    """Another stream of the app has this StreamId."""


class TaskLimitError(StreamError):
    """The app already runs as many digital humans as it may."""


class NoResourcesError(StreamError):
    """The machine has no headroom for another task."""


class UnknownHumanError(StreamError):
    """No digital human has this id."""


class UnknownTimbreError(StreamError):
    """No voice has this id."""


class UnknownActionError(StreamError):
    """The digital human knows no action of this name."""


class QueueFullError(StreamError):
    """Too many drives wait already."""


class DriveError(StreamError):
    """A drive cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A server callback before it is signed: `event_type` 3 is a task's status, 4 a drive's. `time_ms` is unix time."""

    app_id: int
    task_id: str
    event_type: int
    time_ms: int
    detail: Mapping[str, Any]


class TaskEvents(Protocol):
    """Where callbacks go. Never blocks and never raises."""

    def emit(self, event: TaskEvent) -> None: ...


class Media(Protocol):
    """The voice and the face of one task, on one clock."""

    @property
    def output(self) -> io.AudioOutput:
        """Takes speech of 24 kHz at any pace; `flush` ends a stretch of it, `clear_buffer` silences it."""

    @property
    def video(self) -> VideoKind: ...
    @property
    def package_url(self) -> str: ...
    @property
    def waiting_s(self) -> float:
        """Seconds of speech taken but not played yet."""

    @property
    def gestures(self) -> Mapping[str, Callable[[], None]]:
        """The named gestures this face can make, each with what begins it."""

    def set_status(self, name: str) -> None:
        """Posture: "idle" or "speaking"."""

    def keyframe_wanted(self) -> None: ...
    def bitrate(self, bits_per_second: int) -> None: ...
    async def start(self, peer: AgentPeer) -> None: ...
    async def aclose(self) -> None: ...


class Faces(Protocol):
    """Makes the media of tasks."""

    async def show(self, digital_human_id: str, look: Look) -> Media:
        """Loads the face. Raises UnknownHumanError."""


class Voices(Protocol):
    """The local voices; `mien.speech.engines.Engines`."""

    def tts(self, spec: TtsSpec) -> tts.TTS[Any]: ...
    def timbres(self) -> Sequence[str]:
        """Ids of the voices this server has."""


class Sounds(Protocol):
    """Fetches sound from the web; `mien.streams.download.Downloader`."""

    def frames(self, url: str, channel: VoiceChannel) -> Sound:
        """The sound at `url` as 24 kHz mono. Raises DriveError."""


class Feed(Protocol):
    """Takes the sound of one WebSocket drive, from outside."""

    async def push(self, data: bytes) -> None:
        """Takes PCM; waits while more than enough is buffered."""

    def end(self) -> None:
        """No more follows. Safe to call twice."""


class Task(Protocol):
    """One running or ended task."""

    @property
    def info(self) -> TaskInfo: ...
    @property
    def drives(self) -> Sequence[DriveInfo]:
        """The latest drives, oldest first."""

    def speak(self, text: str, voice: Voice, *, interrupt: bool) -> str:
        """Queues a text, or says it at once. Returns the drive's id. Raises UnknownTimbreError, QueueFullError."""

    def play(self, url: str, channel: VoiceChannel, *, interrupt: bool) -> str:
        """Queues a sound file, or plays it at once; returns the drive's id. Raises QueueFullError."""

    def follow(self, room_id: str, stream_id: str) -> str:
        """Repeats a stream's voice as it comes, instead of anything else; returns the drive's id."""

    def expect_feed(self) -> tuple[str, str]:
        """Gets ready for sound from a WebSocket, instead of anything else; returns the drive's id and the token of the
        task's WebSocket."""

    def feed(self, drive_id: str, sample_rate: int, channels: int, channel: VoiceChannel) -> Feed:
        """Begins a WebSocket drive. Raises DriveError."""

    def interrupt(self) -> None:
        """Silences the face and drops what is queued."""

    def act(self, action: str) -> None:
        """Makes a named gesture. Raises UnknownActionError."""


class TaskManager(Protocol):
    """Creates, finds and ends tasks."""

    async def create(self, spec: TaskSpec) -> Task:
        """Joins the room; publishing begins in the background.

        Raises TaskLimitError, NoResourcesError, UnknownHumanError, StreamExistsError.
        """

    def get(self, app_id: int, task_id: str) -> Task:
        """A task, also one that ended lately. Raises TaskNotFoundError."""

    def by_token(self, token: str) -> Task | None:
        """The task whose WebSocket this token opens."""

    def live(self, app_id: int) -> Sequence[Task]:
        """Tasks that are initialising or streaming, oldest first."""

    def known(self, app_id: int) -> Sequence[Task]:
        """Tasks that run or ended lately, oldest first."""

    async def stop(self, app_id: int, task_id: str) -> None:
        """Ends a task. Raises TaskNotFoundError, StoppedError."""

    async def close(self) -> None:
        """Ends every task."""
