"""Writes what a viewer saw and heard as MP4 (H.264 + AAC)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

AUDIO_RATE = 48_000
_AAC_FRAME = 1024


def write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    voice: NDArray[np.int16],
    *,
    width: int,
    height: int,
    fps: int,
    max_bitrate: int | None = None,
) -> None:
    """Writes `frames` (I420, shape (height*3//2, width), one every 1/fps s) and `voice` (48 kHz mono), both
    from time 0. With `max_bitrate` (bit/s of the pictures) the file gets no larger than that, and takes longer.

    Raises OSError if the file cannot be written.
    """
    container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
    try:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "20"}
        if max_bitrate is not None:
            limits = {"maxrate": str(max_bitrate), "bufsize": str(2 * max_bitrate)}
            video.options = {"preset": "slow", "crf": "21", **limits}
        audio = container.add_stream("aac", rate=AUDIO_RATE)
        audio.layout = "mono"
        audio.bit_rate = 96_000
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for start in range(0, len(voice), _AAC_FRAME):
            block = np.ascontiguousarray(voice[start : start + _AAC_FRAME]).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    finally:
        container.close()


def read_audio(path: Path, rate: int = AUDIO_RATE) -> NDArray[np.int16]:
    """Any audio file as mono 16-bit samples at `rate`. Raises ValueError in words when it is no audio."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ValueError(f"{path} has no audio track")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
            blocks: list[NDArray[np.int16]] = []
            for frame in container.decode(audio=0):
                blocks += _samples(resampler.resample(frame))
            blocks += _samples(resampler.resample(None))
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{path} cannot be read as audio: {error}") from error
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def _samples(frames: Iterable[av.AudioFrame]) -> list[NDArray[np.int16]]:
    return [frame.to_ndarray().ravel().astype(np.int16, copy=False) for frame in frames]
