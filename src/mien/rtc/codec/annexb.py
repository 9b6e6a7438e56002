"""H.264 byte streams (ITU-T H.264 Annex B): NAL units, start codes, emulation prevention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

START_CODE: Final = b"\x00\x00\x00\x01"

NAL_SLICE: Final = 1
NAL_IDR: Final = 5
NAL_SEI: Final = 6
NAL_SPS: Final = 7
NAL_PPS: Final = 8
NAL_AUD: Final = 9

_FORBIDDEN: Final = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def split_nals(unit: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B access unit, header byte first, without start codes."""
    begin = unit.find(b"\x00\x00\x01")
    while begin >= 0:
        begin += 3
        end = unit.find(b"\x00\x00\x01", begin)
        nal = unit[begin:] if end < 0 else unit[begin:end].rstrip(b"\x00")
        if nal:
            yield nal
        begin = end


def join_nals(nals: Iterable[bytes]) -> bytes:
    """The NAL units as an Annex B access unit with 4-byte start codes."""
    return b"".join(START_CODE + nal for nal in nals)


def nal_type(nal: bytes) -> int:
    """nal_unit_type (table 7-1)."""
    return nal[0] & 0x1F


def escape(rbsp: bytes) -> bytes:
    """Puts in emulation prevention bytes, so that the payload never looks like a start code (7.4.1)."""
    escaped = _FORBIDDEN.sub(b"\x00\x00\x03", rbsp)
    return escaped + b"\x03" if escaped.endswith(b"\x00") else escaped


def unescape(nal: bytes) -> bytes:
    """Takes the emulation prevention bytes out again."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


def is_keyframe(unit: bytes) -> bool:
    """Whether the access unit holds an IDR slice."""
    return any(nal_type(nal) == NAL_IDR for nal in split_nals(unit))
