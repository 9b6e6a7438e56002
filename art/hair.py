"""Strands: scalp hair, brows and lashes as point lists. Deterministic for a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

Vec = np.ndarray


class Skin:
    """The body's surface for ray casts and nearest points."""

    def __init__(self, points: np.ndarray, triangles: np.ndarray) -> None:
        self.tree = BVHTree.FromPolygons(points.tolist(), triangles.tolist(), all_triangles=True)

    def front(self, x: float, y: float) -> tuple[Vec, Vec] | None:
        """Where a ray from the viewer hits: point and normal."""
        hit, normal, _, _ = self.tree.ray_cast(Vector((x, y, 5)), Vector((0, 0, -1)))
        return None if hit is None else (np.array(hit), np.array(normal))

    def out(self, origin: Vec, direction: Vec) -> tuple[Vec, Vec] | None:
        """The outermost hit on a ray from inside."""
        start = Vector(origin + direction * 5)
        hit, normal, _, _ = self.tree.ray_cast(start, Vector(-direction))
        return None if hit is None else (np.array(hit), np.array(normal))

    def push(self, point: Vec, gap: float) -> tuple[Vec, Vec, float]:
        """The point moved out to at least `gap` above the surface, the surface normal and the height before."""
        near, normal, _, _ = self.tree.find_nearest(Vector(point))
        near, normal = np.array(near), np.array(normal)
        height = float((point - near) @ normal)
        if height < gap:
            point = near + normal * gap
        return point, normal, height

    def opening(self, centre: Vec, radius: float, side: int, rise: float = 0.0) -> tuple[Vec, Vec]:
        """Edges of the upper and lower lid as seen from the viewer, from nose to temple: two (k, 3)."""
        upper, lower = [], []
        for u in np.linspace(-1.25, 1.25, 120):
            x = centre[0] + side * u * radius
            for sign, rim in ((1, upper), (-1, lower)):
                for step in range(150):
                    y = centre[1] + rise * u * radius + sign * step * radius / 120
                    inside = radius**2 - (x - centre[0]) ** 2 - (y - centre[1]) ** 2
                    ball = centre[2] + np.sqrt(max(inside, 0.0))
                    hit = self.front(x, y)
                    if hit is not None and hit[0][2] > ball - 0.002:
                        if step:
                            rim.append(hit[0])
                        break
        return np.array(upper), np.array(lower)


def unit(v: Vec) -> Vec:
    """Length one."""
    return v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)


def brows(
    skin: Skin,
    eye: Vec,
    line: list[tuple[float, float, float]],
    count: int,
    length: float,
    seed: int,
    lift: float = 0.008,
) -> list[Vec]:
    """Both eyebrows. `line`: (x, y, half thickness) from nose to temple, relative to the point between the eyes."""
    random = np.random.default_rng(seed)
    spine = np.array(line)
    paths = []
    for sign in (-1, 1):
        for _ in range(count):
            t = random.beta(1.15, 1.2)
            at = t * (len(spine) - 1)
            i = min(int(at), len(spine) - 2)
            here = spine[i] * (1 - at + i) + spine[i + 1] * (at - i)
            v = random.uniform(-1, 1)
            v = np.sign(v) * abs(v) ** 0.8
            along = unit((spine[i + 1] - spine[i])[:2])
            rise = np.interp(t, [0, 0.12, 0.35, 1], [1.5, 1.0, 0.5, 0.05]) * (0.75 - 0.55 * v) - 0.12 * v
            direction = unit(along + np.array([-along[1], along[0]]) * rise)
            size = length * random.uniform(0.7, 1.15) * np.interp(t, [0, 0.2, 0.8, 1], [0.75, 1, 0.95, 0.6])
            start = here[:2] + np.array([-along[1], along[0]]) * v * here[2] + random.normal(0, 0.004, 2)
            path = []
            for s in np.linspace(0, 1, 7):
                bend = along * s * s * 0.35 + direction * (1 - 0.35 * s * s)
                p = start + unit(bend) * size * s
                hit = skin.front(sign * p[0], eye[1] + p[1])
                if hit is None:
                    break
                path.append(
                    hit[0] + hit[1] * lift * (0.2 + np.sin(np.pi * min(s + 0.15, 1)) * random.uniform(0.5, 1.0))
                )
            if len(path) == 7:
                paths.append(np.array(path))
    return paths


def lashes(rim: Vec, centre: Vec, side: int, upper: bool, count: int, length: float, seed: int) -> list[Vec]:
    """Lashes on a lid whose edge is the polyline `rim` (k, 3) from inner to outer corner."""
    random = np.random.default_rng(seed)
    step = np.r_[0, np.cumsum(np.linalg.norm(np.diff(rim, axis=0), axis=1))]
    step /= step[-1]
    sway = 1 if upper else -1
    paths = []
    for i in range(count):
        t = np.clip((i + random.uniform(0, 1)) / count, 0.06, 0.99)
        root = np.array([np.interp(t, step, rim[:, k]) for k in range(3)])
        fan = np.interp(t, [0, 0.4, 1], [-0.35, 0.15, 0.95]) + random.normal(0, 0.1)
        size = length * np.interp(t, [0, 0.15, 0.6, 0.9, 1], [0.4, 0.65, 1, 1.05, 0.7]) * random.uniform(0.75, 1.1)
        outward = unit(np.array([side * fan * 0.6, (0.02 if upper else -0.25), 1.0]))
        curl = np.array([side * fan * 0.35, sway * (1.0 if upper else 0.55), -0.1])
        path = [root + size * (outward * s * (1 - 0.25 * s) + curl * (s**1.8) * 0.62) for s in np.linspace(0, 1, 8)]
        paths.append(np.array(path))
    return paths


