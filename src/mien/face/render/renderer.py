"""The software renderer: package + motion frame → picture, as I420 for the encoder or as RGB.

Everything that moves is triangles, as in the WebGL renderer: a grid over the canvas and the face mesh become a map
"output pixel → picture pixel", through which `blocks` resamples what moved; eyes and mouth are small shaded strips on
top. Only the box that can move is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.atlas import pack_atlas
from mien.face.format import EyeSpec, Package, Side
from mien.face.motion.frame import INDEX, MotionVector, rest
from mien.face.render import blocks, kernels
from mien.face.render.pose import Pose, Transform, pose_of, smooth

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

HEAD_REACH = 0.8
"""Eye distances a place with head weight 1 moves at most."""
PERSON_REACH = 0.5
"""Eye distances from the person beyond which the background of a layered package cannot be uncovered or covered."""

_ORDER: tuple[Side, Side] = ("r", "l")


@dataclass(slots=True)
class _Layer:
    """The part of the output that strips may touch: premultiplied RGBA and scratch space for attributes."""

    acc: Floats
    attr: Floats
    cover: Bytes


def height_for(package: Package, short_side: int) -> int:
    """Height in px of the picture whose shorter side is `short_side`, at the canvas' proportions."""
    width, height = package.size
    return round(short_side * max(1.0, height / width))


def compile_for(package: Package) -> None:
    """Compiles every loop that drawing faces like this one needs, so that no call waits for it: seconds on a new
    machine, milliseconds once the machine code lies on disk."""
    renderer = Renderer(package, height=256)
    talking = rest()
    talking[INDEX["jaw"]] = 0.7
    for motion in (rest(), talking):
        renderer.frame(motion)


