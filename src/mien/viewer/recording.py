"""What a viewer received, put on one time line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.face import wire
from mien.face.format import read_package
from mien.face.motion.frame import FPS, INDEX, MotionVector, rest
from mien.face.render import Renderer, height_for
from mien.rtc.client import MotionMessage, Picture, PictureDecoder, Playback, VideoUnit
from mien.rtc.port import AUDIO_CLOCK
from mien.rtc.voice import VoiceBlock, unwrap
from mien.viewer.mp4 import write_mp4

F = TypeVar("F")


@dataclass(slots=True)
class Recording:
    """Everything one playback received. Times of the result are seconds after its first voice sample."""

    playback: Playback
    voice: list[VoiceBlock] = field(default_factory=list)
    units: list[VideoUnit] = field(default_factory=list)
    motion: list[MotionMessage] = field(default_factory=list)

    def drain(self) -> None:
        """Takes over what has arrived since the last call."""
        self.voice += self.playback.audio.take()
        self.units += self.playback.video.take()
        self.motion += self.playback.motion.take()

    @property
    def first_rtp(self) -> int:
        """RTP time of the first voice sample."""
        return self.voice[0].rtp

    def pcm(self) -> NDArray[np.int16]:
        """The voice as heard, 48 kHz mono; what was lost is silent."""
        if not self.voice:
            return np.zeros(0, np.int16)
        length = self.voice[-1].rtp - self.first_rtp + len(self.voice[-1].pcm)
        pcm = np.zeros(length, np.int16)
        for block in self.voice:
            start = block.rtp - self.first_rtp
            pcm[start : start + len(block.pcm)] = block.pcm
        return pcm

    def arrival_of(self, sample: int) -> float:
        """Loop time at which the voice block with this sample (of `pcm()`) arrived."""
        rtp = self.first_rtp + sample
        return next(block.arrival for block in self.voice if block.rtp + len(block.pcm) > rtp)

    def pictures(self) -> Iterator[tuple[float, Picture]]:
        """Decoded pictures with their times, as sender reports relate them to the voice."""
        origin = self.playback.audio_seconds(self.first_rtp)
        decoder = PictureDecoder(threads=2)
        for unit in self.units:
            for picture in decoder.decode(unit):
                at = self.playback.video_seconds(picture.rtp)
                if at is not None and origin is not None:
                    yield at - origin, picture

    def motions(self) -> list[tuple[float, MotionVector]]:
        """Motion frames with their times, in order of time."""
        frames: dict[int, MotionVector] = {}
        for message in self.motion:
            packet = wire.unpack(message.payload)
            frames[unwrap(packet.stamp, self.first_rtp, 32)] = packet.motion
        return [((rtp - self.first_rtp) / AUDIO_CLOCK, frames[rtp]) for rtp in sorted(frames)]

    def motion_csv(self) -> str:
        """The motion that arrived, a row per frame: seconds after the first voice sample, and every channel."""
        rows = [",".join(["time", *INDEX])]
        rows += [",".join([f"{at:.3f}", *(f"{value:.4g}" for value in frame)]) for at, frame in self.motions()]
        return "\n".join(rows) + "\n"

    def write_pictures(self, path: Path, fps: int = FPS) -> None:
        """Writes the received video with the voice."""
        pcm = self.pcm()
        frames = self.pictures()
        first = next(frames, None)
        if first is None:
            raise ValueError("no picture arrived")
        width, height = first[1].width, first[1].height
        count = int(len(pcm) / AUDIO_CLOCK * fps)
        write_mp4(
            path,
            _every(fps, count, first[1].i420, ((at, picture.i420) for at, picture in _after(first, frames))),
            pcm,
            width=width,
            height=height,
            fps=fps,
        )

    def write_drawn(self, path: Path, package: bytes, *, size: int = 720, fps: int = FPS) -> None:
        """Draws the received motion with `package`, as a client would, and writes it with the voice; `size` is the
        shorter side in px."""
        face = read_package(package)
        renderer = Renderer(face, height=height_for(face, size))
        pcm = self.pcm()
        count = int(len(pcm) / AUDIO_CLOCK * fps)
        still = rest()
        frames = (renderer.frame(frame) for frame in _every(fps, count, still, self.motions()))
        write_mp4(path, frames, pcm, width=renderer.width, height=renderer.height, fps=fps)


def _after(first: tuple[float, Picture], rest_of: Iterator[tuple[float, Picture]]) -> Iterator[tuple[float, Picture]]:
    yield first
    yield from rest_of


def _every(fps: int, count: int, before: F, timed: Iterable[tuple[float, F]]) -> Iterator[F]:
    """`count` frames at an even pace: at each instant the newest one whose time has come, as a screen shows it."""
    frames = iter(timed)
    current, following = before, next(frames, None)
    for number in range(count):
        # Half a frame of tolerance: a frame stamped for this instant counts, however it was rounded.
        now = (number + 0.5) / fps
        while following is not None and following[0] <= now:
            current, following = following[1], next(frames, None)
        yield current
