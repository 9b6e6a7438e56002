"""What Mien offers beyond the compatible API, as values: tools, MCP servers, a welcome, a language, an apology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call, run by a signed POST to `url`. `parameters`: JSON schema of its arguments."""

    name: str
    url: str
    description: str = ""
    parameters: JsonObject | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int = 10_000

    def wire(self) -> JsonObject:
        wire: JsonObject = {
            "Name": self.name,
            "Description": self.description,
            "Url": self.url,
            "Headers": dict(self.headers),
            "TimeoutMs": self.timeout_ms,
        }
        return wire if self.parameters is None else wire | {"Parameters": self.parameters}


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server reached by streamable HTTP. `allowed_tools` None: all of its tools."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: Sequence[str] | None = None
    timeout_ms: int = 10_000

    def wire(self) -> JsonObject:
        wire: JsonObject = {"Url": self.url, "Headers": dict(self.headers), "TimeoutMs": self.timeout_ms}
        return wire if self.allowed_tools is None else wire | {"AllowedTools": list(self.allowed_tools)}


@dataclass(frozen=True, slots=True)
class Welcome:
    """Spoken once when the user has come: `text` as given, or the model's answer to `prompt`."""

    text: str | None = None
    prompt: str | None = None
    priority: Literal["Low", "Medium", "High"] = "High"
    delay_ms: int = 500

    def wire(self) -> JsonObject:
        words = {"Text": self.text, "Prompt": self.prompt}
        given = {name: value for name, value in words.items() if value is not None}
        return given | {"Priority": self.priority, "DelayMs": self.delay_ms}


@dataclass(frozen=True, slots=True)
class Apology:
    """Said when the model or the voice fails: `text`, or a sentence of the server's; nothing if not `enabled`."""

    text: str | None = None
    enabled: bool = True

    def wire(self) -> JsonObject:
        return {"Enabled": self.enabled} | ({} if self.text is None else {"Text": self.text})


@dataclass(frozen=True, slots=True)
class Extras:
    """The member `Mien`; None is not sent. An instance's members replace those of its agent, each as a whole."""

    tools: Sequence[Tool] | None = None
    mcp_servers: Sequence[McpServer] | None = None
    welcome: Welcome | None = None
    language: Literal["zh", "en", "auto"] | None = None
    apology: Apology | None = None

    def wire(self) -> JsonObject:
        members = {
            "Tools": None if self.tools is None else [tool.wire() for tool in self.tools],
            "McpServers": None if self.mcp_servers is None else [server.wire() for server in self.mcp_servers],
            "Welcome": None if self.welcome is None else self.welcome.wire(),
            "Language": self.language,
            "Apology": None if self.apology is None else self.apology.wire(),
        }
        return {name: value for name, value in members.items() if value is not None}
