"""Token04: the room login token a business backend makes with its ServerSecret.

Layout: "04" and the standard Base64 of, in network order: int64 expire, uint16 length and the IV, uint16 length and
the ciphertext. The ciphertext is AES-CBC with PKCS7 padding, keyed with the ASCII bytes of the ServerSecret; the
plaintext is compact JSON with app_id, user_id, nonce, ctime, expire and payload. The payload is empty, or a JSON text
that narrows the token to a room, to streams and to privileges.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import string
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PREFIX: Final = "04"
SECRET_LENGTH: Final = 32
MAX_TOKEN_LENGTH: Final = 8192
"""Longer ones are refused unread; a real token has a few hundred characters."""

_BLOCK: Final = 16
_IV_ALPHABET: Final = string.digits + string.ascii_lowercase
_LOGIN: Final = "1"
_PUBLISH: Final = "2"


class TokenFault(StrEnum):
    """Why a token is refused; for logs and metrics, the words are in the error's text."""

    PREFIX = "prefix"
    BASE64 = "base64"
    LAYOUT = "layout"
    SECRET = "secret"
    CONTENT = "content"
    APP = "app"
    USER = "user"
    EXPIRED = "expired"
    ROOM = "room"
    LOGIN = "login"
    PUBLISH = "publish"
    STREAM = "stream"


