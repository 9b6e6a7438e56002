"""Amara, an oil painting: a figure computed by `paint.py`, dressed and set before a painted ground, then laid down in
brush strokes.

art-env/bin/python art/paint.py amara --base DIR --layer amara-layer.png --region 0 0 1 0.72 --output look.png
python art/amara.py amara-layer.png amara.jpg
"""

from __future__ import annotations

import argparse
import sys
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


LIDS = (
    ((418, 580), (426, 577), (435, 569), (448, 563), (461, 560.5), (476, 562), (489, 568), (497, 578)),
    ((583, 578), (591, 569), (604, 562), (618, 560), (633, 562), (646, 568), (655, 574), (663, 574)),
)
"""The edges of the upper lids in the rendered figure, from the viewer's left."""


def line_lids(picture: Image) -> Image:
    """A dark line at the roots of the upper lashes, heaviest at the outer half, as a painter would set it."""
    h, w = picture.shape[:2]
    k, fine = w / WIDTH, 4
    cover = np.zeros((h, w), np.float32)
    box = np.s_[round(540 * k) : round(600 * k), round(400 * k) : round(680 * k)]
    shape = cover[box].shape
    for points, heavy in zip(LIDS, (0.35, 0.65), strict=True):
        line = along(points, 120)
        t = np.linspace(0, 1, 120)
        half = 4.2 * np.minimum(
            np.sin(np.clip(t / heavy, 0, 1) * np.pi / 2), np.sin(np.clip((1 - t) / (1 - heavy), 0, 1) * np.pi / 2)
        )
        layer = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
        for (x, y), r in zip(line, half, strict=True):
            cv2.circle(
                layer,
                (round((x - 400) * k * fine), round((y - 540) * k * fine)),
                round(max(0.6, r) * k * fine),
                255,
                -1,
            )
        layer = cv2.resize(layer, shape[::-1], interpolation=cv2.INTER_AREA)
        cover[box] = np.maximum(cover[box], layer.astype(np.float32) / 255)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.9 * k)[..., None] * 0.92
    return picture * (1 - cover) + rgb("#140a07") * cover


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
    reference = line_lids(compose(figure, w, h))
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
