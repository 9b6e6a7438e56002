"""The face mesh: MediaPipe's triangles without the holes at mouth and eyes, two rings that join it to the rest of the
picture, all subdivided once.

Subdivision is a matrix, so that positions, colours' places and key shapes, all given on the coarse points, are
refined alike. Points on a lip or lid contour are placed on a smooth curve (four-point scheme), so that the edges
do not look polygonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo

Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]

RING_SCALE = (1.16, 1.5)
"""The rings, as the face outline scaled from the middle of the face."""
RING_FOLLOW = (0.45, 0.0)
"""How far each ring follows the outline's movement: the outer one never moves, so the mesh has no visible border."""


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """`refine` (n, m) turns values on the m coarse points into values on the n mesh points. `triangles` (t, 3) index
    the mesh points; chains are lists of mesh points from the viewer's left to right:
    the inner lips, the outer lips, the lids."""

    refine: Doubles
    triangles: Ints
    rings: tuple[Ints, Ints]
    mouth_up: Ints
    mouth_lo: Ints
    lip_up: Ints
    lip_lo: Ints
    eye_up: dict[topo.Side, Ints]
    eye_lo: dict[topo.Side, Ints]


N_COARSE = topo.N_POINTS + 2 * len(topo.OVAL)


def coarse_points(points: Doubles) -> Doubles:
    """The 468 face points (468, 2) with the two rings appended: (540, 2)."""
    outline = points[list(topo.OVAL)]
    middle = points[[topo.NOSE_TIP, topo.CHIN, topo.FOREHEAD]].mean(0)
    return np.concatenate([points, *(middle + (outline - middle) * s for s in RING_SCALE)])


def with_rings(values: Doubles) -> Doubles:
    """Movement of the 468 points (468, 2) extended to the rings."""
    outline = values[list(topo.OVAL)]
    return np.concatenate([values, *(outline * f for f in RING_FOLLOW)])


@cache
def build_mesh(mouth_hole: bool = True, eye_holes: bool = True) -> FaceMesh:
    """The mesh, the same for every face. Parts of an illustration that are drawn anew need no hole in it."""
    count = len(topo.OVAL)
    rings = tuple(np.arange(count, dtype=np.int32) + topo.N_POINTS + k * count for k in range(2))
    holes = [set(topo.INNER_UPPER + topo.INNER_LOWER)] if mouth_hole else []
    if eye_holes:
        holes += [set(topo.EYE_UPPER[s] + topo.EYE_LOWER[s]) for s in topo.SIDES]
    tris = [tuple(t) for t in topo.triangles().tolist() if not any(set(t) <= hole for hole in holes)]
    loops = [np.array(topo.OVAL), *rings]
    for inner, outer in pairwise(loops):
        for i in range(count):
            j = (i + 1) % count
            a, b, c, d = (int(v) for v in (inner[i], inner[j], outer[i], outer[j]))
            tris += [(a, b, c), (b, d, c)]
    chains = {
        "mu": topo.INNER_UPPER,
        "ml": topo.INNER_LOWER,
        "ou": topo.OUTER_UPPER,
        "ol": topo.OUTER_LOWER,
        **{f"eu{s}": topo.EYE_UPPER[s] for s in topo.SIDES},
        **{f"el{s}": topo.EYE_LOWER[s] for s in topo.SIDES},
    }
    curve: dict[tuple[int, int], dict[int, float]] = {}
    for chain in chains.values():
        for k in range(len(chain) - 1):
            curve[_edge(chain[k], chain[k + 1])] = _curve_weights(chain, k)
    rows: list[dict[int, float]] = [{i: 1.0} for i in range(N_COARSE)]
    middle: dict[tuple[int, int], int] = {}

    def split(a: int, b: int) -> int:
        edge = _edge(a, b)
        if edge not in middle:
            middle[edge] = len(rows)
            rows.append(curve.get(edge, {a: 0.5, b: 0.5}))
        return middle[edge]

    fine = []
    for a, b, c in tris:
        ab, bc, ca = split(a, b), split(b, c), split(c, a)
        fine += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    refine = np.zeros((len(rows), N_COARSE))
    for i, row in enumerate(rows):
        for j, weight in row.items():
            refine[i, j] = weight

    def follow(name: str) -> Ints:
        chain = chains[name]
        out = [chain[0]]
        for a, b in pairwise(chain):
            out += [split(a, b), b]
        return np.array(out, np.int32)

    return FaceMesh(
        refine,
        np.array(fine, np.int32),
        (rings[0], rings[1]),
        follow("mu"),
        follow("ml"),
        follow("ou"),
        follow("ol"),
        {s: follow(f"eu{s}") for s in topo.SIDES},
        {s: follow(f"el{s}") for s in topo.SIDES},
    )


def _edge(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _curve_weights(chain: tuple[int, ...], k: int) -> dict[int, float]:
    """Weights of the point between chain[k] and chain[k + 1] on a smooth curve through the chain."""
    a, b = chain[k], chain[k + 1]
    if 0 < k < len(chain) - 2:
        return {chain[k - 1]: -1 / 16, a: 9 / 16, b: 9 / 16, chain[k + 2]: -1 / 16}
    if k == 0:
        return {a: 3 / 8, b: 6 / 8, chain[2]: -1 / 8}
    return {b: 3 / 8, a: 6 / 8, chain[k - 1]: -1 / 8}
