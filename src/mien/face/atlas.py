"""The atlas of a package: its small textures on one picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
MARGIN = 2
WIDTH = 1024


def pack_atlas(textures: dict[str, Bytes]) -> tuple[Bytes, dict[str, tuple[int, int, int, int]]]:
    """RGBA textures on shelves; returns the atlas and each one's [x0, y0, x1, y1]."""
    regions: dict[str, tuple[int, int, int, int]] = {}
    x = y = shelf = 0
    for name, texture in sorted(textures.items(), key=lambda item: (-item[1].shape[0], item[0])):
        h, w = texture.shape[:2]
        if x + w + 2 * MARGIN > WIDTH and x:
            x, y, shelf = 0, y + shelf, 0
        regions[name] = (x + MARGIN, y + MARGIN, x + MARGIN + w, y + MARGIN + h)
        x += w + 2 * MARGIN
        shelf = max(shelf, h + 2 * MARGIN)
    atlas = np.zeros((y + shelf, max(WIDTH, max(r[2] for r in regions.values()) + MARGIN), 4), np.uint8)
    for name, (x0, y0, x1, y1) in regions.items():
        atlas[y0 - MARGIN : y1 + MARGIN, x0 - MARGIN : x1 + MARGIN] = cv2.copyMakeBorder(
            textures[name], MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE
        )
    return atlas, regions
