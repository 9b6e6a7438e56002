"""What is to be seen behind the person: the picture's own background, a colour, another picture, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create.decode import decode
from mien.face.create.errors import PictureError
from mien.face.create.faceframe import smooth_step

Bytes = NDArray[np.uint8]

PLAIN = (226, 230, 236)
"""Behind a cut-out person when nothing else is asked for."""
NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128), "green": (0, 177, 64)}
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Background:
    """`keep` is the picture's own; `colour` and `image` replace it; `transparent` leaves it out where the viewer can
    (the web SDK), with the plain backdrop elsewhere."""

    kind: Literal["keep", "transparent", "colour", "image"] = "keep"
    colour: tuple[int, int, int] = PLAIN
    image: Bytes | None = None


def parse_background(text: str | bytes) -> Background:
    """`keep`, `transparent`, `#rrggbb`, a colour's name, or the path or the bytes of a picture. Raises PictureError."""
    if isinstance(text, bytes):
        return Background("image", image=decode(text).rgb)
    word = text.strip()
    if word.lower() in ("", "keep"):
        return Background()
    if word.lower() == "transparent":
        return Background("transparent")
    if word.lower() in NAMED:
        return Background("colour", NAMED[word.lower()])
    found = _HEX.fullmatch(word)
    if found:
        value = int(found.group(1), 16)
        return Background("colour", (value >> 16, value >> 8 & 255, value & 255))
    if Path(word).is_file():
        return Background("image", image=decode(Path(word)).rgb)
    raise PictureError(
        "background",
        f"{word[:80]!r} is no background: use keep, transparent, a colour like #20304a, {', '.join(NAMED)}, or the "
        "path of a picture.",
    )


def render_background(background: Background, size: tuple[int, int]) -> Bytes:
    """The new background on a canvas of `size` (width, height): a picture fills it, a colour gets a studio's soft
    light."""
    width, height = size
    if background.image is not None:
        h, w = background.image.shape[:2]
        k = max(width / w, height / h)
        scaled = cv2.resize(
            background.image,
            (max(width, round(w * k)), max(height, round(h * k))),
            interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC,
        )
        y, x = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
        return np.ascontiguousarray(scaled[y : y + height, x : x + width])
    if background.kind == "colour":
        return np.broadcast_to(np.array(background.colour, np.uint8), (height, width, 3)).copy()
    y = (np.arange(height)[:, None] + 0.5) / height
    x = (np.arange(width)[None] + 0.5) / width
    light = 1.04 - 0.14 * smooth_step(0.1, 0.9, np.hypot((x - 0.5) * min(1.0, width / height) * 1.2, y - 0.35))
    return np.clip(light[..., None] * background.colour, 0, 255).round().astype(np.uint8)
