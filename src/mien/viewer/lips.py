"""Do the lips move with the voice? Measured on finished pictures, as a viewer's eye would: by face landmarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mien.face.create.networks import FaceNetworks
from mien.viewer.mp4 import AUDIO_RATE, read_audio
from mien.viewer.sound import envelope

_INNER_LIPS = ((13, 14), (82, 87), (312, 317))
"""Facing points of upper and lower inner lip in the 468-point mesh."""
_OUTER_EYES = (33, 263)


@dataclass(frozen=True, slots=True)
class LipSync:
    """`r`: Pearson correlation of lip opening and voice level at the best lag; `lag_ms` > 0: lips after the voice.

    `first`: the recording's frame with which `opening` begins.
    """

    r: float
    lag_ms: float
    opening: NDArray[np.float64]
    level: NDArray[np.float64]
    first: int = 0


def mouth_openings(frames: Iterable[NDArray[np.uint8]], networks: FaceNetworks) -> NDArray[np.float64]:
    """Lip opening of each RGB frame, in outer-eye distances. Raises ValueError when a frame shows no face."""
    found = []
    points = None
    for number, rgb in enumerate(frames):
        if points is None:
            faces = networks.detect(rgb)
            if not faces:
                raise ValueError(f"no face in frame {number}")
            points, _ = networks.landmarks(rgb, faces[0])
        points, _ = networks.refine(rgb, points)
        eyes = np.linalg.norm(points[_OUTER_EYES[0], :2] - points[_OUTER_EYES[1], :2])
        gaps = [np.linalg.norm(points[up, :2] - points[low, :2]) for up, low in _INNER_LIPS]
        found.append(float(np.mean(gaps) / eyes))
    return np.array(found)


def correlate(
    opening: NDArray[np.float64], level: NDArray[np.float64], fps: int, *, reach_ms: float = 320.0
) -> LipSync:
    """Finds the lag, between -reach_ms and reach_ms in steps of a tenth of a frame, at which both go together best."""
    count = min(len(opening), len(level))
    opening, level = opening[:count], level[:count]
    best = LipSync(-1.0, 0.0, opening, level)
    at = np.arange(count, dtype=np.float64)
    for lag in np.arange(-reach_ms, reach_ms + 1, 1000 / fps / 10):
        moved = at + lag * fps / 1000
        inside = (moved >= 0) & (moved <= count - 1)
        shifted = np.interp(moved[inside], at, opening)
        if inside.sum() < 3 or shifted.std() == 0 or level[inside].std() == 0:
            continue
        r = float(np.corrcoef(shifted, level[inside])[0, 1])
        if r > best.r:
            best = LipSync(r, float(lag), opening, level)
    return best


def lipsync_of_mp4(path: Path, models_dir: Path) -> LipSync:
    """Measures a recording: the part in which the voice sounds, and half a second around it."""
    voice = read_audio(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = round(float(stream.average_rate or 25))
        level = envelope(voice, AUDIO_RATE, fps)
        loud = np.flatnonzero(level > -45)
        if not len(loud):
            raise ValueError(f"{path} has no voice")
        first, last = max(0, int(loud[0]) - fps // 2), int(loud[-1]) + fps // 2
        frames = (
            frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            for number, frame in enumerate(container.decode(stream))
            if first <= number <= last
        )
        opening = mouth_openings(frames, FaceNetworks(models_dir))
    return replace(correlate(opening, level[first : last + 1], fps), first=first)
