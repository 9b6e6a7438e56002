"""The wire format: round trip, worked example of the document, and clear refusal of anything else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.face import wire
from mien.face.motion.frame import CHANNELS, motion, rest

DOCUMENT = Path(__file__).parents[2] / "docs" / "motion-format.md"
STEP = np.array([c.high / {"u8": 255, "i8": 127, "i16": 32767}[c.wire] for c in CHANNELS])

any_motion = st.lists(st.floats(-60, 60, width=32), min_size=len(CHANNELS), max_size=len(CHANNELS)).map(
    lambda values: np.array(values, np.float32)
)


@given(any_motion, st.integers(0, 2**33), st.integers(0, 2**33), st.booleans())
def test_round_trip_within_half_a_step(frame: np.ndarray, seq: int, stamp: int, speaking: bool) -> None:
    packet = wire.unpack(wire.pack(frame, seq=seq, stamp=stamp, speaking=speaking))
    expected = np.clip(frame, [c.low for c in CHANNELS], [c.high for c in CHANNELS])
    assert np.all(np.abs(packet.motion - expected) <= STEP * 0.5001)
    assert (packet.seq, packet.stamp, packet.speaking) == (seq % 2**32, stamp % 2**32, speaking)


@given(any_motion)
def test_packing_what_was_unpacked_gives_the_same_bytes(frame: np.ndarray) -> None:
    payload = wire.pack(frame, seq=7, stamp=9)
    packet = wire.unpack(payload)
    assert wire.pack(packet.motion, seq=packet.seq, stamp=packet.stamp, speaking=packet.speaking) == payload


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused_in_words(payload: bytes) -> None:
    try:
        packet = wire.unpack(payload)
    except wire.WireError:
        return
    assert len(payload) == wire.SIZE
    assert np.all(np.isfinite(packet.motion))


def test_nan_becomes_rest() -> None:
    frame = rest()
    frame[:] = np.nan
    assert not np.any(wire.unpack(wire.pack(frame, seq=0, stamp=0)).motion)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        wire.pack(np.zeros(3, np.float32), seq=0, stamp=0)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "empty"),
        (b"\x02" + bytes(40), "version 2"),
        (b"\x01" + bytes(39), "40 bytes"),
        (bytes([1]) + bytes(22) + b"\x80" + bytes(17), "brow_l"),
    ],
)
def test_what_is_wrong_is_said(payload: bytes, said: str) -> None:
    with pytest.raises(wire.WireError, match=said):
        wire.unpack(payload)


def test_restamp_changes_only_the_stamp() -> None:
    before = wire.pack(motion(jaw=0.3), seq=5, stamp=1, speaking=True)
    after = wire.unpack(wire.restamp(before, 2**32 + 12345))
    assert (after.stamp, after.seq, after.speaking) == (12345, 5, True)


def test_the_document_s_example_is_true() -> None:
    frame = motion(
        jaw=0.5, blink_l=1, blink_r=1, brow_l=-0.25, brow_r=-0.25, gaze_x=0.1, yaw=-9, pitch=2.25, ty=0.01, breath=0.5
    )
    block = DOCUMENT.read_text().split("```")[1]
    written = "".join("".join(re.match(r"(?:[0-9a-f]{2} ?)*", line).group().split()) for line in block.splitlines())
    assert bytes.fromhex(written) == wire.pack(frame, seq=258, stamp=3840960, speaking=True)


def test_the_document_s_table_is_the_code_s() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+) \| (\S+) … (\S+) \| (.+) \|$", DOCUMENT.read_text(), re.M)
    offset = 10
    assert len(rows) == len(CHANNELS)
    for channel, (at, name, kind, low, high, meaning) in zip(CHANNELS, rows, strict=True):
        assert (int(at), name, kind) == (offset, channel.name, channel.wire)
        assert (float(low.replace("−", "-")), float(high)) == (channel.low, channel.high)
        assert meaning.replace("−", "-") == channel.meaning
        offset += {"u8": 1, "i8": 1, "i16": 2}[kind]
    assert offset == wire.SIZE
