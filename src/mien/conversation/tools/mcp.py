"""Tools of an MCP server, through LiveKit's client: connected in the background, again after the connection is lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from livekit.agents import ToolError, llm

from mien.conversation.spec import McpServerSpec
from mien.conversation.tools.tool import ToolFailedError, address

if TYPE_CHECKING:
    from livekit.agents.llm.mcp import MCPServerHTTP, MCPToolResultContext

RETRY_AFTER_S = (2.0, 5.0, 15.0, 60.0)
"""Pauses between attempts to connect; the last one is repeated while the call lasts."""
CLOSE_S = 2.0
MAX_TOOLS = 64
"""Tools taken from one server: a model reads all of their descriptions at every turn."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

log = structlog.get_logger(__name__)


class McpTool:
    """Implements `tool.Tool` with a tool of a connected server."""

    def __init__(self, connection: McpConnection, tool: llm.RawFunctionTool[..., Any]) -> None:
        schema = tool.info.raw_schema
        self._connection = connection
        self.own_name = tool.info.name
        # Servers may use dots and slashes; models' services do not take them.
        self.name = _NOT_IN_NAMES.sub("_", tool.info.name)[:64]
        self.description = str(schema.get("description") or "")
        self.parameters: dict[str, Any] = {"type": "object", "properties": {}} | dict(schema.get("parameters") or {})
        self.url = connection.spec.url
        self.timeout_s = connection.spec.timeout_s

    async def call(self, arguments: dict[str, Any], *, round_number: int) -> str:
        """See `tool.Tool`."""
        return await self._connection.call(self.own_name, arguments)


class McpConnection:
    """One server. `changed` is awaited with its tools whenever they are known anew; `failed` hears the first time that
    it cannot be reached, and why. `aclose` it."""

    def __init__(
        self,
        spec: McpServerSpec,
        *,
        changed: Callable[[], Awaitable[None]],
        failed: Callable[[str], None],
    ) -> None:
        self.spec = spec
        self.tools: Sequence[McpTool] = ()
        self._changed = changed
        self._failed = failed
        self._told = False
        self._server: MCPServerHTTP | None = None
        self._functions: dict[str, llm.RawFunctionTool[..., Any]] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to connect."""
        self._task = asyncio.create_task(self._keep_trying(), name="conversation.mcp")

    async def aclose(self) -> None:
        """Disconnects. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._disconnect()

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Calls a tool; a connection that was lost is opened again first. Raises ToolFailedError."""
        from mcp import MCPError

        for again in (True, False):
            try:
                async with self._lock:
                    if self._server is None or not self._server.initialized:
                        await self._connect()
                    function = self._functions.get(name)
                if function is None:
                    raise ToolFailedError("the server does not have this tool any more")
                return str(await function(raw_arguments=arguments))
            except ToolError as error:
                raise ToolFailedError(error.message) from error
            except MCPError as error:
                # A session that the server has forgotten: nothing was done yet, so it may be done again.
                if again and _session_lost(error):
                    await self._disconnect()
                    continue
                raise ToolFailedError(str(error)) from error
            except ToolFailedError:
                raise
            except Exception as error:
                await self._disconnect()
                raise ToolFailedError(_reason(error)) from error
        raise ToolFailedError("the server ends every session at once")

    async def _keep_trying(self) -> None:
        for attempt in range(1_000_000):
            try:
                async with self._lock:
                    await self._connect()
                await self._changed()
                return
            except Exception as error:  # noqa: BLE001 - whatever a server does, the call goes on without its tools
                if not self._told:
                    self._told = True
                    self._failed(_reason(error))
                log.info("MCP server not connected", url=address(self.spec.url), reason=_reason(error))
            await asyncio.sleep(RETRY_AFTER_S[min(attempt, len(RETRY_AFTER_S) - 1)])

    async def _connect(self) -> None:
        from livekit.agents.llm.mcp import MCPServerHTTP

        await self._disconnect()
        spec = self.spec
        server = MCPServerHTTP(
            spec.url,
            transport_type="streamable_http",
            allowed_tools=list(spec.allowed) if spec.allowed else None,
            headers=spec.headers,
            timeout=spec.timeout_s,
            client_session_timeout_seconds=spec.timeout_s,
            tool_result_resolver=_text,
        )
        self._server = server
        try:
            async with asyncio.timeout(spec.timeout_s):
                await server.initialize()
                functions = [] if spec.allowed == () else await server.list_tools()
        except BaseException:
            await self._disconnect()
            raise
        if len(functions) > MAX_TOOLS:
            log.warning("MCP server has too many tools", url=address(spec.url), tools=len(functions), taken=MAX_TOOLS)
        self._functions = {function.info.name: function for function in functions[:MAX_TOOLS]}
        self.tools = [McpTool(self, function) for function in self._functions.values()]

    async def _disconnect(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await server.aclose()
        except Exception as error:  # noqa: BLE001 - it is gone either way
            log.debug("MCP server did not close cleanly", url=address(self.spec.url), reason=_reason(error))


def _session_lost(error: Exception) -> bool:
    text = str(error).lower()
    return "session" in text and any(word in text for word in ("terminated", "not found", "expired", "invalid"))


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _text(context: MCPToolResultContext) -> str:
    """What the model reads of a result: its texts; structured content where there are none."""
    parts = [getattr(part, "text", None) or f"[{part.type}]" for part in context.result.content]
    structured = context.result.structured_content
    if not parts and structured is not None:
        return json.dumps(structured, ensure_ascii=False)
    return "\n".join(parts)
