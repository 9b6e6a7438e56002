"""Moves lid lines and corners of an eye onto the edges the picture shows. The networks know human eyes of average size;
large, drawn or made-up ones need this."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame
from mien.face.create.lips import cheapest_path
from mien.face.create.sampling import sample_points

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

COLUMNS = 49
ROWS = 64
DIFFERENT = 22.0
"""Distance in Lab from which on a colour is simply not skin: the rim of an iris must not look like that of the eye."""


def snap_lids(image: Bytes, frame: FaceFrame, upper: Doubles, lower: Doubles) -> tuple[Doubles, Doubles]:
    """Lid lines (9, 2) in face units, moved to the edge of the lash line above and of the skin below."""
    upper, lower = _widened(image, frame, upper, lower)
    width = float(upper[-1, 0] - upper[0, 0])
    opening = max(float((lower[:, 1] - upper[:, 1]).max()), 0.24 * width)
    x = np.linspace(upper[0, 0], upper[-1, 0], COLUMNS)
    up, lo = np.interp(x, upper[:, 0], upper[:, 1]), np.interp(x, lower[:, 0], lower[:, 1])
    ends = np.sin(np.pi * np.linspace(0, 1, COLUMNS)) ** 0.6

    offsets = np.linspace(-0.55, 0.35, ROWS) * opening
    lab = _lab(image, frame, x, up, offsets)
    light = np.asarray(cv2.GaussianBlur(lab[..., 0], (0, 0), 1.2), np.float32)
    # The lash line is darker than the skin above it in every column; below it there may be white or a dark iris.
    step = _difference(light, 4)
    cost = (
        -np.clip(step / max(float(np.percentile(step, 96)), 6.0), -0.6, 1)
        + 0.5 * (offsets[:, None] / (0.35 * opening)) ** 2
    )
    path = cheapest_path(cost, 0.22)
    shift = offsets[path] + _lash_thickness(light, path, offsets, opening)
    new_up = up + _smooth(shift) * ends

    offsets = np.linspace(-0.25, 0.75, ROWS) * opening
    lab = _lab(image, frame, x, lo, offsets)
    skin = np.median(lab[-12:].reshape(-1, 3), axis=0)
    other = np.minimum(np.linalg.norm((lab - skin) * [0.6, 1.0, 1.0], axis=2), DIFFERENT).astype(np.float32)
    other = np.asarray(cv2.GaussianBlur(other, (0, 0), 1.2), np.float32)
    step = _difference(other, 4)
    cost = (
        -np.clip(step / max(float(np.percentile(step, 96)), 6.0), -0.6, 1)
        + 0.6 * (offsets[:, None] / (0.40 * opening)) ** 2
    )
    new_lo = lo + _smooth(offsets[cheapest_path(cost, 0.22)]) * ends
    new_lo = np.maximum(new_lo, new_up + 0.10 * opening * ends)

    out_up, out_lo = upper.copy(), lower.copy()
    for k in range(1, len(upper) - 1):
        out_up[k, 1] = np.interp(upper[k, 0], x, new_up)
        out_lo[k, 1] = np.interp(lower[k, 0], x, new_lo)
    return out_up, out_lo


def follow_lids(p: Doubles, side: topo.Side, upper: Doubles, lower: Doubles) -> None:
    """Puts the mesh's lid points on the given lines and takes the skin around along, so that no triangle turns over."""
    before_up, before_lo = p[list(topo.EYE_UPPER[side])].copy(), p[list(topo.EYE_LOWER[side])].copy()
    move_up, move_lo = upper - before_up, lower - before_lo
    near, far = topo.EYE_RING[side]
    for a in range(len(upper)):
        p[near[a]] += 0.85 * move_up[a]
        p[far[a]] += 0.45 * move_up[a]
    for j in topo.EYE_BELOW[side]:
        a = int(np.abs(before_lo[:, 0] - p[j, 0]).argmin())
        p[j] += 0.85 * move_lo[a]
    p[list(topo.EYE_UPPER[side])], p[list(topo.EYE_LOWER[side])] = upper, lower


