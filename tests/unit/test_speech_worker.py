"""The order of jobs on a model's thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mien.speech.local.worker import Worker, WorkerClosedError


async def test_the_earliest_deadline_goes_first_and_a_cancelled_job_never_runs() -> None:
    worker = Worker("test")
    gate = threading.Event()
    order: list[str] = []
    first = asyncio.create_task(worker.run(gate.wait, deadline=0.0))
    await asyncio.sleep(0)
    late = asyncio.create_task(worker.run(lambda: order.append("late"), deadline=9.0))
    soon = asyncio.create_task(worker.run(lambda: order.append("soon"), deadline=1.0))
    never = asyncio.create_task(worker.run(lambda: order.append("never"), deadline=0.5))
    await asyncio.sleep(0)
    never.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, late, soon)
    assert order == ["soon", "late"]
    worker.close()


async def test_errors_reach_who_waits() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 7) == 7
    worker.close()


async def test_closing_refuses_what_waits() -> None:
    worker = Worker("test")
    begun, gate = threading.Event(), threading.Event()

    def busy() -> None:
        begun.set()
        gate.wait()

    running = asyncio.create_task(worker.run(busy))
    await asyncio.to_thread(begun.wait)
    waiting = asyncio.create_task(worker.run(lambda: 1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(worker.close))
    with pytest.raises(WorkerClosedError):
        await waiting
    gate.set()
    await asyncio.gather(running, closing)
    with pytest.raises(WorkerClosedError):
        await worker.run(lambda: 1)
