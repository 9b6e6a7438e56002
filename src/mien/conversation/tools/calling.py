"""One call of a tool: how long it may take, what ends it early, and what is told when it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from livekit.agents import RunContext, ToolError, function_tool, llm
from livekit.agents.voice import SpeechHandle

from mien.conversation.errors import ExceptionCode
from mien.conversation.events import Reporter
from mien.conversation.tools.tool import Tool, ToolFailedError, address
from mien.conversation.utterance import CURRENT

MAX_RESULT = 16_000
"""Characters of a result that the model reads."""
INTERRUPTED = "Interrupted by the user before the result came; it may have taken effect."
NOTHING = "Done; there is no result."

log = structlog.get_logger(__name__)


def as_function(tool: Tool, instance_id: str, report: Reporter) -> llm.RawFunctionTool[..., Any]:
    """`tool` as LiveKit's session calls it. A failure is told to the model and, as an `Exception`, to the backend."""

    async def function(raw_arguments: dict[str, object], context: RunContext[None]) -> str:
        loop = asyncio.get_running_loop()
        began = loop.time()
        round_ = CURRENT.get().round
        outcome = "failed"
        try:
            result = await _unless_interrupted(tool, raw_arguments, round_.number, context.speech_handle)
            outcome = "interrupted" if result is None else "done"
        except ToolFailedError as error:
            report.exception(
                ExceptionCode.LLM,
                f"the tool {tool.name} at {address(tool.url)} failed: {error}",
                round_,
                about=f"tool {tool.name}",
            )
            raise ToolError(f"{tool.name} failed: {error}") from error
        finally:
            log.info(
                "tool called",
                instance=instance_id,
                round=round_.number,
                tool=tool.name,
                outcome=outcome,
                took_ms=round((loop.time() - began) * 1000),
            )
        if result is None:
            return INTERRUPTED
        if len(result) > MAX_RESULT:
            return result[:MAX_RESULT] + "… (cut)"
        return result if result.strip() else NOTHING

    schema = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return function_tool(function, raw_schema=schema)


async def _unless_interrupted(
    tool: Tool, arguments: dict[str, Any], round_number: int, speech: SpeechHandle
) -> str | None:
    """The result, or None when the speech it is for is interrupted: the session waits for its tools, so that the user
    would wait too. Raises ToolFailedError."""
    call = asyncio.ensure_future(_in_time(tool, arguments, round_number))
    try:
        await speech.wait_if_not_interrupted([call])
        return await call if call.done() else None
    finally:
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


async def _in_time(tool: Tool, arguments: dict[str, Any], round_number: int) -> str:
    try:
        async with asyncio.timeout(tool.timeout_s):
            return await tool.call(arguments, round_number=round_number)
    except TimeoutError:
        raise ToolFailedError(f"no answer within {tool.timeout_s:g} s") from None
