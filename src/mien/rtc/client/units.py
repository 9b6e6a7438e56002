"""H.264 access units out of RTP packets (RFC 6184), with lost packets asked for again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiortc.codecs.h264 import h264_depayload

from mien.rtc.codec.annexb import is_keyframe
from mien.rtc.voice import unwrap

NACK_INTERVAL: Final = 0.05
"""Seconds after which a packet that is still missing is asked for again."""
GIVE_UP: Final = 0.4
"""Seconds after which a gap is left behind, for a new key frame."""
PLI_INTERVAL: Final = 0.3
_RESYNC: Final = 2000


@dataclass(frozen=True, slots=True)
class VideoUnit:
    """One access unit: Annex B, its RTP time (90 kHz, without wrap), and loop seconds when it was complete."""

    data: bytes
    rtp: int
    keyframe: bool
    arrival: float


@dataclass(slots=True)
class _Packet:
    rtp: int
    marker: bool
    payload: bytes


class UnitAssembler:
    """Puts packets into order and together. Pure: whoever feeds it sends the NACKs and PLIs it asks for."""

    def __init__(self) -> None:
        self._packets: dict[int, _Packet] = {}
        self._next: int | None = None
        self._newest = 0
        self._rtp = 0
        self._asked: dict[int, float] = {}
        self._gap_since: float | None = None
        self._needs_keyframe = True
        self._pli_at = float("-inf")
        self.lost = 0
        """Packets given up for good."""

    def push(self, seq: int, rtp: int, marker: bool, payload: bytes, now: float) -> list[VideoUnit]:
        """Takes one packet; returns the access units that became complete, in order."""
        if self._next is None:
            self._next = self._newest = seq
            self._rtp = rtp
        seq = unwrap(seq, self._newest, 16)
        if abs(seq - self._newest) > _RESYNC:
            self._packets.clear()
            self._next = self._newest = seq
            self._needs_keyframe = True
        if seq < self._next:
            return []
        self._rtp = unwrap(rtp, self._rtp, 32)
        self._newest = max(self._newest, seq)
        self._asked.pop(seq, None)
        self._packets[seq] = _Packet(self._rtp, marker, payload)
        units = list(self._complete(now))
        self._watch_gap(now)
        return units

    def missing(self, now: float) -> list[int]:
        """16-bit sequence numbers to ask for now (NACK)."""
        if self._next is None:
            return []
        due = [
            seq
            for seq in range(self._next, self._newest)
            if seq not in self._packets and now - self._asked.get(seq, float("-inf")) >= NACK_INTERVAL
        ]
        for seq in due:
            self._asked[seq] = now
        return [seq & 0xFFFF for seq in due]

    def wants_keyframe(self, now: float) -> bool:
        """Whether to ask for a key frame now (PLI). A gap that has waited too long is left behind here."""
        if self._gap_since is not None and now - self._gap_since > GIVE_UP:
            self._skip_gap()
        if self._next is None or not self._needs_keyframe or now - self._pli_at < PLI_INTERVAL:
            return False
        self._pli_at = now
        return True

    def _complete(self, now: float) -> Iterable[VideoUnit]:
        assert self._next is not None
        at = self._next
        while (packet := self._packets.get(at)) is not None:
            at += 1
            if packet.marker:
                parts = [self._packets.pop(seq) for seq in range(self._next, at)]
                self._next = at
                unit = _join(parts, now)
                if unit is not None and (unit.keyframe or not self._needs_keyframe):
                    self._needs_keyframe = False
                    yield unit

    def _watch_gap(self, now: float) -> None:
        assert self._next is not None
        waiting = self._newest - self._next + 1 > len(self._packets)
        if not waiting:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = now

    def _skip_gap(self) -> None:
        """Goes on behind the first gap, at the next beginning of an access unit that is known."""
        assert self._next is not None
        seq = self._next
        while seq in self._packets:
            seq += 1
        while seq not in self._packets and seq <= self._newest:
            self.lost += 1
            seq += 1
        while seq <= self._newest and not ((before := self._packets.get(seq - 1)) is not None and before.marker):
            seq += 1
        for old in [old for old in self._packets if old < seq]:
            del self._packets[old]
        self._next = seq
        self._newest = max(self._newest, seq)
        self._asked = {number: at for number, at in self._asked.items() if number >= seq}
        self._gap_since = None
        self._needs_keyframe = True


def _join(packets: list[_Packet], now: float) -> VideoUnit | None:
    try:
        data = b"".join(h264_depayload(packet.payload) for packet in packets if packet.payload)
    except ValueError:
        return None
    return VideoUnit(data, packets[-1].rtp, is_keyframe(data), now) if data else None
