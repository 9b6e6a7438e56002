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
    """What the model is asked: the system prompt, the last `window_size` messages before the question, the question
    and, after it, the tool calls of this turn.

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
    before = [item for item in items[:question] if item.type == "message"]
    kept = before[len(before) - window_size :] if window_size > 0 else []
    prompt: Sequence[llm.ChatItem] = (
        [llm.ChatMessage(role="system", content=[system_prompt])] if system_prompt.strip() else []
    )
    return llm.ChatContext([*prompt, *kept, *items[question:]])


def _spoken(context: llm.ChatContext) -> list[llm.ChatMessage]:
    return [item for item in context.items if isinstance(item, llm.ChatMessage) and item.role in _ROLES]


def _is_user(item: llm.ChatItem) -> bool:
    return isinstance(item, llm.ChatMessage) and item.role == "user"
