"""Answers as vendors stream them: only what may be spoken comes out."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.speech.openai_compat.calls import ToolCall
from mien.speech.openai_compat.errors import LlmCode, LlmError
from mien.speech.openai_compat.reader import ChatReader, ResponsesReader, ThinkFilter, Usage
from mien.speech.openai_compat.sse import DONE


def chunk(content: Any = None, *, finish: Any = None, **more: Any) -> str:
    delta = {"content": content, **more}
    return json.dumps(
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    )


def chat(*payloads: str, rest: str = "") -> str:
    reader = ChatReader("The model")
    return "".join(reader.read(payload).text for payload in payloads) + reader.finish(rest).text


@pytest.mark.parametrize("unfinished", ["", None, "null"])
def test_finish_reason_of_any_kind_does_not_cut_the_answer(unfinished: Any) -> None:
    assert (
        chat(chunk("Hel", finish=unfinished), chunk("lo", finish=unfinished), chunk("", finish="stop"), DONE) == "Hello"
    )


def test_tolerates_what_vendors_leave_out_or_add() -> None:
    assert (
        chat(
            json.dumps({"choices": [{"delta": {"role": "", "content": None}}]}),
            json.dumps({"choices": []}),
            json.dumps({"choices": [{"delta": None}]}),
            json.dumps({"choices": None, "usage": None}),
            json.dumps({"error": None, "choices": [{"delta": {"content": [{"type": "text", "text": "Hi"}]}}]}),
            "not json",
            json.dumps([1]),
            chunk(" there", role="assistant"),
        )
        == "Hi there"
    )


def test_the_whole_message_repeated_at_the_end_is_not_spoken_twice() -> None:
    last = json.dumps(
        {"object": "chat.completion", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    )
    assert chat(chunk("Hel"), chunk("lo"), last) == "Hello"


def test_a_server_that_does_not_stream_is_understood() -> None:
    assert chat(rest=json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hello"}}]})) == "Hello"


def test_reasoning_is_never_spoken() -> None:
    assert (
        chat(
            chunk(None, reasoning_content="secret"),
            chunk("", reasoning="secret"),
            chunk("<thi", finish=""),
            chunk("nk>plan", finish=""),
            chunk(" more</th", finish=""),
            chunk("ink>\n\nHello", finish=""),
            chunk("", finish="stop"),
        )
        == "Hello"
    )


def test_usage_is_reported() -> None:
    reader = ChatReader("The model")
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    assert reader.read(json.dumps({"choices": [], "usage": usage})).usage == Usage(9, 2, 4)


def test_tool_calls_are_put_together() -> None:
    reader = ChatReader("The model")
    first = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"ci'}}
    second = {"index": 0, "function": {"arguments": 'ty":"Paris"}'}}
    assert reader.read(chunk(None, tool_calls=[first])).tool_calls == []
    assert reader.read(chunk(None, tool_calls=[second])).tool_calls == []
    assert reader.read(chunk(None, finish="tool_calls")).tool_calls == [ToolCall("c1", "weather", '{"city":"Paris"}')]
    assert reader.finish("").tool_calls == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}}, LlmCode.AUTHENTICATION),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, LlmCode.OVERDUE),
        ({"error": "rate limit reached"}, LlmCode.CONCURRENCY),
        ({"error": {"message": "boom"}}, LlmCode.GENERAL),
        ({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}, LlmCode.CONTENT),
    ],
)
def test_errors_inside_a_stream(payload: dict[str, Any], code: LlmCode) -> None:
    with pytest.raises(LlmError, match="The model") as caught:
        chat(json.dumps(payload))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("rest", "code", "words"),
    [
        ("", LlmCode.GENERAL, "empty"),
        ("<html>Welcome</html>", LlmCode.PARAMETER, "full path"),
        ('{"error": {"message": "Invalid API key"}}', LlmCode.AUTHENTICATION, "ApiKey"),
    ],
)
def test_no_answer_at_all(rest: str, code: LlmCode, words: str) -> None:
    with pytest.raises(LlmError, match=words) as caught:
        chat(rest=rest)
    assert caught.value.code == code


def test_responses_protocol() -> None:
    reader = ResponsesReader("The model")
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {}},
        {"type": "response.reasoning_summary_text.delta", "delta": "secret"},
        {"type": "response.output_text.delta", "delta": "Hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": {"usage": {"input_tokens": 3, "output_tokens": 2}}},
    ]
    deltas = [reader.read(json.dumps(event)) for event in events]
    assert "".join(delta.text for delta in deltas) == "Hello"
    assert deltas[-1].usage == Usage(3, 2)
    assert reader.done


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, LlmCode.GENERAL),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}, LlmCode.CONCURRENCY),
        (
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}},
            LlmCode.CONTENT,
        ),
    ],
)
def test_responses_failures(event: dict[str, Any], code: LlmCode) -> None:
    with pytest.raises(LlmError) as caught:
        ResponsesReader("The model").read(json.dumps(event))
    assert caught.value.code == code


spoken = st.text(alphabet="ab <>/thinkTHINK\n好", max_size=12).filter(lambda text: "<think" not in text.lower())


@given(
    parts=st.lists(st.tuples(spoken, st.text(alphabet="xyz <\n", max_size=8)), max_size=4),
    cuts=st.lists(st.integers(0, 200)),
)
def test_think_filter_does_not_depend_on_cuts(parts: list[tuple[str, str]], cuts: list[int]) -> None:
    text = "".join(f"{say}<think>{secret}</think>" for say, secret in parts)
    whole = ThinkFilter()
    expected = whole.push(text) + whole.finish()
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = ThinkFilter()
    out = "".join(pieces.push(text[a:b]) for a, b in itertools.pairwise(edges)) + pieces.finish()
    assert out == expected
    assert not set("xyz") & set(out)


def test_an_angle_bracket_is_no_reasoning() -> None:
    think = ThinkFilter()
    assert think.push("3 < 4 and <b") + think.push(">bold") + think.push("<t") + think.finish() == "3 < 4 and <b>bold<t"


def test_reasoning_never_closed_is_dropped() -> None:
    think = ThinkFilter()
    assert think.push("Hi <think>secret") + think.finish() == "Hi "
