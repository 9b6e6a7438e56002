"""A language model inside the process: llama.cpp through xllamacpp, one model for all calls.

Each call keeps its own place in the prompt cache (a slot), so that its next turn reads only what is new. Requests run
on threads of their own; when more are waiting than may run, the one that is needed soonest goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.speech.local.worker import Worker

Message = dict[str, str]

SLOTS = 4
"""Conversations whose prompt stays cached."""
CONTEXT_TOKENS = 8192
"""Tokens of all slots together; memory is 12 kB a token for the default model."""
CACHE_MB = 128
"""Memory for prompts of conversations that lost their slot."""
CACHE_REUSE_TOKENS = 8
"""Runs of at least this many tokens that have moved, as when old messages leave the window, are not read again."""
BATCH_TOKENS = 32
"""Tokens of a prompt that are read at once. Between two batches a request that is no longer wanted is dropped and the
others go on; with llama.cpp's 2048 an answer would wait until all of another's prompt is read. 5 % slower to read."""
AT_ONCE = 2
"""Requests that generate at the same time; more would make every one of them late on two cores."""
DEFAULT_MAX_TOKENS = 200
"""A spoken answer longer than this is a small model that does not find its end."""
WARM_UP_DEADLINE_S = 30.0


class LlamaError(RuntimeError):
    """The local model could not be loaded or refused a request; the text says why."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 0.3
    top_p: float = 0.9
    max_tokens: int = DEFAULT_MAX_TOKENS


class Llama:
    """A GGUF model in memory."""

    def __init__(self, path: Path, threads: int) -> None:
        """Loads the model; blocks for seconds. Raises FileNotFoundError with the remedy, LlamaError if unusable."""
        if not path.is_file():
            raise FileNotFoundError(
                f"The language model file {path} is missing. Run `make setup` (or `mien models fetch`) once, or set "
                "MIEN_LLM_URL to use another model."
            )
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = SLOTS
        params.kv_unified = True
        params.cache_ram_mib = CACHE_MB
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        # llama.cpp's threads wait for each other after every operation, spinning: as soon as voice or video want a
        # core, two threads generate at a fifth of the speed of one (measured). One is faster than anybody listens.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, threads // 2)
        # A polling thread pool would keep a core busy between tokens.
        params.cpuparams.poll = 0
        params.cpuparams_batch.poll = 0
        params.n_gpu_layers = 0
        params.verbosity = -1
        params.warmup = False  # the first request does that, without holding up everything else
        params.cache_prompt = True
        params.n_cache_reuse = CACHE_REUSE_TOKENS
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise LlamaError(f"The language model {path} cannot be used: {error}") from error
        self.name = path.stem

    def generate(self, messages: Sequence[Message], sampling: Sampling, on_text: Callable[[str], bool]) -> None:
        """Blocks until the answer is complete. `on_text` gets each piece, and "" for each batch of the prompt that was
        read, and returns True to stop at once.

        Raises LlamaError.
        """
        problem: list[str] = []

        def receive(event: Any) -> bool:
            for chunk in event if isinstance(event, list) else [event]:
                if not isinstance(chunk, dict):
                    continue
                if "error" in chunk or "choices" not in chunk:
                    problem.append(str(chunk.get("error", chunk)))
                    return True
                choices = chunk["choices"]
                text = choices[0].get("delta", {}).get("content") if choices else None
                if on_text(text or ""):
                    return True
            return False

        self._server.handle_chat_completions(
            {
                "messages": list(messages),
                "stream": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "max_tokens": sampling.max_tokens,
                "repeat_penalty": 1.1,
                "return_progress": True,
            },
            receive,
        )
        if problem:
            raise LlamaError(f"The local language model refused the request: {problem[0]}")


@dataclass(slots=True)
class Seat:
    """One conversation's place at the model. Its requests run one after the other: side by side each would have a slot
    of its own and read the whole talk anew."""

    job: Future[None] | None = None
    """The latest request, which may still be running when nobody waits for it any more."""


class LocalModel:
    """A `Llama` for asyncio: answers as streams that can be cancelled. Share one among all calls."""

    def __init__(self, llama: Llama, workers: Sequence[Worker]) -> None:
        """`workers`: as many requests run at the same time as there are workers."""
        self._llama = llama
        self._workers = list(workers)

    @property
    def name(self) -> str:
        return self._llama.name

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, deadline_s: float = 0.0, seat: Seat | None = None
    ) -> AsyncGenerator[str, None]:
        """Pieces of the answer, when the request before it in `seat` has ended. Closing the generator stops the model
        within a token, or a batch of the prompt. Raises LlamaError."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        stop = threading.Event()

        def receive(text: str) -> bool:
            if text and not stop.is_set():
                with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                    loop.call_soon_threadsafe(pieces.put_nowait, text)
            return stop.is_set()

        def run() -> None:
            if not stop.is_set():
                self._llama.generate(messages, sampling, receive)

        seat = seat or Seat()
        while seat.job is not None and not seat.job.done():
            await asyncio.wait([asyncio.wrap_future(seat.job)])
        worker = min(self._workers, key=lambda worker: worker.load)
        seat.job = worker.submit(run, deadline=loop.time() + deadline_s)
        job = asyncio.wrap_future(seat.job)
        job.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await job
        finally:
            stop.set()
            if not job.done():
                job.cancel()

    async def warm(
        self, messages: Sequence[Message], *, deadline_s: float = WARM_UP_DEADLINE_S, seat: Seat | None = None
    ) -> None:
        """Reads `messages` into the prompt cache, so that the first answer after them begins sooner."""
        async for _ in self.stream(messages, Sampling(max_tokens=1), deadline_s=deadline_s, seat=seat):
            pass
