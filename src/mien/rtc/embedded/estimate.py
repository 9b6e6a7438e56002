"""How much one viewer's link carries, from what its receiver reports."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 1.0
"""Seconds over which the sent rate is measured."""
_DROP: Final = 0.95
"""A receiver's estimate grows slowly from what it got, whatever the link could carry. So an estimate below the sent
rate says nothing by itself, as pictures that begin to move are no congestion; one that falls by this factor does."""
_GROWTH: Final = 1.08
"""A second, of a limit without new signs of congestion; as in Google congestion control (draft-ietf-rmcat-gcc)."""
_LONGEST: Final = 60.0
"""Seconds of growth at once: any limit is forgotten after that much."""
_WARM_UP: Final = 3.0
"""Seconds during which a browser's estimate is still that of its first few packets."""
_LOSS_HIGH: Final = 0.10
_LOSS_LOW: Final = 0.02
"""Above the upper share of lost packets the rate falls by half of it, below the lower it grows (same draft)."""
_FLOOR: Final = 80_000
_FORGET: Final = 10_000_000
"""A limit that has grown beyond this no longer limits anything."""


class LinkEstimate:
    """Joins REMB and loss reports of one viewer. Times in seconds, rates in bit/s."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._sent_bytes = 0
        self._began: float | None = None
        self._estimate: int | None = None
        self._grown_at: float | None = None
        self._by_delay: float | None = None
        self._by_loss: float | None = None

    @property
    def bitrate(self) -> int | None:
        """What the stream should keep below; None while nothing limits it."""
        limits = [limit for limit in (self._by_delay, self._by_loss) if limit is not None]
        return max(int(min(limits)), _FLOOR) if limits else None

    def sent(self, size: int, now: float) -> None:
        """`size` bytes went out."""
        if self._began is None:
            self._began = now
        self._sent.append((now, size))
        self._sent_bytes += size
        self._forget(now)

    def bandwidth(self, estimate: int, now: float) -> None:
        """REMB arrived."""
        previous, self._estimate = self._estimate, estimate
        if self._began is None or now - self._began < _WARM_UP:
            return
        if previous is not None and estimate < _DROP * previous and estimate < self._rate(now):
            self._by_delay, self._grown_at = float(estimate), now
        else:
            self._grow(now)
            if self._by_delay is not None:
                self._by_delay = max(self._by_delay, float(estimate))

    def loss(self, fraction: float, now: float) -> None:
        """A receiver report arrived with this share of lost packets."""
        if self._began is None or now - self._began < _WINDOW:
            return
        if fraction > _LOSS_HIGH:
            rate = self._rate(now)
            base = rate if self._by_loss is None else min(self._by_loss, rate)
            self._by_loss, self._grown_at = max(base * (1 - 0.5 * fraction), _FLOOR), now
        elif fraction < _LOSS_LOW:
            self._grow(now)

    def _grow(self, now: float) -> None:
        # Not from the clock's zero: that is when the machine was started, hours or months ago.
        elapsed = 0.0 if self._grown_at is None else now - self._grown_at
        factor = _GROWTH ** min(max(elapsed, 0.0), _LONGEST)
        self._grown_at = now
        self._by_delay = _grown(self._by_delay, factor)
        self._by_loss = _grown(self._by_loss, factor)

    def _rate(self, now: float) -> float:
        self._forget(now)
        return self._sent_bytes * 8 / _WINDOW

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] < now - _WINDOW:
            self._sent_bytes -= self._sent.popleft()[1]


def _grown(limit: float | None, factor: float) -> float | None:
    return None if limit is None or limit * factor > _FORGET else limit * factor
