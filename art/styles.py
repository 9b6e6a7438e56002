"""Ready styles of hair and clothes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
import dress
import hair
import numpy as np
import stage
from body import BODY_VERTICES, Body
from people import Person
from stage import Nodes, srgb


def wool(name: str, color: str, ribs: float = 60.0, depth: float = 0.5) -> Any:
    """Soft knit: fine stitches as bump, fuzzy sheen."""
    n = Nodes(name)
    position = n.add("ShaderNodeNewGeometry").outputs["Position"]
    wave = n.add(
        "ShaderNodeTexWave",
        {"wave_type": "BANDS", "bands_direction": "X"},
        Vector=position,
        Scale=ribs / 6.0,
        Distortion=1.2,
        Detail=2.0,
        Detail_Scale=1.5,
    )
    grain = n.add("ShaderNodeTexNoise", Vector=position, Scale=60.0, Detail=2.0)
    height = n.math("ADD", n.math("MULTIPLY", wave.outputs["Fac"], depth), n.math("MULTIPLY", grain.outputs[0], 0.5))
    bump = n.add("ShaderNodeBump", Strength=0.35, Distance=0.02, Height=height)
    tint = n.mix(n.math("MULTIPLY", grain.outputs[0], 0.25), srgb(color), (0.02, 0.02, 0.02, 1), "MULTIPLY")
    shader = n.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=tint,
        Roughness=0.85,
        Normal=bump.outputs[0],
        Sheen_Weight=0.5,
        Sheen_Roughness=0.4,
        Specular_IOR_Level=0.2,
        Subsurface_Weight=0.0,
    )
    return n.surface(shader.outputs[0])


def neckline(person: Person, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The plane that a round neck is cut along: a point at the pit of the throat and the upward normal."""
    pit = body.points("joint-l-clavicle").mean(0)
    level = float(pit[1]) + person.extra.get("neck", 0.08)
    front = body.vertices[(np.abs(body.vertices[:, 0]) < 0.15) & (np.abs(body.vertices[:, 1] - level) < 0.15)][
        :, 2
    ].max()
    normal = np.array([0.0, 1.0, person.extra.get("tilt", 0.8)])
    return np.array([0.0, level, float(front)]), normal / np.linalg.norm(normal)


def sweater(person: Person, body: Body) -> list[Any]:
    """A round-neck knitted sweater with a ribbed collar."""
    color = person.extra.get("cloth", "#5f8f93")
    material = wool("knit", color)
    at, facing = neckline(person, body)
    point, normal = tuple(at), tuple(facing)
    item = dress.cloth(body, "sweater", material, [(point, normal)], 0.1, 45, 0.07, person.seed)
    line = dress.rim(item, point, normal, 900)
    collar = dress.band(
        "collar", line, wool("rib", color, 10, 0.1), 0.22, 0.045, person.extra.get("lean", 0.08), 110, 0.006
    )
    return [item, collar]


def _merged(items: list[Any]) -> hair.Skin:
    points, triangles, count = [], [], 0
    for item in items:
        p, t, _ = stage.applied(item)
        points.append(p.copy())
        triangles.append(t + count)
        count += len(p)
    return hair.Skin(np.concatenate(points), np.concatenate(triangles))


