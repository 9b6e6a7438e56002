"""Calls a business backend that must answer at once: the model's tools. Signed like every callback."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx

from mien.callbacks.signature import sign
from mien.conversation.port import WebhookError
from mien.store import App, StoreError

MAX_ANSWER_BYTES = 64 * 1024
"""More of an answer is not read: a model reads it all before it speaks."""
CONNECT_S = 5.0
EXCERPT = 300


class AppStore(Protocol):
    """Where secrets come from; `mien.store.Apps`."""

    async def find(self, app_id: int) -> App | None: ...


class WebhookCaller:
    """`mien.conversation.port.Webhooks` over HTTP. `wall` tells unix seconds. `close` it."""

    def __init__(
        self,
        apps: AppStore,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._apps = apps
        self._wall = wall
        self._client = httpx.AsyncClient(transport=transport, follow_redirects=False)

    async def call(
        self, app_id: int, url: str, body: dict[str, Any], *, headers: Mapping[str, str], timeout_s: float
    ) -> str:
        """Posts `body` with AppId, Nonce, Timestamp and Signature, and returns the answer's text.

        Raises WebhookError.
        """
        try:
            app = await self._apps.find(app_id)
        except StoreError as error:
            raise WebhookError(str(error)) from error
        if app is None:
            raise WebhookError(f"app {app_id} has been removed")
        nonce, now = str(secrets.randbelow(9 * 10**18) + 10**18), int(self._wall() * 1000)
        signed = body | {
            "AppId": app_id,
            "Nonce": nonce,
            "Timestamp": now,
            "Signature": sign(app.callback_secret, now, nonce),
        }
        content = json.dumps(signed, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        try:
            request = self._client.build_request(
                "POST",
                url,
                content=content,
                headers={"Accept": "application/json, text/*", **headers, "Content-Type": "application/json"},
                timeout=timeout,
            )
            response = await self._client.send(request, stream=True)
            try:
                text = await _text(response)
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise WebhookError(f"no answer within {timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise WebhookError(str(error) or type(error).__name__) from error
        if not response.is_success:
            excerpt = " ".join(text.split())[:EXCERPT]
            raise WebhookError(f"HTTP {response.status_code}{f': {excerpt}' if excerpt else ''}")
        return text

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.aclose()


async def _text(response: httpx.Response) -> str:
    data = b""
    async for block in response.aiter_bytes():
        data += block
        if len(data) >= MAX_ANSWER_BYTES:
            break
    return data[:MAX_ANSWER_BYTES].decode(response.charset_encoding or "utf-8", "replace")
