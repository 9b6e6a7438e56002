"""A wrapped satin dress as a lit height field: folds that fan out from the knot at the waist, sleeves, a deep neckline.

Everything is laid out for a picture of 1080 x 1920 and sampled at any scale. Lengths are picture pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from drawing import HEIGHT, WIDTH, along
from paintwork import rgb

Field = np.ndarray


def _noise(shape: tuple[int, int], grain: float, seed: int, stretch: float = 1.0) -> Field:
    random = np.random.default_rng(seed)
    h, w = max(3, round(shape[0] / grain * stretch)), max(3, round(shape[1] / grain))
    field = cv2.resize(random.standard_normal((h, w)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(field / field.std(), np.float32)


def _inside(shape: tuple[int, int], points: list[tuple[float, float]], scale: float, soft: float = 0.9) -> Field:
    """Coverage 0..1 of a smooth closed outline."""
    line = along([*points, points[0]], 600) * scale
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(line * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), soft)


def _crest(phase: Field) -> Field:
    """A row of folds: rounded ridges with narrow valleys, -1..1 over a period of 1."""
    wave = np.abs(np.sin(np.pi * phase))
    return 2 * wave**0.7 - 1


def _step(edge0: float, edge1: float, x: Field) -> Field:
    t = np.clip((x - edge0) / (edge1 - edge0), 0, 1)
    return t * t * (3 - 2 * t)


LEFT_EDGE = [
    (366, 924),
    (404, 1060),
    (458, 1170),
    (530, 1280),
    (606, 1400),
    (680, 1530),
    (745, 1680),
    (800, 1850),
    (830, 1990),
]
"""Front edge of the panel on top, from the viewer's left shoulder down to the knot."""
RIGHT_EDGE = [(714, 924), (676, 1060), (624, 1170), (560, 1270), (490, 1370), (410, 1500), (330, 1700), (290, 1990)]
KNOT = (905.0, 2080.0)


