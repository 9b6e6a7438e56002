"""A stream of a room as sound: what somebody says there, repeated as it comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

from livekit import rtc

from mien.rtc.port import LISTEN_RATE, AgentPeer, StreamInfo
from mien.streams.port import DriveError
from mien.streams.sound import Pcm, Sound, ToVoice, is_quiet

PUBLISHED_WITHIN_S: Final = 60.0
"""How long a drive waits for its stream to appear."""
HANGOVER_S: Final = 0.6
"""After this much silence a stretch ends: the mouth closes, and the next begins without the delay gathered so far."""
PREROLL: Final = 3
"""Blocks of 20 ms kept from before a voice is noticed: soft beginnings are part of it."""
LATE_S, TOO_LATE_S = 0.3, 0.8
"""What waits to be played beyond the first is caught up by leaving out silence, beyond the second by leaving out
sound: the other side's clock runs faster, or its network came back."""
_BLOCK_S: Final = 0.02


class RoomEars:
    """Tells listeners of one room that a stream has ended. Connect `stream_removed` to the peer's events."""

    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Queue[Pcm | None]]] = {}

    def stream_removed(self, stream: StreamInfo) -> None:
        for queue in self._followers.get(stream.stream_id, ()):
            queue.put_nowait(None)

    async def blocks(self, peer: AgentPeer, stream_id: str) -> AsyncGenerator[Pcm, None]:
        """The voice of a stream, 20 ms of 16 kHz at a time, until it is withdrawn.

        Raises DriveError if it never comes.
        """
        queue: asyncio.Queue[Pcm | None] = asyncio.Queue()
        self._followers.setdefault(stream_id, set()).add(queue)
        pump = asyncio.create_task(_pump(peer.listen(stream_id), queue), name="streams.follow")
        heard = False
        try:
            while True:
                try:
                    async with asyncio.timeout(None if heard else PUBLISHED_WITHIN_S):
                        block = await queue.get()
                except TimeoutError:
                    if any(stream.stream_id == stream_id for stream in peer.streams()):
                        continue
                    raise DriveError(
                        f"nobody published the stream {stream_id!r} in room {peer.room_id!r} "
                        f"within {PUBLISHED_WITHIN_S:.0f} s"
                    ) from None
                if block is None:
                    return
                heard = True
                yield block
        finally:
            self._followers[stream_id].discard(queue)
            if not self._followers[stream_id]:
                del self._followers[stream_id]
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


async def _pump(voice: AsyncIterator[Pcm], queue: asyncio.Queue[Pcm | None]) -> None:
    try:
        async for block in voice:
            queue.put_nowait(block)
        queue.put_nowait(None)
    finally:
        close: Any = getattr(voice, "aclose", None)
        if close is not None:
            await close()


async def repeat(blocks: AsyncGenerator[Pcm, None], behind: Callable[[], float]) -> Sound:
    """What is said in `blocks`, and nothing in between. `behind` tells how many seconds wait to be played."""
    convert = ToVoice(LISTEN_RATE, live=True)
    recent: deque[list[rtc.AudioFrame]] = deque(maxlen=PREROLL)
    silent_s: float | None = None
    """None: between stretches."""
    async with aclosing(blocks) as source:
        async for block in source:
            frames = convert.push_samples(block[:, None])
            if not is_quiet(block):
                if silent_s is None:
                    for earlier in recent:
                        for frame in earlier:
                            yield frame
                    recent.clear()
                silent_s = 0.0
            elif silent_s is None:
                recent.append(frames)
                continue
            else:
                silent_s += _BLOCK_S
                if silent_s >= HANGOVER_S:
                    silent_s = None
                    yield None
                    continue
            if behind() > (LATE_S if silent_s else TOO_LATE_S):
                continue
            for frame in frames:
                yield frame
