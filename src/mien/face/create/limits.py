"""How far each movement may go with this picture. Where the mesh would fold, the key shapes themselves are made
smaller, so that no motion frame can break the face; turns level off earlier where there is nothing to turn into view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.face.create.checks import head_angles
from mien.face.format import Limits, Package

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

VISIBLE = 3e-4
"""Area in square face units from which on a folded triangle can be seen (about 20 px² on a 1080p canvas)."""
STEP = 0.90
LEAST = 0.35
"""Key shapes are made smaller in steps, and never smaller than this share."""

ENDS: tuple[Mapping[str, float], ...] = (
    {"jaw": 1},
    {"jaw": 1, "upper_up": 1, "lower_down": 1},
    {"jaw": 1, "wide": 1, "upper_up": 0.5, "lower_down": 0.5},
    {"jaw": 1, "smile": 1, "cheek": 1, "upper_up": 0.5},
    {"jaw": 1, "pucker": 1, "jaw_pucker": 1},
    {"jaw": 0.5, "pucker": 1, "jaw_pucker": 0.5},
    {"jaw": 0.3, "pucker": 0.6, "jaw_pucker": 0.18, "upper_up": 0.5, "lower_down": 0.5},
    {"jaw": 0.4, "tongue": 1, "lower_down": 0.3},
    {"pucker": 1},
    {"pucker": 1, "press": 1},
    {"wide": 1, "press": 1},
    {"smile": 1, "wide": 1},
    {"smile": 1, "cheek": 1},
    {"frown": 1},
    {"frown": 1, "pucker": 0.5},
    {"press": 1},
    {"fv": 1, "jaw": 0.2, "upper_up": 0.4},
    {"upper_up": 1},
    {"lower_down": 1},
    {"cheek": 1},
    {"brow_r": 1, "brow_l": 1},
    {"brow_r_down": 1, "brow_l_down": 1},
    {"brow_r_down": 1, "brow_l_down": 1, "blink_r": 1, "blink_l": 1, "cheek": 1},
)
"""Weights of key shapes at and between the ends of what the motion engine asks for."""

FIXED = frozenset(("blink_r", "blink_l"))
"""Half a blink is no blink: these are never made smaller."""


def fit_limits(package: Package, points: Doubles) -> tuple[Package, tuple[str, ...]]:
    """The package with movements this picture can bear, and sentences about what had to be limited. `points`: (468, 3)
    landmarks, canvas px."""
    keys, shares = _fitted(package)
    yaw, pitch, roll = head_angles(points)
    whole = Limits()
    # A head that is turned already can turn little farther: its far side was never seen.
    seen = float(np.clip(1 - (abs(yaw) - 8) / 45, 0.45, 1))
    layered = 1.0 if package.matte is not None else 0.85
    limits = Limits(
        yaw=round(whole.yaw * seen * layered, 2),
        pitch=round(whole.pitch * float(np.clip(1 - (abs(pitch) - 10) / 60, 0.6, 1)) * layered, 2),
        roll=round(whole.roll * float(np.clip(1 - (abs(roll) - 20) / 60, 0.6, 1)), 2),
        tx=whole.tx,
        ty=whole.ty,
    )
    tight = sorted(name for name, share in shares.items() if share < 0.75)
    notes: tuple[str, ...] = ()
    if tight:
        told = ", ".join(f"{name} {100 * shares[name]:.0f} %" for name in tight)
        notes = (f"Some movements are smaller than usual, because the picture cannot bear more: {told}.",)
    return replace(package, keys=keys, limits=limits), notes


def folded(package: Package, keys: Mapping[str, Floats], weights: Mapping[str, float]) -> NDArray[np.intp]:
    """Triangles that turn over visibly at these key weights."""
    now, before = (
        _areas(_moved(package, keys, weights), package.triangles),
        _areas(package.rest.astype(np.float64), package.triangles),
    )
    return np.flatnonzero((now * before < 0) & (np.minimum(np.abs(now), np.abs(before)) > VISIBLE))


def _fitted(package: Package) -> tuple[dict[str, Floats], dict[str, float]]:
    keys = dict(package.keys)
    shares = dict.fromkeys(keys, 1.0)
    for weights in ENDS:
        for _ in range(10):
            bad = folded(package, keys, weights)
            if not len(bad):
                break
            # What would straighten these triangles if it were not there is what folds them.
            strength = {
                n: _straightens(package, keys, weights, n, bad)
                for n in weights
                if n in keys and n not in FIXED and shares[n] * STEP >= LEAST
            }
            strongest = max(strength.values(), default=0.0)
            if strongest <= 0:
                break
            for name, value in strength.items():
                if value > 0.5 * strongest:
                    keys[name] = (keys[name] * STEP).astype(np.float32)
                    shares[name] *= STEP
    return keys, shares


def _straightens(
    package: Package, keys: Mapping[str, Floats], weights: Mapping[str, float], name: str, bad: NDArray[np.intp]
) -> float:
    """How much area the folded triangles get back when one key shape is left away."""
    moved = _moved(package, keys, weights)
    triangles = package.triangles[bad]
    side = np.sign(_areas(package.rest.astype(np.float64), triangles))
    without = moved - weights[name] * keys[name]
    return float((side * (_areas(without, triangles) - _areas(moved, triangles))).mean())


def _moved(package: Package, keys: Mapping[str, Floats], weights: Mapping[str, float]) -> Doubles:
    moved = package.rest.astype(np.float64)
    for name, weight in weights.items():
        if name in keys:
            moved = moved + weight * keys[name]
    return moved


def _areas(points: Doubles, triangles: NDArray[np.int32]) -> Doubles:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
