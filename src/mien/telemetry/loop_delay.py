"""How late the event loop is. Voice and picture leave from it, so its delay is their jitter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL_S = 0.1
"""Ten looks a second cost nothing and see every stall longer than a voice packet."""


class LoopDelay:
    """Tells `observe` how many seconds later than asked a sleeping task was woken, ten times a second."""

    def __init__(self, observe: Callable[[float], None]) -> None:
        self._observe = observe
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to watch the running loop."""
        self._task = asyncio.create_task(self._watch(), name="telemetry.loop-delay")

    async def close(self) -> None:
        """Stops watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self._observe(max(0.0, loop.time() - due))
