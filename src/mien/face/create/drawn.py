"""Illustrations: eyes and mouth as they are drawn. Lids are flat skin with the drawing's own lash strip, the mouth is
drawn anew in the colour and weight of the picture's line.

The mesh network only knows roughly where these are; the shapes come from what differs from the flat skin colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.sampling import luminance, rgba, sample_points

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

FLAT_SHARE = 0.36
"""An illustration has at least this share of the face in one colour; photographs and paintings measure 0.05 to 0.2.
"""
CHAIN = 21
PPU = 260.0
"""Working pixels per face unit."""
LID_EDGE = 0.009
"""Face units above the lash line over which a lid passes into the skin."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture turned upright: `rgb` float (h, w, 3), its upper left corner in face units, pixels per
    unit `k`."""

    rgb: Floats
    x0: float
    y0: float
    k: float

    def x(self, col: NDArray[np.number] | float) -> Doubles:
        """Face abscissa of a pixel column."""
        return np.asarray(self.x0 + (np.asarray(col, np.float64) + 0.5) / self.k)

    def y(self, row: NDArray[np.number] | float) -> Doubles:
        """Face ordinate of a pixel row."""
        return np.asarray(self.y0 + (np.asarray(row, np.float64) + 0.5) / self.k)


def window(image: Bytes, frame: FaceFrame, x0: float, y0: float, x1: float, y1: float) -> Window:
    """Cuts a rectangle of face units."""
    w, h = max(8, round((x1 - x0) * PPU)), max(8, round((y1 - y0) * PPU))
    qx, qy = x0 + (np.arange(w) + 0.5) / PPU, y0 + (np.arange(h) + 0.5) / PPU
    return Window(sample_points(image, frame.to_px(np.stack(np.meshgrid(qx, qy), -1))), x0, y0, PPU)


def flat_share(image: Bytes, points: Doubles) -> float:
    """Share of the face that has the one commonest colour."""
    sc = float(np.linalg.norm(points[topo.OUTER_EYE_L, :2] - points[topo.OUTER_EYE_R, :2]))
    k = min(1.0, 160 / sc)
    small = cv2.resize(image, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    mask = np.zeros(small.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull((points[:, :2] * k).astype(np.int32)), 255)
    inside = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    if inside.sum() < 50:
        return 0.0
    lab = _lab(cv2.GaussianBlur(small, (0, 0), 1.0).astype(np.float32))[inside]
    counts, _ = np.histogramdd(lab, bins=[np.arange(0, 257, 8)] * 3)
    mode = np.array(np.unravel_index(int(counts.argmax()), counts.shape)) * 8 + 4
    near = lab[np.abs(lab - mode).max(1) < 8]
    middle = np.median(near, axis=0) if len(near) else mode
    return float((np.linalg.norm(lab - middle, axis=1) < 6).mean())


def _lab(rgb: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(np.clip(rgb, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB), np.float32)


def skin_colour(image: Bytes, frame: FaceFrame, p: Doubles) -> Doubles:
    """The flat skin colour, RGB 0…255."""
    spots = p[[50, 280, 205, 425, 9, 151, 5, 200]]
    return np.asarray(np.median(sample_points(image, frame.to_px(spots)[None])[0], axis=0), np.float64)


# --- eyes


@dataclass(frozen=True, slots=True)
class DrawnEye:
    """Lid chains (CHAIN, 2) at rest, the shape of the closed lid, strip sizes, gaze rectangles and textures."""

    upper: Doubles
    lower: Doubles
    closed: Doubles
    lid_height: float
    lid_beside: float
    lash_up: float
    lash_down: float
    rect: tuple[float, float, float, float]
    iris_rect: tuple[float, float, float, float]
    gaze: tuple[float, float]
    textures: dict[str, Bytes]


def draw_eye(image: Bytes, frame: FaceFrame, p: Doubles, side: topo.Side, skin: Doubles) -> DrawnEye | None:
    """Finds one drawn eye; None when nothing eye-like stands out from the skin."""
    ring = p[list(topo.EYE_UPPER[side] + topo.EYE_LOWER[side])]
    centre, width = ring.mean(0), float(np.ptp(ring[:, 0]))
    view = window(
        image,
        frame,
        centre[0] - 0.95 * width,
        centre[1] - 0.80 * width,
        centre[0] + 0.95 * width,
        centre[1] + 0.85 * width,
    )
    mask = _component(view, skin, centre)
    if mask is None:
        return None
    cols = np.flatnonzero(mask.any(0))
    top = mask[:, cols].argmax(0).astype(np.float64)
    bottom = (mask.shape[0] - 1 - mask[::-1][:, cols].argmax(0)).astype(np.float64)
    lum = luminance(view.rgb)
    dark = lum < 0.5 * float(luminance(skin))
    lash = _lash_thickness(dark, cols, top, bottom)
    line = _lower_line(dark, cols, top, bottom) / view.k
    grid = np.linspace(cols[0], cols[-1], CHAIN)
    smooth = max(1.5, 0.02 * len(cols))
    top_s = np.interp(grid, cols, cv2.GaussianBlur(top.astype(np.float32)[None], (0, 0), smooth)[0])
    bottom_s = np.interp(grid, cols, cv2.GaussianBlur(bottom.astype(np.float32)[None], (0, 0), smooth)[0])
    span = np.maximum(bottom_s - top_s, 1.0)
    inner = np.minimum(lash, 0.45 * span)
    upper = np.stack([view.x(grid), view.y(top_s + inner)], -1)
    lower = np.stack([view.x(grid), view.y(np.maximum(bottom_s, top_s + inner))], -1)
    # A closed eye is drawn as the arc of the lower lid, so that nothing of the open one is left below it.
    closed = lower.copy()
    closed[:, 1] += 0.004 + 0.10 * np.maximum(lower[:, 1] - upper[:, 1], 0)
    lash_units = lash / view.k
    lid_height = lash_units + 2 * LID_EDGE
    lid_beside = 0.07 * float(upper[-1, 0] - upper[0, 0])
    rect, iris_rect, gaze, layers = _layers(view, mask, upper, lower, line, side)
    above = upper[4:-4] - np.array([0.0, lash_units + 0.022])
    tone = np.median(sample_points(image, frame.to_px(above)[None])[0], axis=0)
    layers[f"lid_{side}"] = _lid(tone, LID_EDGE / (lid_height + float((closed - upper)[:, 1].max())))
    lash_up, lash_down = lash_units + 0.010, 0.010
    layers[f"lash_{side}"] = _lash_strip(image, frame, upper, skin, lash_up, lash_down)
    return DrawnEye(upper, lower, closed, lid_height, lid_beside, lash_up, lash_down, rect, iris_rect, gaze, layers)


def _component(view: Window, skin: Doubles, centre: Doubles) -> NDArray[np.bool_] | None:
    """What is not skin and belongs to the eye, without holes."""
    lab = _lab(view.rgb)
    skin_lab = _lab(np.asarray(skin, np.float32)[None, None])[0, 0]
    other = (np.linalg.norm(lab - skin_lab, axis=2) > 14).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(other)
    if count < 2:
        return None
    row, col = int((centre[1] - view.y0) * view.k), int((centre[0] - view.x0) * view.k)
    near = labels[max(0, row - 25) : row + 25, max(0, col - 25) : col + 25]
    ids, sizes = np.unique(near[near > 0], return_counts=True)
    if len(ids) == 0:
        return None
    chosen = int(ids[sizes.argmax()])
    h, w = other.shape
    if stats[chosen, 2] > 0.98 * w or stats[chosen, 3] > 0.97 * h or stats[chosen, 4] < 0.03 * h * w:
        return None  # joined to hair or brow: the mesh is the better guess
    mask = (labels == chosen).astype(np.uint8)
    k = max(3, int(0.05 * w)) | 1
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((k, k), np.uint8)), np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    return np.asarray(filled > 0)


def _lash_thickness(dark: NDArray[np.bool_], cols: NDArray[np.intp], top: Doubles, bottom: Doubles) -> float:
    """Height in pixels of the dark line along the upper lid, over the middle of the eye."""
    runs = _dark_runs(dark, cols, top, bottom)
    height = float(np.percentile(bottom - top, 90))
    if not runs:
        return 0.06 * height
    return float(np.clip(np.percentile(runs, 35), 0.04 * height, 0.30 * height))


def _lower_line(dark: NDArray[np.bool_], cols: NDArray[np.intp], top: Doubles, bottom: Doubles) -> float:
    """Height in pixels of the dark line along the lower lid, 0 when there is none. An iris may stand on it, but not
    over most of its length."""
    last = len(dark) - 1
    runs = _dark_runs(dark[::-1], cols, last - bottom, last - top)
    if len(runs) < 0.4 * len(cols):
        return 0.0
    return float(min(np.percentile(runs, 35) + 1, 0.15 * np.percentile(bottom - top, 90)))


def _dark_runs(dark: NDArray[np.bool_], cols: NDArray[np.intp], top: Doubles, bottom: Doubles) -> list[int]:
    """How far down the dark reaches in each column that is dark at its top."""
    runs = []
    for c, t, b in zip(cols, top, bottom, strict=True):
        column = dark[int(t) : int(b) + 1, c]
        start = int(column[: max(3, len(column) // 6)].argmax()) if column[: max(3, len(column) // 6)].any() else -1
        if start >= 0:
            after = np.flatnonzero(~column[start:])
            runs.append(start + (int(after[0]) if len(after) else len(column)))
    return runs


def _layers(
    view: Window,
    mask: NDArray[np.bool_],
    upper: Doubles,
    lower: Doubles,
    line: float,
    side: topo.Side,
) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float], tuple[float, float], dict[str, Bytes]]:
    """The eye without its iris, and the iris alone. `line`: face units of the lower lid that are its line."""
    h, w = mask.shape
    x, y = view.x(np.arange(w)), view.y(np.arange(h))[:, None]
    up, lo = np.interp(x, upper[:, 0], upper[:, 1])[None], np.interp(x, lower[:, 0], lower[:, 1])[None]
    inside = (y > up) & (y < lo - line) & (x > upper[0, 0])[None] & (x < upper[-1, 0])[None]
    lum = luminance(view.rgb)
    bright = float(np.percentile(lum[inside], 92)) if inside.any() else 255.0
    saturation = view.rgb.max(2) - view.rgb.min(2)
    white = inside & (lum > 0.84 * bright) & (saturation < 60)
    ink = (inside & ~white).astype(np.uint8)
    k = max(3, round(0.03 * w)) | 1
    ink = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((k, k), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    iris = labels == (1 + int(stats[1:, 4].argmax())) if count > 1 else np.zeros_like(inside)
    outlines, _ = cv2.findContours(iris.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros((h, w), np.uint8)
    for outline in outlines:  # highlights belong to the iris
        cv2.fillPoly(solid, [cv2.convexHull(outline)], 1)
    solid = np.asarray(cv2.dilate(solid, np.ones((3, 3), np.uint8)), np.uint8)
    sclera_colour = np.median(view.rgb[white], axis=0) if white.sum() > 20 else np.array([248.0, 248.0, 250.0])
    fill = np.broadcast_to(sclera_colour, view.rgb.shape).astype(np.float32)
    shade = 0.88 + 0.12 * smooth_step(0.0, 0.25 * float((lower[:, 1] - upper[:, 1]).max()), y - up)
    erase = cv2.GaussianBlur(np.asarray(cv2.dilate(solid, np.ones((5, 5), np.uint8)) * inside, np.float32), (0, 0), 1.0)
    ball = view.rgb * (1 - erase[..., None]) + fill * shade[..., None] * erase[..., None]
    rect = (view.x0, view.y0, view.x0 + w / view.k, view.y0 + h / view.k)
    rows, cols = np.nonzero(solid)
    textures = {f"eye_{side}": rgba(ball, np.ones((h, w)))}
    if len(rows) < 20:
        textures[f"iris_{side}"] = rgba(np.zeros((8, 8, 3)), np.zeros((8, 8)))
        return rect, rect, (0.0, 0.0), textures
    pad = 4
    c0, c1 = max(0, cols.min() - pad), min(w, cols.max() + pad + 1)
    r0, r1 = max(0, rows.min() - pad), min(h, rows.max() + pad + 1)
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 1.0)[r0:r1, c0:c1]
    textures[f"iris_{side}"] = rgba(view.rgb[r0:r1, c0:c1], alpha)
    iris_rect = (view.x0 + c0 / view.k, view.y0 + r0 / view.k, view.x0 + c1 / view.k, view.y0 + r1 / view.k)
    room = (upper[-1, 0] - upper[0, 0]) - (cols.max() - cols.min()) / view.k
    gaze = (float(np.clip(0.40 * room, 0.0, 0.06)), float(np.clip(0.10 * (r1 - r0) / view.k, 0.0, 0.03)))
    return rect, iris_rect, gaze, textures


def _lid(skin: Doubles, edge: float) -> Bytes:
    """Flat skin that hides the open eye's lash line whole, also where that reaches beside the corners."""
    w, h = 128, 64
    u, v = np.linspace(0, 1, w)[None], ((np.arange(h) + 0.5) / h)[:, None]
    shade = 1 - 0.03 * smooth_step(0.3, 1.0, v)
    rgb = np.broadcast_to(skin, (h, w, 3)) * shade[..., None]
    beside = 1 / (CHAIN + 1)  # the strip is a point longer than the chain at each end
    return rgba(rgb, smooth_step(0.0, edge, v) * smooth_step(0.0, 0.6 * beside, np.minimum(u, 1 - u)))


