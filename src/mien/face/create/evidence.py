"""Is it a human face, and does its mouth show? The mesh network answers neither: it lays a human mesh over anything
with two dark spots above a third.

Two things tell animals, chance patterns and half-covered faces apart. The detector, asked again about an upright
close-up, is sure of a person (photographed, painted or drawn: 0.86 to 0.96) and unsure of a dog or a monkey (0.5 to
0.8). And the mesh of a person stays where it is when the crop changes a little (0.7 to 1.7 % of the eye distance), that
of an animal does not (1.8 to 3.7 %). Either alone overlaps for blurred or strongly turned heads; their sum does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame
from mien.face.create.networks import FaceNetworks
from mien.face.create.sampling import luminance, sample_points

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

MAX_DOUBT = 1.25
"""Faces measure below 1.0 (most below 0), faces with a covered mouth above 1.35, animals above 2.2."""
MAX_DRAWN_DOUBT = 2.6
"""The same for flat drawings with a clearly drawn mouth: the networks know photographs."""
DRAWN_MOUTH = 6.0
"""Such mouths measure above 9."""
MIN_MOUTH = 0.8
"""Visible mouths measure above 0.85 (1.15 in colour), plain covers below 0.75."""
PERSON = 0.80
"""Least certainty of a person whose mouth is covered by something with lines of its own; animals measure below."""
HALF_PERSON = 0.72
"""The same where no mouth shows at all."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How sure the detector is of the face from close by (0…1), and how far the mesh wanders (eye distances)."""

    certainty: float
    wander: float

    @property
    def doubt(self) -> float:
        return (0.90 - self.certainty) / 0.10 + (self.wander - 0.012) / 0.008


def measure_likeness(nets: FaceNetworks, rgb: Bytes, points: Doubles) -> Likeness:
    """Looks at a found face again, from close by and shifted. `points`: (468, ≥ 2) in picture pixels."""
    sc = float(np.linalg.norm(points[topo.OUTER_EYE_L, :2] - points[topo.OUTER_EYE_R, :2]))
    crops = nets.shifted_meshes(rgb, points)
    wander = float(np.linalg.norm((crops - crops.mean(0))[..., :2], axis=2).mean()) / max(sc, 1e-6)
    return Likeness(float(np.median(nets.close_scores(rgb, points))), wander)


def mouth_evidence(rgb: Bytes, points: Doubles) -> float:
    """How clearly a mouth shows: colour of the lips against the skin around them, and the dark line or the teeth
    between them, both in units of what the skin itself varies."""
    frame = FaceFrame.of(points)
    p = frame.to_face(points[:, :2])
    width = float(np.linalg.norm(p[topo.MOUTH_L] - p[topo.MOUTH_R]))
    middle = (p[topo.MOUTH_L] + p[topo.MOUTH_R]) / 2
    n = 64
    x = middle[0] + np.linspace(-0.75, 0.75, n) * width
    y = middle[1] + np.linspace(-0.55, 0.65, n) * width
    grid = np.stack(np.meshgrid(x, y), -1)
    patch = np.clip(sample_points(rgb, frame.to_px(grid)), 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(cv2.GaussianBlur(patch, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float64)

    def inside(ids: tuple[int, ...]) -> NDArray[np.bool_]:
        polygon = np.stack([(p[list(ids), 0] - x[0]) / (x[1] - x[0]), (p[list(ids), 1] - y[0]) / (y[1] - y[0])], -1)
        mask = np.zeros((n, n), np.uint8)
        cv2.fillPoly(mask, [polygon.round().astype(np.int32)], 1)
        return np.asarray(mask > 0)

    lips = inside((*topo.OUTER_UPPER, *topo.OUTER_LOWER[::-1]))
    ring = np.asarray(cv2.dilate(lips.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0)
    ring &= ~np.asarray(cv2.dilate(lips.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)
    if lips.sum() < 20 or ring.sum() < 20:
        return 0.0
    skin = np.median(lab[ring], axis=0)
    spread = np.median(np.abs(lab[ring] - skin), axis=0) + np.array([3.0, 1.2, 1.2])
    colour = np.linalg.norm(((np.median(lab[lips], axis=0) - skin) / spread)[1:])
    # The line between the lips: every column's darkest place against the lips above and below it.
    grey = luminance(cv2.GaussianBlur(patch, (0, 0), 0.8))
    columns = np.flatnonzero(lips.sum(0) > 5)[2:-2]
    depth = []
    for c in columns:
        rows = np.flatnonzero(lips[:, c])
        column = grey[rows[0] : rows[-1] + 1, c]
        depth.append(float(min(column[: len(column) // 3 + 1].max(), column[-len(column) // 3 :].max()) - column.min()))
    line = float(np.median(depth)) / (2.0 * float(spread[0]) + 2.0) if depth else 0.0
    return float(0.5 * colour + line)
