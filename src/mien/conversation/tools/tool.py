"""What every tool is, wherever it runs."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit


class ToolFailedError(Exception):
    """A tool gave no result; the text says why."""


class Tool(Protocol):
    """A function the model may call."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments."""

    @property
    def url(self) -> str:
        """Where it runs."""

    @property
    def timeout_s(self) -> float:
        """How long it may take."""

    async def call(self, arguments: dict[str, Any], *, round_number: int) -> str:
        """The result for the model. Cancelling ends the call. Raises ToolFailedError."""


def address(url: str) -> str:
    """`url` as it may be told: without credentials, query and fragment, which may hold keys."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
