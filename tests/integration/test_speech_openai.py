"""The OpenAI-compatible client against a server in another process."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from livekit.agents import llm

from mien.models.speech_files import LLM_MODEL
from mien.settings import Settings
from mien.speech.engines import Engines
from mien.speech.openai_compat import LlmError
from mien.speech.spec import LlmSpec
from tests.support.llm_server import running_server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_server() as url:
        yield url


_LLAMA_CPP = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port, params.warmup = sys.argv[1], 2048, 0, False
params.hostnames = ["127.0.0.1"]
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(600)
"""


@pytest.fixture
def llama_cpp() -> Iterator[str]:
    """llama.cpp's own HTTP server in another process; yields its base URL."""
    model = Settings().models_dir / LLM_MODEL
    process = subprocess.Popen(
        [sys.executable, "-c", _LLAMA_CPP, str(model)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    made = Engines(Settings())  # type: ignore[call-arg]
    yield made
    await made.close()


def conversation(text: str = "hello 你好") -> llm.ChatContext:
    context = llm.ChatContext()
    context.add_message(role="system", content="Be brief.")
    context.add_message(role="user", content=text)
    return context


async def answer(model: llm.LLM[Any]) -> str:
    async with model.chat(chat_ctx=conversation()) as stream:
        return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


async def last_request(server: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as client:
        found: dict[str, Any] = (await client.get(f"{server}/requests")).json()[-1]
    return found


async def test_an_answer_without_its_reasoning_and_the_whole_request(server: str, engines: Engines) -> None:
    spec = LlmSpec(
        url=f"{server}/v1/chat/completions",
        api_key="secret",
        model="m",
        temperature=1.0,
        params={"max_tokens": 7, "top_p": None, "thinking": {"type": "disabled"}},
        add_agent_info=True,
        agent_extra_info={"k": 1},
    )
    model = engines.llm(spec, agent_info=lambda: {"round_id": 3})
    assert await answer(model) == "You said hello 你好"
    request = await last_request(server)
    assert request["authorization"] == "Bearer secret"
    assert request["body"] == {
        "model": "m",
        "temperature": 1.0,
        "stream": True,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello 你好"}],
        "max_tokens": 7,
        "thinking": {"type": "disabled"},
        "agent_info": {"round_id": 3},
        "agent_extra_info": {"k": 1},
    }


async def test_responses_protocol(server: str, engines: Engines) -> None:
    model = engines.llm(LlmSpec(url=f"{server}/v1/responses", vendor="OpenAIResponses", model="m"))
    assert await answer(model) == "Hello there"
    body = (await last_request(server))["body"]
    assert body["stream"] is True
    assert [item["role"] for item in body["input"]] == ["system", "user"]


async def test_a_server_that_does_not_stream(server: str, engines: Engines) -> None:
    assert await answer(engines.llm(LlmSpec(url=f"{server}/whole"))) == "All at once."


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("status/401", 2203, "ApiKey"),
        ("status/402", 2205, "account"),
        ("status/403", 2203, "ApiKey"),
        ("status/404", 2202, "LLM.Url"),
        ("status/429", 2204, "limit"),
        ("status/500", 2201, "reachable"),
        ("status/302", 2201, "302"),
        ("ok-error", 2205, "insufficient balance"),
        ("page", 2202, "full path"),
        ("breaks", 2201, "broke"),
    ],
)
async def test_failures_have_codes_and_remedies(
    server: str, engines: Engines, path: str, code: int, words: str
) -> None:
    with pytest.raises(LlmError, match=r"127\.0\.0\.1") as caught:
        await answer(engines.llm(LlmSpec(url=f"{server}/{path}", model="m")))
    assert caught.value.code == code
    assert words in caught.value.message


async def test_a_refused_connection_and_an_unusable_address(engines: Engines) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/chat/completions"
    with pytest.raises(LlmError, match="refused") as refused:
        await answer(engines.llm(LlmSpec(url=url)))
    assert refused.value.code == 2201
    with pytest.raises(LlmError, match="http or https") as wrong:
        await answer(engines.llm(LlmSpec(url="ftp://127.0.0.1/x")))
    assert wrong.value.code == 2202


async def test_cancelling_hangs_up(server: str, engines: Engines) -> None:
    async with engines.llm(LlmSpec(url=f"{server}/endless")).chat(chat_ctx=conversation()) as stream:
        async for _ in stream:
            break
    async with asyncio.timeout(5), httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{server}/hung-up")).json()


async def test_a_real_server_of_another_make(llama_cpp: str, engines: Engines) -> None:
    spec = LlmSpec(url=f"{llama_cpp}/v1/chat/completions", model="qwen", params={"max_tokens": 12, "temperature": 0})
    async with engines.llm(spec).chat(chat_ctx=conversation("What is the capital of France?")) as stream:
        text = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])
    assert "Paris" in text
    with pytest.raises(LlmError, match=r"Check LLM\.Url") as caught:
        await answer(engines.llm(LlmSpec(url=f"{llama_cpp}/v1/nothing", model="qwen")))
    assert caught.value.code == 2202
