"""The face as others see it: encodes what the stage plays, once however many people watch, and hands it to the peer.

Voice is encoded and sent where it arrives, on the loop: 0.2 ms every 20 ms, never late and never dropped, and so are
motion frames for whoever opened a data channel for them. What the video track carries depends on the stream: the motion
frames inside a tiny H.264 picture (`mobile`), or the drawn picture (`web`). Pictures are drawn and encoded in threads,
one being drawn while the one before is encoded; when that does not keep up, frames are skipped before they are drawn.

Voice and video carry time stamps of the same clock. Video leaves later than the voice it belongs to, by the time it
takes to draw; players line the two up by their stamps.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from mien.face import wire
from mien.face.motion.frame import FPS, MotionVector, rest
from mien.face.stage import MEDIA_RATE
from mien.rtc.codec import VOICE_BITRATE, H264Encoder, carrier_unit, sei_nal, voice_encoder
from mien.rtc.port import VIDEO_CLOCK, AgentPeer, EncodedVideo, VideoKind

KEYFRAME_PAUSE: Final = 0.4
"""Seconds between key frames on request. Several viewers losing packets together ask together; one answers all."""

_SMOOTHING: Final = 0.05

logger = structlog.get_logger(__name__)


class Renderer(Protocol):
    """Draws one digital human; called from one thread at a time."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...

    def frame(self, motion: MotionVector) -> NDArray[np.uint8]:
        """The picture as I420 (BT.601), shape (height * 3 / 2, width), not touched again by the renderer."""


@dataclass(slots=True)
class PictureStats:
    """How the drawing of pictures goes; times are running means in ms."""

    sent: int = 0
    skipped: int = 0
    render_ms: float = 0.0
    encode_ms: float = 0.0
    behind_ms: float = 0.0
    """From a motion frame's turn to its picture's leaving: what video is later than voice."""


class MotionResampler:
    """Motion frames at another rate than the stage's, interpolated."""

    def __init__(self, fps: int) -> None:
        self._fps = fps
        self._next = 0
        self._last: tuple[MotionVector, int] | None = None

    def __call__(self, frame: MotionVector, pts: int) -> Iterable[tuple[MotionVector, int]]:
        """The frames due after the last call's time, up to and including `pts` (1/48000 s)."""
        if self._fps == FPS:
            return [(frame, pts)]
        before, since = self._last or (frame, pts - 1)
        if pts - since > 4 * MEDIA_RATE // FPS:
            # Nobody watched, or the clock skipped: there is nothing to interpolate over.
            before, since = frame, pts - 1
        self._last = (frame, pts)
        if not since < self._stamp(self._next) <= pts:
            self._next = since * self._fps // MEDIA_RATE + 1
        due: list[tuple[MotionVector, int]] = []
        while (at := self._stamp(self._next)) <= pts:
            part = np.float32((at - since) / (pts - since))
            due.append((before + (frame - before) * part, at))
            self._next += 1
        return due

    def _stamp(self, number: int) -> int:
        return number * MEDIA_RATE // self._fps


class FacePublisher:
    """A `StageSink` that publishes through a peer, in the format its transport wants.

    `start` it before the stage and `aclose` it after. `renderer` draws the pictures of a `web` stream and must be given
    for one. `executor` runs drawing and encoding; without one the publisher has two threads of its own. Connect
    `keyframe_wanted` and `bitrate_estimated` to the peer's events.
    """

    def __init__(
        self,
        peer: AgentPeer,
        video: VideoKind,
        renderer: Renderer | None = None,
        *,
        fps: int = FPS,
        max_bitrate: int = 2_000_000,
        executor: Executor | None = None,
    ) -> None:
        if video is VideoKind.PICTURE and renderer is None:
            raise ValueError("a `web` stream needs a renderer to draw its pictures")
        self._peer = peer
        self._video = video
        self._voice = voice_encoder(peer.format.audio)
        self._seq = 0
        self._pictures: _Pictures | None = None
        if video is VideoKind.PICTURE and renderer is not None:
            self._pictures = _Pictures(peer, renderer, fps, max_bitrate, executor)

    @property
    def stats(self) -> PictureStats | None:
        """How drawing goes; None when the stream has no pictures."""
        return self._pictures.stats if self._pictures is not None else None

    async def start(self) -> None:
        """Gets ready to draw: the first picture comes out at once instead of after a warm-up."""
        if self._pictures is not None:
            await self._pictures.start()

    async def aclose(self) -> None:
        """Stops drawing and waits for the pictures in work. Safe to call twice."""
        if self._pictures is not None:
            await self._pictures.aclose()

    def keyframe_wanted(self) -> None:
        """A viewer needs a key frame. Every motion frame's carrier is one already."""
        if self._pictures is not None:
            self._pictures.want_keyframe()

    def bitrate_estimated(self, bits_per_second: int) -> None:
        """What the slowest viewer's link carries; the voice's share is kept free."""
        if self._pictures is not None:
            self._pictures.set_bitrate(bits_per_second)

    # StageSink

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """Encodes and sends 20 ms of voice."""
        if not self._peer.viewers:
            return
        for packet in self._voice.encode(pcm, pts):
            self._peer.send_audio(packet)

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        """Sends a motion frame, and has its picture drawn or carries it in the video track."""
        if not self._peer.viewers or self._video is VideoKind.NONE:
            return
        payload = wire.pack(frame, seq=self._seq, stamp=pts, speaking=speaking)
        self._peer.send_motion(payload, pts)
        if self._pictures is not None:
            self._pictures.draw(frame, pts)
        else:
            unit = carrier_unit(sei_nal(payload), self._seq)
            self._peer.send_video(EncodedVideo(unit, _video_pts(pts), keyframe=True))
        self._seq += 1


