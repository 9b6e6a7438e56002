"""Tool calls put together from the pieces services stream them in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

REASONING = "reasoning_content"
"""Member in which DeepSeek, Kimi, GLM and DashScope send what a model thinks. With tool calls some want it back."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants to be called; `arguments` is JSON text, `extra` what the service wants back.

    An empty `call_id`: the service gave none.
    """

    call_id: str
    name: str
    arguments: str
    extra: dict[str, Any] = field(default_factory=dict)


class CallPieces:
    """The calls of one answer. Pieces belong together by `index`; services that number every call 0, or none, tell
    them apart by `id` or begin the next one with a name when the arguments so far are complete."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []
        self._places: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, pieces: Any) -> None:
        """Takes a `tool_calls` member of a delta or of a whole message."""
        for number, piece in enumerate(pieces if isinstance(pieces, list) else []):
            if isinstance(piece, dict):
                index = piece.get("index")
                self._add(piece, index if isinstance(index, int) else number)

    def take(self) -> list[ToolCall]:
        """The calls, complete; none are left."""
        calls = [replace(call, arguments=call.arguments.strip() or "{}") for call in self._calls if call.name]
        self._calls, self._places = [], {}
        return calls

    def _add(self, piece: dict[str, Any], index: int) -> None:
        inner = piece.get("function")
        function = inner if isinstance(inner, dict) else {}
        call_id, name = str(piece.get("id") or ""), str(function.get("name") or "")
        given = function.get("arguments")
        arguments = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
        extra = piece.get("extra_content")
        place = self._places.get(index)
        if place is None or self._begins_another(self._calls[place], call_id, name):
            place = self._places[index] = len(self._calls)
            self._calls.append(ToolCall("", "", ""))
        old = self._calls[place]
        self._calls[place] = ToolCall(
            old.call_id or call_id,
            old.name or name,
            old.arguments + arguments,
            old.extra | extra if isinstance(extra, dict) else old.extra,
        )

    @staticmethod
    def _begins_another(old: ToolCall, call_id: str, name: str) -> bool:
        if call_id and old.call_id:
            return call_id != old.call_id
        return bool(name and old.name and not call_id and not old.call_id and _complete(old.arguments))


def _complete(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except ValueError:
        return False
