"""The tools of one instance: made from its specs, kept up to date, closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from livekit.agents import llm

from mien.conversation.errors import ExceptionCode
from mien.conversation.events import Reporter
from mien.conversation.port import Webhooks
from mien.conversation.spec import InstanceSpec, McpServerSpec, ToolSpec
from mien.conversation.tools.calling import as_function
from mien.conversation.tools.mcp import McpConnection
from mien.conversation.tools.tool import Tool, address
from mien.conversation.tools.webhook import WebhookTool

Give = Callable[[list[llm.Tool | llm.Toolset]], Awaitable[None]]
"""Takes all tools there are now; `Agent.update_tools`."""

log = structlog.get_logger(__name__)


class Toolbox:
    """Hands `give` the tools of `spec` and of every MCP server that could be reached. `open` it, `aclose` it."""

    def __init__(self, spec: InstanceSpec, report: Reporter, webhooks: Webhooks | None, give: Give) -> None:
        self._spec = spec
        self._report = report
        self._webhooks = webhooks
        self._give = give
        self._own: Sequence[ToolSpec] = spec.tools
        self._servers: list[McpConnection] = []
        self._wanted: Sequence[McpServerSpec] = spec.mcp_servers
        self._refused: set[str] = set()
        self._given = False
        self._model_takes_tools = True
        self._model_told = False
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Gives the instance's own tools and begins to connect to its servers."""
        await self._connect(self._wanted)
        await self._refresh()
        self._check_model()

    async def update(self, tools: Sequence[ToolSpec] | None, servers: Sequence[McpServerSpec] | None) -> None:
        """Other tools or servers from the next turn on; None leaves them."""
        if tools is not None:
            self._own = tools
        if servers is not None and tuple(servers) != tuple(self._wanted):
            await self._close_servers()
            self._wanted = servers
            await self._connect(servers)
        await self._refresh()
        self._check_model()

    def model_changed(self, *, takes_tools: bool) -> None:
        """Another model answers from now on."""
        self._model_takes_tools = takes_tools
        self._check_model()

    async def aclose(self) -> None:
        """Disconnects from every server."""
        await self._close_servers()

    async def _connect(self, servers: Sequence[McpServerSpec]) -> None:
        self._servers = [
            McpConnection(server, changed=self._refresh, failed=partial(self._server_failed, server))
            for server in servers
        ]
        for connection in self._servers:
            connection.open()

    async def _close_servers(self) -> None:
        servers, self._servers = self._servers, []
        await asyncio.gather(*(server.aclose() for server in servers))

    def _server_failed(self, server: McpServerSpec, reason: str) -> None:
        self._report.exception(
            ExceptionCode.LLM,
            f"the MCP server at {address(server.url)} cannot be reached: {reason}; its tools are missing until it can",
        )

    async def _refresh(self) -> None:
        async with self._lock:
            tools = self._tools()
            if tools or self._given:
                self._given = True
                await self._give([as_function(tool, self._spec.instance_id, self._report) for tool in tools])

    def _tools(self) -> list[Tool]:
        tools: dict[str, Tool] = {}
        webhooks = self._webhooks
        if webhooks is not None:
            tools = {spec.name: WebhookTool(spec, self._spec, webhooks) for spec in self._own}
        for server in self._servers:
            for tool in server.tools:
                if tool.name in tools:
                    self._refuse(tool)
                else:
                    tools[tool.name] = tool
        return list(tools.values())

    def _refuse(self, tool: Tool) -> None:
        """A model can only tell tools apart by their names."""
        if tool.name in self._refused:
            return
        self._refused.add(tool.name)
        self._report.exception(
            ExceptionCode.LLM,
            f"the tool {tool.name} of {address(tool.url)} is left out: another tool has this name; "
            "choose between them with AllowedTools",
        )

    def _check_model(self) -> None:
        if self._model_takes_tools or self._model_told or not (self._own or self._wanted):
            return
        self._model_told = True
        self._report.exception(
            ExceptionCode.LLM_PARAMETER,
            "the local language model cannot use tools and answers without them; "
            "set LLM.Url (or MIEN_LLM_URL on the server) to a model that can",
        )