class _Pictures:
    """Draws and encodes, in two steps that overlap."""

    def __init__(
        self, peer: AgentPeer, renderer: Renderer, fps: int, max_bitrate: int, executor: Executor | None
    ) -> None:
        self.stats = PictureStats()
        self._peer = peer
        self._renderer = renderer
        self._max_bitrate = max_bitrate
        self._encoder = H264Encoder(
            renderer.width, renderer.height, fps, max_bitrate, gop_seconds=peer.format.keyframe_s, matrix="bt601"
        )
        self._resample = MotionResampler(fps)
        self._executor = executor or ThreadPoolExecutor(2, thread_name_prefix="face")
        self._own_executor = self._executor if executor is None else None
        self._waiting: asyncio.Queue[tuple[MotionVector, int, float]] = asyncio.Queue(1)
        self._drawn: asyncio.Queue[tuple[NDArray[np.uint8], int, float]] = asyncio.Queue(1)
        self._keyframe = True
        self._keyframe_at = -KEYFRAME_PAUSE
        self._keyframe_pts = self._last_pts = 0
        self._gop = round(peer.format.keyframe_s * MEDIA_RATE)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._renderer.frame, rest())
        self._tasks = [
            asyncio.create_task(self._render_loop(), name="face-render"),
            asyncio.create_task(self._encode_loop(), name="face-encode"),
        ]
        for task in self._tasks:
            task.add_done_callback(_report_failure)

    async def aclose(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._own_executor is not None:
            # A picture in work takes a few ms; the renderer must not be freed under it.
            await asyncio.get_running_loop().run_in_executor(None, partial(self._own_executor.shutdown, wait=True))
            self._own_executor = None

    def want_keyframe(self) -> None:
        self._keyframe = True

    def set_bitrate(self, bits_per_second: int) -> None:
        voice = VOICE_BITRATE[self._peer.format.audio]
        self._encoder.bitrate = min(max(int(bits_per_second * 0.92) - voice, 0), self._max_bitrate)

    def draw(self, frame: MotionVector, pts: int) -> None:
        """Puts the frame in line; one that still waits there is too late and makes room."""
        now = asyncio.get_running_loop().time()
        for motion, at in self._resample(frame, pts):
            if self._waiting.full():
                self._waiting.get_nowait()
                self.stats.skipped += 1
            self._waiting.put_nowait((motion, at, now))

    async def _render_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            motion, pts, due = await self._waiting.get()
            began = loop.time()
            picture = await loop.run_in_executor(self._executor, self._renderer.frame, motion)
            self.stats.render_ms = _mean(self.stats.render_ms, (loop.time() - began) * 1000)
            await self._drawn.put((picture, pts, due))

    async def _encode_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            picture, pts, due = await self._drawn.get()
            began = loop.time()
            keyframe = self._keyframe and began - self._keyframe_at >= KEYFRAME_PAUSE
            # The encoder counts pictures, but some are skipped when drawing is slow: would the next one be too late?
            keyframe = keyframe or 2 * pts - self._last_pts - self._keyframe_pts > self._gop
            self._last_pts = pts
            if keyframe:
                self._keyframe, self._keyframe_at = False, began
            unit, is_key = await loop.run_in_executor(self._executor, self._encoder.encode, picture, keyframe)
            self._keyframe_pts = pts if is_key else self._keyframe_pts
            self._peer.send_video(EncodedVideo(unit, _video_pts(pts), keyframe=is_key))
            self.stats.sent += 1
            self.stats.encode_ms = _mean(self.stats.encode_ms, (loop.time() - began) * 1000)
            self.stats.behind_ms = _mean(self.stats.behind_ms, (loop.time() - due) * 1000)


def _video_pts(pts: int) -> int:
    return pts * VIDEO_CLOCK // MEDIA_RATE


def _mean(mean: float, value: float) -> float:
    return value if mean == 0.0 else mean + _SMOOTHING * (value - mean)


def _report_failure(task: asyncio.Task[Any]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        error = task.exception()
        if error is not None:
            logger.error("drawing the face failed: the call goes on with voice only", exc_info=error)
