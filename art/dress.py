"""Clothes cut from the body's own surface: smoothed, let out, cut along planes, folded, and finished with a collar."""

from __future__ import annotations

from typing import Any

import bmesh
import bpy
import numpy as np
import stage
from body import Body
from mathutils import Vector, noise
from scipy import sparse


def _relax(points: np.ndarray, faces: list[list[int]], rounds: int, back: float = 0.503) -> np.ndarray:
    """Taubin's smoothing, which takes detail away without shrinking."""
    rows = [(a, b) for face in faces for a, b in zip(face, face[1:] + face[:1], strict=True)]
    a, b = np.array(rows).T
    size = len(points)
    link = sparse.coo_matrix((np.ones(len(a)), (a, b)), (size, size)).tocsr()
    link = ((link + link.T) > 0).astype(float)
    link = sparse.diags(1 / np.asarray(link.sum(1)).ravel()) @ link
    out = points.copy()
    for _ in range(rounds):
        out = out + 0.5 * (link @ out - out)
        out = out - back * (link @ out - out)
    return out


def cloth(
    body: Body,
    name: str,
    material: Any,
    cuts: list[tuple[tuple[float, float, float], tuple[float, float, float]]],
    ease: float,
    rounds: int,
    fold: float,
    seed: float = 0.0,
) -> Any:
    """A garment. `cuts` are planes (point, normal); what lies on the normal's side is cut away. `ease` in dm."""
    top = cuts[0][0][1]
    points, faces, _, _ = stage.select(body, "body", lambda c: -4.2 < c[1] - top < 1.1)
    points = _relax(points, faces, rounds)
    trunk = np.clip((1.3 - np.abs(points[:, 0])) / 0.35, 0, 1) * np.clip((top - 0.4 - points[:, 1]) / 0.5, 0, 1)
    calm = _relax(points, faces, 50, 0.0)
    points += trunk[:, None] * (calm - points)
    for sign in (-1, 1):
        chest = np.where(
            (points[:, 0] * sign > 0.3) & (points[:, 0] * sign < 1.1) & (np.abs(points[:, 1] - top + 1.2) < 0.7),
            points[:, 2],
            -9,
        )
        tip = points[int(chest.argmax())]
        near = np.linalg.norm(points - tip, axis=1) < 0.55
        taut = points.copy()
        for _ in range(60):
            taut = np.where(near[:, None], _relax(taut, faces, 5, 0.0), points)
        points = taut
    points += trunk[:, None] * (_relax(points, faces, 10, 0.0) - points)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], faces)
    work = bmesh.new()
    work.from_mesh(mesh)
    work.normal_update()
    for vertex in work.verts:
        vertex.co += vertex.normal * ease
    for _ in range(2):
        bmesh.ops.subdivide_edges(work, edges=work.edges, cuts=1, use_grid_fill=True, smooth=0.6)
    for point, normal in cuts:
        geometry = work.verts[:] + work.edges[:] + work.faces[:]
        bmesh.ops.bisect_plane(work, geom=geometry, plane_co=point, plane_no=normal, clear_outer=True)
    work.normal_update()
    origin = Vector((seed, seed * 1.7, -seed))
    for vertex in work.verts:
        p = vertex.co
        arm = min(1.0, max(0.0, (abs(p.x) - 1.25) / 0.4))
        warp = noise.noise_vector(p * 0.7 + origin) * 0.5
        drape = noise.noise(Vector((p.x * 1.7, p.y * 0.5, p.z * 1.2)) + warp + origin)
        bend = noise.noise(
            Vector((p.x * 1.0 + p.y * 0.9 * (1 if p.x > 0 else -1), p.y * 1.7, p.z)) + warp * 1.6 + origin * 2
        )
        crease = (1 - abs(drape) * 2.2) * (1 - arm) + (1 - abs(bend) * 2.4) * arm
        calm = min(1.0, max(0.15, (top - 0.25 - p.y) / 1.2)) if abs(p.x) < 1.2 else 0.9
        vertex.co += vertex.normal * fold * crease * calm
    work.to_mesh(mesh)
    work.free()
    mesh.shade_smooth()
    mesh.materials.append(material)
    item = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(item)
    modifier = item.modifiers.new("smooth", "SUBSURF")
    modifier.levels = modifier.render_levels = 1
    return item


def rim(item: Any, point: tuple[float, float, float], normal: tuple[float, float, float], count: int) -> np.ndarray:
    """The closed edge that a cut left, as `count` evenly spaced points (count, 3), smoothed."""
    mesh = item.data
    uses: dict[tuple[int, int], int] = {}
    for polygon in mesh.polygons:
        for key in polygon.edge_keys:
            uses[key] = uses.get(key, 0) + 1
    plane, at = np.array(normal) / np.linalg.norm(normal), np.array(point)
    co = {i: np.array(mesh.vertices[i].co) for key, n in uses.items() if n == 1 for i in key}
    links: dict[int, list[int]] = {}
    for (a, b), n in uses.items():
        if n == 1 and all(abs((co[i] - at) @ plane) < 0.12 for i in (a, b)):
            links.setdefault(a, []).append(b)
            links.setdefault(b, []).append(a)
    loops, seen = [], set()
    for start in links:
        loop, here = [], start
        while here is not None and here not in seen:
            seen.add(here)
            loop.append(here)
            here = next((i for i in links[here] if i not in seen), None)
        loops.append(loop)
    line = np.array([co[i] for i in max(loops, key=len)])
    line = np.vstack([line, line[:1]])
    step = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    even = np.linspace(0, step[-1], count, endpoint=False)
    out = np.stack([np.interp(even, step, line[:, k]) for k in range(3)], 1)
    for _ in range(count // 12):
        out = (np.roll(out, 1, 0) + out * 2 + np.roll(out, -1, 0)) / 4
    return out


def band(
    name: str,
    line: np.ndarray,
    material: Any,
    height: float,
    thick: float,
    lean: float,
    ribs: int,
    depth: float = 0.012,
    drop: float = 0.06,
) -> Any:
    """A ribbed collar standing on a closed line: `height` up, `lean` inwards over that height, `thick` through."""
    count = len(line)
    centre = line.mean(0)
    inward = centre - line
    inward[:, 1] = 0
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    around = np.linspace(0, 2 * np.pi, 26, endpoint=False)
    turn = np.arange(count) / count * ribs * 2 * np.pi
    points = []
    for angle in around:
        up = (np.sin(angle) * 0.5 + 0.5) ** 0.85
        out = np.cos(angle)
        bulge = thick * (0.55 + 0.45 * np.sin(np.pi * np.clip(up, 0.05, 0.95)))
        outward = -inward * (out * bulge + depth * np.cos(turn) * max(out, 0) ** 0.5)[:, None]
        points.append(line + outward + inward * (lean * up) + np.array([0, height * up - drop, 0]))
    grid = np.array(points)
    faces = []
    rows = len(around)
    for r in range(rows):
        for c in range(count):
            a, b = r, (r + 1) % rows
            d = (c + 1) % count
            faces.append([a * count + c, b * count + c, b * count + d, a * count + d])
    return stage.mesh(name, grid.reshape(-1, 3), faces, material)
