"""A motion frame: what the face does at one instant, as a vector of named channels.

One vocabulary for everything that moves a face: the speech curves and the idle life write it, the wire format packs
it, both renderers draw it. Units are in `CHANNELS`; everything at rest is 0.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Channel(NamedTuple):
    """One channel: its name, its range, how many bytes it takes on the wire, and what 1 means."""

    name: str
    low: float
    high: float
    wire: Literal["u8", "i8", "i16"]
    meaning: str


CHANNELS: tuple[Channel, ...] = (
    Channel("jaw", 0, 1, "u8", "jaw open as far as the picture bears"),
    Channel("wide", 0, 1, "u8", "mouth corners drawn outwards (ee)"),
    Channel("pucker", 0, 1, "u8", "lips rounded and forward (oo)"),
    Channel("press", 0, 1, "u8", "lips pressed together (m, b, p)"),
    Channel("smile", 0, 1, "u8", "mouth corners up and out"),
    Channel("frown", 0, 1, "u8", "mouth corners down"),
    Channel("upper_up", 0, 1, "u8", "upper lip raised"),
    Channel("lower_down", 0, 1, "u8", "lower lip lowered"),
    Channel("fv", 0, 1, "u8", "lower lip under the upper teeth (f, v)"),
    Channel("tongue", 0, 1, "u8", "tongue tip raised to the upper teeth (l, th, n)"),
    Channel("cheek", 0, 1, "u8", "cheeks raised, lower lids with them"),
    Channel("blink_l", 0, 1, "u8", "subject's left upper lid closed (viewer's right)"),
    Channel("blink_r", 0, 1, "u8", "subject's right upper lid closed (viewer's left)"),
    Channel("brow_l", -1, 1, "i8", "subject's left brow: raised +1, drawn down -1"),
    Channel("brow_r", -1, 1, "i8", "subject's right brow"),
    Channel("gaze_x", -1, 1, "i8", "both eyes towards the viewer's right +1"),
    Channel("gaze_y", -1, 1, "i8", "both eyes down +1"),
    Channel("yaw", -45, 45, "i16", "head turned towards the viewer's right, degrees"),
    Channel("pitch", -45, 45, "i16", "head tipped down, degrees"),
    Channel("roll", -45, 45, "i16", "head tilted clockwise as seen, degrees"),
    Channel("tx", -1, 1, "i16", "head moved right, in outer-eye distances"),
    Channel("ty", -1, 1, "i16", "head moved down, in outer-eye distances"),
    Channel("breath", -1, 1, "i16", "chest: full +1, empty -1"),
    Channel("sway", -1, 1, "i16", "shoulders lean towards the viewer's right +1"),
)

INDEX: dict[str, int] = {channel.name: i for i, channel in enumerate(CHANNELS)}
LOW: NDArray[np.float32] = np.array([c.low for c in CHANNELS], np.float32)
HIGH: NDArray[np.float32] = np.array([c.high for c in CHANNELS], np.float32)

FPS = 25
"""Motion frames per second everywhere; renderers interpolate when they draw faster."""

MotionVector = NDArray[np.float32]
"""Shape (len(CHANNELS),), one value per channel in its unit."""


def rest() -> MotionVector:
    """The face at rest: mouth closed, eyes open, head straight."""
    return np.zeros(len(CHANNELS), np.float32)


def motion(**channels: float) -> MotionVector:
    """A frame with the named channels set, the others at rest. Raises KeyError for an unknown name."""
    frame = rest()
    for name, value in channels.items():
        frame[INDEX[name]] = value
    return clamp(frame)


def clamp(frame: MotionVector) -> MotionVector:
    """The frame with NaN replaced by rest and every channel inside its range."""
    return np.clip(np.nan_to_num(frame, nan=0.0, posinf=0.0, neginf=0.0), LOW, HIGH)
