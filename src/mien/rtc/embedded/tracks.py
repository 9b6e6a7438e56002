"""Tracks that hand finished packets to aiortc's senders, from short queues that never hold up the stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

AUDIO_QUEUE: Final = 25
"""Packets: half a second of voice, after which the oldest is dropped."""
VIDEO_QUEUE: Final = 10
"""Pictures: 0.4 s, after which all are dropped up to the next key frame."""


class PacketTrack(MediaStreamTrack):
    """Packets pushed on one side, pulled by one RTCRtpSender on the other.

    Nothing is kept before the sender first pulls, so a new viewer gets no backlog. `began` is called when the sender
    starts to pull, `sent` with the pts of each packet once it has gone out.
    """

    def __init__(self, kind: str, *, began: Callable[[], None], sent: Callable[[int], None]) -> None:
        super().__init__()
        self.kind = kind
        self._began = began
        self._sent = sent
        self._queue: deque[av.Packet[Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._pulled = False
        self._out: int | None = None

    @property
    def flowing(self) -> bool:
        """Whether the sender pulls."""
        return self._pulled and self.readyState == "live"

    def push(self, packet: av.Packet[Any]) -> None:
        """Queues a packet; the oldest goes when the queue is full."""
        if not self.flowing:
            return
        if len(self._queue) >= AUDIO_QUEUE:
            self._queue.popleft()
        self._append(packet)

    async def recv(self) -> av.Packet[Any]:
        """The next packet, for aiortc."""
        if not self._pulled:
            self._pulled = True
            self._began()
        if self._out is not None:
            self._sent(self._out)
            self._out = None
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        packet = self._queue.popleft()
        self._out = packet.pts
        return packet

    def stop(self) -> None:
        """Ends the track; the sender stops."""
        super().stop()
        self._queue.clear()
        self._wake()

    def _append(self, packet: av.Packet[Any]) -> None:
        self._queue.append(packet)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class VideoTrack(PacketTrack):
    """A picture depends on those before it: after a drop, nothing goes out before the next key frame."""

    def __init__(
        self, *, began: Callable[[], None], sent: Callable[[int], None], keyframe_wanted: Callable[[], None]
    ) -> None:
        super().__init__("video", began=began, sent=sent)
        self._keyframe_wanted = keyframe_wanted
        self._needs_keyframe = True

    def push_unit(self, packet: av.Packet[Any], keyframe: bool) -> None:
        """Queues an access unit, unless the viewer still waits for a key frame."""
        if not self.flowing:
            return
        if len(self._queue) >= VIDEO_QUEUE:
            self._queue.clear()
            self._needs_keyframe = True
            if not keyframe:
                self._keyframe_wanted()
        if keyframe:
            self._needs_keyframe = False
        if not self._needs_keyframe:
            self._append(packet)