def long_hair(person: Person, eye: np.ndarray, head: Any, clothes: list[Any], material: Any) -> None:
    """Shoulder length, parted on one side, swept off the face, soft waves."""
    skin = hair.Skin(*stage.applied(head)[:2])
    everything = _merged([head, *clothes[:1]])
    centre = np.array([0.0, eye[1] + 0.27, 0.42])
    line = hair.chart(
        {0: 29, 22: 27, 40: 20, 52: 12, 64: 3, 74: -8, 86: -10, 94: 5, 106: 2, 118: -22, 150: -42, 180: -44}
    )
    roots = hair.scalp(skin, centre, line, person.hair.get("guides", 1500), person.seed)
    part = person.hair.get("part", 0.16)
    random = np.random.default_rng(person.seed)
    guides = []
    for root, normal in roots:
        side = 1.0 if root[0] > part * np.clip((root[2] - 0.0) / 0.8, 0.2, 1) else -1.0
        layer = random.uniform(0, 1) ** 0.8
        front = np.clip((root[2] - 0.7) / 0.4, 0, 1)
        drift = random.normal(0, 0.12)

        def style(
            point: np.ndarray, normal: np.ndarray, arc: float, side: float = side, drift: float = drift
        ) -> np.ndarray:
            height = point[1] - eye[1]
            sweep = np.clip((height - 0.1) / 0.5, 0, 1)
            ahead = np.array([side * 0.95, 0.05, -0.62 + drift * 0.5])
            ahead = ahead - normal * (ahead @ normal)
            down = np.array([drift * 0.15, -1.0, -0.1])
            close = np.clip(1 - abs(point[0]) / 0.86, 0, 1) * np.clip((point[2] - 0.45) / 0.3, 0, 1) * (height < 0.45)
            aside = np.array([side * 1.6, 0, -1.0]) * close * 2
            tuck = np.array([-side * 0.85, 0.1, 0.15]) * np.clip((-height - 0.85) / 0.4, 0, 1)
            return hair.unit(ahead * sweep * 1.3 + down * (0.25 + 1.1 * (1 - sweep)) + aside + tuck)

        length = (root[1] - (eye[1] - 1.62)) + 0.5 + 0.25 * front + random.uniform(-0.12, 0.08)
        near = float(
            np.clip(abs(root[0] - part) / 0.45, 0.3, 1)
        )  # flat at the parting, so that the crown stays one dome
        guides.append(hair.grow(everything, root, normal, style, length, (0.05 + 0.2 * layer) * near, lift=0.8 * near))
    guides = [g for g in guides if np.abs(g[g[:, 1] > eye[1] - 1.1, 0]).max() < 1.06]
    paths = hair.fill(
        guides,
        person.hair.get("each", 34),
        0.035,
        0.45,
        0.012,
        person.seed,
        wave=person.hair.get("wave", (0.04, 1.2)),
        points=24,
    )
    stage.strands("hair", paths, 0.0042, material, 0.35, 0.3)


def short_hair(person: Person, eye: np.ndarray, head: Any, clothes: list[Any], material: Any) -> None:
    """Short at the sides, longer on top, swept up from the forehead and to one side."""
    skin = hair.Skin(*stage.applied(head)[:2])
    centre = np.array([0.0, eye[1] + 0.27, 0.42])
    line = hair.chart(
        {0: 31, 16: 31, 30: 29, 42: 23, 54: 14, 62: 4, 70: -9, 80: -12, 88: 6, 106: 2, 118: -20, 150: -36, 180: -38}
    )
    roots = hair.scalp(skin, centre, line, person.hair.get("guides", 2200), person.seed)
    random = np.random.default_rng(person.seed)
    guides = []
    for root, normal in roots:
        up = np.clip((root[1] - eye[1] - 0.42) / 0.38, 0, 1)
        front = np.clip((root[2] - 0.55) / 0.6, 0, 1)
        stray = random.normal(0, 0.13, 3)

        def style(
            point: np.ndarray,
            normal: np.ndarray,
            arc: float,
            up: float = up,
            front: float = front,
            stray: np.ndarray = stray,
        ) -> np.ndarray:
            top = np.array(
                [person.hair.get("sweep", 0.55), 0.1 + 0.95 * front * (1 - arc * 1.5), -0.6 - 0.9 * arc + 0.35 * front]
            )
            flank = np.array([0.1 * np.sign(point[0]), -0.75, -0.7])
            way = top * up + flank * (1 - up) + stray
            return hair.unit(way - normal * min(0.0, way @ normal) * 0.8)

        length = 0.17 + 0.42 * up**1.2 + 0.16 * front * up + random.uniform(-0.05, 0.05)
        guides.append(
            hair.grow(
                skin,
                root,
                normal,
                style,
                length,
                0.02 + 0.13 * up * random.uniform(0.2, 1),
                0.045,
                0.45 + 0.3 * up + 0.4 * front * up,
            )
        )
    paths = hair.fill(guides, person.hair.get("each", 24), 0.03, 0.6, 0.014, person.seed, wave=(0.012, 0.6), points=14)
    stage.strands("hair", paths, 0.0042, material, 0.35, 0.3)


