"""The 468-point face topology: triangles, contours, and which points belong to which part of the face.

Point numbers are those of MediaPipe's canonical face model (Apache-2.0), as is the triangle list in
`triangles.npy`. "Right" is the subject's right, which the viewer sees on the left. Chains run from the viewer's
left to right.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

N_POINTS = 468

OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)
"""The face outline, closed, starting at the top."""

INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MID_UPPER = (
    (62, 76),
    (183, 184),
    (42, 74),
    (41, 73),
    (38, 72),
    (12, 11),
    (268, 302),
    (271, 303),
    (272, 304),
    (407, 408),
    (292, 306),
)
"""Points between the inner and the outer upper lip line, for each of the 11 columns."""
MID_LOWER = (
    (62, 76),
    (96, 77),
    (89, 90),
    (179, 180),
    (86, 85),
    (15, 16),
    (316, 315),
    (403, 404),
    (319, 320),
    (325, 307),
    (292, 306),
)

Side = Literal["r", "l"]
SIDES: tuple[Side, Side] = ("r", "l")

EYE_UPPER: dict[Side, tuple[int, ...]] = {
    "r": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "l": (362, 398, 384, 385, 386, 387, 388, 466, 263),
}
EYE_LOWER: dict[Side, tuple[int, ...]] = {
    "r": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "l": (362, 382, 381, 380, 374, 373, 390, 249, 263),
}
EYE_RING: dict[Side, tuple[tuple[int, ...], ...]] = {
    "r": ((130, 247, 30, 29, 27, 28, 56, 190, 243), (226, 113, 225, 224, 223, 222, 221, 189, 244)),
    "l": ((463, 414, 286, 258, 257, 259, 260, 467, 359), (464, 413, 441, 442, 443, 444, 445, 342, 446)),
}
"""Two lines of skin above the upper lid, the nearer first."""
EYE_BELOW: dict[Side, tuple[int, ...]] = {
    "r": (25, 110, 24, 23, 22, 26, 112),
    "l": (341, 256, 252, 253, 254, 339, 255),
}
BROW: dict[Side, tuple[int, ...]] = {
    "r": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    "l": (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
}

OUTER_EYE_R, OUTER_EYE_L = 33, 263
MOUTH_R, MOUTH_L = 61, 291
CHIN, FOREHEAD, NOSE_TIP, NOSE_BASE = 152, 10, 1, 2
CHEEK = (50, 280, 205, 425)
"""Points on plain cheek skin."""

UPPER_LIP = frozenset(i for i in (*INNER_UPPER[1:-1], *OUTER_UPPER[1:-1], *(j for m in MID_UPPER[1:-1] for j in m)))
LOWER_LIP = frozenset(i for i in (*INNER_LOWER[1:-1], *OUTER_LOWER[1:-1], *(j for m in MID_LOWER[1:-1] for j in m)))
CORNERS = frozenset((78, 308, 61, 291, 62, 292, 76, 306))
LIPS = UPPER_LIP | LOWER_LIP | CORNERS


@cache
def triangles() -> NDArray[np.int32]:
    """The 898 triangles, shape (898, 3)."""
    return np.asarray(np.load(Path(__file__).with_name("triangles.npy")), np.int32)


@cache
def mirror_points() -> NDArray[np.int32]:
    """For each point the number of its mirror image on the other half of the face, shape (468,)."""
    return np.asarray(np.load(Path(__file__).with_name("mirror.npy")), np.int32)
