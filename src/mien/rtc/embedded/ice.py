"""ICE settings: which servers to use and tell clients about, and which address to advertise."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri

logger = logging.getLogger(__name__)

IceServer = Mapping[str, str | list[str]]
"""An RTCIceServer as browsers write it: `urls`, and for TURN `username` and `credential`."""


class IceSettings:
    """The transport's view of `Settings.ice_servers` and `Settings.ice_host`.

    Raises ValueError for a server that names no valid STUN or TURN URL.
    """

    def __init__(self, servers: Sequence[IceServer] = (), host: str = "") -> None:
        self.servers: list[dict[str, Any]] = [dict(server) for server in servers]
        self._host = host
        self._address: str | None = None
        for server in self.servers:
            for url in _urls(server):
                try:
                    parse_stun_turn_uri(url)
                except ValueError as error:
                    raise ValueError(
                        f'ice_servers: "{url}" is no STUN or TURN URL such as "stun:stun.example.com:3478" ({error})'
                    ) from error

    def configuration(self) -> RTCConfiguration:
        """For an RTCPeerConnection; without servers it gathers host candidates only."""
        return RTCConfiguration(
            iceServers=[
                RTCIceServer(urls=_urls(s), username=s.get("username"), credential=s.get("credential"))
                for s in self.servers
            ]
        )

    def links(self) -> list[str]:
        """`Link` headers that tell a WHIP or WHEP client of the servers (RFC 9725 section 4.6)."""
        links = []
        for server in self.servers:
            for url in _urls(server):
                link = f'<{url}>; rel="ice-server"'
                if server.get("username"):
                    link += f'; username="{server["username"]}"; credential="{server.get("credential", "")}"'
                    link += '; credential-type="password"'
                links.append(link)
        return links

    async def advertised(self) -> str:
        """The IPv4 address to offer besides those of the interfaces; empty for none."""
        if not self._host:
            return ""
        if self._address is None:
            self._address = await _resolve(self._host)
        return self._address


def _urls(server: Mapping[str, Any]) -> list[str]:
    urls = server.get("urls", [])
    urls = [urls] if isinstance(urls, str) else list(urls)
    if not urls:
        raise ValueError(f'ice_servers: {dict(server)} has no "urls"')
    return urls


async def _resolve(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError as error:
        logger.warning("ice_host %s cannot be resolved (%s): clients get the interfaces' addresses only", host, error)
        return ""
    return str(found[0][4][0])
