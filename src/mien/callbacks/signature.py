"""The signature of a server callback."""

from __future__ import annotations

import hashlib


def sign(callback_secret: str, timestamp: int | str, nonce: str) -> str:
    """SHA-1, in hex, of the three values sorted as text and joined.

    >>> sign("secret", "1470820198", "123412")
    '5bd59fd62953a8059fb7eaba95720f66d19e4517'
    """
    parts = sorted([callback_secret, str(timestamp), nonce])
    return hashlib.sha1("".join(parts).encode()).hexdigest()
