"""The face's own coordinates: origin between the outer eye corners, unit = the distance between them, x along the
eye line, y down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.create.topology import OUTER_EYE_L, OUTER_EYE_R

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """Turns canvas pixels into face units and back. `o`, `ux`, `uy` have shape (2,)."""

    o: Doubles
    ux: Doubles
    uy: Doubles
    sc: float

    @classmethod
    def of(cls, points: Doubles) -> FaceFrame:
        """The frame of landmarks in canvas pixels, shape (≥ 468, ≥ 2)."""
        a, b = points[OUTER_EYE_R, :2], points[OUTER_EYE_L, :2]
        sc = float(np.linalg.norm(b - a))
        ux = (b - a) / sc
        return cls((a + b) / 2, ux, np.array([-ux[1], ux[0]]), sc)

    def to_face(self, px: Doubles) -> Doubles:
        """Canvas pixels (…, 2) → face units (…, 2)."""
        d = (np.asarray(px, np.float64) - self.o) / self.sc
        return np.stack([d @ self.ux, d @ self.uy], -1)

    def to_px(self, q: Doubles) -> Doubles:
        """Face units (…, 2) → canvas pixels (…, 2)."""
        q = np.asarray(q, np.float64)
        return self.o + self.sc * (q[..., :1] * self.ux + q[..., 1:2] * self.uy)


def smooth_step(a: float, b: float, x: Doubles | float) -> Doubles:
    """0 below `a`, 1 above `b`, a smooth S between."""
    t = np.clip((np.asarray(x, np.float64) - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)
