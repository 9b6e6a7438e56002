"""Who a client is: from the Token04 of its login, or from the session key it got there."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from mien.rtc import token04
from mien.rtc.embedded.member import Member
from mien.rtc.embedded.refusal import Code, Refusal
from mien.rtc.embedded.service import EmbeddedRooms
from mien.rtc.port import RtcError
from mien.rtc.token04 import Claims

Authenticate = Callable[[int], Awaitable[str | None]]
"""Gives the ServerSecret of an app, None for an app that does not exist."""

MAX_APP_ID = 2**32 - 1


async def read_token(authenticate: Authenticate, query: Mapping[str, str], token: str, room_id: str) -> Claims:
    """Checks a token against the query's `app_id` and `user_id` and the room. Raises Refusal or TokenError."""
    app_id = _app_id(query.get("app_id", ""))
    user_id = query.get("user_id", "")
    if not user_id:
        raise Refusal(Code.BAD_REQUEST, "user_id is missing in the query")
    if not room_id:
        raise Refusal(Code.BAD_REQUEST, "room_id is missing")
    if not token:
        raise Refusal(Code.BAD_TOKEN, "the token is missing: ask the business backend for a Token04")
    secret = await authenticate(app_id)
    if secret is None:
        raise Refusal(Code.BAD_TOKEN, f"there is no app {app_id} here: check app_id")
    # A "+" that was not escaped in a query arrives as a blank.
    claims = token04.verify(token.replace(" ", "+"), secret, app_id=app_id, user_id=user_id, now=time.time())
    claims.check_login(room_id)
    return claims


async def identify(
    service: EmbeddedRooms,
    authenticate: Authenticate,
    *,
    authorization: str,
    query: Mapping[str, str],
    room_id: str,
) -> Member:
    """The member behind a WHIP or WHEP request; logs in a client that has only a token.

    Raises Refusal, TokenError or RtcError.
    """
    scheme, _, credential = authorization.partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise Refusal(Code.BAD_TOKEN, 'send "Authorization: Bearer <session or Token04>"')
    if not credential.startswith(token04.PREFIX) or "app_id" not in query:
        member = service.member(credential)
        if member is None:
            raise Refusal(Code.BAD_TOKEN, "the session is over or was never there: log in again")
        if member.participant.room_id != room_id:
            raise Refusal(Code.NOT_ALLOWED, f'the session is logged in to room "{member.participant.room_id}"')
        return member
    claims = await read_token(authenticate, query, credential, room_id)
    present = service.find(claims.app_id, room_id, claims.user_id)
    if present is None:
        return service.enter(claims.app_id, room_id, claims.user_id, claims=claims)
    if present.claims is None:
        raise Refusal(Code.NOT_ALLOWED, f'user id "{claims.user_id}" is the agent\'s: take another')
    return present


def check_publish(member: Member, stream_id: str) -> None:
    """Raises TokenError unless the member's token lets it publish the stream, RtcError for an agent's key."""
    if member.claims is None:
        raise RtcError("an agent publishes by itself")
    member.claims.check_publish(member.participant.room_id, stream_id)


def _app_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_APP_ID:
        raise Refusal(Code.BAD_REQUEST, "app_id is missing in the query or no AppId")
    return int(text)
