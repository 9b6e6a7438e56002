"""SEI messages of type "user data unregistered": how motion frames ride in an H.264 track (ITU-T H.264 D.1.7).

`MOTION_UUID` says that the payload is a motion frame; what the payload looks like is described in
`docs/motion-format.md`.
"""

from __future__ import annotations

import uuid
from typing import Final

from mien.rtc.codec.annexb import NAL_SEI, escape, nal_type, split_nals, unescape

MOTION_UUID: Final = uuid.UUID("b7c1f0d4-5a3e-4c86-9e21-6d69656e0001")
"""Marks a motion frame; its last bytes spell "mien" and the version of this marking."""

_USER_DATA_UNREGISTERED: Final = 5


def sei_nal(payload: bytes, marker: uuid.UUID = MOTION_UUID) -> bytes:
    """A SEI NAL unit (header byte first, no start code) with one user-data-unregistered message."""
    body = marker.bytes + payload
    size = len(body)
    rbsp = bytes([_USER_DATA_UNREGISTERED]) + b"\xff" * (size // 255) + bytes([size % 255]) + body + b"\x80"
    return bytes([NAL_SEI]) + escape(rbsp)


def parse_sei(nal: bytes, marker: uuid.UUID = MOTION_UUID) -> list[bytes]:
    """The payloads marked `marker` in one SEI NAL unit; damaged messages end the list."""
    rbsp = unescape(nal[1:])
    found: list[bytes] = []
    at = 0
    # The last byte is the RBSP's stop bit.
    while at < len(rbsp) - 1:
        kind, at = _variable(rbsp, at)
        size, at = _variable(rbsp, at)
        body = rbsp[at : at + size]
        if len(body) < size:
            break
        if kind == _USER_DATA_UNREGISTERED and body[:16] == marker.bytes:
            found.append(body[16:])
        at += size
    return found


def sei_payloads(unit: bytes, marker: uuid.UUID = MOTION_UUID) -> list[bytes]:
    """The payloads marked `marker` in an Annex B access unit, in order."""
    return [payload for nal in split_nals(unit) if nal_type(nal) == NAL_SEI for payload in parse_sei(nal, marker)]


def _variable(rbsp: bytes, at: int) -> tuple[int, int]:
    """A payload type or size: bytes of 255 and a last one below (7.3.2.3.1)."""
    value = 0
    while at < len(rbsp) and rbsp[at] == 255:
        value += 255
        at += 1
    if at < len(rbsp):
        value += rbsp[at]
    return value, at + 1
