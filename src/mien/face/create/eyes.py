"""Eyes of a photograph: lids and iris found exactly, the eyeball without its iris, the iris alone, and skin for the
closed lid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.eyelid import LID_BESIDE, lash_height, lash_texture, lid_fade, lid_texture
from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.sampling import luminance, rgba, sample_points, sample_rect, texture_size

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rect = tuple[float, float, float, float]

_LOWER_CONTOUR = tuple(range(9))
_UPPER_CONTOUR = (0, *range(9, 16), 8)


@dataclass(frozen=True, slots=True)
class EyeModel:
    """One eye in face units: lid lines (9, 2), iris centre and radius, textures for the atlas."""

    upper: Doubles
    lower: Doubles
    iris: Doubles
    radius: float
    rect: Rect
    iris_rect: Rect
    lid_height: float
    lid_beside: float
    lash_up: float
    lash_down: float
    gaze: tuple[float, float]
    textures: dict[str, Bytes]


def lid_lines(p: Doubles, contour: Doubles, side: topo.Side) -> tuple[Doubles, Doubles]:
    """The upper and lower lid line, each (9, 2) from the viewer's left, from the mesh points `p` and the 71-point
    `contour` of the iris network (both face units). The contour is the finer of the two; where they disagree
    wildly the mesh is right."""
    mesh_up, mesh_lo = p[list(topo.EYE_UPPER[side])], p[list(topo.EYE_LOWER[side])]
    up, lo = contour[list(_UPPER_CONTOUR)], contour[list(_LOWER_CONTOUR)]
    if up[0, 0] > up[-1, 0]:
        up, lo = up[::-1], lo[::-1]
    width = float(np.linalg.norm(mesh_up[-1] - mesh_up[0]))
    apart = max(float(np.abs(up - mesh_up).max()), float(np.abs(lo - mesh_lo).max()))
    trust = 1 - float(smooth_step(0.22, 0.40, apart / width))
    if (lo[1:-1, 1] - up[1:-1, 1]).min() <= 0:
        trust = 0.0
    weight = 0.75 * trust
    return mesh_up * (1 - weight) + up * weight, mesh_lo * (1 - weight) + lo * weight


@dataclass(frozen=True, slots=True)
class Iris:
    """Centre (face units), radius, and how clearly the picture shows its edge (0 when it does not)."""

    centre: Doubles
    radius: float
    score: float


def find_iris(
    image: Bytes, frame: FaceFrame, rim: Doubles, upper: Doubles, lower: Doubles, *, radius: float | None = None
) -> Iris:
    """The iris. `rim` holds the iris network's 5 points; centre and radius are refined to where the picture turns
    from dark to the white of the eye on the left and right of it. A known `radius` is only followed."""
    centre = rim[0].copy()
    width = float(upper[-1, 0] - upper[0, 0])
    opening = float((lower[:, 1] - upper[:, 1]).max())
    middle = (upper[4] + lower[4]) / 2
    if np.linalg.norm((centre - middle) * [1.0, 1.6]) > 0.38 * width:
        centre = middle
    if radius is None:
        start = float(np.clip(np.linalg.norm(rim[1:] - centre, axis=1).mean(), 0.14 * width, 0.34 * width))
        scales = np.linspace(max(0.75 * start, 0.15 * width), 0.33 * width, 22) / start
    else:
        start, scales = radius, np.linspace(0.94, 1.06, 5)
    angles = np.r_[np.linspace(-0.55, 0.50, 13), np.pi + np.linspace(-0.50, 0.55, 13)]
    ring = np.stack([np.cos(angles), np.sin(angles)], -1)
    ink, to_ink = _difference_to_white(image, frame, upper, lower)
    k, dx, dy = (
        g.reshape(-1, 1)
        for g in np.meshgrid(scales, np.linspace(-0.6, 0.6, 13), np.linspace(-0.2, 0.2, 5), indexing="ij")
    )
    r = start * k[..., None]
    c = centre + np.stack([dx * start, dy * opening], -1)
    edge = c + ring[None] * r * 1.12
    seen = (edge[..., 1] > np.interp(edge[..., 0], upper[:, 0], upper[:, 1])) & (
        edge[..., 1] < np.interp(edge[..., 0], lower[:, 0], lower[:, 1])
    )
    inside = sample_points(ink, to_ink(c + ring[None] * r * 0.88))
    outside = sample_points(ink, to_ink(edge))
    # Outside lies the white; the edge of the pupil also leads from one colour to another, but not to white.
    gain = np.clip(inside - outside, -20, 40) - 0.7 * np.clip(outside - 4, 0, 60)
    halves = []
    for half in (slice(0, 13), slice(13, 26)):
        count = seen[:, half].sum(1)
        mean = (gain[:, half] * seen[:, half]).sum(1) / np.maximum(count, 1)
        halves.append(np.where(count >= 4, mean, -100.0))
    score = 0.5 * np.minimum(*halves) + 0.25 * (halves[0] + halves[1])
    score = score - 4.0 * np.abs(np.log(k / 1.05))[:, 0] - 4.0 * np.abs(dx)[:, 0] - 8.0 * np.abs(dy)[:, 0]
    best = int(score.argmax())
    if score[best] <= 0:
        return Iris(centre, start, 0.0)
    return Iris(c[best, 0], float(r[best, 0, 0]), float(score[best]))


def _difference_to_white(
    image: Bytes, frame: FaceFrame, upper: Doubles, lower: Doubles
) -> tuple[Floats, Callable[[Doubles], Doubles]]:
    """How little each place around the eye looks like its white (Lab distance), and the map from face units to it."""
    low, high = frame.to_px(np.concatenate([upper, lower])).min(0), frame.to_px(np.concatenate([upper, lower])).max(0)
    pad = 0.6 * (high - low).max()
    h, w = image.shape[:2]
    x0, y0 = (int(max(0, v)) for v in low - pad)
    x1, y1 = int(min(w, high[0] + pad)), int(min(h, high[1] + pad))
    lab = np.asarray(cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_RGB2LAB), np.float32)
    x = np.linspace(upper[0, 0], upper[-1, 0], 25)[2:-2]
    top, bottom = (np.interp(x, line[:, 0], line[:, 1]) for line in (upper, lower))
    rows = top + np.linspace(0.25, 0.8, 7)[:, None] * (bottom - top)

    def to_patch(q: Doubles) -> Doubles:
        return np.asarray(frame.to_px(q) - [x0, y0])

    seen = sample_points(lab, to_patch(np.stack([np.broadcast_to(x, rows.shape), rows], -1))).reshape(-1, 3)
    light = seen[:, 0]
    white = np.median(seen[(light >= np.percentile(light, 78)) & (light <= np.percentile(light, 97))], axis=0)
    # Darker than the white counts half (the upper lid shades it), lighter (a highlight on the iris) not at all.
    delta = lab - white
    delta[..., 0] = np.minimum(delta[..., 0], 0) * 0.5
    return np.asarray(np.linalg.norm(delta, axis=2), np.float32), to_patch


def build_eye(
    image: Bytes,
    frame: FaceFrame,
    side: topo.Side,
    upper: Doubles,
    lower: Doubles,
    iris: Doubles,
    radius: float,
    feather: float,
) -> EyeModel:
    """Cuts one eye into layers. `image` is the canvas picture; everything else in face units."""
    width = float(upper[-1, 0] - upper[0, 0])
    opening = float((lower[:, 1] - upper[:, 1]).max())
    rect = (
        float(upper[0, 0]) - 0.12 * width,
        float(min(upper[:, 1].min(), iris[1] - radius)) - 0.04,
        float(upper[-1, 0]) + 0.12 * width,
        float(max(lower[:, 1].max(), iris[1] + radius)) + 0.04,
    )
    size = texture_size(rect, frame.sc)
    ball = sample_rect(image, frame, rect, size)
    x, y = _axes(rect, size)
    open_up, open_lo = _line(upper, x[0]), _line(lower, x[0])
    inset = min(0.10 * opening, 0.010)
    inside = np.clip((y - open_up - inset) / 0.006, 0, 1) * np.clip((open_lo - inset * 0.5 - y) / 0.006, 0, 1)
    r = np.hypot(x - iris[0], y - iris[1]) / radius
    white: Doubles = _without_iris(ball, inside, r, opening * size[1] / (rect[3] - rect[1])).astype(np.float64)
    white = white * (0.80 + 0.20 * smooth_step(0.0, 0.35 * opening, y - open_up))[..., None]  # the upper lid's shadow
    between = np.clip((y - open_up) / 0.006, 0, 1) * np.clip((open_lo + 0.004 - y) / 0.006, 0, 1)
    erase = (1 - smooth_step(1.12, 1.26, r)) * between
    sclera = ball * (1 - erase[..., None]) + white * erase[..., None]

    reach = 1.30 * radius
    iris_rect = (float(iris[0]) - reach, float(iris[1]) - reach, float(iris[0]) + reach, float(iris[1]) + reach)
    isize = texture_size(iris_rect, frame.sc, 192)
    iris_rgb, iris_alpha = _iris_layer(image, frame, iris_rect, isize, iris, radius, upper, lower, 0.006)

    lashes = lash_height(image, frame, upper, opening)
    lid_height = lashes + lid_fade(opening)
    lid = lid_texture(image, frame, upper, lower, lashes, opening)
    lash_up, lash_down = 0.058 * width, 0.110 * width
    lash = lash_texture(image, frame, upper, lashes)
    room = (float(iris[0] - upper[0, 0]), float(upper[-1, 0] - iris[0]))
    gaze = (
        float(np.clip(min(room) - 0.45 * radius, 0.3 * radius, 0.95 * radius)),
        float(min(0.55 * radius, 0.30 * opening)),
    )
    return EyeModel(
        upper,
        lower,
        iris,
        radius,
        rect,
        iris_rect,
        lid_height,
        LID_BESIDE * width,
        lash_up,
        lash_down,
        gaze,
        {
            f"eye_{side}": rgba(sclera, np.ones(sclera.shape[:2])),
            f"iris_{side}": rgba(iris_rgb, iris_alpha),
            f"lid_{side}": lid,
            f"lash_{side}": lash,
        },
    )


def _axes(rect: Rect, size: tuple[int, int]) -> tuple[Doubles, Doubles]:
    """Face coordinates of a texture's pixel centres."""
    w, h = size
    qx = rect[0] + (np.arange(w) + 0.5) / w * (rect[2] - rect[0])
    qy = rect[1] + (np.arange(h) + 0.5) / h * (rect[3] - rect[1])
    x, y = np.meshgrid(qx, qy)
    return x, y