def grow(
    skin: Skin,
    root: Vec,
    normal: Vec,
    style: Callable[[Vec, Vec, float], Vec],
    length: float,
    gap: float,
    step: float = 0.07,
    lift: float = 0.5,
) -> Vec:
    """One guide: starts a little upright, then follows `style(point, surface normal, arc)` and stays off the skin.

    `gap` is the thickness of the hair under this strand, reached over the first 0.5 dm.
    """
    path = [root]
    point, direction = root, unit(normal * lift + style(root, normal, 0.0))
    for i in range(1, int(length / step) + 1):
        arc = i * step
        direction = unit(direction * 0.62 + style(point, normal, arc) * 0.38)
        point = point + direction * step
        point, normal, _ = skin.push(point, gap * min(1.0, arc / 0.5) + 0.004)
        path.append(point)
    return np.array(path)


def resample(path: Vec, count: int) -> Vec:
    """The same line with `count` evenly spaced points."""
    step = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    at = np.linspace(0, step[-1], count)
    return np.stack([np.interp(at, step, path[:, k]) for k in range(3)], 1)


def fill(
    guides: list[Vec],
    each: int,
    spread: float,
    tip: float,
    frizz: float,
    seed: int,
    wave: tuple[float, float] = (0.0, 1.0),
    points: int = 28,
) -> np.ndarray:
    """Many strands around every guide: (guides * each, points, 3).

    Strands start `spread` dm around the guide and draw together to `tip` of it; `frizz` dm of small disorder and a
    `wave` (amplitude, length in dm) shared by the lock.
    """
    random = np.random.default_rng(seed)
    t = np.linspace(0, 1, points)[:, None]
    out = []
    for guide in guides:
        line = resample(guide, points)
        reach = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
        phase, turn = random.uniform(0, 6.28), random.uniform(0, 6.28)
        arc = t * reach
        grown = np.clip(t * 2.2 - 0.35, 0, 1)
        side = np.array([np.cos(turn), 0.15, np.sin(turn)])
        line = line + wave[0] * grown * np.sin(arc * 2 * np.pi / wave[1] + phase) * side
        offset = random.normal(0, 1, (each, 1, 3)) * spread
        narrow = 1 + (tip - 1) * np.sin(t * np.pi / 2) ** 1.3
        loose = random.normal(0, 1, (each, 5, 3))
        bend = np.stack(
            [np.interp(t[:, 0], np.linspace(0, 1, 5), loose[e, :, k]) for e in range(each) for k in range(3)]
        )
        bend = bend.reshape(each, 3, points).transpose(0, 2, 1)
        trim = random.uniform(0.86, 1.0, (each, 1, 1))
        lock = line[None] + offset * narrow[None] + bend * frizz * np.minimum(1, t * 3)[None]
        ends = np.clip(t[None] * trim, 0, 1) * (points - 1)
        low = np.minimum(ends.astype(int), points - 2)
        part = ends - low
        rows = np.arange(each)[:, None, None]
        picked = (
            lock[rows, low, np.arange(3)[None, None]] * (1 - part)
            + lock[rows, low + 1, np.arange(3)[None, None]] * part
        )
        out.append(picked)
    return np.concatenate(out)


def scalp(skin: Skin, centre: Vec, hairline: Callable[[float], float], count: int, seed: int) -> list[tuple[Vec, Vec]]:
    """Evenly scattered roots. `hairline(azimuth)` is the lowest elevation in degrees; azimuth 0: front, 180: nape."""
    random = np.random.default_rng(seed)
    roots: list[tuple[Vec, Vec]] = []
    golden = np.pi * (3 - 5**0.5)
    total = count * 2
    for i in range(total):
        up = 1 - (i + 0.5) / total * 1.75
        azimuth = golden * i + random.normal(0, 0.05)
        flat = np.sqrt(max(0.0, 1 - up * up))
        direction = np.array([np.sin(azimuth) * flat, up, np.cos(azimuth) * flat])
        degrees = abs(np.degrees(np.arctan2(direction[0], direction[2])))
        if np.degrees(np.arcsin(up)) < hairline(degrees) + abs(random.normal(0, 3.0)):
            continue
        hit = skin.out(centre, direction)
        if hit is not None:
            roots.append(hit)
    return roots


def chart(stops: dict[float, float]) -> Callable[[float], float]:
    """A smooth curve through (x: y) stops."""
    keys = np.array(sorted(stops))
    values = np.array([stops[k] for k in sorted(stops)])

    def at(x: float) -> float:
        return float(np.interp(x, keys, values))

    return at
