"""Servers on loopback that run tools: a business backend with a webhook, and an MCP server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError


@contextlib.asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Runs an ASGI app on this loop; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class Backend:
    """A business backend: `/weather` answers, `/broken` does not; `received` keeps bodies and headers."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.app = FastAPI()
        self.app.add_api_route("/weather", self._weather, methods=["POST"])
        self.app.add_api_route("/broken", self._broken, methods=["POST"])

    async def _weather(self, request: Request) -> dict[str, str]:
        body = await request.json()
        self.received.append((body, dict(request.headers)))
        return {"sky": "rain", "city": body["Arguments"]["city"]}

    async def _broken(self) -> Response:
        return PlainTextResponse("the database is away", status_code=503)


def mcp_server(calls: list[str]) -> MCPServer[Any]:
    """An MCP server with the tools `weather`, `broken` and `secret.door`; `calls` notes what is called."""
    server: MCPServer[Any] = MCPServer("weather station")

    @server.tool()
    def weather(city: str) -> str:
        """The weather of a city."""
        calls.append(city)
        return f"sun in {city}"

    @server.tool()
    def broken() -> str:
        """Fails."""
        raise ToolError("the sensor is wet")

    @server.tool(name="secret.door")
    def secret_door() -> str:
        """Not for everybody."""
        return "open"

    return server
