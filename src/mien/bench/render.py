"""How fast a face is drawn and encoded: time per frame, and the frames per second really reached with both at work
in real time."""

from __future__ import annotations

import fractions
import math
import queue
import resource
import statistics
import threading
import time
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.format import Package
from mien.face.motion.frame import FPS, MotionVector, motion
from mien.face.package import PackageStore, default_humans
from mien.face.render import Renderer, height_for
from mien.settings import Settings

SIZES = {"720p": 720, "1080p": 1080}
"""Shorter side of the pictures drawn: 720 x 1280 and 1080 x 1920 for a portrait, turned round for a landscape."""


def run(avatar_id: str = "", seconds: float = 4.0) -> dict[str, dict[str, float]]:
    """Draws and encodes `seconds` of speech-like motion at each size.

    Returns `{"720p": {"render_ms", "encode_ms", "fps", "cores"}, "1080p": {…}}`: medians per frame, the rate
    reached with 25 asked for, and the processor cores used meanwhile. Without an id, the first digital human there
    is.
    """
    settings = Settings()
    store = PackageStore(settings.avatars_dir, models_dir=settings.models_dir)
    wanted = avatar_id or next((d.id for d in default_humans()), "") or next((e.id for e in store.list()), "")
    return measure(store.get(wanted), seconds)


def measure(package: Package, seconds: float = 4.0) -> dict[str, dict[str, float]]:
    """`run` for an opened package."""
    return {name: _measure(package, height_for(package, side), seconds) for name, side in SIZES.items()}


def _speech(t: float) -> MotionVector:
    """Lively talking: every channel that moves in a call moves."""
    syllable = abs(math.sin(t * 11)) * (0.55 + 0.45 * math.sin(t * 2.3))
    lid = max(0.0, 1 - abs((t % 3.2) - 0.15) / 0.12)
    return motion(
        jaw=0.55 * syllable,
        wide=0.5 * max(0.0, math.sin(t * 5)),
        pucker=0.6 * max(0.0, math.sin(t * 3.1 + 2)),
        upper_up=0.25 * syllable,
        lower_down=0.3 * syllable,
        blink_l=lid,
        blink_r=lid,
        yaw=3 * math.sin(t * 0.9),
        pitch=1.5 * math.sin(t * 1.3 + 1) + syllable,
        roll=1.2 * math.sin(t * 0.7),
        breath=math.sin(t * 1.6),
        brow_l=0.4 * math.sin(t * 1.1),
        brow_r=0.4 * math.sin(t * 1.1),
        gaze_x=0.3 * math.sin(t),
        sway=0.3 * math.sin(t * 0.5),
    )


def _encoder(width: int, height: int) -> Any:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = fractions.Fraction(1, FPS), fractions.Fraction(FPS, 1)
    codec.bit_rate = 2_000_000 if height <= 720 else 3_500_000
    codec.thread_count = 1
    codec.options = {"preset": "ultrafast", "tune": "zerolatency"}
    return codec


def _measure(package: Package, height: int, seconds: float) -> dict[str, float]:
    cv2.setNumThreads(1)
    renderer = Renderer(package, height=height)
    codec = _encoder(renderer.width, renderer.height)
    for i in range(3):  # compile and warm up outside the measurement
        codec.encode(av.VideoFrame.from_ndarray(renderer.frame(_speech(i / FPS)), format="yuv420p"))
    drawn: list[float] = []
    encoded: list[float] = []
    ready: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(maxsize=2)

    def encode() -> None:
        while (picture := ready.get()) is not None:
            t = time.perf_counter()
            codec.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p"))
            encoded.append(time.perf_counter() - t)

    worker = threading.Thread(target=encode, name="bench-encode")
    worker.start()
    count = max(2, round(seconds * FPS))
    cpu, began = _cpu(), time.perf_counter()
    for i in range(count):
        t = time.perf_counter()
        picture = renderer.frame(_speech(3 / FPS + i / FPS))
        drawn.append(time.perf_counter() - t)
        ready.put(picture)
        ahead = began + (i + 1) / FPS - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
    ready.put(None)
    worker.join()
    wall, used = time.perf_counter() - began, _cpu() - cpu
    return {
        "render_ms": round(1e3 * statistics.median(drawn), 2),
        "encode_ms": round(1e3 * statistics.median(encoded), 2),
        "fps": round(count / wall, 2),
        "cores": round(used / wall, 3),
    }


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
