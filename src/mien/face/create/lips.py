"""Moves the lip line of the mesh onto the dark line between closed lips in the picture, to the pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame
from mien.face.create.sampling import luminance, sample_points

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

CLOSED_GAP = 0.055
"""Lips farther apart than this many mouth widths count as parted."""


SMALL_GAP = 0.17
"""Up to here the mesh network may have missed the true lip edges, so they are looked for in the picture."""


def gap_of(p: Doubles) -> float:
    """Largest distance between the inner lips in mouth widths; `p` in face units."""
    gap = float((p[list(topo.INNER_LOWER), 1] - p[list(topo.INNER_UPPER), 1]).max())
    return gap / float(np.linalg.norm(p[topo.MOUTH_L] - p[topo.MOUTH_R]))


def is_closed(p: Doubles) -> bool:
    """Whether the mouth is closed in the picture; `p` in face units."""
    return gap_of(p) < CLOSED_GAP


def snap_lip_line(image: Bytes, frame: FaceFrame, p: Doubles) -> Doubles:
    """The points with the inner lips on the darkest smooth path between the corners (closed mouths only)."""
    if not is_closed(p):
        return p
    up, lo = p[list(topo.INNER_UPPER)], p[list(topo.INNER_LOWER)]
    width = float(np.linalg.norm(p[topo.MOUTH_L] - p[topo.MOUTH_R]))
    x = np.linspace(up[0, 0], up[-1, 0], 81)
    middle = np.interp(x, up[:, 0], (up[:, 1] + lo[:, 1]) / 2)
    offsets = np.linspace(-0.10, 0.12, 67) * width
    px = frame.to_px(np.stack([np.broadcast_to(x, (67, 81)), middle[None] + offsets[:, None]], -1))
    grey = luminance(sample_points(image, px))
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0).astype(np.float64)
    # A valley is darker than the lip on both of its sides; the shadow under a lip or the edge of a highlight has
    # light on one side only.
    above, below = (np.roll(cv2.blur(smooth.astype(np.float32), (3, 5)).astype(np.float64), s, 0) for s in (5, -5))
    valley = np.minimum(above, below) - smooth
    valley[:7] = valley[-7:] = -10
    scale = max(float(np.percentile(valley, 97)), 4.0)
    cost = -np.clip(valley / scale, -1, 1) + 0.55 * (offsets[:, None] / (0.06 * width)) ** 2
    path = cheapest_path(cost, 0.25)
    shift = cv2.GaussianBlur(offsets[path].astype(np.float32)[None], (0, 0), 2.5, borderType=cv2.BORDER_REPLICATE)[0]
    ends = np.clip(np.minimum(np.arange(81), np.arange(81)[::-1]) / 8.0, 0.35, 1)
    found = middle + shift * ends
    moved = p.copy()
    for a in range(11):
        y = float(np.interp(up[a, 0], x, found))
        middle_a = (up[a, 1] + lo[a, 1]) / 2
        d = y - middle_a
        half = (lo[a, 1] - up[a, 1]) / 2 * 0.3
        moved[topo.INNER_UPPER[a], 1], moved[topo.INNER_LOWER[a], 1] = y - half, y + half
        for j in (*topo.MID_UPPER[a], *topo.MID_LOWER[a]):
            if j not in topo.CORNERS:
                moved[j, 1] = p[j, 1] + 0.5 * d
        if 0 < a < 10:
            moved[topo.OUTER_UPPER[a], 1] += 0.25 * d
            moved[topo.OUTER_LOWER[a], 1] += 0.25 * d
    return moved


def cheapest_path(cost: Doubles, bend: float) -> NDArray[np.intp]:
    """Row of each column on the path of least cost, where a step of one row costs `bend`."""
    rows, cols = cost.shape
    total = cost[:, 0].copy()
    back = np.zeros((rows, cols), np.intp)
    for c in range(1, cols):
        options = np.stack([np.r_[np.inf, total[:-1]] + bend, total, np.r_[total[1:], np.inf] + bend])
        best = options.argmin(0)
        back[:, c] = np.arange(rows) + best - 1
        total = options.min(0) + cost[:, c]
    path = np.zeros(cols, np.intp)
    path[-1] = int(total.argmin())
    for c in range(cols - 1, 0, -1):
        path[c - 1] = back[path[c], c]
    return path
