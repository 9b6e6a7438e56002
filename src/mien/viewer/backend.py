"""A business backend's side of the control API: signed requests, errors in words."""

from __future__ import annotations

import hashlib
import secrets
import time
from types import TracebackType
from typing import Any

import httpx

from mien.errors import UserError


class Backend:
    """Calls actions of one server for one app. Use as an async context manager."""

    def __init__(self, url: str, app_id: int, server_secret: str) -> None:
        self._url = url.rstrip("/")
        self._app_id = app_id
        self._secret = server_secret
        self._http = httpx.AsyncClient(timeout=30.0, trust_env=False)

    async def __aenter__(self) -> Backend:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's Data. Raises UserError with the server's code and message."""
        nonce, now = secrets.token_hex(8), int(time.time())
        signature = hashlib.md5(f"{self._app_id}{nonce}{self._secret}{now}".encode()).hexdigest()
        query = {
            "Action": action,
            "AppId": str(self._app_id),
            "SignatureNonce": nonce,
            "Timestamp": str(now),
            "SignatureVersion": "2.0",
            "Signature": signature,
        }
        try:
            response = await self._http.post(f"{self._url}/", params=query, json=body)
            envelope = response.json()
        except httpx.TransportError as error:
            raise UserError(f"No Mien server answers at {self._url}: {error}") from error
        except ValueError as error:
            raise UserError(f"{self._url} is not a Mien server: it answered HTTP {response.status_code}") from error
        if envelope.get("Code") != 0:
            raise UserError(f"{action} failed with code {envelope.get('Code')}: {envelope.get('Message')}")
        return envelope.get("Data") or {}