def _widened(image: Bytes, frame: FaceFrame, upper: Doubles, lower: Doubles) -> tuple[Doubles, Doubles]:
    """The lines stretched outwards while eye white goes on beyond a corner."""
    width = float(upper[-1, 0] - upper[0, 0])
    opening = float((lower[:, 1] - upper[:, 1]).max())
    middle = (upper[4] + lower[4]) / 2
    x = middle[0] + np.linspace(-0.85, 0.85, 103) * width
    base = np.interp(x, [upper[0, 0], upper[-1, 0]], [upper[0, 1], upper[-1, 1]])
    offsets = np.linspace(-0.30, 0.30, 13) * opening
    lab = _lab(image, frame, x, base, offsets)
    below = _lab(image, frame, x, np.interp(x, lower[:, 0], lower[:, 1]), np.linspace(0.06, 0.14, 6))
    skin = np.median(below, axis=0)
    other = np.minimum(np.linalg.norm((lab - skin[None]) * [0.5, 1.0, 1.0], axis=2), DIFFERENT)
    middle_rows = slice(4, 9)
    whiteness = np.median(other[middle_rows], axis=0) * (np.median(lab[middle_rows, :, 0], axis=0) > skin[:, 0] - 40)
    inside = (x > upper[1, 0]) & (x < upper[-2, 0])
    level = float(np.percentile(whiteness[inside], 70))
    if level < 9.0:
        return upper, lower
    reach = []
    for corner, outward in ((float(upper[0, 0]), -1), (float(upper[-1, 0]), 1)):
        at = int(np.abs(x - corner).argmin())
        end = at
        while 0 < end < len(x) - 1 and whiteness[end] > 0.50 * level and abs(x[end] - corner) < 0.30 * width:
            end += outward
        reach.append(float(x[end]) if end != at else corner)
    left, right = min(reach[0], float(upper[0, 0])), max(reach[1], float(upper[-1, 0]))
    k = (right - left) / width
    if k < 1.02:
        return upper, lower
    out = []
    for line in (upper, lower):
        moved = line.copy()
        moved[:, 0] = left + (line[:, 0] - upper[0, 0]) * k
        out.append(moved)
    return out[0], out[1]


def _lab(image: Bytes, frame: FaceFrame, x: Doubles, base: Doubles, offsets: Doubles) -> NDArray[np.float32]:
    """Lab colours of columns at abscissas `x`, rows at `offsets` from `base`, (rows, columns, 3)."""
    q = np.stack([np.broadcast_to(x, (len(offsets), len(x))), base[None] + offsets[:, None]], -1)
    rgb = np.clip(sample_points(image, frame.to_px(q)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32)


def _difference(values: NDArray[np.float32], reach: int) -> Doubles:
    """Mean above minus mean below each row, `reach` rows each; nothing at the ends."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0)])
    out = np.full(values.shape, -20.0)
    rows = np.arange(reach, len(values) - reach)
    out[rows] = (sums[rows] - sums[rows - reach] - (sums[rows + reach] - sums[rows])) / reach
    return out


def _lash_thickness(light: NDArray[np.float32], path: NDArray[np.intp], offsets: Doubles, opening: float) -> float:
    """How far below its upper edge the lash line ends, where white follows (not over the iris)."""
    step = float(offsets[1] - offsets[0])
    found = []
    for c in range(6, COLUMNS - 6):
        column = light[path[c] : path[c] + ROWS // 3, c]
        if len(column) < 6:
            continue
        dark = int(column.argmin())
        rise = column[dark:] - column[dark]
        if rise.max() < 25:
            continue
        found.append((dark + int((rise > 0.5 * rise.max()).argmax())) * step)
    if len(found) < 6:
        return 0.06 * opening
    return float(np.clip(np.percentile(found, 40), 0.02 * opening, 0.22 * opening))


def _smooth(shift: Doubles) -> Doubles:
    return np.asarray(
        cv2.GaussianBlur(shift.astype(np.float32)[None], (0, 0), 3.0, borderType=cv2.BORDER_REPLICATE)[0], np.float64
    )