class TokenError(Exception):
    """The token does not let in; the text says why and what to do."""

    def __init__(self, fault: TokenFault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times in seconds since 1970."""

    app_id: int
    user_id: str
    expire: int
    ctime: int = 0
    nonce: int = 0
    payload: str = ""

    def check_login(self, room_id: str) -> None:
        """Raises TokenError unless the token lets its user into `room_id`."""
        room, privilege, _ = self._limits()
        if room and room != room_id:
            raise TokenError(
                TokenFault.ROOM, f'the token is for room "{room}", not "{room_id}": ask for a token of this room'
            )
        if privilege.get(_LOGIN, 1) == 0:
            raise TokenError(TokenFault.LOGIN, 'the token\'s payload forbids logging in (privilege "1" is 0)')

    def check_publish(self, room_id: str, stream_id: str) -> None:
        """Raises TokenError unless the token lets its user publish `stream_id` in `room_id`."""
        self.check_login(room_id)
        _, privilege, streams = self._limits()
        if privilege.get(_PUBLISH, 1) == 0:
            raise TokenError(TokenFault.PUBLISH, 'the token\'s payload forbids publishing (privilege "2" is 0)')
        if streams is not None and stream_id not in streams:
            raise TokenError(
                TokenFault.STREAM,
                f'stream "{stream_id}" is not in the token\'s stream_id_list: add it or leave it null',
            )

    def _limits(self) -> tuple[str, dict[str, Any], list[Any] | None]:
        """Room, privileges and streams of the payload. A payload that is no such JSON is the business's own and
        narrows nothing."""
        try:
            limits = json.loads(self.payload) if self.payload else {}
        except (ValueError, RecursionError):
            limits = {}
        if not isinstance(limits, dict):
            limits = {}
        room = limits.get("room_id")
        privilege = limits.get("privilege")
        streams = limits.get("stream_id_list")
        return (
            room if isinstance(room, str) else "",
            privilege if isinstance(privilege, dict) else {},
            streams if isinstance(streams, list) else None,
        )


def encode(claims: Claims, secret: str, *, iv: str | None = None) -> str:
    """The token for `claims`. `iv` is 16 characters, random unless a test fixes it.

    Raises ValueError if the secret does not have 32 ASCII characters.
    """
    key = _key(secret)
    iv = iv if iv is not None else "".join(secrets.choice(_IV_ALPHABET) for _ in range(_BLOCK))
    plain = json.dumps(
        {
            "app_id": claims.app_id,
            "user_id": claims.user_id,
            "nonce": claims.nonce,
            "ctime": claims.ctime,
            "expire": claims.expire,
            "payload": claims.payload,
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
    padder = padding.PKCS7(_BLOCK * 8).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv.encode())).encryptor()
    cipher = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    block = struct.pack(">qH", claims.expire, len(iv)) + iv.encode() + struct.pack(">H", len(cipher)) + cipher
    return PREFIX + base64.b64encode(block).decode()


def issue(app_id: int, user_id: str, secret: str, *, now: float, seconds: int = 3600, payload: str = "") -> str:
    """A token valid from `now` (seconds since 1970) for `seconds`, with a random nonce."""
    created = int(now)
    nonce = secrets.randbits(32) - 2**31
    return encode(Claims(app_id, user_id, created + seconds, created, nonce, payload), secret)


def decode(token: str, secret: str) -> Claims:
    """What the token says, without judging app, user or time. Raises TokenError; ValueError for a malformed secret."""
    key = _key(secret)
    if not token.startswith(PREFIX):
        raise TokenError(TokenFault.PREFIX, 'the token does not begin with "04": this server reads Token04 only')
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenError(TokenFault.LAYOUT, f"the token is longer than {MAX_TOKEN_LENGTH} characters")
    try:
        block = base64.b64decode(token[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise TokenError(
            TokenFault.BASE64,
            'what follows "04" is not Base64: was the token cut off, or not URL-encoded ("+" became a blank)?',
        ) from None
    expire, iv, cipher = _unpack(block)
    try:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        padded = decryptor.update(cipher) + decryptor.finalize()
        unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
        content = json.loads((unpadder.update(padded) + unpadder.finalize()).decode())
    except (ValueError, RecursionError):
        raise TokenError(
            TokenFault.SECRET, "the token does not decrypt: it was made with another project's ServerSecret"
        ) from None
    claims = _claims(content)
    if claims.expire != expire:
        raise TokenError(TokenFault.CONTENT, "the token's outer and inner expiry differ: it was altered")
    return claims


def verify(token: str, secret: str, *, app_id: int, user_id: str, now: float) -> Claims:
    """What the token says, after checking that it is for this app and user and not expired at `now`.

    Room and publish privileges are for `Claims.check_login` and `Claims.check_publish`. Raises TokenError.
    """
    claims = decode(token, secret)
    if claims.app_id != app_id:
        raise TokenError(TokenFault.APP, f"the token is for app {claims.app_id}, not {app_id}")
    if claims.user_id != user_id:
        raise TokenError(
            TokenFault.USER, f'the token is for user "{claims.user_id}", not "{user_id}": each user needs an own one'
        )
    if now >= claims.expire:
        raise TokenError(
            TokenFault.EXPIRED, f"the token expired {int(now - claims.expire)} s ago: ask the backend for a new one"
        )
    return claims


def _key(secret: str) -> bytes:
    key = secret.encode()
    if len(key) != SECRET_LENGTH:
        raise ValueError(f"a ServerSecret has {SECRET_LENGTH} ASCII characters, this one {len(key)} bytes")
    return key


def _unpack(block: bytes) -> tuple[int, bytes, bytes]:
    """Expiry, IV and ciphertext of the binary block."""
    wrong = TokenError(TokenFault.LAYOUT, "the token's fields do not add up: was it cut off?")
    if len(block) < 12:
        raise wrong
    expire, iv_length = struct.unpack_from(">qH", block)
    at = 10 + iv_length
    if iv_length != _BLOCK or len(block) < at + 2:
        raise wrong
    (length,) = struct.unpack_from(">H", block, at)
    cipher = block[at + 2 :]
    if len(cipher) != length or not length or length % _BLOCK:
        raise wrong
    return expire, block[10:at], cipher


def _claims(content: object) -> Claims:
    """The decrypted JSON as claims."""
    wrong = TokenError(
        TokenFault.CONTENT, "the token's JSON lacks app_id, user_id or expire, or has them in another type"
    )
    if not isinstance(content, dict):
        raise wrong
    app_id, user_id, expire = content.get("app_id"), content.get("user_id"), content.get("expire")
    if type(app_id) is not int or not isinstance(user_id, str) or not user_id or type(expire) is not int:
        raise wrong
    ctime, nonce, payload = content.get("ctime", 0), content.get("nonce", 0), content.get("payload", "")
    return Claims(
        app_id=app_id,
        user_id=user_id,
        expire=expire,
        ctime=ctime if type(ctime) is int else 0,
        nonce=nonce if type(nonce) is int else 0,
        payload=payload if isinstance(payload, str) else json.dumps(payload),
    )
