"""A painter's hand: lays a picture down again in brush strokes, broad ones first, finer ones where there is detail.

After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (SIGGRAPH 1998): each layer paints
only where the canvas still differs from the reference. Strokes here are single bristle marks turned along the
picture's own flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Image = np.ndarray


@dataclass(frozen=True)
class Layer:
    """One pass. `width` of the brush and `length` of a stroke in px, `dense` strokes per stroke area, `keep`: strokes
    are laid where the canvas differs from the reference by more than this (0..1), `jitter` of colour, `opacity`."""

    width: float
    length: float
    dense: float
    keep: float
    jitter: float = 0.02
    opacity: float = 0.9


def flow(image: Image, spread: float, fallback: Image) -> Image:
    """Angle of the strokes per pixel: along edges where there are any, `fallback` elsewhere."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    gx, gy = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), spread) for a in (gx * gx, gy * gy, gx * gy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    sure = np.clip(np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-3) - 0.15, 0, 1) * np.clip((xx + yy) / 0.02, 0, 1)
    c = np.cos(2 * angle) * sure + np.cos(2 * fallback) * (1 - sure)
    s = np.sin(2 * angle) * sure + np.sin(2 * fallback) * (1 - sure)
    return np.asarray(0.5 * np.arctan2(s, c), np.float32)


def _stamps(width: float, length: float, random: np.random.Generator, count: int = 10) -> list[Image]:
    """Bristle marks lying along x, coverage 0..1."""
    w, h = int(length * 1.3) | 1, int(width * 1.5) | 1
    x, y = np.meshgrid(np.linspace(-1.15, 1.15, w), np.linspace(-1.4, 1.4, h))
    out = []
    for _ in range(count):
        hairs = cv2.resize(
            random.uniform(0, 1, (max(4, h // 2), 3)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC
        )
        ends = cv2.resize(
            random.uniform(-0.22, 0.12, (max(4, h // 3), 2)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC
        )
        bow = y + random.uniform(-0.35, 0.35) * (x**2 - 0.5)
        body = np.clip((1 - np.abs(bow)) / 0.28, 0, 1) * np.clip((1 - np.abs(x) + ends) / 0.22, 0, 1)
        fade = 1 - 0.35 * np.clip((x + 1) / 2, 0, 1)
        out.append(np.clip(body * (0.62 + 0.5 * hairs) * fade, 0, 1).astype(np.float32))
    return out


def paint(
    reference: Image, detail: Image, angle: Image, layers: list[Layer], seed: int, ground: Image
) -> tuple[Image, Image]:
    """The painting (h, w, 3) and its thickness (h, w). `reference` sRGB 0..1, `detail` (h, w) 0..1: broad layers stay
    away where it is high; `ground` is the toned canvas."""
    random = np.random.default_rng(seed)
    h, w = reference.shape[:2]
    canvas, thick = ground.copy(), np.zeros((h, w), np.float32)
    for layer in layers:
        blurred = cv2.GaussianBlur(reference, (0, 0), max(0.6, layer.width * 0.22))
        stamps = _stamps(layer.width, layer.length, random)
        count = int(h * w / (layer.width * layer.length) * layer.dense)
        xs, ys = random.uniform(0, w, count), random.uniform(0, h, count)
        order = np.argsort(ys + random.normal(0, 220, count))
        for px, py in zip(xs[order], ys[order], strict=True):
            ix, iy = int(px), int(py)
            if layer.width > 9 and detail[iy, ix] > 0.35 + 0.3 * random.uniform() * (layer.width < 22):
                continue
            colour = blurred[iy, ix]
            r = int(max(2, layer.width * 0.4))
            box = np.s_[max(0, iy - r) : iy + r + 1, max(0, ix - r) : ix + r + 1]
            if layer.keep and np.abs(canvas[box].mean((0, 1)) - blurred[box].mean((0, 1))).max() < layer.keep * (
                1 - 0.7 * detail[iy, ix]
            ):
                continue
            calm = 1 - 0.8 * detail[iy, ix]
            colour = np.clip(
                colour * (1 + random.normal(0, layer.jitter * calm)) + random.normal(0, layer.jitter * 0.45 * calm, 3),
                0,
                1,
            )
            stamp = stamps[random.integers(len(stamps))]
            turn = float(angle[iy, ix]) + random.normal(0, 0.12) + (np.pi if random.uniform() < 0.5 else 0)
            _lay(canvas, thick, stamp, px, py, turn, colour.astype(np.float32), layer.opacity, layer.width)
    return canvas, thick


def _lay(
    canvas: Image,
    thick: Image,
    stamp: Image,
    px: float,
    py: float,
    turn: float,
    colour: Image,
    opacity: float,
    width: float,
) -> None:
    h, w = stamp.shape
    c, s = np.cos(turn), np.sin(turn)
    bw, bh = int(abs(w * c) + abs(h * s)) + 2, int(abs(w * s) + abs(h * c)) + 2
    matrix = np.array([[c, -s, bw / 2 - c * w / 2 + s * h / 2], [s, c, bh / 2 - s * w / 2 - c * h / 2]], np.float32)
    mark = cv2.warpAffine(stamp, matrix, (bw, bh), flags=cv2.INTER_LINEAR)
    x0, y0 = int(px - bw / 2), int(py - bh / 2)
    x1, y1 = max(0, x0), max(0, y0)
    x2, y2 = min(canvas.shape[1], x0 + bw), min(canvas.shape[0], y0 + bh)
    if x2 <= x1 or y2 <= y1:
        return
    mark = mark[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0]
    a = (mark * opacity)[..., None]
    part = canvas[y1:y2, x1:x2]
    part += (colour - part) * a
    rise = thick[y1:y2, x1:x2]
    rise += (mark * min(1.0, width / 26) - rise) * np.minimum(1, mark * 1.5)


def relief(canvas: Image, thick: Image, strength: float, weave: float, seed: int) -> Image:
    """Light from the upper left over the paint's thickness and the weave of the cloth below."""
    random = np.random.default_rng(seed)
    h, w = thick.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    cloth = np.sin(x * 2 * np.pi / 5.3) * np.sin(y * 2 * np.pi / 5.3) + 0.5 * random.standard_normal((h, w)).astype(
        np.float32
    )
    surface = cv2.GaussianBlur(thick, (0, 0), 0.8) + weave * cv2.GaussianBlur(cloth.astype(np.float32), (0, 0), 0.9)
    gy, gx = np.gradient(surface)
    light = np.clip(-(gx + gy) * strength, -0.16, 0.20)[..., None]
    return np.clip(canvas + light * (0.35 + 0.65 * canvas), 0, 1)
