"""How often each app may call each action."""

from __future__ import annotations

from collections import deque


class RateLimiter:
    """At most `per_second` calls of one key in any second; 0 means no limit."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._calls: dict[tuple[int, str], deque[float]] = {}

    def allow(self, app_id: int, action: str, now: float) -> bool:
        """Counts a call at `now` (seconds of a steady clock); False if it is one too many."""
        if self._per_second == 0:
            return True
        calls = self._calls.setdefault((app_id, action), deque(maxlen=self._per_second))
        if len(calls) == self._per_second and now - calls[0] < 1.0:
            return False
        calls.append(now)
        return True
