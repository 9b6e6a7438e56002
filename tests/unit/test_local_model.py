"""Requests to the local model: in which order they reach it, and when one that is no longer wanted leaves it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from mien.speech.local.llama import LocalModel, Message, Sampling, Seat
from mien.speech.local.worker import Worker


class SlowReader:
    """Stands for llama.cpp: reads a prompt batch by batch, each when `more` lets it, then says one word."""

    name = "slow"

    def __init__(self) -> None:
        self.log: list[str] = []
        self.reading, self.more = threading.Event(), threading.Event()

    def generate(self, messages: Sequence[Message], sampling: Sampling, on_text: Callable[[str], bool]) -> None:
        question = messages[-1]["content"]
        self.log.append(f"reads {question}")
        if question.startswith("long"):
            self.reading.set()
            for _ in range(1000):
                self.more.wait(30)
                if on_text(""):
                    self.log.append(f"drops {question}")
                    return
        on_text("Yes.")
        self.log.append(f"answers {question}")


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    made = [Worker("first"), Worker("second")]
    yield made
    for worker in made:
        worker.close()


async def ask(model: LocalModel, question: str, seat: Seat) -> str:
    async with aclosing(model.stream([{"role": "user", "content": question}], Sampling(), seat=seat)) as pieces:
        return "".join([piece async for piece in pieces])


async def test_what_is_no_longer_wanted_is_dropped_while_it_is_read_and_its_successor_waits_for_that(
    workers: list[Worker],
) -> None:
    reader = SlowReader()
    model: Any = LocalModel(reader, workers)  # type: ignore[arg-type]
    ours, theirs = Seat(), Seat()
    unwanted = asyncio.create_task(ask(model, "long, thrown away", ours))
    await asyncio.to_thread(reader.reading.wait, 30)
    unwanted.cancel()
    await asyncio.gather(unwanted, return_exceptions=True)
    wanted = asyncio.create_task(ask(model, "ours", ours))
    await asyncio.sleep(0)
    # Another call is not held up; ours would read everything anew if it began now, beside the one that ends.
    assert await ask(model, "theirs", theirs) == "Yes."
    assert reader.log == ["reads long, thrown away", "reads theirs", "answers theirs"]
    reader.more.set()
    assert await wanted == "Yes."
    assert reader.log[3:] == ["drops long, thrown away", "reads ours", "answers ours"]
