"""The publisher: one encode for all, motion as SEI and data, pictures on the voice's clock, late ones skipped."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest

from mien.face import wire
from mien.face.motion.frame import MotionVector, motion, rest
from mien.face.publish import FacePublisher, MotionResampler
from mien.rtc.codec import OpusDecoder, sei_payloads, silence_packet
from mien.rtc.port import AudioCodec, EncodedAudio, EncodedVideo, MediaFormat, VideoKind

VOICE = (6000 * np.sin(np.arange(960) * 2 * np.pi * 440 / 48000)).astype(np.int16)
SILENCE = np.zeros(960, np.int16)


class Peer:
    """What the publisher needs of a peer."""

    room_id = user_id = stream_id = "x"

    def __init__(self, viewers: int = 1, media: MediaFormat = MediaFormat()) -> None:  # noqa: B008 - it is frozen
        self.viewers = viewers
        self.format = media
        self.audio: list[EncodedAudio] = []
        self.video: list[EncodedVideo] = []
        self.frames: list[tuple[bytes, int]] = []
        self.pictured = asyncio.Event()

    def send_audio(self, packet: EncodedAudio) -> None:
        self.audio.append(packet)

    def send_video(self, unit: EncodedVideo) -> None:
        self.video.append(unit)
        self.pictured.set()

    def send_motion(self, payload: bytes, pts: int) -> None:
        self.frames.append((payload, pts))

    async def pictures(self, count: int) -> None:
        while len(self.video) < count:
            self.pictured.clear()
            await asyncio.wait_for(self.pictured.wait(), 20)


class Painter:
    """A renderer that paints the jaw's value, and can be held up."""

    width, height = 64, 96

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.drawn: list[float] = []
        self.failing = False

    def frame(self, motion: MotionVector) -> np.ndarray:
        self.go.wait(20)
        if self.failing:
            raise RuntimeError("the package is gone")
        self.drawn.append(round(float(motion[0]), 3))
        return np.full((144, 64), int(motion[0] * 200), np.uint8)


def publisher(peer: Peer, video: VideoKind, renderer: Painter | None = None, **options: int) -> FacePublisher:
    return FacePublisher(peer, video, renderer, **options)  # type: ignore[arg-type]


async def test_voice_is_opus_with_its_time_and_silence_costs_nothing() -> None:
    peer = Peer()
    p = publisher(peer, VideoKind.NONE)
    blocks = [VOICE] * 20 + [SILENCE] * 30
    for i, pcm in enumerate(blocks):
        p.voice(pcm, i * 960)
    assert [packet.pts for packet in peer.audio] == [i * 960 for i in range(50)]
    decoder = OpusDecoder()
    heard = [np.abs(decoder.decode(packet.data).astype(int)).max() for packet in peer.audio]
    assert min(heard[5:19]) > 2000
    assert max(heard[35:]) < 30
    assert all(packet.data is silence_packet() for packet in peer.audio[32:])
    p.motion(rest(), 0, False)
    assert not peer.video
    assert not peer.frames


async def test_voice_is_aac_where_the_transport_wants_it() -> None:
    """What goes in at a time comes out of a player's decoder at that time, silence included."""
    peer = Peer(media=MediaFormat(audio=AudioCodec.AAC))
    p = publisher(peer, VideoKind.NONE)
    for i in range(100):
        p.voice(VOICE if 25 <= i < 50 else SILENCE, i * 960)
    assert [packet.pts for packet in peer.audio] == [i * 1024 - 1024 for i in range(len(peer.audio))]
    assert peer.audio[-1].pts > 98 * 960 - 2048
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = b"\x11\x88"
    sound = [decoder.decode(av.Packet(packet.data)) for packet in peer.audio]
    level = np.abs(np.concatenate([frame.to_ndarray()[0] for frames in sound for frame in frames]))[1024:]
    loud = np.flatnonzero(level > 0.05)
    assert loud[0] == pytest.approx(25 * 960, abs=600)
    assert loud[-1] == pytest.approx(50 * 960, abs=600)


async def test_motion_travels_twice_with_the_same_bytes() -> None:
    peer = Peer()
    p = publisher(peer, VideoKind.MOTION)
    for i in range(4):
        p.motion(motion(jaw=i / 4), i * 1920, i > 1)
    assert [pts for _, pts in peer.frames] == [0, 1920, 3840, 5760]
    assert [unit.pts for unit in peer.video] == [0, 3600, 7200, 10800]
    assert all(unit.keyframe for unit in peer.video)
    for i, ((payload, _), unit) in enumerate(zip(peer.frames, peer.video, strict=True)):
        assert sei_payloads(unit.data) == [payload]
        packet = wire.unpack(payload)
        assert (packet.seq, packet.stamp, packet.speaking) == (i, i * 1920, i > 1)
        assert packet.motion[0] == pytest.approx(i / 4, abs=0.003)


async def test_nothing_is_encoded_for_nobody() -> None:
    peer, painter = Peer(viewers=0), Painter()
    p = publisher(peer, VideoKind.PICTURE, painter)
    await p.start()
    p.voice(VOICE, 0)
    p.motion(rest(), 0, False)
    await asyncio.sleep(0.05)
    await p.aclose()
    assert not peer.audio
    assert not peer.video
    assert len(painter.drawn) == 1  # the warm-up