class Renderer:
    """Draws one digital human at one size. Not for use by two threads at once; different renderers may run in
    parallel.

    `width` defaults to the canvas' proportions at `height`; both are rounded to even numbers.
    """

    def __init__(self, package: Package, width: int | None = None, height: int = 720) -> None:
        canvas_w, canvas_h = package.size
        height = max(64, height) // 2 * 2
        width = max(64, round(height * canvas_w / canvas_h / 2) * 2 if width is None else width) // 2 * 2
        self.width, self.height = width, height
        self._package = package
        self._kx, self._ky = width / canvas_w, height / canvas_h
        scale = np.array([self._kx, self._ky], np.float32)
        self._transform = Transform(package, (self._kx, self._ky))
        self._names = tuple(package.keys)
        self._keys = np.stack([package.keys[k].reshape(-1) for k in self._names])
        self._rest = package.rest
        self._source = (package.source * scale).astype(np.float32)
        self._triangles = np.array(package.triangles, np.int32)
        self._picture = _resize(package.picture, width, height)
        self._yuv = np.asarray(cv2.cvtColor(self._picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
        self._atlas, self._regions = _shrink_atlas(package, min(self._kx, self._ky))
        self._prepare_grid(scale)
        self._prepare_layers()
        self._last: MotionVector | None = None

    # --- set-up

    def _prepare_grid(self, scale: Floats) -> None:
        package = self._package
        rows, cols = package.grid.shape[:2]
        width, height = package.size
        x = np.minimum(np.arange(cols) * package.grid_step, width)
        y = np.minimum(np.arange(rows) * package.grid_step, height)
        px = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float64)
        frame = package.frame
        d = (px - np.array(frame.o)) / frame.sc
        self._grid_q = np.stack([d @ np.array(frame.ux), d @ np.array(frame.uy)], -1).astype(np.float32)
        self._grid_w = package.grid.reshape(-1, 4)
        self._grid_source = (px * scale).astype(np.float32)
        head, breath, sway = (np.abs(package.grid[..., i]) for i in (1, 2, 3))
        farthest = HEAD_REACH * head + abs(package.gains.breath) * breath + abs(package.gains.sway) * sway
        moving = np.asarray(farthest * frame.sc * self._ky > 0.1)  # a tenth of a pixel cannot be seen
        cells = moving[:-1, :-1] | moving[1:, :-1] | moving[:-1, 1:] | moving[1:, 1:]
        if package.plate is not None and package.matte is not None:
            cells &= _near_person(package.matte, cells.shape, PERSON_REACH * frame.sc)
        j, i = np.nonzero(cells)
        a, b, c, e = j * cols + i, j * cols + i + 1, (j + 1) * cols + i, (j + 1) * cols + i + 1
        self._grid_triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([b, e, c], -1)]).astype(np.int32)
        if len(j) == 0:
            self._box = (0, 0, 2, 2)
        else:
            x0, x1 = x[i.min()] * self._kx, x[min(i.max() + 1, cols - 1)] * self._kx
            y0, y1 = y[j.min()] * self._ky, y[min(j.max() + 1, rows - 1)] * self._ky
            self._box = (
                int(x0) // 2 * 2,
                int(y0) // 2 * 2,
                min(self.width, -(-int(np.ceil(x1)) // 2) * 2),
                min(self.height, -(-int(np.ceil(y1)) // 2) * 2),
            )

    def _prepare_layers(self) -> None:
        x0, y0, x1, y1 = self._box
        rows, cols = -(-(y1 - y0) // blocks.BLOCK), -(-(x1 - x0) // blocks.BLOCK)
        self._corner_x, self._corner_y = _still_map(x0, y0, rows + 1, cols + 1, blocks.BLOCK)
        self._drawn = np.full((rows, cols, 8), blocks.UNKNOWN, np.float32)
        self._planes = self._split(self._yuv)
        self._frame = self._yuv.copy()
        self._still = self._picture
        self._matte: Bytes | None = None
        self._plate_planes = self._planes
        self._matte_planes = self._planes[:2]
        self._tiles = np.full((1, 1, 2), 255, np.uint8)
        package = self._package
        if package.plate is not None and package.matte is not None:
            self._plate = _resize(package.plate, self.width, self.height)
            self._matte = _resize(package.matte, self.width, self.height)
            a = self._matte.astype(np.float32)[..., None] / 255
            self._still = (self._plate * (1 - a) + self._picture * a + 0.5).astype(np.uint8)
            self._plate_planes = self._split(np.asarray(cv2.cvtColor(self._plate, cv2.COLOR_RGB2YUV_I420), np.uint8))
            half = cv2.resize(self._matte, (self.width // 2, self.height // 2), interpolation=cv2.INTER_AREA)
            self._matte_planes = (self._matte, np.asarray(half, np.uint8))
            self._tiles = blocks.tiles(self._matte)
            for plane, person, behind, matte in zip(
                self._split(self._frame), self._planes, self._plate_planes, (self._matte, half, half), strict=True
            ):
                kernels.mix_plane(person, behind, np.asarray(matte, np.uint8), plane)

    def _split(self, i420: Bytes) -> tuple[Bytes, Bytes, Bytes]:
        """Views of the three planes of an I420 picture (h * 3 / 2, w)."""
        h, w = self.height, self.width
        flat = i420.reshape(-1)
        size = h * w
        return (
            flat[:size].reshape(h, w),
            flat[size : size + size // 4].reshape(h // 2, w // 2),
            flat[size + size // 4 :].reshape(h // 2, w // 2),
        )

    # --- drawing

    def frame(self, motion: MotionVector) -> Bytes:
        """The picture as I420 (BT.601 limited range), uint8 (height * 3 / 2, width). The array is the caller's to
        keep."""
        if self._last is None or not np.array_equal(motion, self._last):
            self._draw_i420(motion)
            self._last = np.array(motion, np.float32)
        return self._frame.copy()

    def rgb(self, motion: MotionVector) -> Bytes:
        """The picture as RGB, uint8 (height, width, 3). Slower than `frame`: every pixel is mapped exactly."""
        q, pose, dst, grid = self._moved(motion)
        x0, y0, x1, y1 = self._box
        map_x, map_y = _still_map(x0, y0, y1 - y0, x1 - x0, 1)
        kernels.raster_map(grid, self._grid_source, self._grid_triangles, map_x, map_y, x0, y0, 1)
        kernels.raster_map(dst, self._source, self._triangles, map_x, map_y, x0, y0, 1)
        out = self._still.copy()
        person = cv2.remap(self._picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if self._matte is not None:
            matte = cv2.remap(self._matte, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            a = matte.astype(np.float32)[..., None] / 255
            person = (self._plate[y0:y1, x0:x1] * (1 - a) + person * a + 0.5).astype(np.uint8)
        out[y0:y1, x0:x1] = person
        for layer, corner in self._strips(q, pose, dst):
            kernels.blend_rgb(layer, *corner, out)
        return out

    def _moved(self, motion: MotionVector) -> tuple[Floats, Pose, Floats, Floats]:
        """Mesh in face units, pose, and mesh and grid in output pixels."""
        pose = pose_of(motion, self._names, self._package.limits)
        q = self._rest + (pose.weights @ self._keys).reshape(-1, 2)
        dst = self._transform.head(q, self._package.weights, pose)
        return q, pose, dst, self._transform.head(self._grid_q, self._grid_w, pose)

    def _draw_i420(self, motion: MotionVector) -> None:
        q, pose, dst, grid = self._moved(motion)
        x0, y0 = self._box[:2]
        step = blocks.BLOCK
        kernels.raster_map(grid, self._grid_source, self._grid_triangles, self._corner_x, self._corner_y, x0, y0, step)
        blocks.on_raster(self._corner_x)
        blocks.on_raster(self._corner_y)
        face = self._blocks_of(dst.min(0), dst.max(0))
        col, row = face[:2]
        map_x = np.empty(((face[3] - row) * step, (face[2] - col) * step), np.float32)
        map_y = np.empty_like(map_x)
        blocks.spread(self._corner_x, self._corner_y, col, row, map_x, map_y)
        corner = (x0 + col * step, y0 + row * step)
        kernels.raster_map(dst, self._source, self._triangles, map_x, map_y, *corner, 1)
        planes = self._split(self._frame)
        blocks.draw(
            self._corner_x,
            self._corner_y,
            self._drawn,
            self._box,
            map_x,
            map_y,
            face,
            self._planes,
            self._matte is not None,
            self._plate_planes,
            self._matte_planes,
            self._tiles,
            planes,
            step,
        )
        for layer, at in self._strips(q, pose, dst):
            kernels.blend_yuv(layer, *at, *planes)
            left, top, right, bottom = self._blocks_of(np.array(at), np.array(at) + layer.shape[1::-1])
            self._drawn[top:bottom, left:right] = blocks.UNKNOWN

    def _blocks_of(self, low: NDArray[Any], high: NDArray[Any]) -> tuple[int, int, int, int]:
        """First column and row of the blocks under the pixels from `low` to `high` (x, y), and those after the last."""
        corner = np.array(self._box[:2])
        most = self._drawn.shape[1::-1]
        first = np.clip((low - corner) // blocks.BLOCK, 0, most).astype(int)
        end = np.clip(-(-(high - corner) // blocks.BLOCK), first, most).astype(int)
        return int(first[0]), int(first[1]), int(end[0]), int(end[1])

    # --- strips

    def _strips(self, q: Floats, pose: Pose, dst: Floats) -> list[tuple[Floats, tuple[int, int]]]:
        """Layers of eyes and mouth, premultiplied RGBA, with the output pixel of their corner (even)."""
        out = [self._eye(side, self._package.eyes[side], q, pose) for side in _ORDER]
        out.append(self._mouth(q, pose))
        return [layer for layer in out if layer is not None]

    def _chain(self, q: Floats, up: list[int], lo: list[int]) -> tuple[Floats, Floats]:
        """Upper and lower line of a strip; where they cross, both are their mean."""
        u, low = q[up].copy(), q[lo].copy()
        crossed = low[:, 1] < u[:, 1]
        if crossed.any():
            mean = (u[crossed] + low[crossed]) / 2
            u[crossed], low[crossed] = mean, mean
        return u, low

    def _place(self, rows: Floats, chain: list[list[int]], pose: Pose) -> Floats:
        weights = self._package.weights[[i for part in chain for i in part]]
        return self._transform.head(np.ascontiguousarray(rows, np.float32), weights, pose)

    def _layer(self, points: list[Floats]) -> tuple[_Layer, tuple[int, int]] | None:
        every = np.concatenate(points)
        if not np.isfinite(every).all():
            return None
        low, high = every.min(0), every.max(0)
        x0, y0 = max(0, int(low[0]) // 2 * 2), max(0, int(low[1]) // 2 * 2)
        x1 = min(self.width, (int(np.ceil(high[0])) + 3) // 2 * 2)
        y1 = min(self.height, (int(np.ceil(high[1])) + 3) // 2 * 2)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return None
        h, w = y1 - y0, x1 - x0
        layer = _Layer(np.zeros((h, w, 4), np.float32), np.zeros((h, w, 5), np.float32), np.zeros((h, w), np.uint8))
        return layer, (x0, y0)

    def _raster(self, layer: _Layer, corner: tuple[int, int], points: Floats, values: Floats) -> None:
        layer.cover[:] = 0
        kernels.raster_attributes(points, values, _strip_triangles(len(points) // 2), layer.attr, layer.cover, *corner)

    def _eye(self, side: Side, eye: EyeSpec, q: Floats, pose: Pose) -> tuple[Floats, tuple[int, int]] | None:
        lid = pose.lid[side]
        up, lo = self._chain(q, eye.up, eye.lo)
        rows, values = _window(up, lo, eye.feather)
        window = self._place(rows, [eye.up, eye.lo], pose)
        gain = smooth(0.02, 0.25, lid)
        strips: list[tuple[Floats, str]] = []
        if gain > 0:
            wide = [eye.up[0], *eye.up, eye.up[-1]] if eye.lid_beside else eye.up
            top = _longer(self._rest[eye.up] - np.array([0, eye.lid_height], np.float32), eye.lid_beside)
            skin = np.concatenate([top, _longer(up, eye.lid_beside)])
            strips.append((self._place(skin, [wide, wide], pose), f"lid_{side}"))
            lash = np.concatenate(
                [up - np.array([0, eye.lash_up], np.float32), up + np.array([0, eye.lash_down], np.float32)]
            )
            strips.append((self._place(lash, [eye.up, eye.up], pose), f"lash_{side}"))
        made = self._layer([window, *(points for points, _ in strips)])
        if made is None:
            return None
        layer, corner = made
        if eye.rect is not None and eye.iris_rect is not None:
            self._raster(layer, corner, window, values)
            kernels.shade_eye(
                layer.acc,
                layer.attr,
                layer.cover,
                self._atlas,
                self._regions[f"eye_{side}"],
                np.array(eye.rect, np.float32),
                self._regions[f"iris_{side}"],
                np.array(eye.iris_rect, np.float32),
                np.float32(pose.gaze[0] * eye.gaze[0]),
                np.float32(pose.gaze[1] * eye.gaze[1]),
                np.float32(eye.feather),
            )
        for points, name in strips:
            self._raster(layer, corner, points, _uv(len(points) // 2))
            kernels.shade_strip(layer.acc, layer.attr, layer.cover, self._atlas, self._regions[name], np.float32(gain))
        return layer.acc, corner

    def _mouth(self, q: Floats, pose: Pose) -> tuple[Floats, tuple[int, int]] | None:
        mouth = self._package.mouth
        up, lo = self._chain(q, mouth.up, mouth.lo)
        gap = float((lo[:, 1] - up[:, 1]).max())
        tones = np.array([mouth.tones.cavity, mouth.tones.tongue, mouth.tones.teeth], np.float32) * 255
        numbers = np.array(
            [
                *mouth.centre,
                mouth.width,
                mouth.jaw[0] * pose.jaw,
                mouth.jaw[1] * pose.jaw,
                gap / mouth.width,
                smooth(0.30, 0.75, pose.pucker),
                pose.tongue,
                mouth.feather,
            ],
            np.float32,
        )
        draw = self._drawn_mouth if mouth.style == "drawn" else self._photo_mouth
        return draw(up, lo, gap, tones, numbers, pose)

    def _photo_mouth(
        self, up: Floats, lo: Floats, gap: float, tones: Floats, numbers: Floats, pose: Pose
    ) -> tuple[Floats, tuple[int, int]] | None:
        mouth = self._package.mouth
        rows, values = _window(up, lo, mouth.feather)
        window = self._place(rows, [mouth.up, mouth.lo], pose)
        line = None
        line_gain = 0.0
        if mouth.lip_line is not None:
            line_gain = 1 - smooth(0.15, 1.0, gap / (2.5 * mouth.feather))
            if line_gain > 0:
                middle = (up + lo) / 2
                above, below = (np.array([0, v], np.float32) for v in mouth.lip_line)
                line = self._place(np.concatenate([middle - above, middle + below]), [mouth.up, mouth.lo], pose)
        made = self._layer([window, *([line] if line is not None else [])])
        if made is None:
            return None
        layer, corner = made
        if gap > 0:
            self._raster(layer, corner, window, values)
            kernels.shade_mouth(
                layer.acc,
                layer.attr,
                layer.cover,
                self._atlas,
                self._regions["upper"],
                np.array(mouth.upper_rect, np.float32),
                self._regions["lower"],
                np.array(mouth.lower_rect, np.float32),
                tones,
                numbers,
            )
        if line is not None:
            self._raster(layer, corner, line, _uv(len(up)))
            region = self._regions["lip_line"]
            kernels.shade_strip(layer.acc, layer.attr, layer.cover, self._atlas, region, np.float32(line_gain))
        return layer.acc, corner

    def _drawn_mouth(
        self, up: Floats, lo: Floats, gap: float, tones: Floats, numbers: Floats, pose: Pose
    ) -> tuple[Floats, tuple[int, int]] | None:
        mouth = self._package.mouth
        reach = mouth.line.width + mouth.feather
        parts = []
        for line, ids in ((up, mouth.up), (lo, mouth.lo)):
            rows, values = _stroke(line, reach)
            chain = [ids[0], *ids, ids[-1]]
            parts.append((self._place(rows, [chain, chain], pose), values))
        rows, values = _window(up, lo, 0.0)
        window = self._place(rows, [mouth.up, mouth.lo], pose)
        made = self._layer([window, *(points for points, _ in parts)])
        if made is None:
            return None
        layer, corner = made
        if gap > 0:
            self._raster(layer, corner, window, values)
            kernels.shade_drawn_mouth(layer.acc, layer.attr, layer.cover, tones, numbers)
        ink = np.array(mouth.line.colour, np.float32) * 255
        for points, values in parts:
            self._raster(layer, corner, points, values)
            kernels.shade_stroke(
                layer.acc, layer.attr, layer.cover, ink, np.float32(mouth.line.width), np.float32(mouth.feather)
            )
        return layer.acc, corner


def _window(up: Floats, lo: Floats, reach: float) -> tuple[Floats, Floats]:
    """Points and attributes (q.x, q.y, u, du, dl) of a strip between two lines, widened by `reach`."""
    count = len(up)
    step = np.array([0, reach], np.float32)
    rows = np.concatenate([up - step, lo + step])
    gap = lo[:, 1] - up[:, 1]
    e = np.full(count, reach, np.float32)
    u = np.linspace(0, 1, count, dtype=np.float32)
    values = [rows, np.concatenate([u, u]), np.concatenate([-e, gap + e]), np.concatenate([gap + e, -e])]
    return rows, np.column_stack(values).astype(np.float32)


def _stroke(line: Floats, reach: float) -> tuple[Floats, Floats]:
    """Points and attributes (t, s, 0, 0, 0) of a strip along a line, `reach` to either side and beyond its ends: t is
    the distance across the line, s the distance beyond an end."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    path = np.concatenate([line[:1] - reach * along[:1], line, line[-1:] + reach * along[-1:]])
    along = np.concatenate([along[:1], along, along[-1:]])
    across = np.stack([-along[:, 1], along[:, 0]], -1) * reach
    rows = np.concatenate([path - across, path + across]).astype(np.float32)
    values = np.zeros((len(rows), 5), np.float32)
    values[: len(path), 0], values[len(path) :, 0] = -reach, reach
    values[[0, len(path) - 1, len(path), -1], 1] = reach
    return rows, values


def _longer(line: Floats, reach: float) -> Floats:
    """`line` (n, 2) with a point more `reach` beyond each end, as it is when `reach` is 0."""
    if not reach:
        return line
    aside = np.array([[reach, 0.0]], np.float32)
    return np.concatenate([line[:1] - aside, line, line[-1:] + aside])


def _uv(count: int) -> Floats:
    u = np.linspace(0, 1, count, dtype=np.float32)
    values = np.zeros((2 * count, 5), np.float32)
    values[:, 0] = np.concatenate([u, u])
    values[count:, 1] = 1
    return values


def _strip_triangles(count: int) -> Ints:
    i = np.arange(count - 1)
    return np.concatenate(
        [np.stack([i, i + 1, count + i], -1), np.stack([i + 1, count + i + 1, count + i], -1)]
    ).astype(np.int32)


def _still_map(x0: int, y0: int, rows: int, cols: int, step: int) -> tuple[Floats, Floats]:
    """The map that moves nothing: x and y of `rows` x `cols` places from (x0, y0) on, `step` pixels apart."""
    x = np.arange(cols, dtype=np.float32) * step + x0
    y = np.arange(rows, dtype=np.float32) * step + y0
    across, down = np.meshgrid(x, y)
    return np.ascontiguousarray(across), np.ascontiguousarray(down)


def _own(pixels: Bytes) -> Bytes:
    """A copy that can be written: for arrays that cannot, as packages have, every loop would be compiled once more."""
    return np.array(pixels, np.uint8, order="C")


def _resize(pixels: Bytes, width: int, height: int) -> Bytes:
    if pixels.shape[1] == width and pixels.shape[0] == height:
        return _own(pixels)
    way = cv2.INTER_AREA if width < pixels.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def _near_person(matte: Bytes, cells: tuple[int, int], reach: float) -> NDArray[np.bool_]:
    """Which grid cells (rows, cols) lie within `reach` canvas px of the person."""
    k = 8
    small = cv2.resize((matte > 2).astype(np.uint8) * 255, None, fx=1 / k, fy=1 / k, interpolation=cv2.INTER_AREA)
    side = 2 * round(reach / k) + 3
    wide = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(cv2.resize(wide, cells[::-1], interpolation=cv2.INTER_AREA) > 0)


def _shrink_atlas(package: Package, scale: float) -> tuple[Bytes, dict[str, Ints]]:
    """The atlas for a smaller output: each texture reduced by area, so that it does not shimmer."""
    if scale > 0.75:
        return _own(package.atlas), {k: np.array(v, np.int32) for k, v in package.regions.items()}
    small = {}
    for name, (x0, y0, x1, y1) in package.regions.items():
        texture = package.atlas[y0:y1, x0:x1]
        size = (max(4, round((x1 - x0) * scale)), max(4, round((y1 - y0) * scale)))
        alpha = texture[..., 3:].astype(np.float32) / 255
        # Premultiplied while averaging, or colours under transparent pixels would bleed in.
        both = cv2.resize(np.dstack([texture[..., :3] * alpha, alpha]), size, interpolation=cv2.INTER_AREA)
        plain = cv2.resize(texture[..., :3], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        a = both[..., 3:]
        rgb = np.where(a > 1e-3, both[..., :3] / np.maximum(a, 1e-3), plain)
        small[name] = np.dstack([rgb, a * 255]).clip(0, 255).round().astype(np.uint8)
    atlas, regions = pack_atlas(small)
    return atlas, {k: np.array(v, np.int32) for k, v in regions.items()}
