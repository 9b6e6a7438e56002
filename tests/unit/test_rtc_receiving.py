"""Packets into voice and pictures: order, loss, wrap-around, outage."""

from __future__ import annotations

import itertools
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.rtc.client.playback import TrackClock
from mien.rtc.client.units import UnitAssembler, VideoUnit
from mien.rtc.codec import OpusEncoder
from mien.rtc.voice import MAX_CONCEALED, Blocks, Decimator, VoiceBlock, VoiceReceiver, unwrap

_ENCODER = OpusEncoder()
PACKETS = [
    _ENCODER.encode((6000 * np.sin(np.arange(n * 960, n * 960 + 960) * 0.03)).astype(np.int16)) for n in range(50)
]


def receive(order: list[int], first_seq: int = 65_520, first_rtp: int = 2**32 - 9600) -> list[VoiceBlock]:
    blocks: list[VoiceBlock] = []
    receiver = VoiceReceiver(blocks.append)
    for n in order:
        seq, rtp = (first_seq + n) & 0xFFFF, (first_rtp + n * 960) & 0xFFFFFFFF
        receiver.push(seq, rtp, PACKETS[n], arrival=float(n))
    return blocks


def even(blocks: list[VoiceBlock]) -> bool:
    return all(a.rtp + len(a.pcm) == b.rtp for a, b in itertools.pairwise(blocks))


def test_in_order_passes_at_once_over_the_wrap() -> None:
    blocks = receive(list(range(50)))
    assert len(blocks) == 50
    assert even(blocks)
    assert not any(block.concealed for block in blocks)


def test_swapped_packets_are_put_in_order_and_doubles_dropped() -> None:
    blocks = receive([0, 1, 3, 2, 2, 4, 6, 5, 7])
    assert len(blocks) == 8
    assert even(blocks)
    assert not any(block.concealed for block in blocks)


def test_a_lost_packet_is_concealed_after_three_later_ones() -> None:
    assert len(receive([0, 1, 2, 4, 5])) == 3
    blocks = receive([0, 1, 2, 4, 5, 6, 7])
    assert even(blocks)
    assert [block.concealed for block in blocks] == [False, False, False, True, False, False, False, False]


def test_an_outage_is_not_filled_in() -> None:
    blocks = receive([0, 1, 2, *range(30, 40)])
    assert sum(len(block.pcm) for block in blocks if block.concealed) <= MAX_CONCEALED
    assert blocks[-1].rtp - blocks[0].rtp == 39 * 960


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=30))
def test_no_packet_breaks_the_receiver(packets: list[tuple[int, int, bytes]]) -> None:
    receiver = VoiceReceiver(lambda block: None)
    for seq, rtp, payload in packets:
        receiver.push(seq, rtp, payload, 0.0)


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(-(2**31) + 1, 2**31 - 1))
def test_unwrap(near: int, step: int) -> None:
    assert unwrap((near + step) & 0xFFFFFFFF, near, 32) == near + step


def test_decimator_keeps_voice_and_removes_what_would_alias() -> None:
    def level(hz: float) -> float:
        decimator = Decimator()
        t = np.arange(48_000)
        pcm = (10_000 * np.sin(2 * np.pi * hz * t / 48_000)).astype(np.int16)
        out = np.concatenate([decimator.push(pcm[at : at + 960]) for at in range(0, 48_000, 960)])
        assert out.shape == (16_000,)
        return 20 * float(np.log10(np.sqrt(np.mean(out[1000:].astype(float) ** 2)) / 7071 + 1e-9))

    assert all(abs(level(hz)) < 0.2 for hz in (100, 1000, 3000, 5000))
    assert all(level(hz) < -55 for hz in (9500, 12_000, 15_000))


@settings(deadline=None)
@given(st.lists(st.sampled_from([120, 480, 960, 1920, 2880, 7]), max_size=30))
def test_blocks_have_20_ms_whatever_comes(sizes: list[int]) -> None:
    blocks = Blocks()
    out = [block for size in sizes for block in blocks.push(np.zeros(size, np.int16))]
    assert all(block.shape == (320,) for block in out)
    assert len(out) == sum(sizes) // 960


