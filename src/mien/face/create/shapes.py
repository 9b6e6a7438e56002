"""Key shapes of a natural face: how each point moves when a channel is at 1, in face units.

All are computed from the picture's own proportions (mouth width, lip thickness, eye opening). The rest position
has the mouth closed, also when the picture smiles with parted lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import smooth_step

Doubles = NDArray[np.float64]
Moves = dict[int, Doubles]

UP, LO = list(topo.INNER_UPPER), list(topo.INNER_LOWER)
OUT_UP, OUT_LO = list(topo.OUTER_UPPER), list(topo.OUTER_LOWER)


@dataclass(frozen=True, slots=True)
class MouthMeasures:
    """Sizes of the mouth in the picture, face units. `gap` is the largest distance between the inner lips as
    photographed."""

    centre: Doubles
    width: float
    chin_distance: float
    gap: float
    jaw: float


def measure_mouth(p: Doubles) -> MouthMeasures:
    """`p`: the 468 points as photographed, face units."""
    centre = (p[topo.MOUTH_R] + p[topo.MOUTH_L]) / 2
    width = float(np.linalg.norm(p[topo.MOUTH_L] - p[topo.MOUTH_R]))
    chin = float(p[topo.CHIN, 1] - centre[1])
    gap = float((p[LO, 1] - p[UP, 1]).max())
    return MouthMeasures(centre, width, chin, gap, min(0.40 * chin, 0.36 * width))


def closing(p: Doubles) -> Doubles:
    """The movement that closes the mouth of the picture and takes back part of a wide smile, (468, 2)."""
    m = measure_mouth(p)
    middle = p[UP] * 0.5 + p[LO] * 0.5
    moves: Moves = {}
    for a in range(11):
        du, dl = middle[a] - p[UP[a]], middle[a] - p[LO[a]]
        moves[UP[a]], moves[LO[a]] = du, dl
        for j in topo.MID_UPPER[a]:
            moves[j] = du * (0.95 if 0 < a < 10 else 0.0)
        for j in topo.MID_LOWER[a]:
            moves.setdefault(j, dl * (0.92 if 0 < a < 10 else 0.0))
        moves[OUT_UP[a]], moves[OUT_LO[a]] = du * 0.8, dl * 0.8
    closed = _spread(p, moves, m.width * 0.45)
    # A smile that shows its teeth is taken back further than the corners of a mouth that is closed anyway: those
    # belong to the face.
    line = (p[UP] + p[LO]) / 2
    lift = float(line[3:8, 1].mean() - line[[0, -1], 1].mean()) / m.width
    smiling = float(smooth_step(0.03, 0.12, lift) * smooth_step(0.04, 0.12, m.gap / m.width))
    relaxed = p + closed
    narrower = {i: np.array([-0.10 * smiling * (p[i, 0] - m.centre[0]), 0.0]) for i in topo.LIPS}
    parted = float(smooth_step(0.03, 0.09, m.gap / m.width))
    return closed + parted * (0.25 + 0.40 * smiling) * _level(relaxed) + _spread(relaxed, narrower, m.width * 0.55)


def _spread(p: Doubles, moves: Moves, radius: float) -> Doubles:
    """Movement of some points continued smoothly over the face, fading with distance."""
    ids = np.array(list(moves))
    values = np.array([moves[int(i)] for i in ids])
    d = np.linalg.norm(p[:, None] - p[None, ids], axis=2)
    w = np.exp(-((d / (0.35 * radius)) ** 2)) + 1e-9
    out = (w @ values) / w.sum(1, keepdims=True) * np.exp(-((d.min(1) / radius) ** 2))[:, None]
    out[ids] = values
    return np.asarray(out)


def _level(p: Doubles) -> Doubles:
    """Brings the closed lip line to one height (a smile's corners come down)."""
    m = measure_mouth(p)
    line = (p[UP] + p[LO]) / 2
    level = float(line[3:8, 1].mean())
    moves = {}
    for i in topo.LIPS:
        down = 0.85 * (level - float(np.interp(p[i, 0], line[:, 0], line[:, 1])))
        moves[i] = np.array([0.0, max(down, -0.02 * m.width)])  # the middle has no room to go up
    return _spread(p, moves, m.width * 0.55)


def key_shapes(p: Doubles, measures: MouthMeasures) -> dict[str, Doubles]:
    """All shapes for the rest position `p` (468, 2); values (468, 2)."""
    return {**_mouth_shapes(p, measures), **_eye_shapes(p), **_brow_shapes(p), "cheek": _cheek(p)}


def _mouth_shapes(p: Doubles, measures: MouthMeasures) -> dict[str, Doubles]:
    mw, mc = measures.width, measures.centre
    mc = np.array([mc[0], (p[13, 1] + p[14, 1]) / 2])
    line_x, line_y = p[UP, 0], (p[UP, 1] + p[LO, 1]) / 2
    near = mw * 0.5
    s = np.clip((p[:, 0] - mc[0]) / (mw / 2), -1, 1)
    side = np.where(np.isin(np.arange(len(p)), list(topo.UPPER_LIP)), -1.0, 1.0)
    off_line = p[:, 1] - np.interp(p[:, 0], line_x, line_y)
    shapes: dict[str, Doubles] = {}
    base = float(p[topo.NOSE_BASE, 1])
    philtrum = max(float(p[OUT_UP[5], 1]) - base, 0.02)
    raised = min(0.095 * mw, 0.42 * philtrum)  # an upper lip cannot go farther up than there is skin
    arch = min(0.15 * mw, 0.55 * philtrum)

    # How far each point follows the jaw: the lower lip fully in its middle, less at the corners; cheeks a little, the
    # chin most.
    below = smooth_step(-0.05, 0.22, (p[:, 1] - mc[1]) / measures.chin_distance)
    half = np.abs(p[list(topo.OVAL), 0] - mc[0]).max()
    w = below * (1 - 0.55 * smooth_step(0.45, 1.0, np.abs(p[:, 0] - mc[0]) / half)) * 0.92
    for i in topo.LOWER_LIP:
        w[i] = 0.32 + 0.68 * (1 - abs(s[i]) ** 2.2)
    for i in topo.UPPER_LIP:
        w[i] = 0.36 * abs(s[i]) ** 3.2
    w[list(topo.CORNERS)] = 0.36
    jaw = np.zeros_like(p)
    jaw[:, 1] = w
    for i in topo.LIPS:
        jaw[i, 0] = -0.14 * s[i]
    jaw = _fade_sideways(p, jaw * measures.jaw, topo.CORNERS, near)
    shapes["jaw"] = jaw

    level = _level(p)

    def lips(move: Moves, reach: float) -> Doubles:
        return _spread(p, move, near * reach)

    # Lips drawn together keep their height, so they must get rounder, not just narrower: the outline goes from an arc
    # towards an ellipse, and the lower lip gets a little thinner.
    height = {i: float(abs(off_line[i])) for i in topo.LIPS}
    tallest = {-1.0: max(height[i] for i in OUT_UP), 1.0: max(height[i] for i in OUT_LO)}
    pucker: Moves = {}
    rounded: Moves = {}
    for i in topo.LIPS:
        bell = 1 - s[i] ** 2
        corner = i in topo.CORNERS
        full = np.sqrt(max(bell, 0.0)) - bell  # ellipse minus arc
        share = float(
            np.clip(height[i] / max(tallest[float(side[i])] * max(bell, 0.15), 1e-6), 0, 1)
        )  # 1 on the outer line
        dy = side[i] * (0.50 * full * tallest[float(side[i])] * share + 0.014 * mw * bell * share)
        dy -= (0.10 if side[i] > 0 else -0.02) * off_line[i] * bell
        parted = side[i] * 0.012 * mw * bell**2 * (i in UP or i in LO)
        pucker[i] = np.array([-0.41 * (p[i, 0] - mc[0]), 0.0 if corner else dy + parted])
        # An open, rounded mouth: narrower, and its upper line an arch down to the corners, where the jaw alone opens a
        # bowl under a level line.
        if corner or side[i] < 0:
            bow = 0.5 - (0.0 if corner else 0.5 * np.sqrt(max(bell, 0.0)))
            down = 0.6 * measures.jaw * (bow - w[i]) - (0.0 if corner else arch * bell)
        else:
            down = 0.04 * mw * bell
        rounded[i] = np.array([-0.16 * (p[i, 0] - mc[0]), down])
    shapes["pucker"] = lips(pucker, 1.0) + 0.8 * level
    shapes["jaw_pucker"] = lips(rounded, 0.9)
    shapes["wide"] = lips(
        {i: np.array([0.15 * (p[i, 0] - mc[0]), -0.10 * off_line[i] - 0.028 * mw * s[i] ** 2]) for i in topo.LIPS}, 1.0
    )
    shapes["smile"] = lips(
        {i: np.array([0.05 * mw * s[i] * s[i] ** 2, -0.13 * mw * s[i] ** 2]) for i in topo.LIPS}, 1.35
    )
    shapes["frown"] = lips({i: np.array([0.01 * mw * s[i], 0.11 * mw * s[i] ** 2 - 0.02 * mw]) for i in topo.LIPS}, 1.1)
    press: Moves = {}
    for i in topo.LIPS:
        outer = i in OUT_UP or i in OUT_LO
        inner = i in UP or i in LO
        press[i] = np.array([0.0, -(0.26 if outer else 0.0 if inner else 0.16) * off_line[i]])
    shapes["press"] = lips(press, 0.6)
    upper, lower, fv = {}, {}, {}
    for i in topo.LIPS:
        bell = 1 - s[i] ** 2
        is_upper, is_lower = i in topo.UPPER_LIP, i in topo.LOWER_LIP
        upper[i] = np.array([0.0, -raised * bell if is_upper else 0.0])
        lower[i] = np.array([0.0, 0.115 * mw * bell if is_lower else 0.0])
        fv[i] = np.array(
            [
                0.0,
                (-0.53 * raised * bell)
                if is_upper
                else (-0.045 - 0.05 * (i in OUT_LO)) * mw * bell
                if is_lower
                else 0.0,
            ]
        )
    shapes["upper_up"], shapes["lower_down"], shapes["fv"] = lips(upper, 0.6), lips(lower, 0.6), lips(fv, 0.6)
    shapes["tongue"] = 0.45 * shapes["lower_down"]  # or the tip between the teeth would hide behind the lip
    # The nose stays; the skin between it and the lip takes up what the lip does, over all its length.
    nose = smooth_step(base - 0.02, base + max(0.06, 0.85 * philtrum), p[:, 1])[:, None]
    rise = min(0.09 * measures.jaw, 0.25 * philtrum)
    opened = {i: np.array([0.0, -rise * (1 - s[i] ** 2) * (i in topo.UPPER_LIP)]) for i in topo.LIPS}
    shapes["jaw"] = shapes["jaw"] + lips(opened, 0.6) * nose
    # Lips drawn together keep the jaw from opening all the way.
    shapes["jaw_pucker"] = shapes["jaw_pucker"] - 0.25 * shapes["jaw"]
    for name in shapes:
        if name not in ("jaw",):
            shapes[name] = shapes[name] * nose  # the nose stays
    return shapes


def _fade_sideways(p: Doubles, move: Doubles, around: frozenset[int], reach: float) -> Doubles:
    """Adds the corners' pull to the skin beside them."""
    ids = np.array(sorted(around))
    d = np.linalg.norm(p[:, None] - p[None, ids], axis=2)
    w = np.exp(-((d.min(1) / (reach * 0.8)) ** 2))
    out = move.copy()
    skin = ~np.isin(np.arange(len(p)), list(topo.LIPS))
    nearest = ids[d.argmin(1)]
    out[skin] = move[skin] * (1 - w[skin])[:, None] + (move[nearest] * w[:, None])[skin]
    above = p[:, 1] < p[list(topo.CORNERS), 1].mean() - 0.02
    fade = np.where(above, np.exp(-(((p[:, 1] - p[list(topo.CORNERS), 1].mean()) / (reach * 0.5)) ** 2)), 1.0)
    out[skin] *= fade[skin][:, None]
    return np.asarray(out)


def _eye_shapes(p: Doubles) -> dict[str, Doubles]:
    shapes = {}
    for side in topo.SIDES:
        up, lo = topo.EYE_UPPER[side], topo.EYE_LOWER[side]
        near, far = topo.EYE_RING[side]
        k = np.zeros_like(p)
        for a in range(1, len(up) - 1):
            gap = p[lo[a]] - p[up[a]]
            k[up[a]] = gap * 0.93
            k[lo[a]] = -gap * 0.07
            k[near[a]] = gap * 0.30
            k[far[a]] = gap * 0.10
        inner = list(lo[1:-1])
        for j in topo.EYE_BELOW[side]:
            a = 1 + int(np.linalg.norm(p[inner] - p[j], axis=1).argmin())
            k[j] = -(p[lo[a]] - p[up[a]]) * 0.05
        shapes[f"blink_{side}"] = k
    return shapes


def _brow_shapes(p: Doubles) -> dict[str, Doubles]:
    shapes = {}
    for side in topo.SIDES:
        brow = p[list(topo.BROW[side])]
        d = np.linalg.norm(p[:, None] - brow[None], axis=2).min(1)
        top_of_eye = p[list(topo.EYE_UPPER[side]), 1].min() - 0.02
        half = smooth_step(-0.05, 0.05, p[:, 0] if side == "l" else -p[:, 0])
        w = np.exp(-((d / 0.16) ** 2)) * (p[:, 1] < top_of_eye) * half
        frozen = topo.EYE_UPPER[side] + topo.EYE_LOWER[side] + topo.EYE_RING[side][0]
        w[list(frozen)] = 0
        w[list(topo.EYE_RING[side][1])] *= 0.6
        up = np.zeros_like(p)
        up[:, 1] = -0.075 * w
        down = np.zeros_like(p)
        inner = np.exp(-((np.abs(p[:, 0]) / 0.30) ** 2))
        down[:, 1] = w * (0.030 + 0.025 * inner)
        down[:, 0] = w * inner * (-0.018 if side == "l" else 0.018)
        shapes[f"brow_{side}"], shapes[f"brow_{side}_down"] = up, down
    return shapes


def _cheek(p: Doubles) -> Doubles:
    """Cheeks up, the lower lids with them."""
    k = np.zeros_like(p)
    for side, point in zip(topo.SIDES, (50, 280), strict=True):
        d = np.linalg.norm((p - p[point]) * [1.0, 1.15], axis=1)
        k[:, 1] += -0.045 * np.exp(-((d / 0.20) ** 2))
        up, lo = topo.EYE_UPPER[side], topo.EYE_LOWER[side]
        for a in range(len(lo)):
            bell = np.sin(np.pi * a / (len(lo) - 1))
            k[lo[a], 1] = -0.16 * (p[lo[a], 1] - p[up[a], 1]) * bell
        k[list(up), :] = 0
        for ring in topo.EYE_RING[side]:
            k[list(ring), :] = 0
    k[list(topo.LIPS)] *= 0.3
    return k
