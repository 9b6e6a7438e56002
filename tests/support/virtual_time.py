"""An asyncio loop on virtual time: sleeping costs nothing and always takes exactly as long as asked.

Whenever the loop would wait for its next timer, the clock jumps there instead. Code under test must take time from
`asyncio.get_running_loop().time()`, never from `time.time()` or `time.monotonic()`.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Polls for I/O without waiting and moves the loop's clock forward by the time it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            # Nothing scheduled: only a thread or real I/O can wake the loop.
            return super().select(5.0)
        self.offset += max(timeout, 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop whose `time()` starts at 0 and moves only when the loop would have slept."""

    def __init__(self) -> None:
        self._jump = _JumpingSelector()
        super().__init__(self._jump)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jump.offset

    def block(self, seconds: float) -> None:
        """As if a callback had computed for this long without letting the loop run."""
        self._jump.offset += seconds


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `main()` on a fresh virtual-time loop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())
