"""What runs on this machine, and whether it can take more: memory, cores for faces that draw, the loop's own delay.

Agent instances and stream tasks share one `Capacity`: a face costs the same whoever drives it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from mien.rtc.port import VideoKind
from mien.settings import Settings

PICTURE_CORES = {480: 0.35, 720: 0.6, 1080: 1.2}
"""Cores one drawn and encoded picture stream takes at 25 frames per second, by height."""
MOTION_CORES = 0.03
VOICE_CORES = 0.02
SPARE_CORES = 0.5
"""What stays free for models and the system when no limit is set."""
TICK_S = 0.25
WINDOW = 40
MAX_LOOP_DELAY_S = 0.25
"""A loop this late more often than once in ten times already gives viewers gaps."""


class NoHeadroomError(Exception):
    """The machine has no headroom; the text says what was measured and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What something that runs occupies. `short_side` of a drawn picture in px; 0: the server's setting."""

    app_id: int
    video: VideoKind
    digital_human_id: str = ""
    short_side: int = 0


class Capacity:
    """Counts what runs and measures how the loop keeps up; the first `take` starts measuring, `aclose` ends it."""

    def __init__(
        self,
        settings: Settings,
        *,
        free_memory: Callable[[], int] = lambda: int(psutil.virtual_memory().available),
        cores: Callable[[], int] = lambda: os.cpu_count() or 1,
    ) -> None:
        self._settings = settings
        self._free_memory = free_memory
        self._cores = cores
        self._delays: deque[float] = deque(maxlen=WINDOW)
        self._task: asyncio.Task[None] | None = None
        self._places: set[Place] = set()

    def take(self, place: Place) -> Place:
        """Occupies a place until `release`. Raises NoHeadroomError."""
        if self._task is None:
            self._task = asyncio.create_task(self._measure(), name="capacity")
        self._admit(place)
        self._places.add(place)
        return place

    def release(self, place: Place) -> None:
        """Gives a place back. Safe to call twice."""
        self._places.discard(place)

    def count(self, video: VideoKind) -> int:
        """How many run that show this."""
        return sum(place.video is video for place in self._places)

    def count_of_app(self, app_id: int, *, face: bool) -> int:
        """How many of an app's run, with a face or with a voice only."""
        return sum(place.app_id == app_id and (place.video is not VideoKind.NONE) == face for place in self._places)

    def uses(self, digital_human_id: str) -> bool:
        """Whether this digital human is shown somewhere."""
        return any(place.digital_human_id == digital_human_id for place in self._places)

    async def aclose(self) -> None:
        """Stops measuring."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def budget(self) -> float:
        """Cores faces may use together."""
        cores = self._cores()
        return self._settings.max_load or max(cores - SPARE_CORES, cores / 2)

    @property
    def loop_delay_s(self) -> float:
        """The loop's delay that nine of ten measurements of the last ten seconds stay under."""
        if not self._delays:
            return 0.0
        return sorted(self._delays)[int(len(self._delays) * 0.9) - (len(self._delays) >= 10)]

    def cost(self, place: Place) -> float:
        """Cores this takes."""
        if place.video is VideoKind.PICTURE:
            wanted = place.short_side or self._settings.video_size
            size = next((size for size in PICTURE_CORES if size >= wanted), max(PICTURE_CORES))
            return PICTURE_CORES[size] * self._settings.video_fps / 25
        return MOTION_CORES if place.video is VideoKind.MOTION else VOICE_CORES

    def _admit(self, place: Place) -> None:
        free, least = self._free_memory() // 2**20, self._settings.min_free_memory_mb
        if free < least:
            raise NoHeadroomError(
                f"only {free} MB of memory are free and {least} MB must stay so: end an instance or add memory"
            )
        used = sum(map(self.cost, self._places))
        wanted = self.cost(place)
        if self._places and used + wanted > self.budget:
            raise NoHeadroomError(
                f"the running faces use {used:.2f} of {self.budget:.2f} cores and this one would take {wanted:.2f}: "
                "end an instance, use ConfigId mobile, lower MIEN_VIDEO_SIZE, or raise MIEN_MAX_LOAD"
            )
        if self._places and len(self._delays) >= 10 and self.loop_delay_s > MAX_LOOP_DELAY_S:
            raise NoHeadroomError(
                f"the machine is too busy: its media loop runs {self.loop_delay_s * 1000:.0f} ms late; try again later"
            )

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self._delays.append(loop.time() - due)
