"""Why a client is turned away: the code it gets, and the HTTP status or close code that goes with it."""

from __future__ import annotations

from enum import IntEnum

from mien.rtc.embedded.offer import OfferError
from mien.rtc.embedded.service import FullError, NoStreamError
from mien.rtc.embedded.session import IceRestartError
from mien.rtc.port import DuplicateStreamError, RtcError
from mien.rtc.token04 import TokenError, TokenFault


class Code(IntEnum):
    """Listed in `docs/rtc-protocol.md`."""

    BAD_REQUEST = 1002010
    NOT_ALLOWED = 1002020
    BAD_TOKEN = 1002033
    NOT_FOUND = 1002040
    STREAM_IN_USE = 1002041
    KICKED = 1002050
    FULL = 1002060


_STATUS = {
    Code.BAD_REQUEST: 400,
    Code.NOT_ALLOWED: 403,
    Code.BAD_TOKEN: 401,
    Code.NOT_FOUND: 404,
    Code.STREAM_IN_USE: 409,
    Code.KICKED: 409,
    Code.FULL: 503,
}
_CLOSE = {Code.BAD_TOKEN: 4001, Code.NOT_ALLOWED: 4003, Code.KICKED: 4009, Code.FULL: 1013}
_PRIVILEGE = (TokenFault.ROOM, TokenFault.LOGIN, TokenFault.PUBLISH, TokenFault.STREAM)


class Refusal(Exception):
    """A client is turned away; the text is for its developer."""

    def __init__(self, code: Code, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status or _STATUS[code]

    @property
    def close_code(self) -> int:
        """The WebSocket's."""
        return _CLOSE.get(self.code, 4008)


EXPECTED = (TokenError, RtcError, OfferError, IceRestartError)
"""What `refusal_of` can put in a client's terms."""


def refusal_of(error: Exception) -> Refusal:
    """The refusal for an error of the transport."""
    reason = str(error)
    if isinstance(error, TokenError):
        return Refusal(Code.NOT_ALLOWED if error.fault in _PRIVILEGE else Code.BAD_TOKEN, reason)
    if isinstance(error, DuplicateStreamError):
        return Refusal(Code.STREAM_IN_USE, reason)
    if isinstance(error, NoStreamError):
        return Refusal(Code.NOT_FOUND, reason)
    if isinstance(error, FullError):
        return Refusal(Code.FULL, reason)
    if isinstance(error, IceRestartError):
        return Refusal(Code.BAD_REQUEST, reason, status=422)
    return Refusal(Code.BAD_REQUEST, reason)
