"""A motion frame as numbers a renderer needs: key weights, head movement, lids. docs/package-format.md, "From a
motion frame to vertices"."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.format import Limits, Package, Side
from mien.face.motion.frame import INDEX, MotionVector

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """Derived values of one frame. Angles in radians; tx, ty in face units; weights in the order of `Package.keys`."""

    weights: Floats
    yaw: float
    pitch: float
    roll: float
    tx: float
    ty: float
    breath: float
    sway: float
    lid: dict[Side, float]
    gaze: tuple[float, float]
    jaw: float
    pucker: float
    tongue: float


def smooth(a: float, b: float, x: float) -> float:
    """0 at `a`, 1 at `b`, a smooth S between."""
    t = min(max((x - a) / (b - a), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _soft(value: float, limit: float) -> float:
    return limit * math.tanh(value / limit)


def pose_of(motion: MotionVector, key_names: tuple[str, ...], limits: Limits) -> Pose:
    """Step 1 and 2 of the format: derived values and key weights."""
    m = {name: float(motion[i]) for name, i in INDEX.items()}
    down = 0.28 * max(m["gaze_y"], 0.0)
    lid: dict[Side, float] = {
        "r": min(max(m["blink_r"] + down * (1 - m["blink_r"]), 0.0), 1.0),
        "l": min(max(m["blink_l"] + down * (1 - m["blink_l"]), 0.0), 1.0),
    }
    special = {
        "blink_r": lid["r"],
        "blink_l": lid["l"],
        "brow_r": max(m["brow_r"], 0.0),
        "brow_l": max(m["brow_l"], 0.0),
        "brow_r_down": max(-m["brow_r"], 0.0),
        "brow_l_down": max(-m["brow_l"], 0.0),
        "jaw_pucker": m["jaw"] * m["pucker"],
        "jaw_wide": m["jaw"] * m["wide"],
    }
    weights = np.array([special[k] if k in special else m[k] for k in key_names], np.float32)
    return Pose(
        weights=weights,
        yaw=math.radians(_soft(m["yaw"], limits.yaw)),
        pitch=math.radians(_soft(m["pitch"], limits.pitch)),
        roll=math.radians(_soft(m["roll"], limits.roll)),
        tx=_soft(m["tx"], limits.tx),
        ty=_soft(m["ty"], limits.ty),
        breath=m["breath"],
        sway=m["sway"],
        lid=lid,
        gaze=(m["gaze_x"], m["gaze_y"]),
        jaw=m["jaw"],
        pucker=m["pucker"],
        tongue=m["tongue"],
    )


class Transform:
    """Face units to output pixels, with head, breath and sway (steps 3 and 4)."""

    def __init__(self, package: Package, scale: tuple[float, float]) -> None:
        frame = package.frame
        self._basis = (np.array([frame.ux, frame.uy]) * frame.sc * np.array(scale)).astype(np.float32)
        self._origin = (np.array(frame.o) * np.array(scale)).astype(np.float32)
        self._pivot = tuple(float(v) for v in package.pivot)
        self._gains = package.gains

    def head(self, q: Floats, w: Floats, pose: Pose) -> Floats:
        """Output pixels (n, 2) of face-unit points `q` (n, 2) with field rows `w` (n, 4): depth, head, breath, sway."""
        px, py, pz = self._pivot
        x, y, z = q[:, 0] - F(px), q[:, 1] - F(py), w[:, 0] - F(pz)
        cy, sy = F(math.cos(pose.yaw)), F(math.sin(pose.yaw))
        cx, sx = F(math.cos(pose.pitch)), F(math.sin(pose.pitch))
        cr, sr = F(math.cos(pose.roll)), F(math.sin(pose.roll))
        x1, z1 = cy * x + sy * z, cy * z - sy * x
        y1, z2 = cx * y + sx * z1, cx * z1 - sx * y
        f = F(1) / (F(1) - F(0.06) * (z2 - z))
        x2, y2 = f * x1, f * y1
        head = w[:, 1]
        moved = np.empty_like(q)
        moved[:, 0] = q[:, 0] + (cr * x2 - sr * y2 - x + F(pose.tx)) * head + F(self._gains.sway * pose.sway) * w[:, 3]
        moved[:, 1] = (
            q[:, 1] + (sr * x2 + cr * y2 - y + F(pose.ty)) * head - F(self._gains.breath * pose.breath) * w[:, 2]
        )
        return np.asarray(moved @ self._basis + self._origin, np.float32)


F = np.float32
