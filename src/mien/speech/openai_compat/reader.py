"""Streamed answers, tolerantly read: text and tool calls come out, reasoning and noise stay in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from mien.speech.openai_compat.calls import REASONING, CallPieces, ToolCall
from mien.speech.openai_compat.errors import LlmCode, LlmError, failure, from_body
from mien.speech.openai_compat.sse import DONE

_TAGS = ("think", "thinking", "thought", "reasoning")
_OPEN = re.compile(rf"<({'|'.join(_TAGS)})>\s*", re.IGNORECASE)
_MAYBE_TAG = tuple(f"<{slash}{tag}>" for slash in ("", "/") for tag in _TAGS)


class ThinkFilter:
    """Drops inline reasoning (`<think>…</think>`), wherever the pieces of text are cut."""

    def __init__(self) -> None:
        self._held = ""
        self._tag = ""
        self._skip_space = False

    def push(self, text: str) -> str:
        """What of `text` (and of what was held back) may be spoken."""
        out: list[str] = []
        text, self._held = self._held + text, ""
        while text:
            if self._tag:
                end = text.lower().find(f"</{self._tag}>")
                if end < 0:
                    self._held = _tail(text)
                    break
                text = text[end + len(self._tag) + 3 :]
                self._tag, self._skip_space = "", True
                continue
            if self._skip_space:
                text = text.lstrip()
                self._skip_space = not text
                continue
            match = _OPEN.search(text)
            if match is None:
                self._held = _tail(text)
                out.append(text[: len(text) - len(self._held)])
                break
            out.append(text[: match.start()])
            self._tag = match[1].lower()
            text = text[match.end() :]
        return "".join(out)

    def finish(self) -> str:
        """What was held back and turned out to be text; reasoning that was never closed is dropped."""
        held, self._held = self._held, ""
        return "" if self._tag else held


def _tail(text: str) -> str:
    """The end of `text` that may be the beginning of a tag."""
    start = text.rfind("<")
    if start < 0:
        return ""
    tail = text[start:].lower()
    return text[start:] if any(tag.startswith(tail) for tag in _MAYBE_TAG) else ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the request."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(slots=True)
class Delta:
    """What one event adds to the answer."""

    text: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    usage: Usage | None = None


class Reader(Protocol):
    """Reads the events of one answer."""

    done: bool
    """Whether the answer is complete."""
    finished: bool
    """Whether its last piece came, after which at most figures follow."""

    def read(self, payload: str) -> Delta:
        """What `payload` adds. Raises LlmError if it tells of a failure."""

    def finish(self, rest: str) -> Delta:
        """What the end of the stream adds; `rest` is what was no event. Raises LlmError if there was no answer."""


class _Base:
    def __init__(self, where: str) -> None:
        self._where = where
        self._think = ThinkFilter()
        self._anything = False
        self.done = False
        self.finished = False

    def _parse(self, payload: str) -> dict[str, Any] | None:
        try:
            event = json.loads(payload)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        base = event.get("base_resp")
        if event.get("error") or (isinstance(base, dict) and base.get("status_code")):
            raise from_body(self._where, None, event)
        return event

    def _spoken(self, text: str) -> str:
        self._anything = True
        return self._think.push(text)

    def _nothing(self, rest: str) -> LlmError:
        if not rest.strip():
            return failure(self._where, LlmCode.GENERAL, "the answer is empty")
        from_rest = from_body(self._where, None, rest)
        if rest.lstrip().startswith("{"):
            return from_rest
        return failure(
            self._where,
            LlmCode.PARAMETER,
            f"the answer is no event stream but {' '.join(rest.split())[:120]!r}",
            remedy="LLM.Url must be the full path of a streaming endpoint, such as …/v1/chat/completions",
        )


class ChatReader(_Base):
    """Chat Completions, as OpenAI, Ark, DashScope, MiniMax, StepFun, DeepSeek and local servers send them."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self._calls = CallPieces()
        self._reasoning = ""
        self._written = False

    def read(self, payload: str) -> Delta:
        """See `Reader`."""
        if payload == DONE:
            self.done = True
            return self._end()
        event = self._parse(payload)
        if event is None:
            return Delta()
        delta = Delta(usage=_usage(event.get("usage")))
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
        if choice is None:
            return delta
        body = choice.get("delta")
        if not isinstance(body, dict):
            # MiniMax ends with the whole message once more; a server that does not stream sends only that.
            body = choice.get("message") if not (self._anything or self._calls) else None
        if isinstance(body, dict):
            text = _text(body.get("content"))
            self._written = self._written or bool(text)
            if not self._written:
                # A model that answers by voice writes along what it says.
                audio = body.get("audio")
                text = _text(audio.get("transcript")) if isinstance(audio, dict) else ""
            delta.text = self._spoken(text) if text else ""
            self._reasoning += _text(body.get(REASONING))
            self._calls.add(body.get("tool_calls"))
        if choice.get("finish_reason") == "content_filter":
            raise failure(self._where, LlmCode.CONTENT, "the answer was stopped by the content filter")
        if choice.get("finish_reason") not in (None, "", "null"):
            self.finished = True
        if choice.get("finish_reason"):
            end = self._end()
            delta.text += end.text
            delta.tool_calls += end.tool_calls
        return delta

    def finish(self, rest: str) -> Delta:
        """See `Reader`."""
        if rest.strip() and not self._anything and not self._calls:
            delta = self.read(rest)
            if not self._anything and not self._calls:
                raise self._nothing(rest)
            delta.text += self._think.finish()
            return delta
        if not (self._anything or self._calls or self.done):
            raise self._nothing(rest)
        return self._end()

    def _end(self) -> Delta:
        calls = self._calls.take()
        self._anything = self._anything or bool(calls)
        if calls and self._reasoning:
            calls[0].extra[REASONING] = self._reasoning
        return Delta(text=self._think.finish(), tool_calls=calls)


