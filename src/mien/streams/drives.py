"""What drives a face, one after the other: the queue, and how each drive is played."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from livekit import rtc

from mien.speech.phones import attached
from mien.streams.feeding import WsFeed
from mien.streams.port import DriveError, Media, QueueFullError
from mien.streams.sound import Sound, is_quiet, samples_of
from mien.streams.spec import DriveInfo, DriveStatus

MOST_WAITING: Final = 100
"""Drives that may wait."""
REMEMBERED: Final = 200
"""Drives whose end can still be asked for."""
AHEAD_S: Final = 10.0
"""Speech handed to the stage before it is needed; the rest waits to be made."""
STRETCH_S: Final = 20.0
"""A stretch of sound this long ends at its next quiet moment: a mouth made from sound keeps all of its stretch."""
LONGEST_STRETCH_S: Final = 300.0
"""Where there is no quiet moment, as in music, it ends all the same; that costs 20 ms of silence."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Drive:
    """One drive. `sound` is asked for when its turn comes; `feed` takes it where it comes from a WebSocket."""

    sound: Callable[[], Sound]
    feed: WsFeed | None = None
    drive_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: DriveStatus = DriveStatus.QUEUED
    problem: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing of it will be heard any more."""
        return self.status in (DriveStatus.FAILED, DriveStatus.ENDED, DriveStatus.INTERRUPTED)

    @property
    def info(self) -> DriveInfo:
        return DriveInfo(self.drive_id, self.status)


class DriveQueue:
    """Plays drives on `media`. `changed` hears of every change of a drive's status."""

    def __init__(self, media: Media, *, changed: Callable[[Drive], None]) -> None:
        self._media = media
        self._changed = changed
        self._waiting: deque[Drive] = deque()
        self._known: deque[Drive] = deque(maxlen=REMEMBERED)
        self._current: Drive | None = None
        self._playing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        media.output.on("playback_started", self._sounds)
        media.output.on("playback_finished", self._falls_silent)

    def start(self) -> None:
        """Begins to play."""
        self._runner = asyncio.create_task(self._run(), name="streams.drives")

    async def aclose(self) -> None:
        """Interrupts everything. Safe to call twice."""
        playing = self._playing
        self.interrupt()
        if self._runner is not None:
            self._runner.cancel()
        await asyncio.gather(*filter(None, (self._runner, playing)), return_exceptions=True)
        self._media.output.off("playback_started", self._sounds)
        self._media.output.off("playback_finished", self._falls_silent)

    @property
    def busy(self) -> bool:
        """Whether something drives the face or waits to."""
        return self._current is not None or bool(self._waiting)

    @property
    def drives(self) -> Sequence[DriveInfo]:
        """The latest drives, oldest first."""
        return [drive.info for drive in self._known]

    def find(self, drive_id: str) -> Drive | None:
        """A drive that is known still."""
        return next((drive for drive in self._known if drive.drive_id == drive_id), None)

    def add(self, drive: Drive, *, interrupt: bool) -> str:
        """Queues a drive, or plays it instead of everything else; returns its id. Raises QueueFullError."""
        if interrupt:
            self.interrupt()
        if len(self._waiting) >= MOST_WAITING:
            raise QueueFullError(f"{MOST_WAITING} drives wait already; let some end, or interrupt with InterruptMode 1")
        self._waiting.append(drive)
        self._known.append(drive)
        self._changed(drive)
        self._wake.set()
        return drive.drive_id

    def interrupt(self) -> None:
        """Silences the current drive and drops those that wait."""
        dropped = [*([self._current] if self._current is not None else []), *self._waiting]
        self._waiting.clear()
        if self._playing is not None:
            self._playing.cancel()
            self._media.output.clear_buffer()
            self._media.output.flush()
        for drive in dropped:
            if drive.feed is not None:
                drive.feed.end()
            self._set(drive, DriveStatus.INTERRUPTED)

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            drive = self._current = self._waiting.popleft()
            self._playing = asyncio.create_task(self._play(drive), name=f"streams.drive-{drive.drive_id}")
            await asyncio.wait([self._playing])
            self._current = self._playing = None

    async def _play(self, drive: Drive) -> None:
        try:
            await self._hand_over(drive.sound())
        except DriveError as error:
            drive.problem = str(error)
        except Exception as error:
            # Whatever a source does, the task goes on and the business backend hears of it.
            log.exception("drive failed", drive=drive.drive_id)
            drive.problem = f"the drive failed ({type(error).__name__}); the server's log says why"
        # What came before a failure is heard to its end.
        self._media.output.flush()
        await self._media.output.wait_for_playout()
        self._set(drive, DriveStatus.FAILED if drive.problem else DriveStatus.ENDED)

    async def _hand_over(self, sound: Sound) -> None:
        output, stretch_s, knows_phones = self._media.output, 0.0, False
        async with aclosing(sound) as frames:
            async for frame in frames:
                if frame is None:
                    output.flush()
                    stretch_s = 0.0
                    continue
                if (ahead := self._media.waiting_s - AHEAD_S) > 0:
                    await asyncio.sleep(ahead)
                await output.capture_frame(frame)
                stretch_s += frame.duration
                knows_phones = knows_phones or attached(frame) is not None
                may_end = (stretch_s > STRETCH_S and _ends_quietly(frame)) or stretch_s > LONGEST_STRETCH_S
                if may_end and not knows_phones:
                    output.flush()
                    stretch_s = 0.0

    def _sounds(self, _: Any) -> None:
        self._media.set_status("speaking")
        drive = self._current
        if drive is not None and drive.status is DriveStatus.QUEUED:
            self._set(drive, DriveStatus.DRIVING)

    def _falls_silent(self, _: Any) -> None:
        self._media.set_status("idle")

    def _set(self, drive: Drive, status: DriveStatus) -> None:
        if not drive.over:
            drive.status = status
            self._changed(drive)


def _ends_quietly(frame: rtc.AudioFrame) -> bool:
    return is_quiet(samples_of(frame)[-frame.sample_rate // 50 :])