def _line(line: Doubles, x: Doubles) -> Doubles:
    """Height of a lid line at the given abscissas."""
    return np.asarray(np.interp(x, line[:, 0], line[:, 1]))[None]


def _without_iris(ball: Floats, inside: Doubles, r: Doubles, opening_px: float) -> Floats:
    """The white of the eye continued under the iris, keeping the shade that the upper lid casts."""
    known = (inside * smooth_step(1.15, 1.3, r)).astype(np.float32)
    lum = luminance(ball)
    seen = known > 0.5
    if seen.sum() < 12:
        whites = ball[(inside > 0.5)]
        mean = np.percentile(whites.reshape(-1, 3), 85, axis=0) if whites.size else np.array([225.0, 220.0, 215.0])
        return np.broadcast_to(np.asarray(mean, np.float32), ball.shape).copy()
    known *= (lum > np.percentile(lum[seen], 25)).astype(np.float32)
    out, weight = np.zeros_like(ball), np.zeros(ball.shape[:2], np.float32)
    for sx, sy, importance in ((4.0, 1.5, 1.0), (10.0, 3.0, 1e-2), (30.0, 8.0, 1e-4), (80.0, 30.0, 1e-7)):
        k = max(0.3, opening_px / 40)
        w = cv2.GaussianBlur(known, (0, 0), sx * k, sigmaY=sy * k)
        c = cv2.GaussianBlur(ball * known[..., None], (0, 0), sx * k, sigmaY=sy * k)
        out += c * importance
        weight += w * importance
    return np.asarray(out / np.maximum(weight, 1e-9)[..., None], np.float32)