def _lash_strip(image: Bytes, frame: FaceFrame, upper: Doubles, skin: Doubles, up: float, down: float) -> Bytes:
    """The drawn lash line, cut out along the upper lid."""
    w, h = 160, 48
    index = np.linspace(0, len(upper) - 1, w)
    x, y = (np.interp(index, np.arange(len(upper)), upper[:, c]) for c in range(2))
    v = ((np.arange(h) + 0.5) / h)[:, None]
    rows = y[None] - up + v * (up + down)
    pixels = sample_points(image, frame.to_px(np.stack([np.broadcast_to(x, rows.shape), rows], -1)))
    lum, light = luminance(pixels), float(luminance(skin))
    edge = up / (up + down)
    alpha = np.clip((0.62 * light - lum) / (0.16 * light), 0, 1) * (1 - smooth_step(edge - 0.06, edge + 0.04, v))
    line = np.percentile(pixels[alpha > 0.9], 30, axis=0) if (alpha > 0.9).sum() > 20 else skin * 0.3
    # Pixels of the iris may be as dark as the lash line, but not of its colour.
    foreign = np.linalg.norm(pixels - line, axis=2) > 45
    return rgba(np.where((foreign | (alpha < 0.3))[..., None], line, pixels), alpha)


# --- mouth


@dataclass(frozen=True, slots=True)
class DrawnMouth:
    """The mouth line (CHAIN, 2) at rest, half its thickness, its colour (0…255), and the picture without it."""

    line: Doubles
    half_width: float
    colour: Doubles
    picture: Bytes


