"""Fan-out of one published stream: what was encoded once goes to every viewer, and their wishes come back as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, Protocol

import av
from aiortc import clock

from mien.rtc.port import AUDIO_CLOCK, VIDEO_CLOCK, EncodedAudio, EncodedVideo

KEYFRAME_INTERVAL: Final = 0.5
"""Seconds between two key frames asked of the encoder: each costs all viewers as much as a dozen pictures."""
UNLIMITED: Final = 20_000_000
"""Reported when no viewer's link is known to limit the stream, bit/s."""
_NOTICEABLE: Final = 0.05

AUDIO_BASE: Final = Fraction(1, AUDIO_CLOCK)
VIDEO_BASE: Final = Fraction(1, VIDEO_CLOCK)


class Outlet(Protocol):
    """A viewer as the hub sees it. None of these may block."""

    def audio(self, packet: av.Packet[Any]) -> None: ...
    def video(self, packet: av.Packet[Any], keyframe: bool) -> None: ...
    def motion(self, payload: bytes, pts: int) -> None: ...

    @property
    def link_bitrate(self) -> int | None:
        """What the viewer's link carries, bit/s; None while nothing speaks against any rate."""


class MediaClock:
    """Ties a stream's media time to NTP time, once for all viewers and both tracks.

    Receivers align voice and picture by the NTP times of the sender reports, so these must be one straight line over
    media time and not the moments at which packets happened to leave.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None

    def start(self, pts: int, rate: int) -> None:
        """Media time `pts` in 1/`rate` s is now. Only the first call counts."""
        if self._epoch is None:
            self._epoch = clock.current_ntp_time() - (pts << 32) // rate

    def ntp(self, pts: int, rate: int) -> int | None:
        """64-bit NTP time of a media time, None before the start."""
        return None if self._epoch is None else self._epoch + (pts << 32) // rate


class KeyframeGate:
    """Lets a request for a key frame through at most every `KEYFRAME_INTERVAL`, and forgets none."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._asked_at = float("-inf")
        self._later: asyncio.TimerHandle | None = None

    def request(self) -> None:
        """Somebody needs a key frame."""
        if self._later is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._asked_at + KEYFRAME_INTERVAL - loop.time()
        if wait <= 0:
            self._fire()
        else:
            self._later = loop.call_later(wait, self._fire)

    def satisfied(self) -> None:
        """A key frame is on its way to everybody: a request that still waits is answered by it."""
        self.close()

    def close(self) -> None:
        """Forgets a waiting request."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _fire(self) -> None:
        self._later = None
        self._asked_at = asyncio.get_running_loop().time()
        self._ask()


class Hub:
    """One stream's viewers. `ask_keyframe` and `tell_bitrate` reach the encoder."""

    def __init__(self, ask_keyframe: Callable[[], None], tell_bitrate: Callable[[int], None]) -> None:
        self.clock = MediaClock()
        self.gate = KeyframeGate(ask_keyframe)
        self._tell_bitrate = tell_bitrate
        self._told = UNLIMITED
        self._outlets: set[Outlet] = set()

    def __len__(self) -> int:
        return len(self._outlets)

    def add(self, outlet: Outlet) -> None:
        """A viewer is connected."""
        self._outlets.add(outlet)

    def remove(self, outlet: Outlet) -> None:
        """A viewer has gone; nothing happens if it was never added."""
        self._outlets.discard(outlet)
        self.link_changed()

    def link_changed(self) -> None:
        """Tells the encoder when the slowest viewer's bandwidth has changed noticeably."""
        known = [bitrate for outlet in self._outlets if (bitrate := outlet.link_bitrate) is not None]
        slowest = min(known, default=UNLIMITED)
        if abs(slowest - self._told) > _NOTICEABLE * self._told:
            self._told = slowest
            self._tell_bitrate(slowest)

    def send_audio(self, packet: EncodedAudio) -> None:
        """To every viewer."""
        self.clock.start(packet.pts, AUDIO_CLOCK)
        if self._outlets:
            shared = _packet(packet.data, packet.pts, AUDIO_BASE)
            for outlet in self._outlets:
                outlet.audio(shared)

    def send_video(self, unit: EncodedVideo) -> None:
        """To every viewer."""
        self.clock.start(unit.pts, VIDEO_CLOCK)
        if unit.keyframe:
            self.gate.satisfied()
        if self._outlets:
            shared = _packet(unit.data, unit.pts, VIDEO_BASE)
            for outlet in self._outlets:
                outlet.video(shared, unit.keyframe)

    def send_motion(self, payload: bytes, pts: int) -> None:
        """To every viewer with a motion channel."""
        for outlet in self._outlets:
            outlet.motion(payload, pts)

    def close(self) -> None:
        """No more requests will be passed on."""
        self.gate.close()


def _packet(data: bytes, pts: int, base: Fraction) -> av.Packet[Any]:
    packet = av.Packet(data)
    packet.pts = packet.dts = pts
    packet.time_base = base
    return packet
