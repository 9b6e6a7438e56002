"""Decodes access units to pictures."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from mien.rtc.client.units import VideoUnit


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: I420 of shape (height * 3 / 2, width), and its unit's RTP time and arrival."""

    i420: NDArray[np.uint8]
    width: int
    height: int
    rtp: int
    arrival: float


class PictureDecoder:
    """One stream's H.264 decoder. `decode` takes milliseconds: call it in a thread when the loop must stay quick."""

    def __init__(self, threads: int = 1) -> None:
        context = av.CodecContext.create("h264", "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count = threads
        # Slices, not frames: frame threads would hold pictures back.
        context.thread_type = "SLICE"
        self._context = context

    def decode(self, unit: VideoUnit) -> list[Picture]:
        """The pictures of one access unit, in order; none if it is damaged."""
        packet = av.Packet(unit.data)
        packet.pts = unit.rtp
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            return []
        return [
            Picture(
                frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False),
                frame.width,
                frame.height,
                frame.pts if frame.pts is not None else unit.rtp,
                unit.arrival,
            )
            for frame in frames
        ]
