"""Whether this machine can take another instance: memory, cores for faces that draw, and the loop's own delay."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

import psutil

from mien.conversation.port import NoCapacityError
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


class Capacity:
    """Counts what runs and measures how the loop keeps up. `start` and `aclose` the measurement."""

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

    def start(self) -> None:
        """Begins to measure the loop's delay."""
        if self._task is None:
            self._task = asyncio.create_task(self._measure(), name="conversation.capacity")

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

    def cost(self, video: VideoKind) -> float:
        """Cores an instance of this kind takes."""
        if video is VideoKind.PICTURE:
            return PICTURE_CORES[self._settings.video_size] * self._settings.video_fps / 25
        return MOTION_CORES if video is VideoKind.MOTION else VOICE_CORES

    def admit(self, video: VideoKind, running: list[VideoKind]) -> None:
        """Raises NoCapacityError, with what was measured, when another instance would be too much."""
        free, least = self._free_memory() // 2**20, self._settings.min_free_memory_mb
        if free < least:
            raise NoCapacityError(
                f"only {free} MB of memory are free and {least} MB must stay so: end an instance or add memory"
            )
        used = sum(self.cost(kind) for kind in running)
        wanted = self.cost(video)
        if running and used + wanted > self.budget:
            raise NoCapacityError(
                f"the running faces use {used:.2f} of {self.budget:.2f} cores and this one would take {wanted:.2f}: "
                "end an instance, use ConfigId mobile, lower MIEN_VIDEO_SIZE, or raise MIEN_MAX_LOAD"
            )
        if running and len(self._delays) >= 10 and self.loop_delay_s > MAX_LOOP_DELAY_S:
            raise NoCapacityError(
                f"the machine is too busy: its media loop runs {self.loop_delay_s * 1000:.0f} ms late; try again later"
            )

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self._delays.append(loop.time() - due)
