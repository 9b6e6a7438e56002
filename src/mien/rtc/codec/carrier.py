"""The H.264 carrier of motion frames: a tiny picture that every decoder accepts, with a place for a SEI message.

A browser hands H.264 access units to a script only together with pictures, so motion frames of a `mobile` stream
travel as SEI in front of a 64x64 grey picture, 68 bytes each. All pictures are IDR, encoded once and sent for ever:
nothing depends on an earlier one, so a viewer may join or lose packets at any time.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from mien.rtc.codec.annexb import START_CODE, join_nals, nal_type, split_nals

CARRIER_SIZE: Final = 64
"""Side of the carrier's picture, px."""
_PARAMETER_SETS: Final = (7, 8)


def carrier_unit(sei_nal: bytes, n: int) -> bytes:
    """Access unit number `n` of a carrier stream, with `sei_nal` (from `sei.sei_nal`; empty for none) inside.

    Neighbouring units differ in idr_pic_id, as consecutive IDR pictures must (H.264 7.4.3).
    """
    parameter_sets, pictures = _units()
    sei = START_CODE + sei_nal if sei_nal else b""
    return parameter_sets + sei + pictures[n % len(pictures)]


@cache
def _units() -> tuple[bytes, tuple[bytes, bytes]]:
    """Parameter sets, and two pictures with different idr_pic_id, each with start codes."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width = context.height = CARRIER_SIZE
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(25)
    context.time_base = Fraction(1, 25)
    context.profile = "Baseline"
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "40",
        "x264-params": "keyint=1:scenecut=0:bframes=0",
    }
    grey = np.full((CARRIER_SIZE * 3 // 2, CARRIER_SIZE), 128, np.uint8)
    parameter_sets = b""
    pictures: list[bytes] = []
    for n in range(2):
        frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        frame.pts = n
        nals = [nal for packet in context.encode(frame) for nal in split_nals(bytes(packet))]
        parameter_sets = join_nals(nal for nal in nals if nal_type(nal) in _PARAMETER_SETS)
        pictures.append(join_nals(nal for nal in nals if nal_type(nal) == 5))
    assert pictures[0] != pictures[1], "x264 alternates idr_pic_id"
    return parameter_sets, (pictures[0], pictures[1])
