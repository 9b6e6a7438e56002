"""Finds the true edges of the lips where they are slightly parted: the mesh network tends to draw them as closed.

Across the mouth every column is cut into upper lip, opening, lower lip by colour; the opening is whatever
resembles neither lip (teeth, dark).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame
from mien.face.create.sampling import sample_points

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

COLUMNS, ROWS = 61, 96


def find_opening(image: Bytes, frame: FaceFrame, p: Doubles) -> tuple[Doubles, Doubles, Doubles] | None:
    """Abscissas and the heights of the inner upper and lower lip edge (face units), or None when the lips look
    closed."""
    out_up, out_lo = p[list(topo.OUTER_UPPER)], p[list(topo.OUTER_LOWER)]
    width = float(np.linalg.norm(p[topo.MOUTH_L] - p[topo.MOUTH_R]))
    x = np.linspace(out_up[1, 0], out_up[-2, 0], COLUMNS)
    top = np.interp(x, out_up[:, 0], out_up[:, 1])
    bottom = np.interp(x, out_lo[:, 0], out_lo[:, 1])
    f = np.linspace(0.0, 1.0, ROWS)[:, None]
    px = frame.to_px(np.stack([np.broadcast_to(x, (ROWS, COLUMNS)), top + f * (bottom - top)], -1))
    rgb = sample_points(image, px)
    lab = cv2.cvtColor(np.clip(rgb, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.2), np.float32)
    inner = slice(12, COLUMNS - 12)
    upper = np.median(lab[6:18, inner].reshape(-1, 3), axis=0)
    lower = np.median(lab[60:86, inner].reshape(-1, 3), axis=0)
    weight = np.array([0.35, 1.0, 0.7])
    # Lips vary in lightness but hold their hue; teeth are less red than either lip, the dark is far darker.
    lips = np.minimum(*(np.sqrt((((lab - c) * weight) ** 2).sum(-1)) for c in (upper, lower)))
    less_red = np.clip(min(upper[1], lower[1]) - lab[..., 1], 0, None)
    dark = np.clip(min(upper[0], lower[0]) - 28 - lab[..., 0], 0, None)
    score = np.minimum(less_red / 7.0, 1.6) + np.minimum(dark / 22.0, 1.6) + np.clip(lips - 14, 0, 10) / 14 - 0.75
    line_up = np.interp(x, p[list(topo.INNER_UPPER), 0], p[list(topo.INNER_UPPER), 1])
    line_lo = np.interp(x, p[list(topo.INNER_LOWER), 0], p[list(topo.INNER_LOWER), 1])
    middle = ((line_up + line_lo) / 2 - top) / np.maximum(bottom - top, 1e-6)
    # Highlights on the lower lip and the groove under the nose also look pale: stay near the line the mesh found.
    rows = np.linspace(0.0, 1.0, ROWS)[:, None]
    score = score - np.clip(np.abs(rows - middle[None]) - 0.14, 0, 1) * 9.0
    score[:4] = score[-8:] = -2.0
    sums = np.concatenate([np.zeros((1, COLUMNS)), np.cumsum(score, 0)])
    low_so_far = np.minimum.accumulate(sums, 0)
    end = (sums - low_so_far).argmax(0)
    gain = (sums - low_so_far).max(0)
    begin = np.array([sums[: end[c] + 1, c].argmin() for c in range(COLUMNS)])
    thick = (end - begin) / ROWS * (bottom - top) / width
    open_columns = (gain > 2.5) & (thick > 0.02)
    if open_columns[inner].mean() < 0.72:
        return None
    first, last = np.asarray(begin / ROWS, np.float64), np.asarray(end / ROWS, np.float64)
    good = np.flatnonzero(open_columns)
    t = np.linspace(-1, 1, COLUMNS)
    smooth = []
    for edge in (first, last):
        # Both edges are smooth curves; what is not (a highlight on one side) is no opening.
        fit = np.polyfit(t[good], cv2.medianBlur(edge.astype(np.float32)[None], 5)[0][good], 4)
        curve = np.polyval(fit, np.clip(t, t[good[0]], t[good[-1]]))
        if float(np.abs(curve - edge)[good].mean()) > 0.045:
            return None
        smooth.append(curve)
    a, b = smooth[0], np.maximum(smooth[0], smooth[1])
    # The opening narrows to nothing in the corners.
    near = np.clip(np.minimum(np.arange(COLUMNS), np.arange(COLUMNS)[::-1]) / 12.0, 0, 1)
    taper = np.sin(near * np.pi / 2)
    centre = (a + b) / 2 * taper + middle * (1 - taper)
    a, b = centre + (a - b) / 2 * taper, centre + (b - a) / 2 * taper
    return x, top + a * (bottom - top), top + b * (bottom - top)


def part_lips(image: Bytes, frame: FaceFrame, p: Doubles) -> Doubles:
    """The points with the inner lip edges moved to where the picture shows them (unchanged when closed)."""
    found = find_opening(image, frame, p)
    if found is None:
        return p
    x, upper, lower = found
    moved = p.copy()
    for chain, edge, middles, outer in (
        (topo.INNER_UPPER, upper, topo.MID_UPPER, topo.OUTER_UPPER),
        (topo.INNER_LOWER, lower, topo.MID_LOWER, topo.OUTER_LOWER),
    ):
        for a in range(1, 10):
            y = float(np.interp(p[chain[a], 0], x, edge))
            o = float(p[outer[a], 1])
            before = float(p[chain[a], 1])
            moved[chain[a], 1] = y
            for j in middles[a]:
                t = (p[j, 1] - o) / (before - o) if abs(before - o) > 1e-6 else 0.5
                moved[j, 1] = o + float(np.clip(t, 0.1, 0.9)) * (y - o)
    return moved