class ResponsesReader(_Base):
    """The Responses API's events; reasoning events are skipped."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self._arguments: dict[str, str] = {}
        self._called: set[str] = set()

    def read(self, payload: str) -> Delta:
        """See `Reader`."""
        if payload == DONE:
            self.done = True
            return Delta()
        event = self._parse(payload)
        if event is None:
            return Delta()
        response = event.get("response")
        inner = response if isinstance(response, dict) else {}
        match event.get("type"):
            case "response.output_text.delta":
                return Delta(text=self._spoken(str(event.get("delta") or "")))
            case "response.refusal.delta":
                return Delta(text=self._spoken(str(event.get("delta") or "")))
            case "response.function_call_arguments.delta":
                item_id = str(event.get("item_id") or "")
                self._arguments[item_id] = self._arguments.get(item_id, "") + str(event.get("delta") or "")
                return Delta()
            case "response.output_item.done":
                return Delta(tool_calls=self._function_calls([event.get("item")]))
            case "response.completed":
                self.done = True
                # Some services name a call only here.
                calls = self._function_calls(inner.get("output"))
                return Delta(text=self._think.finish(), tool_calls=calls, usage=_usage(inner.get("usage")))
            case "response.incomplete":
                details = inner.get("incomplete_details")
                if isinstance(details, dict) and details.get("reason") == "content_filter":
                    raise failure(self._where, LlmCode.CONTENT, "the answer was stopped by the content filter")
                self.done = True
                return Delta(text=self._think.finish(), usage=_usage(inner.get("usage")))
            case "response.failed":
                raise from_body(self._where, None, {"error": inner.get("error") or {"message": "it failed"}})
            case "error":
                raise from_body(self._where, None, {"error": event})
            case _:
                return Delta()

    def finish(self, rest: str) -> Delta:
        """See `Reader`."""
        if not (self._anything or self.done):
            self._parse(rest)
            raise self._nothing(rest)
        return Delta(text=self._think.finish())

    def _function_calls(self, items: Any) -> list[ToolCall]:
        """The function calls among `items` that were not given before."""
        calls: list[ToolCall] = []
        for item in items if isinstance(items, list) else []:
            if not isinstance(item, dict) or item.get("type") != "function_call" or not item.get("name"):
                continue
            item_id, call_id = str(item.get("id") or ""), str(item.get("call_id") or "")
            key = call_id or item_id
            if key and key in self._called:
                continue
            self._called.add(key)
            self._anything = True
            arguments = item.get("arguments") or self._arguments.get(item_id) or "{}"
            calls.append(ToolCall(call_id, str(item["name"]), str(arguments)))
        return calls


def _text(content: Any) -> str:
    """Text of a `content` member: a string, null, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type", "text") == "text")
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(prompt, completion, cached if isinstance(cached, int) else 0)