def _iris_layer(
    image: Bytes,
    frame: FaceFrame,
    iris_rect: Rect,
    size: tuple[int, int],
    iris: Doubles,
    radius: float,
    upper: Doubles,
    lower: Doubles,
    inset: float,
) -> tuple[Floats, Floats]:
    """Colour and alpha of the iris; the part hidden by the lids is guessed from the part that shows, ring by ring."""
    x, y = _axes(iris_rect, size)
    patch = sample_rect(image, frame, iris_rect, size)
    seen = (y > _line(upper, x[0]) + inset) & (y < _line(lower, x[0]) - inset * 0.5)
    # Lashes and their shadow darken the iris next to the upper lid: that part is no good source for what the lid
    # hides.
    clear = (y > _line(upper, x[0]) + inset + 0.25 * radius) & (y < _line(lower, x[0]) - inset)
    soft = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), max(0.6, size[0] * 0.012))[..., None]
    r = np.hypot(x - iris[0], y - iris[1]) / radius
    rings = np.clip((r * 16).astype(int), 0, 24)
    shown = clear & (r < 1.3)
    overall = np.median(patch[shown], axis=0) if shown.any() else np.array([60.0, 45.0, 40.0])
    by_ring = np.zeros((25, 3))
    for k in range(25):
        pick = shown & (rings == k)
        by_ring[k] = np.median(patch[pick], axis=0) if pick.sum() > 3 else (by_ring[k - 1] if k else overall)
    guess = cv2.GaussianBlur(by_ring[rings].astype(np.float32), (0, 0), max(1.0, size[0] * 0.02))
    full = patch * soft + guess * 0.85 * (1 - soft)
    alpha = 1 - smooth_step(1.0, 1.15, r)
    return np.asarray(np.clip(full, 0, 255), np.float32), np.asarray(alpha, np.float32)
