"""Resampling of the picture in blocks of 8 x 8 pixels, straight to I420.

Away from the face the map "output pixel → picture pixel" is smooth. It is known at the blocks' corners and interpolated
between them; only the face has a map of its own for every pixel. Corners lie on a raster of `FINEST`, so that a block
has to be drawn anew only when one of them moved by a step of it. It takes its person, its background or both, as its
place in the matte tells.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.compiled import kernel
from mien.face.render.kernels import F

BLOCK = 16
"""Pixels along a block's side."""
FINEST = 1 / 16
"""Pixels between the places a block's corner can take."""
BENT = 1 / 8
"""Pixels by which a block may be larger, smaller or askew and still be drawn as one that is only shifted, with weights
that change along its lines."""
QUARTERED = 1 / 2
"""The same for a block that is drawn as four."""
UNKNOWN = np.float32(-1e6)
"""Corner of a block that has to be drawn whatever its corners."""


def tiles(matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Least and greatest value of `matte` (h, w) in each tile and its eight neighbours, uint8 (rows, cols, 2)."""
    h, w = matte.shape
    rows, cols = -(-h // BLOCK), -(-w // BLOCK)
    whole = np.pad(matte, ((0, rows * BLOCK - h), (0, cols * BLOCK - w)), mode="edge")
    split = whole.reshape(rows, BLOCK, cols, BLOCK)
    around = np.ones((3, 3), np.uint8)
    return np.dstack([cv2.erode(split.min((1, 3)), around), cv2.dilate(split.max((1, 3)), around)])


@kernel
def _between(corner: Any, j: Any, i: Any, tx: Any, ty: Any) -> Any:
    top = corner[j, i] + (corner[j, i + 1] - corner[j, i]) * tx
    low = corner[j + 1, i] + (corner[j + 1, i + 1] - corner[j + 1, i]) * tx
    return top + (low - top) * ty


@kernel
def spread(corner_x: Any, corner_y: Any, col: Any, row: Any, map_x: Any, map_y: Any) -> None:
    """Fills map_x, map_y (h, w) from the corners of the blocks from (row, col) on."""
    per = F(1 / BLOCK)
    for y in range(map_x.shape[0]):
        j, ty = row + y // BLOCK, F(y % BLOCK) * per
        for x in range(map_x.shape[1]):
            i, tx = col + x // BLOCK, F(x % BLOCK) * per
            map_x[y, x] = _between(corner_x, j, i, tx, ty)
            map_y[y, x] = _between(corner_y, j, i, tx, ty)


@kernel
def on_raster(corner: Any) -> None:
    """Puts coordinates on the raster of `FINEST`, in place."""
    for y in range(corner.shape[0]):
        for x in range(corner.shape[1]):
            corner[y, x] = np.floor(corner[y, x] * F(1 / FINEST) + F(0.5)) * F(FINEST)


@kernel
def _shifted(
    plane: Any, width: Any, x0: Any, y0: Any, xx: Any, xy: Any, yx: Any, yy: Any, out: Any, side: Any, ox: Any, oy: Any
) -> None:
    """Samples a flat uint8 plane for a block that is little more than shifted, into `side` x `side` pixels of out
    (float32) from (ox, oy) on. Pixel (x, y) takes what lies at (x0 + xx * x + xy * y, y0 + yx * x + yy * y)."""
    middle = F(side - 1) * F(0.5)
    left = np.int64(math.floor(x0 + (xx + xy - F(1)) * middle))
    top = np.int64(math.floor(y0 + (yx + yy - F(1)) * middle))
    for y in range(side):
        at = (top + y) * width + left
        wx, wy = x0 - F(left) + xy * F(y), y0 - F(top) + (yy - F(1)) * F(y)
        # Slices, and an upper bound the compiler does not know, make it draw several pixels at once.
        aa, bb = plane[at : at + side], plane[at + 1 : at + 1 + side]
        cc, dd = plane[at + width : at + width + side], plane[at + width + 1 : at + width + 1 + side]
        line = out[oy + y, ox : ox + side]
        for x in range(side):
            k = F(np.int32(x))
            kx, ky = wx + (xx - F(1)) * k, wy + yx * k
            upper = F(aa[x]) + (F(bb[x]) - F(aa[x])) * kx
            lower = F(cc[x]) + (F(dd[x]) - F(cc[x])) * kx
            line[x] = min(max(upper + (lower - upper) * ky, F(0)), F(255))


@kernel
def _sample(plane: Any, width: Any, x: Any, y: Any) -> Any:
    """Bilinear sample of a flat uint8 plane at (x, y) in 1/256 pixels, which lie inside it by one pixel at least."""
    at, fx, fy = (y >> 8) * width + (x >> 8), x & 255, y & 255
    a, b = np.int32(plane[np.uint64(at)]), np.int32(plane[np.uint64(at + 1)])
    c, d = np.int32(plane[np.uint64(at + width)]), np.int32(plane[np.uint64(at + width + 1)])
    top, low = (a << 8) + (b - a) * fx, (c << 8) + (d - c) * fx
    return F((top << 8) + (low - top) * fy) * F(1 / 65536)


@kernel
def _put(value: Any, alpha: Any, mixed: Any, plate: Any, out: Any, x0: Any, y0: Any, w: Any, h: Any) -> None:
    """Writes w x h pixels of a block to `out` at (x0, y0); `mixed` with the plate by alpha (0…255)."""
    for y in range(h):
        line, new = out[y0 + y, x0 : x0 + w], value[y]
        if mixed:
            behind, share = plate[y0 + y, x0 : x0 + w], alpha[y]
            for x in range(w):
                p = F(behind[x])
                line[x] = np.uint8(np.int32(p + (new[x] - p) * share[x] * F(1 / 255) + F(0.5)))
        else:
            for x in range(w):
                line[x] = np.uint8(np.int32(new[x] + F(0.5)))


@kernel
def _copy(plate: Any, out: Any, x0: Any, y0: Any, x1: Any, y1: Any) -> None:
    for y in range(y0, y1):
        for x in range(x0, x1):
            out[y, x] = plate[y, x]


@kernel
def draw(
    corner_x: Any,
    corner_y: Any,
    drawn: Any,
    box: Any,
    face_x: Any,
    face_y: Any,
    face: Any,
    person: Any,
    layered: Any,
    plate: Any,
    matte: Any,
    kinds: Any,
    out: Any,
    size: Any,
) -> None:
    """Draws the blocks of the output box that moved.

    corner_x, corner_y (rows + 1, cols + 1): picture pixel at the blocks' corners. drawn (rows, cols, 8): the corners
    each block was last drawn with. box = x0, y0, x1, y1 in pixels, even. face_x, face_y: the map of the pixels of the
    blocks face = first col, first row, last col + 1, last row + 1. person, plate, out: planes Y, U, V. matte: for Y and
    for U and V. kinds: `tiles` of the matte. Without `layered` plate, matte and kinds are not read. size: `BLOCK`;
    loops whose length the compiler knows are drawn pixel by pixel.
    """
    h, w = person[0].shape
    src_y, src_u, src_v = person[0].reshape(-1), person[1].reshape(-1), person[2].reshape(-1)
    matte_y, matte_c = matte[0].reshape(-1), matte[1].reshape(-1)
    x0, y0, x1, y1 = box
    right, low = (w - 1) * 256 - 1, (h - 1) * 256 - 1
    most_x, most_y = (w // 2 - 1) * 256 - 1, (h // 2 - 1) * 256 - 1
    per, half = F(1 / size), F(0.5)
    mx, my = np.empty((size, size), np.int32), np.empty((size, size), np.int32)
    luma, alpha = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    side_c = size // 2
    u, v = np.empty((side_c, side_c), np.float32), np.empty((side_c, side_c), np.float32)
    alpha_c = np.empty((side_c, side_c), np.float32)
    for j in range(drawn.shape[0]):
        for i in range(drawn.shape[1]):
            own = i >= face[0] and i < face[2] and j >= face[1] and j < face[3]
            ax, bx, cx, dx = corner_x[j, i], corner_x[j, i + 1], corner_x[j + 1, i], corner_x[j + 1, i + 1]
            ay, by, cy, dy = corner_y[j, i], corner_y[j, i + 1], corner_y[j + 1, i], corner_y[j + 1, i + 1]
            last = drawn[j, i]
            if (
                not own
                and last[0] == ax
                and last[1] == bx
                and last[2] == cx
                and last[3] == dx
                and last[4] == ay
                and last[5] == by
                and last[6] == cy
                and last[7] == dy
            ):
                continue
            last[0], last[1], last[2], last[3] = ax, bx, cx, dx
            last[4], last[5], last[6], last[7] = ay, by, cy, dy
            if own:
                last[0] = UNKNOWN
            left, top = x0 + i * size, y0 + j * size
            wide, high = min(size, x1 - left), min(size, y1 - top)
            at_x, at_y = (ax + bx + cx + dx) * F(0.25), (ay + by + cy + dy) * F(0.25)
            least, most = 255, 255
            if layered:
                tile_x = min(max(np.int64(at_x) // size, 0), kinds.shape[1] - 1)
                tile_y = min(max(np.int64(at_y) // size, 0), kinds.shape[0] - 1)
                least, most = kinds[tile_y, tile_x, 0], kinds[tile_y, tile_x, 1]
            if most == 0:
                right_c, low_c = (left + wide) // 2, (top + high) // 2
                _copy(plate[0], out[0], left, top, left + wide, top + high)
                _copy(plate[1], out[1], left // 2, top // 2, right_c, low_c)
                _copy(plate[2], out[2], left // 2, top // 2, right_c, low_c)
                continue
            mixed = least < 255
            xx, xy = (bx - ax + dx - cx) * half * per, (cx - ax + dx - bx) * half * per
            yx, yy = (by - ay + dy - cy) * half * per, (cy - ay + dy - by) * half * per
            bent = max(abs(xx - F(1)), abs(xy), abs(yx), abs(yy - F(1))) * F(size)
            inside = min(at_x, at_y) > F(size) and at_x < F(w - size) and at_y < F(h - size)
            if not own and bent <= F(QUARTERED) and inside and wide == size and high == size:
                sx, sy = at_x - (xx + xy) * F(size) * half, at_y - (yx + yy) * F(size) * half
                tx, ty = (sx + (xx + xy) * half) * half - F(0.25), (sy + (yx + yy) * half) * half - F(0.25)
                parts = 1 if bent <= F(BENT) else 2
                side = size // parts
                for k in range(parts * parts):
                    px, py = k % parts * side, k // parts * side
                    rx, ry = sx + xx * F(px) + xy * F(py), sy + yx * F(px) + yy * F(py)
                    _shifted(src_y, w, rx, ry, xx, xy, yx, yy, luma, side, px, py)
                    if mixed:
                        _shifted(matte_y, w, rx, ry, xx, xy, yx, yy, alpha, side, px, py)
                _put(luma, alpha, mixed, plate[0], out[0], left, top, wide, high)
                _shifted(src_u, w // 2, tx, ty, xx, xy, yx, yy, u, side_c, 0, 0)
                _shifted(src_v, w // 2, tx, ty, xx, xy, yx, yy, v, side_c, 0, 0)
                if mixed:
                    _shifted(matte_c, w // 2, tx, ty, xx, xy, yx, yy, alpha_c, side_c, 0, 0)
            else:
                for y in range(high):
                    for x in range(wide):
                        if own:
                            px = face_x[(j - face[1]) * size + y, (i - face[0]) * size + x]
                            py = face_y[(j - face[1]) * size + y, (i - face[0]) * size + x]
                        else:
                            px = _between(corner_x, j, i, F(x) * per, F(y) * per)
                            py = _between(corner_y, j, i, F(x) * per, F(y) * per)
                        mx[y, x] = min(max(np.int32(px * F(256) + half), 0), right)
                        my[y, x] = min(max(np.int32(py * F(256) + half), 0), low)
                for y in range(high):
                    for x in range(wide):
                        luma[y, x] = _sample(src_y, w, mx[y, x], my[y, x])
                        if mixed:
                            alpha[y, x] = _sample(matte_y, w, mx[y, x], my[y, x])
                _put(luma, alpha, mixed, plate[0], out[0], left, top, wide, high)
                for y in range(high // 2):
                    for x in range(wide // 2):
                        y2, x2 = 2 * y, 2 * x
                        px = mx[y2, x2] + mx[y2, x2 + 1] + mx[y2 + 1, x2] + mx[y2 + 1, x2 + 1]
                        py = my[y2, x2] + my[y2, x2 + 1] + my[y2 + 1, x2] + my[y2 + 1, x2 + 1]
                        px, py = min(max((px >> 3) - 64, 0), most_x), min(max((py >> 3) - 64, 0), most_y)
                        u[y, x], v[y, x] = _sample(src_u, w // 2, px, py), _sample(src_v, w // 2, px, py)
                        if mixed:
                            alpha_c[y, x] = _sample(matte_c, w // 2, px, py)
            _put(u, alpha_c, mixed, plate[1], out[1], left // 2, top // 2, wide // 2, high // 2)
            _put(v, alpha_c, mixed, plate[2], out[2], left // 2, top // 2, wide // 2, high // 2)
