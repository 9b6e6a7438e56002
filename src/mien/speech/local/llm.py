"""The local language model as a LiveKit LLM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from livekit.agents import APIConnectionError, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from mien.speech.local.llama import DEFAULT_MAX_TOKENS, LlamaError, LocalModel, Message, Sampling, Seat
from mien.speech.local.openings import opening
from mien.speech.openai_compat.reader import ThinkFilter
from mien.speech.spec import LlmSpec

log = logging.getLogger(__name__)

_HOTTEST = 0.5
"""A model this small talks nonsense above; an agent's `Temperature` is meant for a large one."""
_CONTEXT_CHARACTERS = 6000
"""About 4000 tokens; older messages beyond are left out, the system prompt is kept."""


class LocalLLM(llm.LLM[str]):
    """The shared model with one agent's sampling."""

    def __init__(self, model: Callable[[], Awaitable[LocalModel]], spec: LlmSpec) -> None:
        """`model` gives the shared model once it is loaded."""
        super().__init__()
        self._model = model
        asked = spec.params.get("max_tokens", spec.params.get("max_completion_tokens"))
        self._sampling = Sampling(
            temperature=min(_HOTTEST, Sampling().temperature if spec.temperature is None else spec.temperature),
            top_p=Sampling().top_p if spec.top_p is None else spec.top_p,
            max_tokens=asked if isinstance(asked, int) and asked > 0 else DEFAULT_MAX_TOKENS,
        )
        self._system_prompt = spec.system_prompt
        self._opens = spec.params.get("openings", True) is not False
        self.seat = Seat()
        self._reading: asyncio.Task[None] | None = None
        self._answering = 0

    @property
    def model(self) -> str:
        return "local"

    @property
    def provider(self) -> str:
        return "local"

    @property
    def sampling(self) -> Sampling:
        return self._sampling

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)

    def opening(self, context: llm.ChatContext) -> str:
        """`pace.OpensAtOnce`; none with `"openings": false` in the agent's LLM.Params."""
        messages = [m for m in context.items if isinstance(m, llm.ChatMessage) and m.text_content]
        if not self._opens or not messages or messages[-1].role != "user":
            return ""
        instructions = " ".join(m.text_content or "" for m in messages if m.role in ("system", "developer"))
        earlier = [m.text_content or "" for m in messages if m.role == "assistant"]
        return opening(messages[-1].text_content or "", instructions, earlier)

    def read_ahead(self, context: llm.ChatContext) -> None:
        """Reads a request that is likely to come into the prompt cache (`pace.ReadsAhead`)."""
        if self._answering == 0 and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read(context), name="llm.read_ahead")

    async def _read(self, context: llm.ChatContext) -> None:
        try:
            await (await self._model()).warm(messages_of(context), deadline_s=0.0, seat=self.seat)
        except (LlamaError, OSError) as error:
            # The request that counts meets the same failure and reports it.
            log.debug("reading ahead failed: %s", error)

    @contextlib.asynccontextmanager
    async def answering(self) -> AsyncIterator[LocalModel]:
        """The model for one answer, when what is read ahead has been read: its slot of the cache is free then."""
        self._answering += 1
        try:
            if self._reading is not None:
                await asyncio.wait([self._reading])
            yield await self._model()
        finally:
            self._answering -= 1

    async def aclose(self) -> None:
        """Stops reading ahead."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await super().aclose()

    async def _prewarm_impl(self) -> None:
        """Reads the agent's system prompt into the prompt cache before the first turn."""
        if self._system_prompt:
            model = await self._model()
            await model.warm([{"role": "system", "content": self._system_prompt}, {"role": "user", "content": " "}])


class _Stream(llm.LLMStream):
    def __init__(
        self, model: LocalLLM, *, chat_ctx: llm.ChatContext, tools: list[llm.Tool], conn_options: APIConnectOptions
    ) -> None:
        self._local = model
        super().__init__(model, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)

    async def _run(self) -> None:
        request_id = utils.shortuuid("llm_")
        think = ThinkFilter()
        try:
            async with (
                self._local.answering() as model,
                aclosing(
                    model.stream(messages_of(self._chat_ctx), self._local.sampling, seat=self._local.seat)
                ) as pieces,
            ):
                async for piece in pieces:
                    self._send(request_id, think.push(piece))
            self._send(request_id, think.finish())
        except (LlamaError, OSError) as error:
            raise APIConnectionError(str(error), retryable=False) from error

    def _send(self, request_id: str, text: str) -> None:
        if text:
            self._event_ch.send_nowait(
                llm.ChatChunk(id=request_id, delta=llm.ChoiceDelta(role="assistant", content=text))
            )


def messages_of(context: llm.ChatContext) -> list[Message]:
    """A conversation as the model's chat template takes it: the system prompt and as much of the end as fits."""
    system: list[str] = []
    turns: list[Message] = []
    for item in context.items:
        if not isinstance(item, llm.ChatMessage) or not item.text_content:
            continue
        if item.role in ("system", "developer"):
            system.append(item.text_content)
        elif turns and turns[-1]["role"] == item.role:
            turns[-1]["content"] += f"\n{item.text_content}"
        else:
            turns.append({"role": item.role, "content": item.text_content})
    room = _CONTEXT_CHARACTERS
    kept: list[Message] = []
    for turn in reversed(turns):
        room -= len(turn["content"])
        if room < 0 and kept:
            break
        kept.append(turn if room >= 0 else turn | {"content": turn["content"][-_CONTEXT_CHARACTERS:]})
    kept.reverse()
    if not any(turn["role"] == "user" for turn in kept):
        kept.append({"role": "user", "content": " "})
    head = [{"role": "system", "content": "\n\n".join(system)[:_CONTEXT_CHARACTERS]}] if system else []
    return [*head, *kept]
