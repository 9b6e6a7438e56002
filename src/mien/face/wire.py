"""A motion frame as bytes, 41 of them: what travels as SEI and on the data channel.

The format is described in `docs/motion-format.md`, which decoders in other languages are written from. Everything is
in network byte order, like the RTP header it travels beside, and every field has a fixed place, so that a transport
can rewrite the time stamp without knowing anything else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.face.motion.frame import CHANNELS, HIGH, MotionVector, clamp

VERSION: Final = 1
STAMP_OFFSET: Final = 6
"""Where the 32-bit time stamp begins, for transports that rewrite it."""

_SPEAKING: Final = 0x01
_HEADER: Final = struct.Struct(">BBII")
_FORMAT: Final = {"u8": "B", "i8": "b", "i16": "h"}
_STEPS: Final = {"u8": 255, "i8": 127, "i16": 32767}
_BODY: Final = struct.Struct(">" + "".join(_FORMAT[channel.wire] for channel in CHANNELS))
_SCALE: Final = np.array([_STEPS[channel.wire] for channel in CHANNELS], np.float64) / HIGH
_LOWEST: Final = np.array([0 if channel.wire == "u8" else -_STEPS[channel.wire] for channel in CHANNELS])

SIZE: Final = _HEADER.size + _BODY.size
"""Bytes of every packed frame of this version."""


class WireError(ValueError):
    """The bytes are not a motion frame of a version known here; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionPacket:
    """One motion frame as it travels.

    `seq` counts frames of a stream from 0, `stamp` is the time of the voice it belongs to in 1/48000 s; both wrap at
    2**32. `speaking` is true while the agent's voice sounds.
    """

    motion: MotionVector
    seq: int
    stamp: int
    speaking: bool


def pack(motion: MotionVector, *, seq: int, stamp: int, speaking: bool = False) -> bytes:
    """The frame as `SIZE` bytes. Values out of range are clamped, NaN becomes rest; `seq` and `stamp` wrap at 2**32.

    Raises ValueError when `motion` has another shape than (len(CHANNELS),).
    """
    if motion.shape != (len(CHANNELS),):
        raise ValueError(f"a motion frame has shape ({len(CHANNELS)},), not {motion.shape}")
    values = np.rint(clamp(motion) * _SCALE).astype(np.int64).tolist()
    flags = _SPEAKING if speaking else 0
    return _HEADER.pack(VERSION, flags, seq & 0xFFFFFFFF, stamp & 0xFFFFFFFF) + _BODY.pack(*values)


def unpack(payload: bytes) -> MotionPacket:
    """The frame in `payload`. Reserved flags are ignored, as the format asks. Raises WireError."""
    if not payload:
        raise WireError("empty motion frame")
    if payload[0] != VERSION:
        raise WireError(f"motion frame of version {payload[0]}; this end reads version {VERSION}: update the older one")
    if len(payload) != SIZE:
        raise WireError(f"motion frame of {len(payload)} bytes; version {VERSION} has {SIZE}")
    _, flags, seq, stamp = _HEADER.unpack_from(payload)
    steps = np.array(_BODY.unpack_from(payload, _HEADER.size))
    if bool(np.any(steps < _LOWEST)):
        name = CHANNELS[int(np.argmax(steps < _LOWEST))].name
        raise WireError(f"motion frame with channel {name} below its range")
    motion = (steps / _SCALE).astype(np.float32)
    return MotionPacket(motion, seq, stamp, bool(flags & _SPEAKING))


def restamp(payload: bytes, stamp: int) -> bytes:
    """The same packed frame with another time stamp (modulo 2**32)."""
    return payload[:STAMP_OFFSET] + (stamp & 0xFFFFFFFF).to_bytes(4, "big") + payload[STAMP_OFFSET + 4 :]
