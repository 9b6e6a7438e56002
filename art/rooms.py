"""The rooms behind the people, and how each picture is graded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from finish import Backdrop


def study(width: int, height: int) -> np.ndarray:
    """A bright study: window on the left, shelves on the right, a plant."""
    room = Backdrop(540, 960, ("#cbbfae", "#a8947d"), 3)
    room.box(0.0, 0.0, 0.34, 0.56, "#efe6d8")
    for column in (0.0, 0.175):
        for row in (0.0, 0.19, 0.38):
            room.box(column, row, column + 0.155, row + 0.17, "#e9ebe6", 0.95)
    room.box(0.33, 0, 0.37, 0.58, "#d9cbb6")
    room.box(0.0, 0.56, 0.4, 0.58, "#e6dac8")
    books = ["#8a5a44", "#b98a5e", "#d8c3a0", "#5d6f6b", "#39525a", "#a85f4c", "#c9b08a", "#7a7f6a"]
    room.box(0.70, 0.05, 1.0, 0.8, "#8f7559")
    for top in (0.07, 0.235, 0.40, 0.565):
        room.box(0.715, top, 1.0, top + 0.145, "#5f4c3b")
        room.books(0.72, top + 0.015, 1.0, top + 0.145, books, 0.9)
    room.plant(0.12, 0.62, 0.2, 60, ["#3f5f3a", "#5c7f4a", "#7fa05f", "#2f4a30"], 0.9)
    room.box(0.03, 0.6, 0.21, 0.72, "#c98a63")
    room.box(0.0, 0.72, 1.0, 1.0, "#8a6f55")
    room.glow(0.12, 0.2, 0.5, "#fff1d8", 0.12)
    return room.done(15, width, height)


def loft(width: int, height: int) -> np.ndarray:
    """An evening loft: cool wall, a big plant on the left, a warm lamp and frames on the right."""
    room = Backdrop(540, 960, ("#6f7c84", "#4b5358"), 5)
    room.box(0.0, 0.0, 0.06, 0.8, "#59656c")
    room.box(0.70, 0.07, 0.97, 0.27, "#2f3336")
    room.box(0.72, 0.08, 0.95, 0.26, "#c8b79a", 0.8)
    room.box(0.76, 0.11, 0.91, 0.23, "#7d8c86", 0.8)
    room.box(0.0, 0.70, 1.0, 0.72, "#7a624a", 0.8)
    room.box(0.0, 0.72, 1.0, 1.0, "#3d3530")
    room.plant(0.12, 0.66, 0.33, 90, ["#2f5138", "#4d7350", "#6d9464", "#223d2b"], 0.75)
    room.box(0.04, 0.62, 0.21, 0.74, "#b3a696", 0.7)
    room.box(0.845, 0.47, 0.86, 0.7, "#6b5a44", 0.8)
    room.box(0.77, 0.38, 0.935, 0.48, "#ffd9a0", 0.75)
    room.glow(0.855, 0.43, 0.16, "#ffc477", 0.22)
    room.glow(0.855, 0.43, 0.45, "#ffb866", 0.16)
    room.glow(0.05, 0.1, 0.5, "#bcd4e6", 0.22)
    return room.done(14, width, height)


ROOMS: dict[str, Callable[[int, int], np.ndarray]] = {"mia": study, "leo": loft, "amara": loft}
GRADES: dict[str, dict[str, Any]] = {
    "mia": {"bloom": 0.12, "vignette": 0.22, "contrast": 1.06, "warmth": 0.01, "saturation": 1.08},
    "amara": {"bloom": 0.12, "vignette": 0.25, "contrast": 1.06, "warmth": 0.0, "saturation": 1.05},
    "leo": {"bloom": 0.12, "vignette": 0.25, "contrast": 1.06, "warmth": 0.0, "saturation": 1.05},
}
