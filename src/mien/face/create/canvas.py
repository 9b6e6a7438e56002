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


def place_crop(pixels: Rgb, crop: Crop, size: tuple[int, int]) -> tuple[Rgb, tuple[int, int, int, int]]:
    """What the crop shows of the picture (h, w) or (h, w, 3), scaled to a canvas of `size` (width, height), and how
    many canvas pixels are missing at its top, bottom, left and right where the crop reaches beyond the picture."""
    h, w = pixels.shape[:2]
    k = size[0] / crop.width
    x0, y0 = max(0.0, crop.x), max(0.0, crop.y)
    x1, y1 = min(float(w), crop.x + crop.width), min(float(h), crop.y + crop.height)
    left, top = round((x0 - crop.x) * k), round((y0 - crop.y) * k)
    right = max(0, size[0] - round((x1 - crop.x) * k))
    bottom = max(0, size[1] - round((y1 - crop.y) * k))
    inner = (max(1, size[0] - left - right), max(1, size[1] - top - bottom))
    part = pixels[int(np.floor(y0)) : int(np.ceil(y1)), int(np.floor(x0)) : int(np.ceil(x1))]
    way = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC if k < 1.6 else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(part, inner, interpolation=way), np.uint8), (top, bottom, left, right)
