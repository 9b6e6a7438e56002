"""An OpenAI-compatible service as a LiveKit LLM."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from livekit.agents import llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from mien.speech.openai_compat.errors import LlmCode, LlmError, failure, from_body
from mien.speech.openai_compat.reader import ChatReader, Delta, Reader, ResponsesReader
from mien.speech.openai_compat.request import chat_body, responses_body
from mien.speech.openai_compat.sse import SseParser
from mien.speech.spec import JsonObject, LlmSpec

CONNECT_S = 5.0
SILENCE_S = 60.0
"""A connection that sends nothing at all, not even keep-alive comments, for this long is given up."""
LINGER_S = 1.0
"""After an answer's last piece its figures are waited for this long: not every server ends the stream itself."""
_LARGEST_ERROR = 16_000


class OpenAICompatLLM(llm.LLM[str]):
    """Asks `spec.url`. `agent_info` is called for each request when the agent wants its information sent along."""

    def __init__(
        self,
        spec: LlmSpec,
        client: httpx.AsyncClient,
        *,
        agent_info: Callable[[], JsonObject] | None = None,
    ) -> None:
        """`client` is shared and not closed here."""
        super().__init__()
        self._spec = spec
        self._client = client
        self._agent_info = agent_info

    @property
    def spec(self) -> LlmSpec:
        return self._spec

    @property
    def client(self) -> httpx.AsyncClient:
        return self._client

    @property
    def model(self) -> str:
        return self._spec.model

    @property
    def provider(self) -> str:
        return urlsplit(self._spec.url).hostname or "unknown"

    def body(self, context: llm.ChatContext, tools: list[llm.Tool], *, may_call: bool = True) -> JsonObject:
        """The request for `context`. Without `may_call` the model must answer in words."""
        if self.speaks_responses:
            return responses_body(self._spec, context, tools, may_call=may_call)
        wants_info = self._spec.add_agent_info and self._agent_info is not None
        info = self._agent_info() if wants_info and self._agent_info else None
        return chat_body(self._spec, context, tools, info, may_call=may_call)

    @property
    def speaks_responses(self) -> bool:
        """Whether the service speaks the Responses protocol rather than Chat Completions."""
        return self._spec.vendor.lower() == "openairesponses"

    def reader(self) -> Reader:
        """A reader for one answer."""
        return ResponsesReader(self.where) if self.speaks_responses else ChatReader(self.where)

    @property
    def where(self) -> str:
        """Host and model, as errors name them."""
        parts = urlsplit(self._spec.url)
        model = f", model {self._spec.model}" if self._spec.model else ""
        return f"The language model at {parts.netloc.rpartition('@')[2] or self._spec.url}{model}"

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
        return _Stream(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options, may_call=tool_choice != "none"
        )

    async def _prewarm_impl(self) -> None:
        parts = urlsplit(self._spec.url)
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            await self._client.head(f"{parts.scheme}://{parts.netloc}/", timeout=CONNECT_S)


class _Stream(llm.LLMStream):
    def __init__(
        self,
        model: OpenAICompatLLM,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
        may_call: bool,
    ) -> None:
        self._model = model
        self._may_call = may_call
        super().__init__(model, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)

    async def _run(self) -> None:
        request_id = utils.shortuuid("llm_")
        # Some services give no ids, or the same ones in every answer; a result must find its call.
        taken = {item.call_id for item in self._chat_ctx.items if item.type == "function_call"}
        async for delta in self._deltas():
            calls = []
            for call in delta.tool_calls:
                call_id = call.call_id if call.call_id and call.call_id not in taken else utils.shortuuid("call_")
                taken.add(call_id)
                calls.append(
                    llm.FunctionToolCall(
                        name=call.name, arguments=call.arguments, call_id=call_id, extra=call.extra or None
                    )
                )
            if delta.text or calls:
                self._event_ch.send_nowait(
                    llm.ChatChunk(
                        id=request_id,
                        delta=llm.ChoiceDelta(role="assistant", content=delta.text or None, tool_calls=calls),
                    )
                )
            if delta.usage is not None:
                self._event_ch.send_nowait(
                    llm.ChatChunk(
                        id=request_id,
                        usage=llm.CompletionUsage(
                            completion_tokens=delta.usage.completion,
                            prompt_tokens=delta.usage.prompt,
                            prompt_cached_tokens=delta.usage.cached,
                            total_tokens=delta.usage.prompt + delta.usage.completion,
                        ),
                    )
                )

    async def _deltas(self) -> AsyncIterator[Delta]:
        where = self._model.where
        try:
            async with self._response() as response:
                if response.status_code != 200:
                    raise from_body(where, response.status_code, await _text_of(response))
                reader, parser = self._model.reader(), SseParser()
                async for block in _until_finished(response.aiter_bytes(), reader):
                    for payload in parser.feed(block):
                        yield reader.read(payload)
                    if reader.done:
                        return
                for payload in parser.finish():
                    yield reader.read(payload)
                yield reader.finish(parser.rest)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise transport_error(where, self._model.spec.url, error) from error

    @contextlib.asynccontextmanager
    async def _response(self) -> AsyncIterator[httpx.Response]:
        """The response, asked for again once if a kept connection turned out to be closed."""
        spec, client = self._model.spec, self._model.client
        headers = {"Accept": "text/event-stream"}
        if not spec.api_key.isascii():
            raise failure(self._model.where, LlmCode.AUTHENTICATION, "LLM.ApiKey contains characters no key can have")
        if spec.api_key:
            headers["Authorization"] = f"Bearer {spec.api_key}"
        request = client.build_request(
            "POST",
            spec.url,
            json=self._model.body(self._chat_ctx, self._tools, may_call=self._may_call),
            headers=headers,
            timeout=httpx.Timeout(SILENCE_S, connect=min(CONNECT_S, self._conn_options.timeout)),
        )
        try:
            response = await client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            response = await client.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()


async def _until_finished(blocks: AsyncIterator[bytes], reader: Reader) -> AsyncIterator[bytes]:
    """`blocks` until they end, or until nothing more comes after the answer's last piece."""
    while True:
        try:
            async with asyncio.timeout(LINGER_S if reader.finished else None):
                block = await anext(blocks)
        except (StopAsyncIteration, TimeoutError):
            return
        yield block


async def _text_of(response: httpx.Response) -> str:
    """The beginning of an error's body."""
    data = b""
    async for block in response.aiter_bytes():
        data += block
        if len(data) > _LARGEST_ERROR:
            break
    return data.decode("utf-8", "replace")


def transport_error(where: str, url: str, error: Exception) -> LlmError:
    """What it means when no proper answer came at all."""
    text = f"{error} {error.__cause__ or ''}"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return failure(
            where,
            LlmCode.PARAMETER,
            f"{url!r} is no usable address",
            remedy="LLM.Url must be a full http or https address, such as https://host/v1/chat/completions",
        )
    if isinstance(error, httpx.ConnectTimeout):
        reason = f"no connection within {CONNECT_S:g} s"
    elif isinstance(error, httpx.TimeoutException):
        reason = f"nothing came for {SILENCE_S:g} s"
    elif isinstance(error, httpx.ConnectError):
        if "CERTIFICATE" in text.upper() or "SSL" in text.upper():
            reason = f"its certificate was not accepted ({error})"
        elif any(
            hint in text for hint in ("Name or service", "nodename", "name resolution", "getaddrinfo", "No address")
        ):
            reason = "its name cannot be resolved"
        else:
            reason = "the connection was refused"
    else:
        reason = f"the connection broke ({str(error) or type(error).__name__})"
    return failure(where, LlmCode.GENERAL, reason)
