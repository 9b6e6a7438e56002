"""Agents that listen to a user's stream, whether or not it is published yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.rtc.port import LISTEN_RATE

BLOCK: Final = LISTEN_RATE // 50
_MAX_BLOCKS: Final = 250
"""Five seconds: what a listener that is held up may lag before the oldest voice is dropped."""


class Hearing:
    """The voice of one stream id, for any number of listeners; outlives publications of the stream.

    `deserted` is called when the last listener has gone.
    """

    def __init__(self, deserted: Callable[[], object]) -> None:
        self._ears: set[Ear] = set()
        self._deserted = deserted

    def listen(self) -> Ear:
        """A new listener, from now on."""
        ear = Ear(self)
        self._ears.add(ear)
        return ear

    def put(self, block: NDArray[np.int16]) -> None:
        """Gives every listener a block of 20 ms."""
        for ear in self._ears:
            ear.put(block)

    def drop(self, ear: Ear) -> None:
        """Forgets a listener."""
        if ear in self._ears:
            self._ears.remove(ear)
            if not self._ears:
                self._deserted()


class Ear:
    """Iterates over blocks of shape (320,): 20 ms of 16 kHz mono int16. Ends with `close()`."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._blocks: deque[NDArray[np.int16]] = deque(maxlen=_MAX_BLOCKS)
        self._ready = asyncio.Event()
        self._closed = False

    def put(self, block: NDArray[np.int16]) -> None:
        """Queues a block; the oldest goes when the listener lags too far."""
        self._blocks.append(block)
        self._ready.set()

    def close(self) -> None:
        """Ends the iteration once what is queued has been read."""
        self._closed = True
        self._ready.set()
        self._hearing.drop(self)

    def __aiter__(self) -> Ear:
        return self

    async def __anext__(self) -> NDArray[np.int16]:
        while not self._blocks:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._blocks.popleft()

    async def aclose(self) -> None:
        """Stops listening."""
        self._blocks.clear()
        self.close()