def find_mouth(image: Bytes, frame: FaceFrame, p: Doubles, skin: Doubles) -> DrawnMouth | None:
    """Finds a mouth drawn as a line; None when it has painted lips, which the mesh moves better."""
    lips = p[list(topo.OUTER_UPPER + topo.OUTER_LOWER)]
    centre, width = lips.mean(0), float(np.ptp(lips[:, 0]))
    view = window(
        image,
        frame,
        centre[0] - 1.0 * width,
        centre[1] - 0.55 * width,
        centre[0] + 1.0 * width,
        centre[1] + 0.6 * width,
    )
    lab = _lab(view.rgb)
    skin_lab = _lab(np.asarray(skin, np.float32)[None, None])[0, 0]
    other = (np.linalg.norm(lab - skin_lab, axis=2) > 12).astype(np.uint8)
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(other)
    h, w = other.shape
    middle = np.array([w / 2, h * 0.55 / 1.15])
    best, chosen = 1e9, 0
    for i in range(1, count):
        x, y, bw, bh, area = (int(v) for v in stats[i])
        if area < 15 or x <= 0 or y <= 0 or x + bw >= w or y + bh >= h or bw < 0.12 * w or bh > 0.8 * bw:
            continue
        distance = float(np.linalg.norm(centroids[i] - middle)) - 0.3 * bw
        if distance < best:
            best, chosen = distance, i
    if not chosen:
        return None
    mask = labels == chosen
    cols = np.flatnonzero(mask.any(0))
    top = mask[:, cols].argmax(0)
    bottom = h - 1 - mask[::-1][:, cols].argmax(0)
    thick = float(np.median(bottom - top + 1))
    if thick / len(cols) > 0.16:
        return None
    # Points lie closer towards the corners, where an open mouth is round.
    grid = cols[0] + (cols[-1] - cols[0]) * (1 - np.cos(np.linspace(0, np.pi, CHAIN))) / 2
    mid = cv2.GaussianBlur(((top + bottom) / 2).astype(np.float32)[None], (0, 0), max(2.0, 0.03 * len(cols)))[0]
    line = np.stack([view.x(grid), view.y(np.interp(grid, cols, mid))], -1)
    core = view.rgb[mask]
    colour = np.percentile(core, 25, axis=0)
    near = np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)), np.uint8)
    return DrawnMouth(
        line, max(0.36 * thick / view.k, 0.006), np.asarray(colour, np.float64), _erase(image, frame, view, near)
    )


