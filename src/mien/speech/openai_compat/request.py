"""Request bodies of the two protocols (`LLM.Vendor` OpenAIChat and OpenAIResponses)."""

from __future__ import annotations

from typing import Any

from livekit.agents import llm

from mien.speech.spec import JsonObject, LlmSpec

DEFAULT_TEMPERATURE = 0.7
DEFAULT_TOP_P = 0.9
"""Sent when the agent names none, as the compatible service does. `Params` with null leaves a member out."""


def chat_body(
    spec: LlmSpec, context: llm.ChatContext, tools: list[llm.Tool], agent_info: JsonObject | None
) -> JsonObject:
    """A Chat Completions request: documented members, then `Params`, then agent information."""
    messages, _ = context.to_provider_format("openai")
    body = {**_common(spec), "messages": [_plain(message) for message in messages]}
    functions = llm.ToolContext(tools).parse_function_tools("openai", strict=False) if tools else []
    if functions:
        body["tools"] = functions
    body |= spec.params
    if agent_info is not None:
        body["agent_info"] = agent_info
    if spec.agent_extra_info is not None:
        body["agent_extra_info"] = spec.agent_extra_info
    return _cleaned(body)


def responses_body(spec: LlmSpec, context: llm.ChatContext, tools: list[llm.Tool]) -> JsonObject:
    """A Responses request. Nothing is stored at the provider: the conversation's memory is ours."""
    items, _ = context.to_provider_format("openai.responses")
    body = {**_common(spec), "input": [_plain(item) for item in items], "store": False}
    functions = llm.ToolContext(tools).parse_function_tools("openai.responses", strict=False) if tools else []
    if functions:
        body["tools"] = functions
    return _cleaned(body | spec.params)


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
