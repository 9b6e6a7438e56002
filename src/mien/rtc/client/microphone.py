"""What a client publishes: voice at its real pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from mien.rtc.codec.opus import FRAME_SAMPLES, SAMPLE_RATE, OpusEncoder
from mien.rtc.embedded.hub import AUDIO_BASE

PcmSource = Callable[[int], NDArray[np.int16]]
"""Gives the next n samples, 48 kHz mono int16; called every 20 ms."""

_LATE: Final = 0.2
"""Seconds the loop may be late before the pace starts anew instead of catching up in a burst."""


class Microphone:
    """A source that is silent until something is said: `await microphone.say(pcm)`.

    `noise` is the level of faint noise in the silence, as of a real room; 0 for digital silence.
    """

    def __init__(self, *, noise: float = 0.0, seed: int = 0) -> None:
        self._noise = noise
        self._random = np.random.default_rng(seed)
        self._said: list[tuple[NDArray[np.int16], asyncio.Future[float]]] = []

    def say(self, pcm: NDArray[np.int16]) -> asyncio.Future[float]:
        """Queues 48 kHz mono voice. The future gives the loop time when its last sample has been taken for sending."""
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._said.append((pcm.astype(np.int16, copy=False), done))
        return done

    def hush(self) -> None:
        """Drops what was not said yet; its futures are cancelled."""
        for _, done in self._said:
            done.cancel()
        self._said.clear()

    def __call__(self, samples: int) -> NDArray[np.int16]:
        block = self._silence(samples)
        at = 0
        while self._said and at < samples:
            pcm, done = self._said[0]
            part = pcm[: samples - at]
            block[at : at + len(part)] = part
            at += len(part)
            if len(part) < len(pcm):
                self._said[0] = (pcm[len(part) :], done)
                break
            self._said.pop(0)
            if not done.done():
                done.set_result(asyncio.get_running_loop().time())
        return block

    def _silence(self, samples: int) -> NDArray[np.int16]:
        if not self._noise:
            return np.zeros(samples, np.int16)
        return np.rint(self._random.normal(0, self._noise, samples)).astype(np.int16)


class MicrophoneTrack(MediaStreamTrack):
    """Pulls a source every 20 ms and encodes it."""

    kind = "audio"

    def __init__(self, source: PcmSource) -> None:
        super().__init__()
        self._source = source
        self._encoder = OpusEncoder()
        self._pts = 0
        self._due: float | None = None

    async def recv(self) -> av.Packet[Any]:
        """The next packet when its time has come, for aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._due is None or loop.time() - self._due > _LATE:
            self._due = loop.time()
        await asyncio.sleep(self._due - loop.time())
        self._due += FRAME_SAMPLES / SAMPLE_RATE
        packet = av.Packet(self._encoder.encode(self._source(FRAME_SAMPLES)))
        packet.pts = packet.dts = self._pts
        packet.time_base = AUDIO_BASE
        self._pts += FRAME_SAMPLES
        return packet
