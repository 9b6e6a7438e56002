"""Sound that comes piece by piece from outside, as a WebSocket brings it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from mien.streams.port import DriveError
from mien.streams.sound import Sound, ToVoice
from mien.streams.spec import VoiceChannel

BEGUN_WITHIN_S: Final = 60.0
"""How long a drive waits for its sound to begin."""
MOST_BYTES: Final = 1 << 20
"""What may wait here; whoever brings more has to wait."""


class WsFeed:
    """`mien.streams.port.Feed`, and the sound it becomes. One reader, one pusher."""

    def __init__(self) -> None:
        self._convert: ToVoice | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._ended = False
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()

    def begin(self, sample_rate: int, channels: int, channel: VoiceChannel) -> None:
        """Says what the sound will be. Raises DriveError the second time."""
        if self._convert is not None:
            raise DriveError("this drive has been started already")
        self._convert = ToVoice(sample_rate, channels, channel, live=True)
        self._news.set()

    async def push(self, data: bytes) -> None:
        await self._space.wait()
        if self._ended:
            return
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= MOST_BYTES:
            self._space.clear()
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()
        self._space.set()

    async def sound(self) -> Sound:
        """What is pushed, from the beginning to the end. Raises DriveError if nothing begins."""
        try:
            convert = await self._begun()
            while self._pieces or not self._ended:
                if not self._pieces:
                    self._news.clear()
                    await self._news.wait()
                    continue
                piece = self._pieces.popleft()
                self._waiting -= len(piece)
                if self._waiting < MOST_BYTES:
                    self._space.set()
                for frame in convert.push(piece):
                    yield frame
            for frame in convert.flush():
                yield frame
        finally:
            # Interrupted: whoever still pushes must not wait for a reader that is gone.
            self.end()

    async def _begun(self) -> ToVoice:
        try:
            async with asyncio.timeout(BEGUN_WITHIN_S):
                await self._news.wait()
        except TimeoutError:
            pass
        if self._convert is None:
            raise DriveError(f"no Start came on the WebSocket within {BEGUN_WITHIN_S:.0f} s")
        return self._convert
