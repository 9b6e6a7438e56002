"""Samples a picture in face coordinates, for the small textures of a package."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create.faceframe import FaceFrame

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rect = tuple[float, float, float, float]


def rgba(rgb: NDArray[np.number], alpha: NDArray[np.number]) -> Bytes:
    """Colour 0…255 (h, w, 3) and alpha 0…1 (h, w) as an RGBA texture."""
    return np.dstack([np.clip(rgb, 0, 255), np.clip(alpha, 0, 1) * 255]).round().astype(np.uint8)


def sample_rect(image: Bytes | Floats, frame: FaceFrame, rect: Rect, size: tuple[int, int]) -> Floats:
    """The picture inside a rectangle of face units as a (height, width) = size[::-1] texture, float 0…255."""
    w, h = size
    x0, y0, x1, y1 = rect
    qx = x0 + (np.arange(w) + 0.5) / w * (x1 - x0)
    qy = y0 + (np.arange(h) + 0.5) / h * (y1 - y0)
    px = frame.to_px(np.stack(np.meshgrid(qx, qy), -1))
    return sample_points(image, px)


def sample_points(image: Bytes | Floats, px: Doubles) -> Floats:
    """The picture at canvas points (h, w, 2), bilinear, float."""
    # Canvas coordinates have pixel centres at one half; OpenCV has them at whole numbers.
    return np.asarray(
        cv2.remap(
            image,
            (px[..., 0] - 0.5).astype(np.float32),
            (px[..., 1] - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def texture_size(rect: Rect, sc: float, most: int = 384) -> tuple[int, int]:
    """Pixels for a rectangle of face units at the picture's own resolution."""
    w, h = (rect[2] - rect[0]) * sc, (rect[3] - rect[1]) * sc
    k = min(1.0, most / max(w, h))
    return max(4, round(w * k)), max(4, round(h * k))


def luminance(rgb: NDArray[np.number]) -> NDArray[np.float64]:
    """Perceived brightness 0…255 (Rec. 601 weights)."""
    return np.asarray(np.asarray(rgb, np.float64) @ np.array([0.299, 0.587, 0.114]))
