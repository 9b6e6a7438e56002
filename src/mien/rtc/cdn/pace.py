"""How many bits per second a connection carries: less after it fell behind, and carefully more while it does not."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW: Final = 4.0
"""Seconds over which what left is counted."""
LEAST: Final = 150_000
"""bit/s, voice included, below which there is no use in going."""
SHARE: Final = 0.8
"""Of what the connection carried, so that what waits can leave too."""
CALM: Final = 10.0
LONGEST_CALM: Final = 160.0
STEP: Final = 1.25
"""After so many seconds without trouble this much more is tried; every trouble doubles them, up to the longest."""
ENOUGH: Final = 20_000_000
"""bit/s from which on nothing is held back any more."""


class Pace:
    """Measures one connection. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._limit: int | None = None
        self._since = 0.0
        self._calm = CALM

    def sent(self, size: int, now: float) -> int | None:
        """Counts `size` bytes that left; a new estimate in bit/s when more may be tried."""
        self._sent.append((now, size))
        while now - self._sent[0][0] > WINDOW:
            self._sent.popleft()
        if self._limit is None or now - self._since < self._calm:
            return None
        self._limit, self._since = int(self._limit * STEP), now
        estimate = self._limit
        if estimate > ENOUGH:
            self._limit = None
        return estimate

    def too_fast(self, now: float) -> int:
        """The connection fell behind: a new estimate of what it carries, in bit/s."""
        recent = [(at, size) for at, size in self._sent if now - at <= WINDOW]
        span = max(now - recent[0][0], 1.0) if recent else WINDOW
        carried = int(sum(size for _, size in recent) * 8 / span * SHARE)
        # Measured while it was held back, it says nothing about what more the connection would carry.
        known = carried
        if self._limit is not None:
            known = min(carried, int(self._limit * SHARE))
            self._calm = min(self._calm * 2, LONGEST_CALM)
        self._limit, self._since = max(known, LEAST), now
        return self._limit