def dress(color: str, deep: str, light: str, seed: int, scale: float = 1.0) -> np.ndarray:
    """The dress, RGBA 0..1, with its own light: key from the upper left, a warm rim on both sides."""
    w, h = round(WIDTH * scale), round(HEIGHT * scale)
    shape = (h, w)
    x, y = np.meshgrid((np.arange(w, dtype=np.float32) + 0.5) / scale, (np.arange(h, dtype=np.float32) + 0.5) / scale)
    warp = [_noise(shape, 210 * scale, seed + i) for i in range(4)]
    fine = [_noise(shape, 70 * scale, seed + 10 + i) for i in range(2)]

    torso = 230 * np.sqrt(np.clip(1 - ((x - 540) / 440) ** 2, 0.02, 1))
    for cx in (405, 675):
        torso = torso + 46 * np.exp(-(((x - cx) / 120) ** 2) - ((y - 1420) / 135) ** 2)
    torso = torso + 60 * _step(1250, 960, y) * np.exp(-(((x - 540) / 330) ** 2)) - 40 * _step(1500, 1850, y)

    def fan(pivot: tuple[float, float], count: float, bend: float) -> tuple[Field, Field]:
        dx, dy = x - pivot[0], y - pivot[1]
        angle = np.arctan2(-dy, dx * np.sign(540 - pivot[0]))
        radius = np.hypot(dx, dy)
        phase = angle * count / np.pi + bend * np.log1p(radius / 260) + 0.20 * warp[0] + 0.05 * fine[0]
        return phase, radius

    phase, radius = fan(KNOT, 13, 0.5)
    reach = np.exp(-((radius / 900) ** 2)) * 0.9 + 0.28
    swell = 0.55 + 0.45 * np.clip(warp[2] * 0.6 + 0.5, 0, 1)
    over = (
        torso
        + 24 * _crest(phase) * reach * swell
        + 5 * _crest(phase * 1.7 + 0.4 * warp[1]) * reach * swell
        + 1.5 * warp[3]
    )
    phase, radius = fan((170.0, 2060.0), 11, 0.5)
    reach = np.exp(-((radius / 900) ** 2)) * 0.9 + 0.28
    under = (
        torso
        - 16
        + 22 * _crest(phase + 0.4) * reach * swell
        + 5 * _crest(phase * 1.7 + 0.4 * warp[1]) * reach * swell
        + 1.5 * warp[3]
    )

    outline = [
        (368, 926), (300, 962), (180, 1020), (84, 1094), (26, 1210), (2, 1380), (-16, 1600), (-24, 1960),
        (1104, 1960), (1096, 1600), (1078, 1380), (1054, 1210), (996, 1094), (900, 1020), (780, 962), (712, 926),
        (640, 1100), (540, 1290), (440, 1100),
    ]  # fmt: skip
    left = _inside(shape, [*LEFT_EDGE, (820, 2020), (-40, 2020), (-40, 900), (340, 900)], scale)
    right = _inside(shape, [*RIGHT_EDGE, (300, 2020), (1120, 1960), (1120, 900), (740, 900)], scale)
    body = _inside(shape, outline, scale)
    cover = np.clip(np.maximum(left, right), 0, 1) * np.maximum(
        body, _step(1040, 1200, y) * _inside(shape, outline[:16], scale)
    )
    front = left
    height = under * (1 - front) + over * front

    arms = np.zeros(shape, np.float32)
    for sign in (-1, 1):
        centre = 540 + sign * (456 + 0.02 * (y - 1300))
        roll = 172 * np.sqrt(np.clip(1 - ((x - centre) / 150) ** 2, 0.0, 1))
        slant = (y * 0.95 + (x - centre) * sign * 0.75) / 215 + 0.55 * warp[1] + 0.05 * fine[1]
        bow = (20 * _crest(slant) + 6 * _crest(slant * 1.7 + warp[0] * 0.4)) * (0.15 + 0.85 * _step(1200, 1500, y))
        seam = 540 + sign * (352 - 46 * _step(1050, 1380, y) + 14 * _step(1380, 1900, y))
        part = _step(-6, 6, (x - seam) * sign)
        blend = part * _step(1060, 1240, y)
        height = height * (1 - blend) + (roll + bow + 30) * blend
        arms = np.maximum(arms, np.exp(-np.abs(x - seam) / 9) * _step(1230, 1420, y))

    # shoulders fall away towards the outline
    distance = cv2.distanceTransform((body > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / scale
    height = height + 70 * np.sqrt(np.clip(1 - (1 - np.clip(distance / 95, 0, 1)) ** 2, 0, 1))

    smooth = cv2.GaussianBlur(height, (0, 0), 5 * scale)
    gy, gx = np.gradient(smooth * scale)
    normal = np.stack([-gx, -gy, np.full(shape, 1.0, np.float32)], -1)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)

    def lamp(direction: tuple[float, float, float]) -> Field:
        d = np.array(direction, np.float32)
        return normal @ (d / np.linalg.norm(d))

    key = np.clip((lamp((-0.62, -0.66, 0.62)) + 0.12) / 1.12, 0, 1)
    fill = np.clip(lamp((0.8, -0.1, 0.5)), 0, 1)
    hollow = np.clip((cv2.GaussianBlur(smooth, (0, 0), 16 * scale) - smooth) / 12, 0, 1)
    hollow = np.maximum(hollow, 0.6 * arms)
    lap = (cv2.GaussianBlur(left, (0, 0), 15 * scale) * (1 - left)) * right
    shade = (0.10 + 0.95 * key**1.25 + 0.12 * fill) * (1 - 0.62 * hollow) * (1 - 0.75 * lap)
    half = np.array([-0.40, -0.46, 1.0])
    shine = np.clip(normal @ (half / np.linalg.norm(half)).astype(np.float32), 0, 1) ** 26
    edge = np.clip(1 - normal[..., 2], 0, 1) ** 2 * (
        np.clip(lamp((1.0, -0.4, -0.05)), 0, 1) + 0.7 * np.clip(lamp((-1.0, -0.5, -0.1)), 0, 1)
    )
    middle, dark, bright = rgb(color), rgb(deep), rgb(light)
    t = np.clip(shade, 0, 1.15)[..., None]
    out = np.where(
        t < 0.5, dark + (middle - dark) * (t / 0.5), middle + (bright - middle) * (np.maximum(t - 0.5, 0) / 0.65) ** 1.3
    )
    out = out + (shine * (1 - hollow) * 0.30)[..., None] * bright + edge[..., None] * rgb("#e8a35c") * 0.5
    out = out * (1 - 0.45 * _step(1350, 1920, y))[..., None]

    # a narrow gilded border along both front edges
    border = np.zeros(shape, np.float32)
    for line, mask in ((RIGHT_EDGE, right * (1 - left)), (LEFT_EDGE, left)):
        trace = np.zeros(shape, np.uint8)
        cv2.polylines(
            trace,
            [np.round(along(line, 200) * scale * 16).astype(np.int32)],
            False,
            255,
            max(1, round(26 * scale)),
            cv2.LINE_AA,
            4,
        )
        border = np.maximum(border, trace.astype(np.float32) / 255 * mask)
    glow = (0.35 + 0.8 * key) * (0.75 + 0.35 * fine[1] * 0.4 + 0.25 * shine * 3)
    trim = rgb("#8a5a1e") + (rgb("#f0c470") - rgb("#8a5a1e")) * np.clip(glow, 0, 1)[..., None]
    out = out * (1 - 0.9 * border[..., None]) + trim * 0.9 * border[..., None]
    return np.dstack([np.clip(out, 0, 1), cover]).astype(np.float32)