async def test_pictures_carry_the_voice_s_clock_and_key_frames_come_when_asked() -> None:
    peer, painter = Peer(), Painter()
    p = publisher(peer, VideoKind.PICTURE, painter)
    await p.start()
    for i in range(6):
        p.motion(motion(jaw=i / 10), i * 1920, True)
        await peer.pictures(i + 1)
    assert [unit.pts for unit in peer.video] == [i * 3600 for i in range(6)]
    assert [unit.keyframe for unit in peer.video] == [True] + [False] * 5
    told = [(pts, wire.unpack(payload).motion[0]) for payload, pts in peer.frames]
    assert told == [(i * 1920, pytest.approx(i / 10, abs=0.003)) for i in range(6)], "what the pictures show"
    await asyncio.sleep(0.41)
    p.keyframe_wanted()
    p.keyframe_wanted()
    for i in range(6, 9):
        p.motion(motion(jaw=i / 10), i * 1920, True)
        await peer.pictures(i + 1)
    assert [unit.keyframe for unit in peer.video[6:]] == [True, False, False]
    assert p.stats is not None
    assert p.stats.sent == 9
    await p.aclose()
    await p.aclose()


async def test_key_frames_come_as_often_as_the_transport_wants_also_when_pictures_are_skipped() -> None:
    peer, painter = Peer(media=MediaFormat(keyframe_s=2.0)), Painter()
    p = publisher(peer, VideoKind.PICTURE, painter)
    await p.start()
    for i in range(0, 156, 3):
        p.motion(motion(jaw=0.5), i * 1920, True)
        await peer.pictures(i // 3 + 1)
    keys = [unit.pts / 90_000 for unit in peer.video if unit.keyframe]
    assert keys == [0.0, 1.92, 3.84, 5.76]
    await p.aclose()


async def test_late_pictures_are_skipped_and_voice_is_not() -> None:
    peer, painter = Peer(), Painter()
    p = publisher(peer, VideoKind.PICTURE, painter)
    await p.start()
    painter.go.clear()
    for i in range(10):
        p.motion(motion(jaw=i / 10), i * 1920, True)
        p.voice(VOICE, i * 1920)
        p.voice(VOICE, i * 1920 + 960)
        await asyncio.sleep(0)
    assert len(peer.audio) == 20
    painter.go.set()
    await peer.pictures(2)
    assert peer.video[-1].pts == 9 * 3600
    assert p.stats is not None
    assert p.stats.skipped == 8
    await p.aclose()


async def test_a_renderer_that_fails_leaves_the_voice() -> None:
    peer, painter = Peer(), Painter()
    p = publisher(peer, VideoKind.PICTURE, painter)
    await p.start()
    painter.failing = True
    for i in range(5):
        p.motion(rest(), i * 1920, False)
        p.voice(VOICE, i * 960)
        await asyncio.sleep(0.01)
    assert len(peer.audio) == 5
    assert not peer.video
    await p.aclose()


async def test_drawing_and_encoding_overlap() -> None:
    """Two threads at work: a picture is drawn while the one before is encoded."""
    peer, painter = Peer(), Painter()
    with ThreadPoolExecutor(2) as pool:
        p = FacePublisher(peer, VideoKind.PICTURE, painter, executor=pool)  # type: ignore[arg-type]
        await p.start()
        assert p._pictures is not None
        encode, drawing_while_encoding = p._pictures._encoder.encode, threading.Event()

        def slow_encode(picture: np.ndarray, keyframe: bool) -> tuple[bytes, bool]:
            seen = len(painter.drawn)
            until = time.monotonic() + 5
            while len(painter.drawn) == seen and time.monotonic() < until and not drawing_while_encoding.is_set():
                time.sleep(0.001)
            if len(painter.drawn) > seen:
                drawing_while_encoding.set()
            return encode(picture, keyframe)

        p._pictures._encoder.encode = slow_encode  # type: ignore[method-assign]
        p.motion(motion(jaw=0.1), 0, True)
        await asyncio.sleep(0.05)
        p.motion(motion(jaw=0.2), 1920, True)
        await peer.pictures(2)
        assert drawing_while_encoding.is_set()
        await p.aclose()


def test_a_web_stream_needs_a_renderer() -> None:
    with pytest.raises(ValueError, match="renderer"):
        FacePublisher(Peer(), VideoKind.PICTURE)  # type: ignore[arg-type]


@pytest.mark.parametrize("fps", [10, 15, 24, 25, 30])
def test_motion_at_another_rate(fps: int) -> None:
    resample = MotionResampler(fps)
    out = [pair for i in range(100) for pair in resample(motion(yaw=i / 10), 4800 + i * 1920)]
    stamps = np.array([pts for _, pts in out])
    assert len(out) == pytest.approx(99 / 25 * fps, abs=1.1)
    assert np.abs(np.diff(stamps) - 48000 / fps).max() <= 1
    yaw = np.array([frame[17] for frame, _ in out])
    assert np.allclose(yaw, (stamps - 4800) / 1920 / 10, atol=2e-3)


def test_a_gap_in_time_does_not_flood_the_resampler() -> None:
    resample = MotionResampler(30)
    list(resample(rest(), 0))
    list(resample(rest(), 1920))
    assert len(list(resample(rest(), 48000 * 60))) <= 2
