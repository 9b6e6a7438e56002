"""Amara, an oil painting: a figure computed by `paint.py`, dressed and set before a painted ground, then laid down in
brush strokes.

art-env/bin/python art/paint.py amara --base DIR --layer amara-layer.png --region 0 0 1 0.72 --output look.png
python art/amara.py amara-layer.png amara.jpg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import brush
import cv2
import drape
import numpy as np
from drawing import HEIGHT, WIDTH, along
from paintwork import rgb

Image = np.ndarray
SEED = 31
EYES_Y = 0.30 * HEIGHT


def ground(w: int, h: int) -> Image:
    """A warm light behind the head that sinks into umber and green."""
    x, y = np.meshgrid(np.linspace(0, 1, w, dtype=np.float32), np.linspace(0, 1, h, dtype=np.float32))

    def spot(px: float, py: float, sx: float, sy: float) -> Image:
        return np.exp(-(((x - px) / sx) ** 2) - ((y - py) / sy) ** 2)[..., None]

    cloud = [brush_noise(h, w, g, i) for i, g in enumerate((0.5, 0.22, 0.09))]
    drift = (0.5 * cloud[0] + 0.3 * cloud[1] + 0.2 * cloud[2])[..., None]
    out = rgb("#3f3327") + np.zeros((h, w, 3), np.float32)
    out = out + (rgb("#c98d4b") - out) * np.clip(0.95 * spot(0.30, 0.30, 0.42, 0.26) + 0.10 * drift, 0, 1)
    out = out + (rgb("#e6bd78") - out) * np.clip(0.55 * spot(0.20, 0.24, 0.24, 0.16) + 0.06 * drift, 0, 1)
    out = out + (rgb("#2d4644") - out) * np.clip(0.75 * spot(0.98, 0.18, 0.4, 0.4) + 0.10 * drift, 0, 1)
    out = out + (rgb("#5c3a2a") - out) * np.clip(0.5 * spot(0.85, 0.62, 0.35, 0.2) + 0.10 * drift, 0, 1)
    return np.clip(out * (1 + 0.05 * drift), 0, 1).astype(np.float32)


def brush_noise(h: int, w: int, grain: float, seed: int) -> Image:
    """Smooth noise, unit deviation; `grain` as a share of the width."""
    random = np.random.default_rng(SEED + seed)
    small = random.standard_normal((max(3, int(h / w / grain) + 2), max(3, int(1 / grain) + 2))).astype(np.float32)
    field = cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field / field.std(), np.float32)


def compose(figure: Image, w: int, h: int) -> Image:
    """Ground, figure, dress, with the dress's shadow on the skin; sRGB."""
    back = ground(w, h)
    layer = np.zeros((h, w, 4), np.float32)
    layer[: figure.shape[0]] = figure
    x, y = np.meshgrid(np.abs((np.arange(w) + 0.5) / w - 0.5) * WIDTH, (np.arange(h) + 0.5) / h * HEIGHT)
    bare = np.clip((215 - x) / 4, 0, 1) * np.clip(
        (x * 0.55 + 1000 - y) / 4 + (x < 170) * 400, 0, 1
    )  # shoulders are under the dress
    layer[..., 3] *= np.where(y < 860, 1, bare).astype(np.float32)
    alpha = layer[..., 3:]
    out = back * (1 - alpha) + layer[..., :3] * alpha
    gown = drape.dress("#17564d", "#051c1a", "#5fae95", 7, w / WIDTH)
    cover = gown[..., 3]
    k = w / WIDTH
    cast = cv2.GaussianBlur(np.roll(cover, (int(8 * k), int(10 * k)), (0, 1)), (0, 0), 13 * k)
    out = out * (1 - 0.55 * cast * (1 - cover))[..., None]
    return np.clip(out * (1 - cover[..., None]) + gown[..., :3] * cover[..., None], 0, 1)


UPPER_LIDS = (
    ((417, 580), (425, 578), (435, 570), (448, 564), (461, 561.5), (476, 563), (489, 569), (498, 579)),
    ((582, 579), (591, 570), (604, 563), (618, 561), (633, 563), (646, 569), (656, 576), (664, 577)),
)
LOWER_LIDS = (
    ((426, 583), (434, 589), (448, 593.5), (462, 594.5), (478, 592), (489, 587), (496, 580)),
    ((584, 580), (592, 587), (604, 592), (620, 594), (634, 591.5), (646, 586), (655, 578)),
)
"""The edges of the lids in the rendered figure, from the viewer's left."""


