"""How services stream tool calls: the shapes of their documentation, shortened. Every stream calls `weather` for Paris,
or for Paris and Rome."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]
PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'


def _event(calls: list[Event] | None = None, *, finish: Any = None, **delta: Any) -> Event:
    if calls is not None:
        delta["tool_calls"] = calls
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _call(arguments: Any, *, name: Any = None, **more: Any) -> Event:
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {"type": "function", "function": function} | more


OPENAI = [
    _event([_call("", name="weather", index=0, id="call_a")], role="assistant", content=None),
    _event([_call('{"city"', index=0)]),
    _event([_call(': "Paris"}', index=0)]),
    _event([_call("", name="weather", index=1, id="call_b")]),
    _event([_call(ROME, index=1)]),
    _event(finish="tool_calls"),
]
DASHSCOPE = [
    _event([_call("", name="weather", index=0, id="call_a")], role="assistant", content=None, finish=None),
    _event([_call('{"city": ', name="", index=0, id="")], content=None, finish=None),
    _event([_call('"Paris"}', name=None, index=0, id="")], content=None, finish=None),
    _event([_call(None, index=0, id="")], content="", finish="tool_calls"),
]
ARK = [
    _event(role="assistant", content="", reasoning_content="The user asks", finish=""),
    _event(role="assistant", content="", reasoning_content=" for weather.", finish=""),
    _event([_call("", name="weather", index=0, id="call_a")], role="assistant", content="", finish=""),
    _event([_call(PARIS, name="weather", index=0, id="call_a")], role="assistant", content="", finish=""),
    _event(role="assistant", content="", finish="tool_calls"),
]
GEMINI = [
    _event(
        [
            _call(PARIS, name="weather", index=0, id="a", extra_content={"google": {"thought_signature": "sig"}}),
            _call(ROME, name="weather", index=0, id="b"),
        ],
        role="assistant",
    ),
    _event(finish="stop"),
]
OLLAMA = [
    _event([_call(PARIS, name="weather", id="call_1")], role="assistant", content=""),
    _event([_call({"city": "Rome"}, name="weather", id="call_2")], role="assistant", content=""),
    _event(role="assistant", content="", finish="tool_calls"),
]
NO_IDS = [
    _event([_call(PARIS, name="weather")], role="assistant", content=""),
    _event([_call(ROME, name="weather")], role="assistant", content=""),
    _event(role="assistant", content="", finish="stop"),
]
MINIMAX = [
    _event([_call(PARIS, name="weather", index=0, id="call_a")], role="assistant", content=""),
    {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {"role": "assistant", "tool_calls": [_call(PARIS, name="weather", id="call_a")]},
            }
        ],
        "base_resp": {"status_code": 0, "status_msg": ""},
    },
]

CHAT: dict[str, tuple[list[Event], list[tuple[str, str]]]] = {
    "openai": (OPENAI, [("call_a", PARIS), ("call_b", ROME)]),
    "dashscope": (DASHSCOPE, [("call_a", PARIS)]),
    "gemini": (GEMINI, [("a", PARIS), ("b", ROME)]),
    "ollama": (OLLAMA, [("call_1", PARIS), ("call_2", ROME)]),
    "no ids": (NO_IDS, [("", PARIS), ("", ROME)]),
    "minimax": (MINIMAX, [("call_a", PARIS)]),
}
"""The events of a stream, and id and arguments of each call it makes."""


def _item(number: int, arguments: str) -> Event:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "weather",
        "arguments": arguments,
    }


RESPONSES: list[Event] = [
    {"type": "response.created", "response": {"output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": _item(1, "")},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": '{"city": '},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": '"Paris"}'},
    {"type": "response.function_call_arguments.done", "item_id": "fc_1", "arguments": PARIS},
    {"type": "response.output_item.done", "output_index": 0, "item": _item(1, PARIS)},
    {"type": "response.completed", "response": {"output": [_item(1, PARIS), _item(2, ROME)]}},
]
"""The second call stands only in the last event."""
