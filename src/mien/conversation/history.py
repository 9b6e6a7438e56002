"""The conversation's memory, as views of LiveKit's chat context, which holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from livekit.agents import llm

from mien.conversation.spec import Message

_ROLES = ("user", "assistant")


def to_messages(context: llm.ChatContext) -> list[Message]:
    """What was said, oldest first; instructions and tool calls are not memory."""
    return [Message(item.role, item.text_content or "") for item in _spoken(context)]


def from_messages(messages: Iterable[Message]) -> list[llm.ChatMessage]:
    """Messages as the model's roles; an unknown role is the user's."""
    return [
        llm.ChatMessage(role="assistant" if message.role == "assistant" else "user", content=[message.content])
        for message in messages
    ]


def request_context(context: llm.ChatContext, *, system_prompt: str, window_size: int) -> llm.ChatContext:
    """What the model is asked: the system prompt, the last `window_size` messages before the question with the tool
    calls between them, the question and, after it, the tool calls of this turn. No call is without its result.

    `context` ends with the question or with what answering it has produced so far.
    """
    items = [
        item
        for item in context.items
        if (item.type == "message" and item.role in _ROLES and item.text_content)
        or item.type in ("function_call", "function_call_output")
    ]
    question = next(
        (i for i in range(len(items) - 1, -1, -1) if _is_user(items[i])),
        len(items),
    )
    kept = _window(items[:question], window_size)
    prompt: Sequence[llm.ChatItem] = (
        [llm.ChatMessage(role="system", content=[system_prompt])] if system_prompt.strip() else []
    )
    return llm.ChatContext([*prompt, *_paired([*kept, *items[question:]])])


def _window(items: Sequence[llm.ChatItem], size: int) -> Sequence[llm.ChatItem]:
    """From the `size`-th last message on."""
    messages = [place for place, item in enumerate(items) if item.type == "message"]
    return items[messages[max(0, len(messages) - size)] :] if messages and size > 0 else []


def _paired(items: Sequence[llm.ChatItem]) -> list[llm.ChatItem]:
    """Without calls whose result is missing and results whose call is: services refuse both."""
    calls = {item.call_id for item in items if item.type == "function_call"}
    results = {item.call_id for item in items if item.type == "function_call_output"}
    return [
        item
        for item in items
        if item.type not in ("function_call", "function_call_output") or item.call_id in calls & results
    ]


def _spoken(context: llm.ChatContext) -> list[llm.ChatMessage]:
    return [item for item in context.items if isinstance(item, llm.ChatMessage) and item.role in _ROLES]


def _is_user(item: llm.ChatItem) -> bool:
    return isinstance(item, llm.ChatMessage) and item.role == "user"
