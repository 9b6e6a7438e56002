"""Numbers the server hands out: 19 decimal digits, rising, never given twice."""

from __future__ import annotations

import time
from collections.abc import Callable


class IdSource:
    """Time in ms in the upper 43 bits, a count in the lower 20: it fits an int64 and rises across restarts."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._last = 0

    def next(self) -> str:
        """The next number, as the decimal text it travels as."""
        self._last = max(self._last + 1, int(self._wall() * 1000) << 20)
        return str(self._last)
