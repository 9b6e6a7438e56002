"""What has arrived and was not read yet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue between the network and one reader: `async for item in inbox`, until it is closed and empty.

    It holds `limit` items; what comes when it is full is dropped and counted, so that a recording knows whether it is
    complete.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped = 0
        self._items: deque[T] = deque()
        self._ready = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Adds an item, unless full or closed."""
        if self._closed:
            return
        if len(self._items) >= self.limit:
            self.dropped += 1
            return
        self._items.append(item)
        self._ready.set()

    def take(self) -> list[T]:
        """Everything that waits, at once."""
        items = list(self._items)
        self._items.clear()
        return items

    def close(self) -> None:
        """No more items will come."""
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> Inbox[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()

    async def next(self, timeout: float | None = None) -> T:
        """The next item. Raises TimeoutError, or EOFError when no more will come."""
        try:
            async with asyncio.timeout(timeout):
                return await self.__anext__()
        except StopAsyncIteration:
            raise EOFError("the stream has ended") from None
