"""The common query parameters every request carries, and the checks of their signature."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping

from mien.api.errors import ApiError, ReturnCode
from mien.store import App

WINDOW_S = 600
"""How far the caller's clock may be off, in both directions."""
VERSION = "2.0"
COMMON = frozenset({"Action", "AppId", "SignatureNonce", "Timestamp", "Signature", "SignatureVersion"})

_APP_ID = re.compile(r"[0-9]{1,10}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,11}", re.ASCII)


def sign(app_id: int | str, nonce: str, server_secret: str, timestamp: int | str) -> str:
    """The request signature.

    >>> sign(12345, "4fd24687296dd9f3", "9193cc662a4c0ec135ec71fb57194b38", 1615186943)
    '43e5cfcca828314675f91b001390566a'
    """
    return hashlib.md5(f"{app_id}{nonce}{server_secret}{timestamp}".encode(errors="replace")).hexdigest()


async def authenticate(
    query: Mapping[str, str], find_app: Callable[[int], Awaitable[App | None]], now: float
) -> tuple[App, str]:
    """Checks the common parameters in the documented order and returns the calling app and the Action.

    Order: AppId, Timestamp, SignatureNonce, Signature, SignatureVersion, Action. `now` is in unix seconds.
    Raises ApiError. Whether the Action exists is for the caller to see.
    """
    app_id = query.get("AppId", "")
    if not _APP_ID.fullmatch(app_id) or not 1 <= int(app_id) < 2**32:
        raise ApiError(ReturnCode.APP_ID_FORMAT)
    timestamp = query.get("Timestamp", "")
    if not timestamp:
        raise ApiError(ReturnCode.TIMESTAMP_EMPTY)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise ApiError(ReturnCode.TIMESTAMP_FORMAT)
    if abs(now - int(timestamp)) > WINDOW_S:
        raise ApiError(ReturnCode.SIGNATURE_EXPIRED)
    nonce = query.get("SignatureNonce", "")
    if not nonce:
        raise ApiError(ReturnCode.NONCE_EMPTY)
    signature = query.get("Signature", "")
    if not signature:
        raise ApiError(ReturnCode.SIGNATURE_EMPTY)
    app = await find_app(int(app_id))
    if app is None:
        raise ApiError(ReturnCode.SERVER_SECRET)
    expected = sign(app_id, nonce, app.server_secret, timestamp)
    if not hmac.compare_digest(expected.encode(), signature.lower().encode(errors="replace")):
        raise ApiError(ReturnCode.SIGNATURE)
    version = query.get("SignatureVersion", "")
    if not version:
        raise ApiError(ReturnCode.VERSION_EMPTY)
    if version != VERSION:
        raise ApiError(ReturnCode.VERSION_UNSUPPORTED)
    action = query.get("Action", "")
    if not action:
        raise ApiError(ReturnCode.ACTION_EMPTY)
    return app, action
