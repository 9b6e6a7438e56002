"""Tool calls as services stream them, and the requests that tell a model their results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livekit.agents import function_tool, llm

from mien.speech.openai_compat.calls import ToolCall
from mien.speech.openai_compat.reader import ChatReader, Reader, ResponsesReader
from mien.speech.openai_compat.request import chat_body, responses_body
from mien.speech.spec import LlmSpec
from tests.support import tool_streams
from tests.support.tool_streams import PARIS, ROME

SPEC = LlmSpec(url="http://x.test/v1/chat/completions", model="m")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


async def _weather(raw_arguments: dict[str, object]) -> str:
    return "rain"


def weather() -> llm.Tool:
    return function_tool(_weather, raw_schema={"name": "weather", "description": "Of a city", "parameters": SCHEMA})


def read(reader: Reader, events: list[dict[str, Any]]) -> tuple[str, list[ToolCall]]:
    """Text and calls of a whole stream."""
    deltas = [reader.read(json.dumps(event)) for event in events] + [reader.finish("")]
    return "".join(delta.text for delta in deltas), [call for delta in deltas for call in delta.tool_calls]


@pytest.mark.parametrize("service", tool_streams.CHAT)
def test_every_services_calls_are_understood(service: str) -> None:
    events, expected = tool_streams.CHAT[service]
    text, calls = read(ChatReader("The model"), events)
    assert text == ""
    assert [(call.call_id, json.loads(call.arguments)) for call in calls] == [
        (call_id, json.loads(arguments)) for call_id, arguments in expected
    ]
    assert {call.name for call in calls} == {"weather"}


def test_what_a_service_wants_back_is_kept() -> None:
    _, calls = read(ChatReader("The model"), tool_streams.GEMINI)
    assert [call.extra for call in calls] == [{"google": {"thought_signature": "sig"}}, {}]
    text, calls = read(ChatReader("The model"), tool_streams.ARK)
    assert text == ""
    assert [call.extra for call in calls] == [{"reasoning_content": "The user asks for weather."}]


def test_pieces_that_repeat_name_and_id_are_one_call() -> None:
    _, calls = read(ChatReader("The model"), tool_streams.ARK)
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [("call_a", "weather", PARIS)]


def test_calls_of_a_server_that_does_not_stream() -> None:
    reader = ChatReader("The model")
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": PARIS}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    assert reader.finish(whole).tool_calls == [ToolCall("a", "weather", PARIS)]


def test_a_piece_without_a_name_is_no_call() -> None:
    events = [{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a"}, None, {"function": None}]}}]}]
    events.append({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    assert read(ChatReader("The model"), events) == ("Hi", [])


def test_calls_of_the_responses_protocol() -> None:
    _, calls = read(ResponsesReader("The model"), tool_streams.RESPONSES)
    assert calls == [ToolCall("call_1", "weather", PARIS), ToolCall("call_2", "weather", ROME)]


def asked() -> llm.ChatContext:
    """A question, two calls of one answer, and their results."""
    context = llm.ChatContext()
    context.add_message(role="user", content="Weather?")
    for number, city in enumerate((PARIS, ROME)):
        extra = {"reasoning_content": "Two cities."} if number == 0 else {"google": {"thought_signature": "sig"}}
        context.items.append(
            llm.FunctionCall(id=f"x/fnc_{number}", call_id=f"c{number}", name="weather", arguments=city, extra=extra)
        )
    for number in (1, 0):
        context.items.append(
            llm.FunctionCallOutput(call_id=f"c{number}", name="weather", output=f"rain {number}", is_error=False)
        )
    return context


def test_results_in_a_chat_request() -> None:
    body = chat_body(SPEC, asked(), [weather()], None)
    function = {"name": "weather", "description": "Of a city", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert "tool_choice" not in body
    question, calls, *results = body["messages"]
    assert question == {"role": "user", "content": "Weather?"}
    assert calls == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Two cities.",
        "tool_calls": [
            {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": PARIS}},
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": ROME},
                "extra_content": {"google": {"thought_signature": "sig"}},
            },
        ],
    }
    assert sorted(results, key=lambda result: result["tool_call_id"]) == [
        {"role": "tool", "tool_call_id": "c0", "content": "rain 0"},
        {"role": "tool", "tool_call_id": "c1", "content": "rain 1"},
    ]


def test_results_in_a_responses_request() -> None:
    body = responses_body(SPEC, asked(), [weather()])
    assert body["tools"] == [
        {"type": "function", "name": "weather", "description": "Of a city", "parameters": SCHEMA},
    ]
    assert [item.get("type", "message") for item in body["input"]] == [
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]
    assert body["input"][1] == {"type": "function_call", "call_id": "c0", "name": "weather", "arguments": PARIS}
    assert {item["call_id"]: item["output"] for item in body["input"][3:]} == {"c0": "rain 0", "c1": "rain 1"}


@pytest.mark.parametrize("make", [responses_body, lambda *args, **more: chat_body(*args, None, **more)])
def test_a_model_that_must_answer_still_sees_the_tools(make: Any) -> None:
    body = make(SPEC, asked(), [weather()], may_call=False)
    assert body["tool_choice"] == "none"
    assert len(body["tools"]) == 1
    assert "tool_choice" not in make(SPEC, asked(), [], may_call=False)


def test_without_tools_the_request_is_as_it_was() -> None:
    context = llm.ChatContext()
    context.add_message(role="user", content="Hello")
    assert chat_body(SPEC, context, [], None) == {
        "model": "m",
        "temperature": 0.7,
        "top_p": 0.9,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