def _stroke(shape: tuple[int, int], points: Sequence[Sequence[float]], half: Image, k: float) -> Image:
    """Coverage (h, w) of a soft stroke with half widths along it."""
    fine, (h, w) = 4, shape
    line = along(points, 120)
    x0, y0 = int((line[:, 0].min() - 20) * k), int((line[:, 1].min() - 20) * k)
    x1, y1 = int((line[:, 0].max() + 20) * k), int((line[:, 1].max() + 20) * k)
    layer = np.zeros(((y1 - y0) * fine, (x1 - x0) * fine), np.uint8)
    for (x, y), r in zip(line * k - [x0, y0], np.broadcast_to(half, 120) * k, strict=True):
        cv2.circle(layer, (round(x * fine), round(y * fine)), round(max(0.5, r) * fine), 255, -1, cv2.LINE_AA)
    out = np.zeros((h, w), np.float32)
    out[y0:y1, x0:x1] = cv2.resize(layer, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cv2.GaussianBlur(out, (0, 0), 0.9 * k)


IRISES = ((462.0, 577.0), (619.5, 577.0))
IRIS = 17.5


def _eyeball(
    picture: Image, upper: Sequence[Sequence[float]], lower: Sequence[Sequence[float]], iris: Sequence[float], k: float
) -> Image:
    """Paints what lies between two lids: the white in shade, a dark iris with its light below, two glints."""
    h, w = picture.shape[:2]
    outline = np.concatenate([along(upper, 80), along(lower, 80)[::-1]]) * k
    mask = np.zeros((h, w), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    x, y = np.meshgrid((np.arange(w, dtype=np.float32) + 0.5) / k, (np.arange(h, dtype=np.float32) + 0.5) / k)
    lid = np.interp(x[0], [p[0] for p in upper], [p[1] for p in upper])[None]
    shade = 0.55 + 0.45 * np.clip((y - lid) / 13, 0, 1) ** 0.8 - 0.16 * np.clip(np.abs(x - iris[0]) / 34, 0, 1.4) ** 2
    ball = rgb("#d3c5b8") * shade[..., None]
    r = np.hypot(x - iris[0], y - iris[1]) / IRIS
    glow = np.exp(-(((x - iris[0] - 3) / 11) ** 2) - ((y - iris[1] - 8) / 7) ** 2)[..., None]
    colour = rgb("#2c150c") + (rgb("#6a3a1d") - rgb("#2c150c")) * glow
    colour = colour * (1 - 0.65 * np.clip((r - 0.72) / 0.28, 0, 1))[..., None]
    pupil = np.clip((0.46 - r) / 0.10 + 0.5, 0, 1)[..., None]
    colour = colour * (1 - pupil) + rgb("#0b0605") * pupil
    colour = colour * (0.7 + 0.3 * np.clip((y - lid) / 9, 0, 1))[..., None]
    seen = np.clip((1 - r) * IRIS * 0.55 + 0.5, 0, 1)[..., None]
    ball = ball * (1 - seen) + colour * seen
    for dx, dy, size, strength in ((-5.5, -6.5, 4.2, 0.95), (6.5, 6.5, 2.4, 0.35)):
        spot = np.clip(size - np.hypot(x - iris[0] - dx, y - iris[1] - dy) + 0.5, 0, 1)[..., None] * strength
        ball = ball * (1 - spot) + rgb("#fff6ea") * spot
    cover = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.8 * k)[..., None]
    return picture * (1 - cover) + ball * cover


def touch_eyes(picture: Image) -> Image:
    """Paints the eyes anew over the rendered ones: the lashes' fringe becomes a shade on the lid with a fine dark line
    at its edge, and inner corners and lower rims get their pink, so that lids are where they look to be."""
    h, w = picture.shape[:2]
    k = w / WIDTH
    t = np.linspace(0, 1, 120)
    fringe = np.zeros((h, w), np.float32)
    for points in UPPER_LIDS:
        fringe = np.maximum(
            fringe, _stroke((h, w), [(x, y - 11) for x, y in points], 9.5 * np.sin(np.pi * t) ** 0.25, k)
        )
    box = np.s_[round(500 * k) : round(660 * k), round(360 * k) : round(720 * k)]
    eight = np.round(picture[box] * 255).astype(np.uint8)
    bare = cv2.inpaint(eight, (fringe[box] > 0.1).astype(np.uint8), 5 * k, cv2.INPAINT_TELEA).astype(np.float32) / 255
    out = picture.copy()
    shade = cv2.GaussianBlur(fringe, (0, 0), 2.0 * k)[box][..., None] * 0.85
    out[box] = out[box] * (1 - shade) + bare * 0.9 * shade

    def lay(cover: Image, colour: str, strength: float) -> None:
        nonlocal out
        amount = cover[..., None] * strength
        out = out * (1 - amount) + rgb(colour) * amount

    for upper, lower, iris, inner in zip(UPPER_LIDS, LOWER_LIDS, IRISES, (1, 0), strict=True):
        out = _eyeball(out, upper, lower, iris, k)
        lay(_stroke((h, w), [(x, y - 1.5) for x, y in lower], 3.2, k), "#7f4836", 0.88)
        tip = upper[-1] if inner else upper[0]
        aside = -1 if inner else 1
        nook = [(tip[0] + aside * d, tip[1] - 0.5) for d in (2.0, 6.0, 10.0)]
        lay(_stroke((h, w), nook, np.linspace(3.0, 5.5, 120), k), "#7a3f33", 0.92)
        heavy = 0.35 if inner else 0.65
        rise = np.minimum(np.clip(t / heavy, 0, 1), np.clip((1 - t) / (1 - heavy), 0, 1))
        lay(_stroke((h, w), upper, 3.3 * np.sin(rise * np.pi / 2), k), "#140a07", 0.94)
    return out


def attention(w: int, h: int) -> tuple[Image, Image]:
    """Where the painter works finely (h, w), and how much of the unpainted picture stays there (eyes, mouth)."""
    k = w / WIDTH
    x, y = np.meshgrid(np.arange(w) / k, np.arange(h) / k)

    def oval(cx: float, cy: float, rx: float, ry: float) -> Image:
        return np.clip(2.2 - 2 * np.hypot((x - cx) / rx, (y - cy) / ry), 0, 1).astype(np.float32)

    face = oval(540, EYES_Y + 70, 190, 250)
    eyes = np.maximum(oval(463, EYES_Y, 66, 40), oval(617, EYES_Y, 66, 40))
    lips = oval(540, EYES_Y + 163, 84, 42)
    jewels = np.maximum(
        oval(540, 990, 190, 130) * 0.6, np.maximum(oval(330, 745, 75, 75), oval(750, 745, 75, 75)) * 0.7
    )
    ears = np.maximum(oval(322, EYES_Y + 55, 50, 80), oval(758, EYES_Y + 55, 50, 80)) * 0.8
    fine = np.clip(np.maximum.reduce([0.6 * face, eyes, 0.9 * lips, jewels, ears]), 0, 1)
    stay = np.maximum.reduce([0.35 * face, 0.85 * eyes, 0.7 * lips, 0.3 * jewels])
    return fine, stay


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("layer", type=Path, help="the rendered figure, RGBA, 16 bits")
    parser.add_argument("output", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    w, h = round(WIDTH * options.scale), round(HEIGHT * options.scale)
    raw = cv2.imread(str(options.layer), cv2.IMREAD_UNCHANGED).astype(np.float32) / 65535
    figure = np.ascontiguousarray(raw[..., [2, 1, 0, 3]])
    figure = cv2.resize(figure, (w, round(figure.shape[0] * w / figure.shape[1])), interpolation=cv2.INTER_AREA)
    reference = touch_eyes(compose(figure, w, h)).astype(np.float32)
    fine, stay = attention(w, h)
    k = options.scale
    swirl = np.float32(np.pi / 2) * brush_noise(h, w, 0.3, 9) * 0.5 + np.float32(0.6)
    angle = brush.flow(reference, 5 * k, swirl)
    layers = [
        brush.Layer(70 * k, 230 * k, 3.0, 0.0, 0.05, 0.85),
        brush.Layer(34 * k, 120 * k, 3.0, 0.022, 0.035, 0.85),
        brush.Layer(16 * k, 60 * k, 3.0, 0.020, 0.025, 0.85),
        brush.Layer(8 * k, 28 * k, 3.2, 0.018, 0.018, 0.85),
        brush.Layer(4.5 * k, 15 * k, 2.4, 0.022, 0.012, 0.85),
    ]
    canvas, thick = brush.paint(reference, fine, angle, layers, SEED, reference * 0.5 + rgb("#6b4a30") * 0.5)
    soft = cv2.GaussianBlur(stay, (0, 0), 8 * k)[..., None]
    canvas = canvas * (1 - soft) + reference * soft
    canvas = brush.relief(canvas, thick * (1 - 0.6 * fine), 0.36, 0.03, SEED)
    canvas = np.clip(0.5 + (canvas - 0.5) * 1.05 + 0.012, 0, 1)
    picture = np.round(canvas[..., ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(options.output), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
