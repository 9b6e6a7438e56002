"""A thread that one local model runs on, and the order of what waits for it.

Every call shares one Whisper, one Kokoro and one language model. Work is cut into small jobs (a recognition, a slice of
voice) and the job that is needed soonest goes first, so a talking call's next slice comes before another's warm-up and
nobody starves: a job's deadline stays while time passes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

NICENESS = 2
"""Model threads yield to the media loop. Linux only, where niceness belongs to a thread and its children inherit it."""


class WorkerClosedError(RuntimeError):
    """The worker was closed while a job waited."""

    def __init__(self) -> None:
        super().__init__("The speech engines are shutting down.")


class Worker:
    """Runs jobs one after the other on its own thread, earliest deadline first."""

    def __init__(self, name: str, niceness: int = NICENESS) -> None:
        """`niceness`: how far the thread, and those that a model loaded on it starts, yield to others."""
        self._niceness = niceness
        self._jobs: list[tuple[float, int, Callable[[], None], Future[Any]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._closed = False
        self._running = 0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def load(self) -> int:
        """Jobs waiting or running."""
        return len(self._jobs) + self._running

    def submit(self, job: Callable[[], T], *, deadline: float) -> Future[T]:
        """Queues `job`. `deadline` is in seconds of the caller's loop clock; the smaller, the sooner its turn."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - whatever it was belongs to whoever waits
                future.set_exception(error)

        with self._wake:
            if self._closed:
                raise WorkerClosedError
            heapq.heappush(self._jobs, (deadline, next(self._numbers), run, future))
            self._wake.notify()
        return future

    async def run(self, job: Callable[[], T], *, deadline: float | None = None) -> T:
        """Runs `job` and returns its result; without a deadline it is due now. Cancelling skips a job not yet begun."""
        due = asyncio.get_running_loop().time() if deadline is None else deadline
        return await asyncio.wrap_future(self.submit(job, deadline=due))

    def close(self, timeout: float = 5.0) -> None:
        """Drops waiting jobs, lets the running one end (up to `timeout` seconds) and stops the thread."""
        with self._wake:
            self._closed = True
            jobs, self._jobs = self._jobs, []
            self._wake.notify()
        for *_, future in jobs:
            if future.set_running_or_notify_cancel():
                future.set_exception(WorkerClosedError())
        self._thread.join(timeout)

    def _work(self) -> None:
        _be_nice(self._niceness)
        while True:
            with self._wake:
                while not self._jobs and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                *_, run, _future = heapq.heappop(self._jobs)
                self._running = 1
            run()
            self._running = 0


def _be_nice(niceness: int) -> None:
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        except OSError:
            return
