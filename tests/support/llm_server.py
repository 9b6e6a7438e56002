"""A small OpenAI-compatible server for tests, run in a process of its own: `python -m tests.support.llm_server`.

It prints its port, then answers. The last part of the path chooses how it behaves; `/v1/chat/completions` is a
well-behaved echo of the last user message, and `/requests` lists what was received.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from tests.support.tool_streams import CHAT, RESPONSES

app = FastAPI()
received: list[dict[str, Any]] = []
hung_up = asyncio.Event()


def _chunk(text: str, finish: str | None = "") -> str:
    delta = {"role": "", "content": text}
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def _stream(pieces: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(pieces, media_type="text/event-stream")


@app.get("/requests")
async def requests() -> list[dict[str, Any]]:
    return received


@app.get("/hung-up")
async def wait_until_hung_up() -> bool:
    """Answers when a client of `/endless` has gone."""
    return await hung_up.wait()


@app.post("/v1/chat/completions")
async def echo(request: Request) -> Response:
    body = await request.json()
    received.append({"authorization": request.headers.get("authorization"), "body": body})

    async def pieces() -> AsyncIterator[str]:
        yield ": keep-alive\n\n"
        for letter in f"<think>hm</think>You said {body['messages'][-1]['content']}":
            yield _chunk(letter)
        yield _chunk("", "stop")
        yield "data: [DONE]\n\n"

    return _stream(pieces())


@app.post("/v1/responses")
async def responses(request: Request) -> Response:
    body = await request.json()
    received.append({"authorization": request.headers.get("authorization"), "body": body})

    async def pieces() -> AsyncIterator[str]:
        for event in (
            {"type": "response.reasoning_text.delta", "delta": "hm"},
            {"type": "response.output_text.delta", "delta": "Hello "},
            {"type": "response.output_text.delta", "delta": "there"},
            {"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": 2}}},
        ):
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"

    return _stream(pieces())


@app.post("/tools/{service}")
async def tools(service: str, request: Request) -> Response:
    """Calls functions as `service` does; when their results come, says them."""
    body = await request.json()
    received.append({"authorization": request.headers.get("authorization"), "body": body})
    results = [message["content"] for message in body["messages"] if message["role"] == "tool"]

    async def pieces() -> AsyncIterator[str]:
        if results:
            yield _chunk(f"I found: {', '.join(results)}.")
            yield _chunk("", "stop")
        else:
            for event in CHAT[service][0]:
                yield f"data: {json.dumps(event)}\n\n"
        yield "data: [DONE]\n\n"

    return _stream(pieces())


@app.post("/tools-by-responses")
async def tools_by_responses(request: Request) -> Response:
    """The same with the Responses protocol."""
    body = await request.json()
    received.append({"authorization": request.headers.get("authorization"), "body": body})
    results = [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]

    async def pieces() -> AsyncIterator[str]:
        events: list[dict[str, Any]] = RESPONSES
        if results:
            text = f"I found: {', '.join(results)}."
            events = [{"type": "response.output_text.delta", "delta": text}, {"type": "response.completed"}]
        for event in events:
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"

    return _stream(pieces())


@app.post("/endless")
async def endless() -> Response:
    async def pieces() -> AsyncIterator[str]:
        try:
            while True:
                yield _chunk("on ")
                await asyncio.sleep(0.01)
        finally:
            hung_up.set()

    return _stream(pieces())


@app.post("/breaks")
async def breaks() -> Response:
    async def pieces() -> AsyncIterator[str]:
        yield _chunk("Hello")
        raise ConnectionResetError

    return _stream(pieces())


@app.post("/status/{status}")
async def status(status: int) -> Response:
    return JSONResponse({"error": {"message": f"made up {status}"}}, status_code=status)


@app.post("/ok-error")
async def ok_error() -> Response:
    return JSONResponse({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}})


@app.post("/page")
async def page() -> Response:
    return PlainTextResponse("<html>Welcome to nginx</html>", media_type="text/html")


@app.post("/whole")
async def whole() -> Response:
    return JSONResponse({"choices": [{"message": {"role": "assistant", "content": "All at once."}}]})


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    """Runs this server in another process and yields its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.llm_server"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listener])


if __name__ == "__main__":
    main()
