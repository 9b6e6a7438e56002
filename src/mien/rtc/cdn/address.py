"""Addresses of RTMP servers, and how they may be shown: the stream key in them is a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

PORTS: Final = {"rtmp": 1935, "rtmps": 443}
FORM: Final = "rtmp://host/application/stream-key, or rtmps://… for a server with TLS"
EXPECTED: Final = f"expected {FORM}"


class AddressError(ValueError):
    """The text is no address a stream can be pushed to; the error says what was expected and quotes no key."""


@dataclass(frozen=True, slots=True)
class RtmpAddress:
    """A parsed address. `key` is everything after the last slash of the path, with the query."""

    secure: bool
    host: str
    port: int
    app: str
    key: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> RtmpAddress:
        """Raises AddressError."""
        text = url.strip()
        if not text.isprintable() or " " in text:
            raise AddressError(f"the address contains blanks or control characters: {EXPECTED}")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise AddressError(f"the address cannot be read: {EXPECTED}") from error
        scheme = parts.scheme.lower()
        if scheme not in PORTS:
            raise AddressError(f"the address does not begin with rtmp:// or rtmps://: {EXPECTED}")
        if not host:
            raise AddressError(f"the address names no host: {EXPECTED}")
        if parts.username is not None or parts.password is not None:
            raise AddressError(f"a user name in the address is not supported: {EXPECTED}")
        app, _, name = parts.path.lstrip("/").rpartition("/")
        # Stream keys may be nothing but a query: rtmp://host/app/?streamname=…&key=…
        key = unquote(name) + (f"?{parts.query}" if parts.query else "")
        if not app.strip("/") or not key:
            raise AddressError(f"the address lacks the application or the stream key: {EXPECTED}")
        return cls(scheme == "rtmps", host, port or PORTS[scheme], app.strip("/"), key)

    @property
    def server(self) -> str:
        """Scheme, host and port, the port only where it is not the usual one."""
        scheme = "rtmps" if self.secure else "rtmp"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" + ("" if self.port == PORTS[scheme] else f":{self.port}")

    @property
    def application_url(self) -> str:
        """`tcUrl` of the protocol: the address without the stream key."""
        return f"{self.server}/{self.app}"

    def __str__(self) -> str:
        """What may be logged and told: of the path only its first part, because some services put secrets in others."""
        return f"{self.server}/{self.app.split('/')[0]}/***"

    def redacted(self, text: str) -> str:
        """`text`, which came from the server, without the key."""
        for secret in (self.key, self.key.split("?")[0], *self.app.split("/")[1:]):
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return text
