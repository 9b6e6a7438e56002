"""The member `Mien` of agents and instances: what this server offers beyond the compatible API."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from mien.api.schemas.base import Checked, JsonObject, Wire, any_case, expected, identifier, not_blank

MAX_TOOLS = 32
MAX_MCP_SERVERS = 8
MAX_ALLOWED = 64
MAX_HEADERS = 20
MAX_SCHEMA_BYTES = 16 * 1024

_HEADER_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")
_HEADER_VALUE = re.compile(r"^[\x20-\x7e\x80-\xff]{0,4096}$")
_OUR_HEADERS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding"})


def _is_http_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and len(value) <= 2048
    except ValueError:
        return False


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _HEADER_NAME.match(name) or name.lower() in _OUR_HEADERS or not _HEADER_VALUE.match(text):
            raise expected(f"names and values an HTTP header may have; {name[:64]!r} cannot be sent")
    return value


def _schema(value: JsonObject) -> JsonObject:
    if value.get("type", "object") != "object" or not isinstance(value.get("properties", {}), dict):
        raise expected('a JSON schema whose type is "object"')
    if len(json.dumps(value)) > MAX_SCHEMA_BYTES:
        raise expected(f"a JSON schema of at most {MAX_SCHEMA_BYTES} bytes")
    return value


HttpUrl = Annotated[str, Checked(_is_http_url, "an address such as https://host/path of at most 2048 characters")]
HeaderMap = Annotated[
    dict[str, str],
    Field(max_length=MAX_HEADERS, json_schema_extra={"x-expected": f"an object of at most {MAX_HEADERS} texts"}),
    AfterValidator(_headers),
]
ToolName = Annotated[str, identifier(r"A-Za-z0-9_\-", "letters, digits, _ and -", 64)]
Timeout = Annotated[int, Field(ge=100, le=60_000, description="ms until the model is told that it failed")]


class Tool(Wire):
    """A function the model may call. It runs as a signed POST to `Url`; the answer's text goes back to the model."""

    Name: ToolName
    Description: str = Field(default="", max_length=4096, description="When and what for the model should call it")
    Parameters: Annotated[
        JsonObject,
        AfterValidator(_schema),
        WithJsonSchema({"type": "object", "description": "JSON schema of the arguments, an object"}),
    ] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    Url: HttpUrl
    Headers: HeaderMap = Field(default_factory=dict)
    TimeoutMs: Timeout = 10_000


class McpServer(Wire):
    """An MCP server reached by streamable HTTP, whose tools the model may call."""

    Url: HttpUrl
    Headers: HeaderMap = Field(default_factory=dict)
    AllowedTools: list[Annotated[str, Field(min_length=1, max_length=128)]] | None = Field(
        default=None, max_length=MAX_ALLOWED, description="Names; all of the server's tools where it is left out"
    )
    TimeoutMs: Timeout = 10_000


_SPOKEN: JsonObject = {"type": "string"}
_ABSENT: JsonObject = {"type": "null"}


class WelcomeSpeech(Wire):
    """Spoken once, when the user is in the room and somebody plays the agent's stream. Either Text or Prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["Text"], "properties": {"Text": _SPOKEN, "Prompt": _ABSENT}},
                {"required": ["Prompt"], "properties": {"Prompt": _SPOKEN, "Text": _ABSENT}},
            ]
        }
    )

    Text: Annotated[str, not_blank(300)] | None = Field(default=None, description="Spoken as given")
    Prompt: Annotated[str, not_blank(32_000)] | None = Field(default=None, description="The model's answer is spoken")
    Priority: Literal["Low", "Medium", "High"] = Field(
        default="High", description="With Low or Medium it is left out when the user speaks first"
    )
    DelayMs: int = Field(default=500, ge=0, le=10_000, description="ms to wait once the user is there")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.Text is None) == (self.Prompt is None):
            raise expected("either Text or Prompt")
        return self


class ApologyWords(Wire):
    """Said when the model or the voice fails to answer."""

    Enabled: bool = Field(default=True, description="false: nothing is said")
    Text: Annotated[str, not_blank(100)] | None = Field(
        default=None, description="What is said; a sentence of this server's in the language of the turn if left out"
    )


def _different(tools: list[Tool]) -> list[Tool]:
    names = [tool.Name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise expected(f"a name of its own for each tool; {twice} is there twice")
    return tools


ToolList = Annotated[list[Tool], Field(max_length=MAX_TOOLS), AfterValidator(_different)]
McpServerList = Annotated[list[McpServer], Field(max_length=MAX_MCP_SERVERS)]
LanguageName = Annotated[Literal["zh", "en", "auto"], any_case("zh", "en", "auto")]


class Extras(Wire):
    """What this server offers beyond the compatible API. An instance's own members replace those of its agent, each as
    a whole."""

    Tools: ToolList | None = Field(default=None, description="Functions of your backend the model may call")
    McpServers: McpServerList | None = Field(default=None, description="Servers whose tools the model may call")
    Welcome: WelcomeSpeech | None = None
    Language: LanguageName | None = Field(
        default=None, description="What is spoken; recognition and the local voice follow it"
    )
    Apology: ApologyWords | None = None


class ExtrasUpdate(Wire):
    """What of `Mien` can change while an instance runs; each member that is given replaces the current one."""

    Tools: ToolList | None = Field(
        default=None, description="Functions of your backend the model may call; [] takes them away"
    )
    McpServers: McpServerList | None = Field(
        default=None, description="Servers whose tools the model may call; [] takes them away"
    )
    Welcome: Annotated[Any, WithJsonSchema({"description": "Cannot change: it was spoken when the user came"})] = None
    Language: LanguageName | None = Field(
        default=None, description="What is spoken; recognition and the local voice follow it"
    )
    Apology: ApologyWords | None = None

    @model_validator(mode="after")
    def _no_welcome(self) -> Self:
        if self.Welcome is not None:
            raise expected("no Welcome, because it is spoken once, when the user comes")
        return self
