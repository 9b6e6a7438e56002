"""Received voice: RTP packets of Opus in, even PCM out, with nothing waiting that need not.

A player's jitter buffer delays everything by the worst delay it expects. Recognition and recording need order, not an
even pace, so packets in order pass at once and only a gap is waited for, for as long as a few later packets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.rtc.codec.conceal import Concealer
from mien.rtc.codec.opus import FRAME_SAMPLES, SAMPLE_RATE, OpusDecoder
from mien.rtc.port import LISTEN_RATE

REORDER_PACKETS: Final = 3
"""A missing packet is given up when this many later ones have come: 60 ms with usual packets."""
MAX_CONCEALED: Final = SAMPLE_RATE // 5
"""Samples made up for one gap at most; a longer hole is an outage and stays out of the voice."""
_RESYNC: Final = 1000
"""A sequence number further away than this begins the stream anew."""


@dataclass(frozen=True, slots=True)
class VoiceBlock:
    """Decoded voice: 48 kHz mono. `rtp` is its first sample's RTP time without wrap, `arrival` loop seconds."""

    pcm: NDArray[np.int16]
    rtp: int
    arrival: float
    concealed: bool


def unwrap(value: int, near: int, bits: int) -> int:
    """The number nearest to `near` whose lower `bits` are `value`."""
    half = 1 << (bits - 1)
    return near + ((value - near + half) & ((1 << bits) - 1)) - half


class VoiceReceiver:
    """Orders, decodes and conceals one stream; calls `deliver` with each block."""

    def __init__(self, deliver: Callable[[VoiceBlock], None]) -> None:
        self._deliver = deliver
        self._decoder = OpusDecoder()
        self._concealer = Concealer()
        self._waiting: dict[int, tuple[int, bytes, float]] = {}
        self._next_seq: int | None = None
        self._next_rtp = 0
        self.received = 0
        self.lost = 0

    def push(self, seq: int, rtp: int, payload: bytes, arrival: float) -> None:
        """Takes a packet as it came: 16-bit sequence number, 32-bit time stamp, Opus payload, loop time."""
        if not payload:
            return
        self.received += 1
        if self._next_seq is None:
            self._next_seq, self._next_rtp = seq, rtp
        seq = unwrap(seq, self._next_seq, 16)
        if abs(seq - self._next_seq) > _RESYNC:
            self._waiting.clear()
            self._next_seq, self._next_rtp = seq, unwrap(rtp, self._next_rtp, 32)
        if seq < self._next_seq:
            return
        self._waiting[seq] = (unwrap(rtp, self._next_rtp, 32), payload, arrival)
        self._drain()
        while len(self._waiting) >= REORDER_PACKETS:
            first = min(self._waiting)
            self.lost += first - self._next_seq
            self._next_seq = first
            self._drain()

    def _drain(self) -> None:
        assert self._next_seq is not None
        while (packet := self._waiting.pop(self._next_seq, None)) is not None:
            self._next_seq += 1
            self._decode(*packet)

    def _decode(self, rtp: int, payload: bytes, arrival: float) -> None:
        gap = rtp - self._next_rtp
        try:
            pcm = self._decoder.decode(payload)
        except ValueError:
            pcm = np.zeros(0, np.int16)
        if 0 < gap <= MAX_CONCEALED:
            self._deliver(VoiceBlock(self._concealer.lost(gap), self._next_rtp, arrival, concealed=True))
        if len(pcm):
            self._deliver(VoiceBlock(self._concealer.received(pcm), rtp, arrival, concealed=False))
            self._next_rtp = rtp + len(pcm)


class Decimator:
    """48 kHz to 16 kHz: a linear-phase low-pass of 7.2 kHz, 0.65 ms late, then every third sample."""

    _TAPS: Final = 63

    def __init__(self) -> None:
        n = np.arange(self._TAPS) - (self._TAPS - 1) / 2
        window = np.kaiser(self._TAPS, 7.0)
        taps = np.sinc(2 * 7_200 / SAMPLE_RATE * n) * window
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._tail = np.zeros(self._TAPS - 1, np.float32)

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Takes 3n samples, returns n. Raises ValueError for another number."""
        if len(pcm) % 3:
            raise ValueError(f"{len(pcm)} samples are no whole number of 16 kHz samples")
        joined = np.concatenate((self._tail, pcm.astype(np.float32)))
        self._tail = joined[-(self._TAPS - 1) :]
        low = sum(np.correlate(joined[phase::3], self._taps[phase::3], "valid")[: len(pcm) // 3] for phase in range(3))
        return np.clip(np.rint(low), -32768, 32767).astype(np.int16)


class Blocks:
    """Cuts voice of 48 kHz into 20 ms blocks of 16 kHz."""

    _SIZE: Final = LISTEN_RATE // 50

    def __init__(self) -> None:
        self._decimator = Decimator()
        self._rest48 = np.zeros(0, np.int16)
        self._rest16 = np.zeros(0, np.int16)

    def push(self, pcm: NDArray[np.int16]) -> list[NDArray[np.int16]]:
        """The blocks that became complete, shape (320,) each."""
        if len(pcm) == FRAME_SAMPLES and not len(self._rest48) and not len(self._rest16):
            return [self._decimator.push(pcm)]
        joined = np.concatenate((self._rest48, pcm))
        whole = len(joined) - len(joined) % 3
        self._rest48 = joined[whole:]
        ready = np.concatenate((self._rest16, self._decimator.push(joined[:whole])))
        count = len(ready) // self._SIZE
        self._rest16 = ready[count * self._SIZE :]
        return [ready[n * self._SIZE : (n + 1) * self._SIZE] for n in range(count)]
