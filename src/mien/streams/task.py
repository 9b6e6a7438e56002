"""One stream task: a digital human in a room, from its creation to its end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import structlog

from mien.rtc.port import AgentPeer, DuplicateStreamError, PeerEvents, RoomService, RtcError, VideoKind
from mien.streams.drives import Drive, DriveQueue
from mien.streams.feeding import WsFeed
from mien.streams.follow import RoomEars, repeat
from mien.streams.port import (
    DriveError,
    Media,
    NotStreamingError,
    Sounds,
    StoppedError,
    StreamError,
    StreamExistsError,
    TaskEvents,
    UnknownActionError,
    UnknownTimbreError,
    Voices,
)
from mien.streams.report import Reporter
from mien.streams.sound import Sound
from mien.streams.speaking import speak
from mien.streams.spec import DriveInfo, TaskInfo, TaskSpec, TaskStatus, Voice, VoiceChannel

log = structlog.get_logger(__name__)


class StreamTask:
    """`mien.streams.port.Task`. `on_end` is awaited when it ends by itself."""

    def __init__(
        self,
        spec: TaskSpec,
        media: Media,
        voices: Voices,
        sounds: Sounds,
        rooms: RoomService,
        events: TaskEvents,
        *,
        on_end: Callable[[StreamTask], Coroutine[Any, Any, None]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.spec = spec
        self.token = secrets.token_urlsafe(32)
        self._media = media
        self._voices = voices
        self._sounds = sounds
        self._rooms = rooms
        self._on_end = on_end
        self._report = Reporter(spec, events, wall=wall)
        self._queue = DriveQueue(media, changed=self._drive_changed)
        self._ears = RoomEars()
        self._created = int(wall())
        self._status = TaskStatus.INITIALISING
        self._fail_reason = ""
        self._peer: AgentPeer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._active_at = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # Life

    async def open(self) -> None:
        """Joins the room; publishing begins in the background. Raises StreamExistsError, StreamError."""
        spec = self.spec
        events = PeerEvents(
            keyframe_wanted=self._media.keyframe_wanted,
            bitrate=self._media.bitrate,
            stream_removed=self._ears.stream_removed,
            kicked=lambda reason: self._end(f"removed from the room: {reason}"),
        )
        try:
            self._peer = await self._rooms.join(
                spec.app_id,
                spec.room_id,
                user_id=f"digitalhuman_{spec.task_id}",
                stream_id=spec.stream_id,
                video=self._media.video,
                package_url=self._media.package_url,
                events=events,
            )
        except DuplicateStreamError as error:
            raise StreamExistsError(str(error)) from error
        except RtcError as error:
            raise StreamError(str(error)) from error
        self._report.open(self._peer)
        self._report.task(self._status)
        loop = asyncio.get_running_loop()
        self._timers["ttl"] = loop.call_later(spec.ttl_s, self._end, f"its TTL of {spec.ttl_s} s is over")
        self._starting = asyncio.create_task(self._start(self._peer), name="streams.start")

    async def close(self) -> None:
        """Leaves the room and frees everything; returns when that is done, however often it is called."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        failed = self._status is TaskStatus.FAILED
        if not failed:
            self._set(TaskStatus.STOPPING)
        if self._starting is not None and self._starting is not asyncio.current_task():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._queue.aclose()
        await self._media.aclose()
        await self._report.close()
        if self._peer is not None:
            await self._peer.leave()
        if not failed:
            self._set(TaskStatus.STOPPED)

    async def discard(self) -> None:
        """Frees what a task holds whose `open` failed; nobody hears of it."""
        self._closed = True
        await self._media.aclose()

    async def _start(self, peer: AgentPeer) -> None:
        try:
            await self._media.start(peer)
        except Exception as error:
            # Creating has been answered already: whatever went wrong becomes the task's status.
            log.exception("stream task could not start", task=self.spec.task_id)
            self._fail_reason = f"the digital human could not be started: {error or type(error).__name__}"
            self._set(TaskStatus.FAILED)
            self._end("it could not be started")
            return
        self._queue.start()
        self._set(TaskStatus.STREAMING)
        self._mark()
        self._watch_idle()

    def _drive_changed(self, drive: Drive) -> None:
        self._mark()
        self._report.drive(drive)

    def _set(self, status: TaskStatus) -> None:
        self._status = status
        self._report.task(status, self._fail_reason)

    def _mark(self) -> None:
        self._active_at = asyncio.get_running_loop().time()

    def _watch_idle(self) -> None:
        """Ends the task when nothing has driven it for MaxIdleTime."""
        loop = asyncio.get_running_loop()
        if self._queue.busy:
            self._mark()
        left = self._active_at + self.spec.max_idle_s - loop.time()
        if left <= 0:
            self._end(f"nothing has driven it for {self.spec.max_idle_s} s")
        else:
            self._timers["idle"] = loop.call_later(left, self._watch_idle)

    def _end(self, why: str) -> None:
        if self._ending is None and not self._closed:
            log.info("stream task ends", task=self.spec.task_id, reason=why)
            self._ending = asyncio.create_task(self._on_end(self), name="streams.end")

    # mien.streams.port.Task

    @property
    def info(self) -> TaskInfo:
        spec = self.spec
        return TaskInfo(spec.task_id, spec.room_id, spec.stream_id, self._status, self._created, self._fail_reason)

    @property
    def drives(self) -> Sequence[DriveInfo]:
        return self._queue.drives

    def speak(self, text: str, voice: Voice, *, interrupt: bool) -> str:
        self._check()
        if voice.timbre_id not in self._voices.timbres():
            raise UnknownTimbreError(f"there is no timbre {voice.timbre_id!r}; GetTimbreList gives those there are")
        return self._queue.add(Drive(lambda: speak(self._voices, text, voice)), interrupt=interrupt)

    def play(self, url: str, channel: VoiceChannel, *, interrupt: bool) -> str:
        self._check()
        return self._queue.add(Drive(lambda: self._sounds.frames(url, channel)), interrupt=interrupt)

    def follow(self, room_id: str, stream_id: str) -> str:
        self._check()
        return self._queue.add(Drive(lambda: self._voice_of(room_id, stream_id)), interrupt=True)

    def expect_feed(self) -> tuple[str, str]:
        self._check()
        feed = WsFeed()
        return self._queue.add(Drive(feed.sound, feed), interrupt=True), self.token

    def feed(self, drive_id: str, sample_rate: int, channels: int, channel: VoiceChannel) -> WsFeed:
        self._check()
        drive = self._queue.find(drive_id)
        if drive is None or drive.feed is None:
            raise DriveError(f"this task has no WebSocket drive {drive_id!r}; DriveByWsStream begins one")
        if drive.over:
            raise DriveError(f"the drive {drive_id!r} is over; DriveByWsStream begins another")
        drive.feed.begin(sample_rate, channels, channel)
        return drive.feed

    def interrupt(self) -> None:
        self._check()
        self._mark()
        self._queue.interrupt()

    def act(self, action: str) -> None:
        self._check()
        begin = self._media.gestures.get(action)
        if begin is None:
            known = ", ".join(self._media.gestures) or "none"
            raise UnknownActionError(f"this digital human has no action {action!r}; it has {known}")
        self._mark()
        begin()

    def require_open(self) -> None:
        """Raises NotStreamingError if it could not be started, StoppedError if it has ended or is about to."""
        if self._status is TaskStatus.FAILED:
            raise NotStreamingError(f"the task failed: {self._fail_reason}")
        if self._closed or self._ending is not None:
            raise StoppedError("the task has stopped; create another with CreateDigitalHumanStreamTask")

    def _check(self) -> None:
        self.require_open()
        if self._status is not TaskStatus.STREAMING:
            raise NotStreamingError("the task is not streaming yet; GetDigitalHumanStreamTaskStatus tells when it is")

    async def _voice_of(self, room_id: str, stream_id: str) -> Sound:
        assert self._peer is not None
        if room_id == self.spec.room_id:
            blocks = self._ears.blocks(self._peer, stream_id)
            async with aclosing(repeat(blocks, lambda: self._media.waiting_s)) as sound:
                async for frame in sound:
                    yield frame
            return
        ears = RoomEars()
        try:
            listener = await self._rooms.join(
                self.spec.app_id,
                room_id,
                user_id=f"digitalhuman_{self.spec.task_id}",
                stream_id="",
                video=VideoKind.NONE,
                events=PeerEvents(stream_removed=ears.stream_removed),
            )
        except RtcError as error:
            raise DriveError(f"room {room_id!r} cannot be joined: {error}") from error
        try:
            async with aclosing(repeat(ears.blocks(listener, stream_id), lambda: self._media.waiting_s)) as sound:
                async for frame in sound:
                    yield frame
        finally:
            await listener.leave()
