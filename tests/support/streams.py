"""Stream tasks without models or network: a scripted voice, the real stage, a room in memory, sounds made to order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.capacity import Capacity
from mien.face.media import StagedMedia
from mien.rtc.port import AgentPeer, StreamInfo
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE
from mien.streams.manager import Tasks
from mien.streams.port import DriveError, TaskEvent, UnknownHumanError
from mien.streams.sound import Sound, frame_of
from mien.streams.spec import DriveStatus, Look, TaskSpec, TaskStatus, Voice, VoiceChannel
from mien.streams.task import StreamTask
from tests.support import conversation
from tests.support.conversation import EPOCH, HeardMedia, Microphone, Script

VOICE = Voice("zf_xiaoxiao")
SPEC = TaskSpec(1, "task-1", "lin", "room", "face")


class Voices(Script):
    """The scripted voice, under two names."""

    def timbres(self) -> Sequence[str]:
        return ["af_heart", "zf_xiaoxiao"]


class ActingMedia(HeardMedia):
    """The real stage with one gesture; `waits_s` tells what is late."""

    def __init__(self) -> None:
        super().__init__()
        self.waved = 0
        self.broken: Exception | None = None
        self.closed = False

    @property
    def gestures(self) -> dict[str, Any]:
        return {"wave": self._wave}

    def _wave(self) -> None:
        self.waved += 1

    async def start(self, peer: AgentPeer) -> None:
        if self.broken is not None:
            raise self.broken
        await super().start(peer)

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


@dataclass
class Faces:
    """Media for every digital human but `nobody`."""

    opened: list[ActingMedia] = field(default_factory=list)
    looks: list[tuple[str, Look]] = field(default_factory=list)
    broken: Exception | None = None

    async def show(self, digital_human_id: str, look: Look) -> StagedMedia:
        if digital_human_id == "nobody":
            raise UnknownHumanError("there is no digital human nobody")
        media = ActingMedia()
        media.broken = self.broken
        self.opened.append(media)
        self.looks.append((digital_human_id, look))
        return media


@dataclass
class Sounds:
    """A tone as long as the address says: `http://x/2.5`; `http://x/broken` breaks after half a second."""

    asked: list[tuple[str, VoiceChannel]] = field(default_factory=list)

    async def frames(self, url: str, channel: VoiceChannel) -> Sound:
        self.asked.append((url, channel))
        name = url.rsplit("/", 1)[1]
        for _ in range(5 if name == "broken" else round(float(name) * 10)):
            yield frame_of(tone(0.1))
        if name == "broken":
            raise DriveError("the sound is damaged")


def tone(seconds: float, rate: int = VOICE_RATE) -> NDArray[np.int16]:
    """A loud sound."""
    t = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 220 * t)).astype(np.int16)


class Rooms(conversation.FakeRooms):
    """The room in memory, which also takes the tasks' callbacks."""

    def __init__(self, microphone: Microphone) -> None:
        super().__init__(microphone)
        self.events: list[TaskEvent] = []

    def emit(self, event: Any) -> None:
        self.events.append(event)

    def withdraw(self, stream_id: str) -> None:
        """The user stops publishing."""
        self.microphones[stream_id].published = False
        for peer in self.peers:
            if peer.events.stream_removed:
                peer.events.stream_removed(StreamInfo(stream_id, "user"))


@dataclass
class Hand:
    """Everything of one test."""

    voices: Voices
    rooms: Rooms
    faces: Faces
    sounds: Sounds
    capacity: Capacity
    tasks: Tasks

    @property
    def media(self) -> ActingMedia:
        return self.faces.opened[-1]

    @property
    def sounded(self) -> list[float]:
        """When the last task's voice was heard, every 20 ms of it."""
        return self.media.sounded

    @property
    def statuses(self) -> list[TaskStatus]:
        """The task's statuses as callbacks told them."""
        return [TaskStatus(event.detail["Status"]) for event in self.rooms.events if event.event_type == 3]

    def drives(self, *, named: Sequence[str] = ()) -> list[tuple[str, DriveStatus]]:
        """Statuses of drives as callbacks told them, in order; ids are numbered as in `named`, from 1."""
        told = [event.detail for event in self.rooms.events if event.event_type == 4]
        number = {drive_id: str(n) for n, drive_id in enumerate(named, 1)}
        return [(number.get(d["DriveId"], d["DriveId"]), DriveStatus(d["Status"])) for d in told]

    def messages(self) -> list[tuple[int, str]]:
        """Room messages in short: status and drive."""
        data = [message["Data"] for kind, message in self.rooms.log if kind == "room"]
        return [(entry["Status"], entry["DriveId"]) for entry in data]

    async def create(self, **changes: Any) -> StreamTask:
        """A task that streams."""
        task = await self.tasks.create(replace(SPEC, **changes))
        await conversation.until(lambda: task.info.status is not TaskStatus.INITIALISING)
        return task


def hand(**settings: Any) -> Hand:
    """A manager with fakes around it."""
    chosen = Settings(**{"min_free_memory_mb": 0, **settings})
    voices = Voices()
    voices.microphone.start()
    rooms, faces, sounds = Rooms(voices.microphone), Faces(), Sounds()
    capacity = Capacity(chosen, cores=lambda: 64)

    def now() -> float:
        import asyncio

        return EPOCH + asyncio.get_running_loop().time()

    tasks = Tasks(chosen, rooms, voices, faces, sounds, rooms, capacity, wall=now)
    return Hand(voices, rooms, faces, sounds, capacity, tasks)


async def leave(running: Hand) -> None:
    """Ends everything."""
    await running.tasks.close()
    await running.capacity.aclose()
    await running.voices.microphone.close()