def _erase(image: Bytes, frame: FaceFrame, view: Window, mask: Bytes) -> Bytes:
    """The picture with the masked part of the view painted over from around it."""
    height, width = image.shape[:2]
    corners = frame.to_px(
        np.array(
            [
                [view.x0, view.y0],
                [view.x0 + mask.shape[1] / view.k, view.y0],
                [view.x0, view.y0 + mask.shape[0] / view.k],
            ]
        )
    )
    matrix = cv2.getAffineTransform(
        np.array([[0, 0], [mask.shape[1], 0], [0, mask.shape[0]]], np.float32), corners.astype(np.float32)
    )
    place = cv2.warpAffine(mask * 255, matrix, (width, height), flags=cv2.INTER_LINEAR)
    place = (place > 40).astype(np.uint8)
    rows, cols = np.nonzero(place)
    y0, y1, x0, x1 = max(0, rows.min() - 20), rows.max() + 21, max(0, cols.min() - 20), cols.max() + 21
    out = image.copy()
    out[y0:y1, x0:x1] = cv2.inpaint(image[y0:y1, x0:x1], place[y0:y1, x0:x1], 5, cv2.INPAINT_TELEA)
    return out


def mouth_shapes(line: Doubles, room: float) -> dict[str, tuple[Doubles, Doubles]]:
    """Key shapes of a drawn mouth: for each channel the movement of the upper and of the lower line (CHAIN, 2).
    `room` is how far the mouth may open, face units."""
    x0, x1 = line[0, 0], line[-1, 0]
    half = (x1 - x0) / 2
    s = (line[:, 0] - (x0 + x1) / 2) / half
    # A round belly at the middle and quickly falling at the corners: the shape of a drawn open mouth.
    belly = np.sqrt(np.clip(1 - s**2, 0, 1))
    flat = 1 - s**2
    zero = np.zeros_like(s)
    w = 2 * half

    def xy(x: Doubles, y: Doubles) -> Doubles:
        return np.stack([x, y], -1)

    level = line[:, 1] - line[[0, -1], 1].mean()
    tall = min(0.75 * w, room)
    return {
        "jaw": (xy(-0.10 * half * s, -0.12 * tall * belly), xy(-0.10 * half * s, 0.88 * tall * belly)),
        "wide": (xy(0.16 * half * s, zero), xy(0.16 * half * s, zero)),
        "pucker": (
            xy(-0.45 * half * s, -0.03 * w * belly - 0.6 * level),
            xy(-0.45 * half * s, 0.05 * w * belly - 0.6 * level),
        ),
        "jaw_pucker": (xy(-0.14 * half * s, -0.34 * tall * belly), xy(-0.14 * half * s, 0.02 * tall * belly)),
        "press": (xy(-0.06 * half * s, zero), xy(-0.06 * half * s, zero)),
        "smile": (xy(0.10 * half * s, -0.14 * w * s**2), xy(0.10 * half * s, -0.14 * w * s**2)),
        "frown": (xy(-0.03 * half * s, 0.13 * w * s**2), xy(-0.03 * half * s, 0.13 * w * s**2)),
        "upper_up": (xy(zero, -0.10 * w * flat), xy(zero, zero)),
        "lower_down": (xy(zero, zero), xy(zero, 0.12 * w * flat)),
        "fv": (xy(zero, -0.06 * w * flat), xy(zero, -0.02 * w * flat)),
    }