def afro(person: Person, eye: np.ndarray, head: Any, clothes: list[Any], material: Any) -> None:
    """A round crown of tight curls: every curl a small helix that leaves the scalp and leans a little down."""
    skin = hair.Skin(*stage.applied(head)[:2])
    centre = np.array([0.0, eye[1] + 0.27, 0.42])
    line = hair.chart(
        {0: 30, 22: 29, 40: 24, 52: 16, 64: 6, 74: -7, 86: -10, 94: -2, 106: 0, 118: -22, 150: -40, 180: -42}
    )
    roots = hair.scalp(skin, centre, line, person.hair.get("guides", 5200), person.seed)
    random = np.random.default_rng(person.seed)
    points, paths = 56, []
    t = np.linspace(0, 1, points)[:, None]
    for root, normal in roots:
        rise = np.clip((root[1] - eye[1] - 0.1) / 0.7, 0, 1)
        ahead = np.clip((root[2] - 0.75) / 0.4, 0, 1)
        length = (0.34 + 0.42 * rise - 0.16 * ahead) * random.uniform(0.72, 1.04)
        way = hair.unit(normal + np.array([0, 0.25 * ahead, -0.25 * ahead]) + random.normal(0, 0.22, 3))
        line3 = root + way * t * length + np.array([0, -0.05, 0]) * t**2
        across = hair.unit(np.cross(way, random.normal(0, 1, 3)))
        over = np.cross(way, across)
        turns, wide = length * random.uniform(11, 15), random.uniform(0.020, 0.038)
        angle = t * turns * 2 * np.pi + random.uniform(0, 6.28)
        wide = wide * np.minimum(1, t * 4)
        paths.append(line3 + wide * (np.cos(angle) * across + np.sin(angle) * over))
    stage.strands("hair", paths, 0.0068, material, 0.7, 0.5)


def gold() -> Any:
    """Polished warm metal."""
    n = Nodes("gold")
    shader = n.add("ShaderNodeBsdfPrincipled", Base_Color=srgb("#e3ab52"), Metallic=1.0, Roughness=0.22)
    return n.surface(shader.outputs[0])


def jewels(surface: hair.Skin, body: Body, eye: np.ndarray) -> None:
    """Gold hoops in the ears and two rows of round beads on the collar bones."""
    metal = gold()
    angle = np.linspace(0, 2 * np.pi, 73)
    for sign in (-1, 1):
        v = body.vertices[:BODY_VERTICES]
        lobe = v[(v[:, 0] * sign > 0.66) & (np.abs(v[:, 1] - eye[1] + 0.45) < 0.09) & (v[:, 2] > -0.5)]
        spot = lobe[np.argmax(lobe[:, 0] * sign)] + np.array([0.015 * sign, -0.02, 0.05])
        turn, radius = np.radians(35 * sign), 0.2
        hoop = np.stack([np.sin(angle) * np.cos(turn), np.cos(angle) - 1, np.sin(angle) * np.sin(turn)], 1) * radius
        stage.strands(f"hoop-{sign}", [hoop + spot], 0.02, metal, 1.0)
    for reach, high, low, size in ((0.50, 1.18, 1.66, 0.036), (0.60, 1.24, 1.93, 0.046)):
        x = np.linspace(-reach, reach, 400)
        y = eye[1] - high - (low - high) * np.sqrt(np.clip(1 - (x / reach) ** 2, 0, 1)) ** 1.3
        hits = [h for a, b in zip(x, y, strict=True) if (h := surface.front(float(a), float(b))) is not None]
        path = np.array([p + n * size * 0.8 for p, n in hits])
        step = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
        for s in np.arange(0, step[-1], size * 2.05):
            spot = [float(np.interp(s, step, path[:, k])) for k in range(3)]
            bpy.ops.mesh.primitive_uv_sphere_add(radius=size, location=spot, segments=20, ring_count=12)
            bpy.context.object.data.materials.append(metal)
            bpy.ops.object.shade_smooth()


HAIR = {"long": long_hair, "short": short_hair, "afro": afro}
DRESSES: dict[str, Callable[[Person, Body], list[Any]]] = {"sweater": sweater, "none": lambda person, body: []}
