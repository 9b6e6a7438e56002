"""Request bodies of the two protocols (`LLM.Vendor` OpenAIChat and OpenAIResponses)."""

from __future__ import annotations

from typing import Any, Literal

from livekit.agents import llm

from mien.speech.openai_compat.calls import REASONING
from mien.speech.spec import JsonObject, LlmSpec

DEFAULT_TEMPERATURE = 0.7
DEFAULT_TOP_P = 0.9
"""Sent when the agent names none, as the compatible service does. `Params` with null leaves a member out."""


def chat_body(
    spec: LlmSpec,
    context: llm.ChatContext,
    tools: list[llm.Tool],
    agent_info: JsonObject | None,
    *,
    may_call: bool = True,
) -> JsonObject:
    """A Chat Completions request: documented members, then `Params`, then agent information."""
    messages, _ = context.to_provider_format("openai")
    reasoning = {
        item.call_id: item.extra[REASONING]
        for item in context.items
        if item.type == "function_call" and REASONING in item.extra
    }
    body = {**_common(spec), "messages": [_with_calls(_plain(message), reasoning) for message in messages]}
    body |= _tools(tools, "openai", may_call) | spec.params
    if agent_info is not None:
        body["agent_info"] = agent_info
    if spec.agent_extra_info is not None:
        body["agent_extra_info"] = spec.agent_extra_info
    return _cleaned(body)


def responses_body(
    spec: LlmSpec, context: llm.ChatContext, tools: list[llm.Tool], *, may_call: bool = True
) -> JsonObject:
    """A Responses request. Nothing is stored at the provider: the conversation's memory is ours."""
    items, _ = context.to_provider_format("openai.responses")
    body = {**_common(spec), "input": [_plain(item) for item in items], "store": False}
    return _cleaned(body | _tools(tools, "openai.responses", may_call) | spec.params)


def _tools(tools: list[llm.Tool], protocol: Literal["openai", "openai.responses"], may_call: bool) -> JsonObject:
    """The functions the model may call. They stay in the request when it may not: calls before it refer to them."""
    functions = llm.ToolContext(tools).parse_function_tools(protocol, strict=False) if tools else []
    if not functions:
        return {}
    return {"tools": functions} if may_call else {"tools": functions, "tool_choice": "none"}


def _with_calls(message: dict[str, Any], reasoning: dict[str, str]) -> dict[str, Any]:
    """A message that calls tools, with what services want beside the calls: a content, and their own reasoning."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    thought = next((reasoning[call["id"]] for call in calls if call["id"] in reasoning), None)
    message = {"content": "", **message}
    return message if thought is None else message | {REASONING: thought}


def _common(spec: LlmSpec) -> JsonObject:
    return {
        "model": spec.model,
        "temperature": DEFAULT_TEMPERATURE if spec.temperature is None else spec.temperature,
        "top_p": DEFAULT_TOP_P if spec.top_p is None else spec.top_p,
    }


def _cleaned(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if value is not None} | {"stream": True}


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """`message` with a role every server knows."""
    return message | {"role": "system"} if message.get("role") == "developer" else message
