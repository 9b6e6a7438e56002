"""H.264 for any WebRTC player: x264 at its fastest, constrained baseline, no delay, one encode for all viewers."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from mien.rtc.codec.annexb import NAL_SEI, is_keyframe, join_nals, nal_type, split_nals

GOP_SECONDS: Final = 4.0
"""A key frame at least this often, so that a recorder or a viewer whose request got lost does not wait for long."""
VBV_SECONDS: Final = 0.5
"""No burst holds more than this much of the bitrate: a key frame larger than that would stand in the link's queue."""
MIN_BITRATE: Final = 80_000

_MATRIX: Final = {"bt601": ("smpte170m", 6), "bt709": ("bt709", 1)}


class H264Encoder:
    """Encodes I420 pictures of one size into Annex B access units.

    Every key frame begins with SPS and PPS. There are no B-frames and no look-ahead: a picture comes out as it goes
    in. The level is the lowest that fits (3.1 for 720p25, 4.0 for 1080p25).

    `threads` above 1 cuts each picture into as many slices; `matrix` names the colour conversion of the pictures.
    """

    def __init__(
        self,
        width: int,
        height: int,
        fps: int,
        bitrate: int,
        *,
        threads: int = 1,
        gop_seconds: float = GOP_SECONDS,
        matrix: Literal["bt601", "bt709"] = "bt601",
    ) -> None:
        if width % 2 or height % 2 or width < 16 or height < 16:
            raise ValueError(f"H.264 pictures need even sides of at least 16 px, not {width}x{height}")
        self.width = width
        self.height = height
        self.fps = fps
        self._threads = threads
        self._gop = max(1, round(gop_seconds * fps))
        self._matrix = matrix
        self._bitrate = max(bitrate, MIN_BITRATE)
        self._opened_at = self._bitrate
        self._since_keyframe = 0
        self._count = 0
        self._context = self._open()

    @property
    def bitrate(self) -> int:
        """Target in bit/s; may be set while encoding and holds from the next picture."""
        return self._bitrate

    @bitrate.setter
    def bitrate(self, value: int) -> None:
        self._bitrate = max(int(value), MIN_BITRATE)
        self._context.bit_rate = self._bitrate

    def encode(self, i420: NDArray[np.uint8], force_keyframe: bool = False) -> tuple[bytes, bool]:
        """Encodes one picture of shape (height * 3 / 2, width), uint8.

        Returns the access unit and whether it is a key frame.
        """
        if i420.shape != (self.height * 3 // 2, self.width):
            raise ValueError(f"picture of shape {i420.shape} for an encoder of {self.width}x{self.height}")
        if force_keyframe or self._since_keyframe >= self._gop:
            if self._bitrate != self._opened_at:
                # x264 follows a new bitrate at once but keeps the buffer it was opened with; a key frame is the
                # place to change that for free.
                self._context = self._open()
            force_keyframe = True
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts = self._count
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        self._count += 1
        unit = b"".join(bytes(packet) for packet in self._context.encode(frame))
        keyframe = force_keyframe or is_keyframe(unit)
        if keyframe:
            # The first unit carries x264's 700-byte description of itself.
            unit = join_nals(nal for nal in split_nals(unit) if nal_type(nal) != NAL_SEI)
        self._since_keyframe = 1 if keyframe else self._since_keyframe + 1
        return unit, keyframe

    def _open(self) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width = self.width
        context.height = self.height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(self.fps)
        context.time_base = Fraction(1, self.fps)
        context.bit_rate = self._bitrate
        context.gop_size = self._gop * 2
        context.max_b_frames = 0
        context.thread_count = self._threads
        context.profile = "Baseline"
        name, number = _MATRIX[self._matrix]
        context.colorspace = number
        context.color_range = 1
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "maxrate": str(self._bitrate),
            "bufsize": str(int(self._bitrate * VBV_SECONDS)),
            "x264-params": f"scenecut=0:colorprim={name}:transfer={name}:colormatrix={name}:range=tv",
        }
        self._opened_at = self._bitrate
        return context
