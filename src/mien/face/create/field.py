"""How strongly each place of the canvas follows the head, the breath and the shoulders, and how deep it lies."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame, smooth_step

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Field:
    """`values` (rows, cols, 4): depth (face units), head, breath, sway weights, on a grid of `step` canvas px.
    `pivot` (3,)."""

    step: int
    values: Doubles
    pivot: Doubles

    def at(self, px: Doubles, size: tuple[int, int]) -> Doubles:
        """The field at canvas points (n, 2), shape (n, 4). The last row and column lie on the canvas border."""
        rows, cols = self.values.shape[:2]
        x = _index(px[:, 0], cols, size[0], self.step)
        y = _index(px[:, 1], rows, size[1], self.step)
        i, j = np.minimum(x.astype(int), cols - 2), np.minimum(y.astype(int), rows - 2)
        fx, fy = (x - i)[:, None], (y - j)[:, None]
        v = self.values
        return np.asarray(
            (v[j, i] * (1 - fx) + v[j, i + 1] * fx) * (1 - fy) + (v[j + 1, i] * (1 - fx) + v[j + 1, i + 1] * fx) * fy
        )


def _index(v: Doubles, count: int, length: int, step: int) -> Doubles:
    places = np.minimum(np.arange(count) * step, length)
    return np.interp(v, places, np.arange(count))


def build_field(
    frame: FaceFrame, points: Doubles, size: tuple[int, int], *, layered: bool = False, step: int = 20
) -> Field:
    """`points`: the 468 landmarks, canvas pixels with z; `size`: canvas (width, height). A `layered` person moves over
    a background that stays, so the whole head with its hair may move as one."""
    width, height = size
    cols, rows = -(-width // step) + 1, -(-height // step) + 1
    x = np.minimum(np.arange(cols) * step, width)
    y = np.minimum(np.arange(rows) * step, height)
    px = np.stack(np.meshgrid(x, y), -1).astype(np.float64)
    q = frame.to_face(px)
    p = frame.to_face(points[:, :2])
    z = -points[:, 2] / frame.sc
    z -= z[list(topo.OVAL)].mean()

    middle = (p[topo.FOREHEAD] + p[topo.CHIN]) / 2
    half_w = float(np.abs(p[[234, 454], 0] - middle[0]).mean())
    half_h = float(p[topo.CHIN, 1] - p[topo.FOREHEAD, 1]) / 2
    cy = middle[1] - 0.25 * half_h
    ex, ey = (q[..., 0] - middle[0]) / (half_w * 1.25), (q[..., 1] - cy) / (half_h * 1.45)
    r = np.hypot(ex, ey)
    chin = float(p[topo.CHIN, 1])

    near, far = (1.15, 2.4) if layered else (0.9, 2.0)
    head = 1 - smooth_step(near, far, r)
    neck = 1 - smooth_step(chin - 0.10, chin + half_h * 1.5, q[..., 1])
    column = 1 - smooth_step(half_w * 0.9, half_w * 2.2, np.abs(q[..., 0] - middle[0]))
    head = np.where(q[..., 1] > chin - 0.10, np.maximum(head * neck, neck * column), head)

    def dome(u: Doubles, v: Doubles) -> Doubles:
        return np.sqrt(np.clip(1 - (u * 0.9) ** 2 - (v * 0.85) ** 2, 0, 1)) * half_w * 0.95

    depth = dome(ex, ey)
    residual = z + 0.35 * half_w - dome((p[:, 0] - middle[0]) / (half_w * 1.25), (p[:, 1] - cy) / (half_h * 1.45))
    relief, total = np.zeros_like(depth), np.full_like(depth, 1e-3)
    for i in range(topo.N_POINTS):
        k = np.exp(-(((q[..., 0] - p[i, 0]) ** 2 + (q[..., 1] - p[i, 1]) ** 2) / 0.10**2))
        relief += k * residual[i]
        total += k
    depth = depth + np.clip(relief / total, -0.3, 0.35) * np.clip(total, 0, 1)

    body = smooth_step(chin - 0.05, chin + half_h * 1.8, q[..., 1])
    across = np.abs(q[..., 0] - middle[0])
    breath = np.maximum(body * (1 - smooth_step(half_w * 2.2, half_w * 4.2, across)), head * 0.6)
    sway = np.maximum(
        smooth_step(chin - 0.3, chin + half_h * 1.2, q[..., 1]) * (1 - smooth_step(half_w * 2.5, half_w * 4.5, across)),
        head * 0.85,
    )

    # Nothing moves at the border of the canvas, or an empty strip would show. At the bottom the body fades out over a
    # hand's breadth.
    side = np.minimum(px[..., 0], width - px[..., 0])
    border = np.minimum(side, px[..., 1])
    edge = smooth_step(0, 0.10 * width, border) * smooth_step(0, 0.12 * height, height - px[..., 1])
    values = np.stack([depth, head * edge, breath * edge, sway * edge], -1)
    for c in range(4):
        values[..., c] = cv2.GaussianBlur(values[..., c], (0, 0), 1.2)
    values[0, :, 1:], values[-1, :, 1:], values[:, 0, 1:], values[:, -1, 1:] = 0, 0, 0, 0
    pivot = np.array([middle[0], chin + 0.15 * half_h, -0.25 * half_w])
    return Field(step, values, pivot)
