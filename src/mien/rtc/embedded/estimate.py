"""How much one viewer's link carries, from what its receiver reports."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 1.0
"""Seconds over which the sent rate is measured."""
_HEADROOM: Final = 1.25
"""A receiver's estimate never rises much above what it gets (1.5 times, in practice), so an estimate this far above the
sent rate says only that the link carries what was sent; below, that it carries no more."""
_PROBE: Final = 1.25
"""Growth of the limit with each report that found no congestion."""
_LOSS_HIGH: Final = 0.10
_LOSS_LOW: Final = 0.02
_LOSS_GROWTH: Final = 1.08
"""Above the upper share of lost packets the rate falls by half of it, below the lower it grows; after Google
congestion control (draft-ietf-rmcat-gcc, section 6)."""
_FLOOR: Final = 80_000
_FORGET: Final = 10_000_000
"""A limit that has grown beyond this no longer limits anything."""


class LinkEstimate:
    """Joins REMB and loss reports of one viewer. Times in seconds, rates in bit/s."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._sent_bytes = 0
        self._began: float | None = None
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
        if estimate < _HEADROOM * self._rate(now):
            self._by_delay = float(estimate)
        elif self._by_delay is not None:
            self._by_delay = _grown(max(float(estimate), self._by_delay), _PROBE)

    def loss(self, fraction: float, now: float) -> None:
        """A receiver report arrived with this share of lost packets."""
        if self._began is None or now - self._began < _WINDOW:
            return
        if fraction > _LOSS_HIGH:
            base = self._rate(now) if self._by_loss is None else min(self._by_loss, self._rate(now))
            self._by_loss = max(base * (1 - 0.5 * fraction), _FLOOR)
        elif fraction < _LOSS_LOW and self._by_loss is not None:
            self._by_loss = _grown(self._by_loss, _LOSS_GROWTH)

    def _rate(self, now: float) -> float:
        self._forget(now)
        return self._sent_bytes * 8 / _WINDOW

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] < now - _WINDOW:
            self._sent_bytes -= self._sent.popleft()[1]


def _grown(limit: float, factor: float) -> float | None:
    limit *= factor
    return limit if limit < _FORGET else None
