"""Pictures of faces for tests: one drawn here, and the default digital humans' own."""

from __future__ import annotations

import io
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.face.store import default_humans

Bytes = NDArray[np.uint8]


@cache
def drawn_face(width: int = 1080, height: int = 1440) -> Bytes:
    """A flat illustration of a face, RGB."""
    s = 4  # drawn large and reduced, so that lines are smooth
    k = width / 1080 * s
    out = np.full((height * s, width * s, 3), (205, 225, 240), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * k), round(y * k)

    def ellipse(
        x: float,
        y: float,
        a: float,
        b: float,
        colour: tuple[int, int, int],
        start: int = 0,
        end: int = 360,
        thick: float = -1,
    ) -> None:
        cv2.ellipse(out, at(x, y), at(a, b), 0, start, end, colour, -1 if thick < 0 else round(thick * k), cv2.LINE_AA)

    hair, skin, ink, shirt = (70, 45, 60), (252, 224, 206), (60, 30, 45), (60, 90, 150)
    ellipse(540, 520, 400, 430, hair)
    cv2.rectangle(out, at(140, 520), at(940, 1150), hair, -1)
    ellipse(540, 1420, 430, 330, shirt)
    cv2.rectangle(out, at(450, 850), at(630, 1120), (244, 208, 188), -1)
    ellipse(540, 620, 285, 350, skin)
    ellipse(540, 330, 270, 130, hair)
    for x in (415, 665):
        ellipse(x, 600, 72, 60, (250, 250, 252))
        ellipse(x, 602, 36, 50, (70, 110, 190))
        ellipse(x, 604, 18, 27, (25, 25, 50))
        ellipse(x + 14, 585, 10, 12, (255, 255, 255))
        ellipse(x, 602, 76, 64, ink, 195, 345, 11)
        ellipse(x, 520, 80, 28, ink, 205, 335, 9)
    cv2.line(out, at(540, 690), at(528, 728), (205, 150, 130), round(6 * k), cv2.LINE_AA)
    ellipse(540, 790, 62, 22, (165, 70, 75), 15, 165, 8)
    return np.asarray(cv2.resize(out, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def encoded(pixels: Bytes, kind: str = "PNG", **options: object) -> bytes:
    """Pixels as the bytes of a picture file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def default_picture(index: int) -> bytes | None:
    """The picture of a default digital human, None where it is not there."""
    humans = default_humans()
    if index >= len(humans) or not humans[index].picture.is_file():
        return None
    return humans[index].picture.read_bytes()