def nal(n: int) -> bytes:
    return bytes([0x65 if n % 5 == 0 else 0x41, n])


def feed(assembler: UnitAssembler, lost: set[int], *, count: int = 20, until: float = 5.0) -> list[VideoUnit]:
    """`count` units of two packets each, 40 ms apart, of which some packets never come."""
    units: list[VideoUnit] = []
    for n in range(count):
        for part in range(2):
            seq = n * 2 + part
            if seq not in lost:
                payload = nal(n) if part == 0 else bytes([0x41, n, 1])
                units += assembler.push((65_530 + seq) & 0xFFFF, n * 3600, part == 1, payload, n * 0.04)
    return units


def test_units_come_out_whole_and_in_order() -> None:
    units = feed(UnitAssembler(), set())
    assert [unit.rtp // 3600 for unit in units] == list(range(20))
    assert [unit.keyframe for unit in units[:6]] == [True, False, False, False, False, True]


def test_missing_packets_are_asked_for_and_repair_the_gap() -> None:
    assembler = UnitAssembler()
    units = feed(assembler, {6}, count=5)
    assert [unit.rtp // 3600 for unit in units] == [0, 1, 2]
    assert assembler.missing(1.0) == [(65_530 + 6) & 0xFFFF]
    assert assembler.missing(1.01) == []
    assert assembler.missing(1.06) == [0]
    repaired = assembler.push(0, 3 * 3600, False, nal(3), 1.1)
    assert [unit.rtp // 3600 for unit in repaired] == [3, 4]
    assert assembler.missing(2.0) == []
    assert not assembler.wants_keyframe(9.0)


def test_a_gap_that_stays_is_left_behind_for_a_key_frame() -> None:
    assembler = UnitAssembler()
    feed(assembler, {6}, count=5)
    assert not assembler.wants_keyframe(0.3)
    assert assembler.wants_keyframe(1.0)
    assert not assembler.wants_keyframe(1.1)
    assert assembler.wants_keyframe(1.4)
    units = []
    for n in range(5, 12):
        for part in range(2):
            payload = nal(n) if part == 0 else bytes([0x41, n, 1])
            units += assembler.push((65_530 + n * 2 + part) & 0xFFFF, n * 3600, part == 1, payload, 1.5)
    assert units[0].keyframe
    assert units[0].rtp == 5 * 3600
    assert assembler.lost == 1


def test_a_stream_that_begins_in_the_middle_waits_for_a_key_frame() -> None:
    assembler = UnitAssembler()
    assert assembler.push(10, 0, True, nal(1), 0.0) == []
    assert assembler.wants_keyframe(0.0)
    assert len(assembler.push(11, 3600, True, nal(5), 0.1)) == 1
    assert not assembler.wants_keyframe(1.0)


def test_random_loss_and_order_never_break_the_assembler() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        assembler = UnitAssembler()
        now = 0.0
        order = sorted(range(200), key=lambda n, dice=dice: n + dice.uniform(0, 6))  # type: ignore[misc]
        seen: list[int] = []
        for n in order:
            now += 0.01
            if dice.random() < 0.1:
                continue
            payload = nal(n // 3) if n % 3 == 0 else bytes([0x41, n % 256, 1])
            units = assembler.push(n, n // 3 * 3600, n % 3 == 2, payload, now)
            seen += [unit.rtp // 3600 for unit in units]
            assembler.missing(now)
            assembler.wants_keyframe(now)
        assert seen == sorted(set(seen))


def test_track_clocks_join_voice_and_picture() -> None:
    voice, picture = TrackClock(48_000), TrackClock(90_000)
    assert voice.seconds(0) is None
    voice.report(100 << 32, 2**32 - 4800)
    picture.report(100 << 32, 7)
    assert voice.seconds(4800) == 100.2
    assert picture.seconds(7 + 18_000) == 100.2
