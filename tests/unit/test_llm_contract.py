"""The contract with language models, one test for each peculiarity of a vendor: what is read, what is reported, and
that reasoning reaches neither voice nor subtitles nor memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from livekit.agents import llm

from mien.conversation.spec import AdvancedSpec, LlmSpec, MetaInfoSpec
from mien.speech.openai_compat.llm import OpenAICompatLLM
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage

CHAT = LlmSpec(url="http://llm.test/v1/chat/completions", api_key="k", model="m", vendor="OpenAIChat")
RESPONSES = LlmSpec(url="http://llm.test/v1/responses", api_key="k", model="m", vendor="OpenAIResponses")


def chunk(content: Any = None, finish: Any = None, **delta: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}],
    }


def sse(*events: Any, line: str = "data: {}\n\n", done: bool = True) -> bytes:
    texts = [event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events]
    return "".join(line.replace("{}", text) for text in [*texts, *(["[DONE]"] if done else [])]).encode()


HELLO = (chunk("Hel"), chunk("lo"), chunk("", "stop"))
USAGE = {"prompt_tokens": 83, "completion_tokens": 2, "total_tokens": 85}


class Stream(httpx.AsyncByteStream):
    """A body in small blocks; with `hangs` the server never ends it."""

    def __init__(self, body: bytes, *, block: int = 7, hangs: bool = False) -> None:
        self._body, self._block, self._hangs = body, block, hangs

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for i in range(0, len(self._body), self._block):
            yield self._body[i : i + self._block]
            await asyncio.sleep(0.001)
        if self._hangs:
            await asyncio.sleep(10_000)


class Server(httpx.AsyncBaseTransport):
    """A language model that always answers with the same bytes; remembers what it was asked."""

    def __init__(self, body: bytes, *, status: int = 200, hangs: bool = False) -> None:
        self.body, self.status, self.hangs = body, status, hangs
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        if self.error is not None:
            raise self.error
        return httpx.Response(self.status, stream=Stream(self.body, hangs=self.hangs))


def answer(server: Server, asked: LlmSpec = CHAT) -> str:
    """What is read of an answer."""

    async def main() -> str:
        async with httpx.AsyncClient(transport=server) as client:
            context = llm.ChatContext()
            context.add_message(role="user", content="Hi")
            async with OpenAICompatLLM(asked, client).chat(chat_ctx=context) as stream:
                return "".join([part.delta.content or "" async for part in stream if part.delta])

    return run(main)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(sse(*HELLO), id="as documented"),
        pytest.param(sse(*HELLO, line="data:{}\n\n"), id="no space after data:"),
        pytest.param(sse(*HELLO, line="data: {}\n"), id="no empty lines"),
        pytest.param(sse(*HELLO, line="data: {}\r\n\r\n"), id="CRLF"),
        pytest.param(sse(*HELLO, line=": keep-alive\n\n\n\ndata: {}\n\n"), id="comments and blank lines"),
        pytest.param(sse(*HELLO, line="event: message\nid: 1\ndata: {}\n\n"), id="event and id lines"),
        pytest.param(sse(*HELLO, done=False), id="no [DONE]"),
        pytest.param(sse(chunk("Hel"), chunk("lo"), done=False), id="neither finish_reason nor [DONE]"),
        pytest.param(sse({"choices": []}, *HELLO, {"choices": [], "usage": USAGE}), id="no choices, usage at the end"),
        pytest.param(sse(*({**event, "usage": USAGE} for event in HELLO)), id="usage in each chunk"),
        pytest.param(sse({"choices": [{"index": 0, "delta": None}]}, *HELLO), id="delta null"),
        pytest.param(sse(chunk("Hel", role=""), chunk("lo", role=""), chunk("", "stop", role="")), id="role empty"),
        pytest.param(sse(chunk(None, role="assistant"), *HELLO), id="content null"),
        pytest.param(sse(chunk([{"type": "text", "text": "Hel"}]), chunk([{"text": "lo"}])), id="content in parts"),
        pytest.param(sse(chunk("Hel", ""), chunk("lo", ""), chunk("", "stop")), id="finish_reason empty"),
        pytest.param(sse(chunk("Hel", "null"), chunk("lo", "null")), id="finish_reason null in quotes"),
        pytest.param(sse({"choices": [{"delta": {"content": "Hello"}}]}), id="finish_reason absent"),
        pytest.param(sse(chunk("Hel"), chunk("lo"), chunk("", "length")), id="finish_reason length"),
        pytest.param(sse(chunk("Hel"), chunk("lo"), chunk(None, "eos")), id="finish_reason of another kind"),
        pytest.param(sse("broken", *HELLO), id="a line that is no JSON"),
        pytest.param(sse(chunk(None, reasoning_content="secret"), *HELLO), id="reasoning_content"),
        pytest.param(sse(chunk(None, reasoning="secret"), *HELLO), id="reasoning"),
        pytest.param(
            sse(chunk([{"type": "thinking", "thinking": "secret", "text": "secret"}]), *HELLO), id="thinking parts"
        ),
        pytest.param(
            sse(chunk("<th", ""), chunk("ink>sec", ""), chunk("ret</thi", ""), chunk("nk>\n\n", ""), *HELLO),
            id="<think> cut in pieces, finish_reason empty",
        ),
        pytest.param(
            sse(
                *HELLO,
                {"object": "chat.completion", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]},
                done=False,
            ),
            id="the whole message once more at the end",
        ),
        pytest.param(
            json.dumps({"choices": [{"message": {"content": "Hello"}}]}).encode(), id="an answer that is no stream"
        ),
        pytest.param(
            sse(
                chunk(None, audio={"transcript": "Hel"}),
                chunk(None, audio={"data": "AAAA"}),
                chunk(None, audio={"transcript": "lo"}),
                chunk(None, "stop"),
            ),
            id="a model that answers by voice",
        ),
        pytest.param(
            sse(*(chunk(letter, audio={"transcript": letter}) for letter in "Hello")), id="voice and text together"
        ),
    ],
)
def test_chat_answers(body: bytes) -> None:
    assert answer(Server(body)) == "Hello"


def test_a_character_cut_between_two_blocks() -> None:
    assert answer(Server(sse(chunk("你好，世界"), chunk("", "stop")))) == "你好，世界"


@pytest.mark.parametrize("done", [True, False])
def test_a_server_that_does_not_hang_up_is_not_waited_for(done: bool) -> None:
    assert answer(Server(sse(*HELLO, done=done), hangs=True)) == "Hello"


def events(*more: dict[str, Any]) -> bytes:
    hello = ({"type": "response.output_text.delta", "delta": part} for part in ("Hel", "lo"))
    listed = [{"type": "response.created", "response": {"error": None}}, *hello, *more]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in listed).encode()


COMPLETED = {"type": "response.completed", "response": {"error": None, "usage": {"input_tokens": 1}}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(events(COMPLETED), id="as documented"),
        pytest.param(events({"type": "response.reasoning_text.delta", "delta": "secret"}, COMPLETED), id="reasoning"),
        pytest.param(
            events({"type": "response.reasoning_summary_text.delta", "delta": "secret"}, COMPLETED),
            id="summary of reasoning",
        ),
        pytest.param(events({"type": "response.output_text.done", "text": "Hello"}, COMPLETED), id="text once more"),
        pytest.param(
            events(
                {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}
            ),
            id="incomplete",
        ),
        pytest.param(events({"type": "response.something.new"}, COMPLETED), id="an unknown event"),
        pytest.param(events(), id="no end"),
        pytest.param(events(COMPLETED).replace(b"data: ", b"data:"), id="no space after data:"),
    ],
)
def test_responses_answers(body: bytes) -> None:
    assert answer(Server(body), RESPONSES) == "Hello"


def test_responses_server_that_does_not_hang_up() -> None:
    assert answer(Server(events(COMPLETED), hangs=True), RESPONSES) == "Hello"


# In a conversation


class Elsewhere(Script):
    """Engines whose model is a real client of `server`."""

    server: Server
    wanted: LlmSpec
    client: httpx.AsyncClient

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        self.client = httpx.AsyncClient(transport=self.server)
        return OpenAICompatLLM(spec, self.client, agent_info=agent_info)


async def asked(server: Server, wanted: LlmSpec = CHAT, **changes: Any) -> Stagehand:
    """A call in which the user has put one question to `server`."""
    script = Elsewhere()
    script.server = server
    hand = await stage(script)
    await hand.manager.create(spec(llm=wanted, **changes))
    await hand.user.say("你好吗", 1.0)
    await asyncio.sleep(8)
    return hand


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        (
            CHAT,
            sse(
                chunk(None, "", reasoning_content="秘密一。"),
                chunk("<think>秘密", ""),
                chunk("二。</think>", ""),
                chunk("你好朋友。", ""),
                chunk("<think>秘密三。</think>再见了。", ""),
                chunk("", "stop"),
            ),
        ),
        (
            RESPONSES,
            b"".join(
                f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
                for event in (
                    {"type": "response.reasoning_text.delta", "delta": "秘密一。"},
                    {"type": "response.output_text.delta", "delta": "<think>秘密二。</think>你好朋友。"},
                    {"type": "response.reasoning_summary_text.delta", "delta": "秘密三。"},
                    {"type": "response.output_text.delta", "delta": "再见了。"},
                    COMPLETED,
                )
            ),
        ),
    ],
)
def test_reasoning_reaches_neither_voice_nor_subtitles_nor_memory(wanted: LlmSpec, body: bytes) -> None:
    async def main() -> None:
        hand = await asked(Server(body), wanted)
        assert hand.script.spoken == ["你好朋友。", "再见了。"]
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == "你好朋友。再见了。"
        assert [data["Text"] for _, data in hand.callbacks("LLMResult")] == ["你好朋友。", "再见了。"]
        assert hand.manager.get(1, "100").messages()[-1].content == "你好朋友。再见了。"
        assert "秘密" not in str(hand.rooms.log)
        await leave(hand)

    run(main)


def test_the_request_is_the_documented_one() -> None:
    async def main() -> None:
        server = Server(sse(*HELLO))
        wanted = LlmSpec(
            url=CHAT.url,
            model="m",
            vendor="OpenAIChat",
            system_prompt="你是小面",
            temperature=1.0,
            top_p=0.7,
            params={"max_tokens": 4096, "modalities": ["text", "audio"], "stream_options": {"include_usage": True}},
            add_agent_info=True,
            agent_extra_info={"user_custom_key1": "value1"},
        )
        hand = await asked(server, wanted)
        (round_,) = {message["Round"] for message in hand.messages(1)}
        info = server.asked[-1].pop("agent_info")
        assert info.pop("time_stamp") > 1_700_000_000_000
        assert info == {
            "room_id": "room",
            "agent_instance_id": "100",
            "agent_user_id": "agent_user",
            "user_id": "user",
            "round_id": round_,
        }
        assert server.asked[-1] == {
            "model": "m",
            "temperature": 1.0,
            "top_p": 0.7,
            "stream": True,
            "max_tokens": 4096,
            "modalities": ["text", "audio"],
            "stream_options": {"include_usage": True},
            "messages": [{"role": "system", "content": "你是小面"}, {"role": "user", "content": "你好吗"}],
            "agent_extra_info": {"user_custom_key1": "value1"},
        }
        await leave(hand)

    run(main)


def test_metadata_in_what_a_model_streams_is_cut_anywhere() -> None:
    async def main() -> None:
        text = '[[{"action":"nod"}]]好的我知道了。'
        body = sse(*(chunk(letter, "") for letter in text), chunk("", "stop"))
        meta = AdvancedSpec(meta_info=MetaInfoSpec("[[", "]]", ("action",)))
        hand = await asked(Server(body), advanced=meta)
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "nod"}]
        assert hand.script.spoken == ["好的我知道了。"]
        await leave(hand)

    run(main)


def error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, error("invalid_api_key", "Incorrect API key provided"), 2203),
        (403, error("", "forbidden"), 2203),
        (403, error("AccountOverdueError", "the account has an overdue balance"), 2205),
        (403, error("AccessDenied.Unpurchased", "Access to model denied"), 2205),
        (400, error("Arrearage", "your account is not in good standing"), 2205),
        (402, error("", "Insufficient Balance"), 2205),
        (400, error("invalid_request_error", "max_tokens is too large"), 2202),
        (404, error("model_not_found", "The model does not exist"), 2202),
        (422, error("", "unprocessable"), 2202),
        (429, error("rate_limit_exceeded", "Too Many Requests"), 2204),
        (429, error("Throttling.RateQuota", "Requests rate limit exceeded"), 2204),
        (429, error("insufficient_quota", "You exceeded your current quota"), 2205),
        (429, error("Throttling.AllocationQuota", "Free allocated quota exceeded."), 2205),
        (400, error("DataInspectionFailed", "Input data may contain inappropriate content."), 2206),
        (400, error("InputTextSensitiveContentDetected", "The request failed"), 2206),
        (500, b"<html>Bad gateway</html>", 2201),
        (503, error("", "overloaded"), 2201),
        (200, sse(chunk("", "content_filter")), 2206),
        (200, sse({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}), 2204),
        (200, error("invalid_api_key", "Incorrect API key provided"), 2203),
        (200, b'{"base_resp": {"status_code": 1004, "status_msg": "login fail"}}', 2203),
        (200, b'{"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}', 2204),
        (200, b'{"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}', 2205),
        (200, b'{"base_resp": {"status_code": 1026, "status_msg": "input sensitive"}}', 2206),
        (200, b'{"base_resp": {"status_code": 1027, "status_msg": "output sensitive"}}', 2206),
        (200, b'{"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}', 2202),
        (200, b"", 2201),
        (200, sse(chunk("", "stop")), 2201),
        (0, b"", 2201),
    ],
)
def test_each_failure_is_one_exception_and_the_call_goes_on(status: int, body: bytes, code: int) -> None:
    async def main() -> None:
        server = Server(body, status=status)
        if status == 0:
            server.error = httpx.ConnectError("All connection attempts failed")
        hand = await asked(server)
        exceptions = [data for _, data in hand.callbacks("Exception")]
        assert [data["Code"] for data in exceptions] == [code], exceptions
        assert exceptions[0]["Message"]
        assert hand.told()[-1] == "IDLE 1"
        server.status, server.body, server.error = 200, sse(chunk("又好了。"), chunk("", "stop")), None
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(6)
        assert hand.script.spoken == ["又好了。"]
        await leave(hand)

    run(main)
