"""The codecs of the media path: what goes in comes out, and every decoder accepts it."""

from __future__ import annotations

import uuid

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.rtc.codec import H264Encoder, OpusDecoder, OpusEncoder, carrier_unit, sei_nal, sei_payloads, silence_packet
from mien.rtc.codec.annexb import escape, is_keyframe, join_nals, nal_type, split_nals, unescape
from mien.rtc.codec.conceal import Concealer
from mien.rtc.codec.sei import parse_sei

ZEROS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=400).map(bytes)


@settings(deadline=None)
@given(ZEROS)
def test_emulation_prevention_round_trip(payload: bytes) -> None:
    rbsp = payload + b"\x80"
    nal = escape(rbsp)
    assert unescape(nal) == rbsp
    assert all(nal[i : i + 3] not in (b"\0\0\0", b"\0\0\1", b"\0\0\2") for i in range(len(nal)))


@settings(deadline=None)
@given(ZEROS, st.integers(0, 9))
def test_a_motion_frame_survives_the_carrier(payload: bytes, n: int) -> None:
    unit = carrier_unit(sei_nal(payload), n)
    assert sei_payloads(unit) == [payload]
    assert is_keyframe(unit)
    assert sei_payloads(unit, uuid.UUID(int=0)) == []


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_damaged_sei_never_raises(data: bytes) -> None:
    parse_sei(b"\x06" + data)
    sei_payloads(data)


def test_carrier_decodes_without_errors() -> None:
    decoder = av.CodecContext.create("h264", "r")
    pictures = 0
    for n in range(20):
        unit = carrier_unit(sei_nal(bytes(41)), n)
        assert [nal_type(nal) for nal in split_nals(unit)] == [7, 8, 6, 5]
        assert len(unit) < 160
        pictures += len(decoder.decode(av.Packet(unit)))  # type: ignore[attr-defined]
    assert pictures == 20
    assert carrier_unit(b"", 0) != carrier_unit(b"", 1)


def test_h264_encoder() -> None:
    dice = np.random.default_rng(0)
    encoder = H264Encoder(160, 96, 25, 300_000, gop_seconds=1)
    decoder = av.CodecContext.create("h264", "r")
    sizes, keys = [], []
    for n in range(120):
        picture = np.full((144, 160), 128, np.uint8)
        picture[:96] = dice.integers(0, 255, (96, 160), np.uint8)
        if n == 60:
            encoder.bitrate = 100_000
        unit, keyframe = encoder.encode(picture, force_keyframe=n == 10)
        assert is_keyframe(unit) == keyframe
        assert {nal_type(nal) for nal in split_nals(unit)} == ({7, 8, 5} if keyframe else {1})
        frames = decoder.decode(av.Packet(unit))  # type: ignore[attr-defined]
        assert [(frame.width, frame.height) for frame in frames] == [(160, 96)], "no delay, no loss"
        sizes.append(len(unit))
        keys.append(keyframe)
    assert [n for n, key in enumerate(keys) if key][:3] == [0, 10, 35]
    assert sum(sizes[90:]) < 0.6 * sum(sizes[20:50])
    sps = next(nal for nal in split_nals(unit_of(encoder)) if nal_type(nal) == 7)
    assert sps[1] == 66
    assert sps[2] & 0x40, "constrained baseline"


def unit_of(encoder: H264Encoder) -> bytes:
    return encoder.encode(np.zeros((encoder.height * 3 // 2, encoder.width), np.uint8), force_keyframe=True)[0]


def test_h264_encoder_level_and_wrong_pictures() -> None:
    sps = next(nal for nal in split_nals(unit_of(H264Encoder(1920, 1080, 25, 4_000_000))) if nal_type(nal) == 7)
    assert 40 <= sps[3] <= 42
    with pytest.raises(ValueError, match="even sides"):
        H264Encoder(161, 96, 25, 300_000)
    with pytest.raises(ValueError, match="picture of shape"):
        H264Encoder(160, 96, 25, 300_000).encode(np.zeros((96, 160), np.uint8))


def test_opus_round_trip() -> None:
    t = np.arange(48_000)
    tone = (8000 * np.sin(2 * np.pi * 300 * t / 48_000)).astype(np.int16)
    encoder, decoder = OpusEncoder(), OpusDecoder()
    packets = [encoder.encode(tone[at : at + 960]) for at in range(0, 48_000, 960)]
    pcm = np.concatenate([decoder.decode(packet) for packet in packets])
    assert pcm.shape == tone.shape
    assert abs(np.argmax(abs(np.fft.rfft(pcm[9600:]))) * 48_000 / 38_400 - 300) < 2
    assert not decoder.decode(silence_packet())[-100:].any() or abs(decoder.decode(silence_packet())).max() < 50
    with pytest.raises(ValueError, match="20 ms"):
        encoder.encode(tone[:100])
    with pytest.raises(ValueError, match="not an Opus packet"):
        decoder.decode(b"\xff\xff\xff")


def test_concealment_goes_on_with_the_tone_and_fades() -> None:
    t = np.arange(48_000)
    tone = (8000 * np.sin(2 * np.pi * 200 * t / 48_000)).astype(np.int16)
    concealer = Concealer()
    for at in range(0, 9600, 960):
        concealer.received(tone[at : at + 960])
    made = concealer.lost(480)
    expected = tone[9600:10080]
    assert np.corrcoef(made, expected)[0, 1] > 0.95
    longer = concealer.lost(4800)
    assert not longer[-480:].any()
    back = concealer.received(tone[:960])
    assert abs(int(back[0])) < 1000
    assert np.array_equal(back[300:], tone[300:960])


def test_join_and_split_are_inverse() -> None:
    nals = [b"\x67abc", b"\x68d", b"\x65" + bytes(range(1, 200))]
    assert list(split_nals(join_nals(nals))) == nals
    assert list(split_nals(b"\0\0\1" + b"\0\0\1".join(nals))) == nals
    assert list(split_nals(b"nothing")) == []
