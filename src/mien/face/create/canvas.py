"""Crops a picture around its person and scales it to the canvas of a call, extending the background where it is too
small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
CanvasSize = Literal["portrait", "landscape", "square"]
SIZES: dict[CanvasSize, tuple[int, int]] = {"portrait": (1080, 1920), "landscape": (1920, 1080), "square": (1080, 1080)}

EYES_AT = 0.36
"""Height of the eyes in the canvas, from the top."""
TALLEST = 11.0
"""The canvas shows at most this many outer-eye distances in height: more would make the face too small."""
HEAD_WIDTH = 3.0
"""The canvas is at least this many outer-eye distances wide, so that hair and ears are inside."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of the picture (it may reach beyond it), in picture pixels."""

    x: float
    y: float
    width: float
    height: float


def choose_crop(picture: tuple[int, int], eyes: tuple[float, float], sc: float, aspect: float) -> Crop:
    """The part of a (width, height) picture to show: `eyes` is the middle between them, `sc` the outer-eye distance,
    px; `aspect` is width / height of the canvas."""
    pw, ph = picture
    tallest = TALLEST * sc * (1.0 if aspect < 1 else 0.75)
    height = min(ph, tallest)
    if height * aspect > pw:
        # Too wide for the picture: show less of the body, but never less than head and shoulders.
        height = max(pw / aspect, min(height, 6.0 * sc))
    height = max(height, HEAD_WIDTH * sc / aspect)
    width = height * aspect
    x = eyes[0] - width / 2
    x = min(max(x, 0), pw - width) if width <= pw else (pw - width) / 2 * 0.3 + x * 0.7
    y = eyes[1] - EYES_AT * height
    y = min(max(y, 0), ph - height) if height <= ph else ph - height
    return Crop(x, y, width, height)


def render_crop(rgb: Rgb, crop: Crop, size: tuple[int, int]) -> Rgb:
    """The crop scaled to `size` (width, height)."""
    h, w = rgb.shape[:2]
    x0, y0 = int(np.floor(crop.x)), int(np.floor(crop.y))
    x1, y1 = int(np.ceil(crop.x + crop.width)), int(np.ceil(crop.y + crop.height))
    pads = (max(0, -y0), max(0, y1 - h), max(0, -x0), max(0, x1 - w))
    if any(pads):
        rgb = _extend(rgb, *pads)
        x0, y0 = x0 + pads[2], y0 + pads[0]
        x1, y1 = x1 + pads[2], y1 + pads[0]
    part = rgb[max(0, y0) : y1, max(0, x0) : x1]
    scale = size[0] / crop.width
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC if scale < 1.6 else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)


def _extend(rgb: Rgb, top: int, bottom: int, left: int, right: int) -> Rgb:
    """Continues the picture beyond its border with its own colours, softer the farther away, with its own grain."""
    out = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REPLICATE)
    h, w = rgb.shape[:2]
    small = cv2.resize(out, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(2.0, 0.015 * max(small.shape[:2])))
    soft = cv2.resize(soft, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    y = np.arange(out.shape[0])[:, None]
    x = np.arange(out.shape[1])[None]
    outside = np.maximum(np.maximum(top - y, y - (top + h - 1)), np.maximum(left - x, x - (left + w - 1)))
    reach = max(8.0, 0.03 * max(h, w))
    k = np.clip(outside / reach, 0, 1)[..., None].astype(np.float32)
    edge = rgb[: max(2, h // 20)].astype(np.float32)
    grain = float(np.clip((edge - cv2.GaussianBlur(edge, (0, 0), 1.5)).std(), 0, 4))
    noise = np.random.default_rng(1).normal(0, grain, (*out.shape[:2], 1)).astype(np.float32)
    mixed = out * (1 - k) + (soft + noise) * k
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
