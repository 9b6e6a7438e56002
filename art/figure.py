"""Put a person together in the open Blender scene: skin, eyes, lashes, brows, hair, clothes and light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import body as bodies
import bpy
import cv2
import hair
import numpy as np
import paintwork
import stage
import styles
from people import Person
from stage import Nodes, srgb


def brow_color(person: Person) -> str:
    """Colour of the eyebrows."""
    return str(person.extra.get("brow_color", "#4a3224"))


def skin_material(person: Person, root: Path, eye: np.ndarray) -> Any:
    """Layered skin: painted colour from the front, lips and lids by their own masks, pores, sheen."""
    n = Nodes("skin")
    position = n.add("ShaderNodeNewGeometry").outputs["Position"]
    scale = 1 / paintwork.SKIN_SIZE
    place = n.add("ShaderNodeMapping", {"vector_type": "POINT"}, Vector=position)
    place.inputs["Scale"].default_value = (scale, scale, 1)
    place.inputs["Location"].default_value = (
        -paintwork.SKIN_LEFT * scale,
        (-float(eye[1]) - (paintwork.SKIN_TOP - paintwork.SKIN_SIZE)) * scale,
        0,
    )
    color = n.picture(
        paintwork.skin(person.tone, person.marks, person.brow, brow_color(person), person.seed),
        place.outputs[0],
        "skin",
    )
    uv = n.add("ShaderNodeTexCoord").outputs["UV"]
    mask = cv2.imread(str(root / "textures/mpfb_lips.jpg"), 0).astype(np.float32) / 255
    mask = cv2.GaussianBlur(cv2.resize(mask, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), (0, 0), 3)
    lips = n.picture(np.repeat(mask[..., None], 3, 2), uv, "lips", color=False)
    sharp = n.add(
        "ShaderNodeMapRange", {"interpolation_type": "SMOOTHSTEP"}, Value=lips, From_Min=0.25, From_Max=0.8
    ).outputs[0]
    color = n.mix(n.math("MULTIPLY", sharp, person.extra.get("lip_strength", 0.78)), color, srgb(person.lips))
    pores = n.add("ShaderNodeTexNoise", Vector=position, Scale=70.0, Detail=3.0)
    lines = n.add(
        "ShaderNodeTexNoise", Vector=n.add("ShaderNodeMapping", Vector=position, Scale=(60, 6, 1)).outputs[0], Scale=1.6
    )
    bump = n.add("ShaderNodeBump", Strength=0.12, Distance=0.01, Height=pores.outputs[0])
    bump = n.add(
        "ShaderNodeBump",
        Strength=n.math("MULTIPLY", sharp, 0.22),
        Distance=0.012,
        Height=lines.outputs[0],
        Normal=bump.outputs[0],
    )
    rough = n.math("SUBTRACT", person.extra.get("rough", 0.47), n.math("MULTIPLY", sharp, 0.14))
    shader = n.add(
        "ShaderNodeBsdfPrincipled",
        {"subsurface_method": "RANDOM_WALK"},
        Base_Color=color,
        Roughness=rough,
        Normal=bump.outputs[0],
        Subsurface_Weight=1.0,
        Subsurface_Radius=(1.0, 0.32, 0.18),
        Subsurface_Scale=0.045,
        Specular_IOR_Level=person.extra.get("gloss", 0.45),
        Coat_Weight=n.math("ADD", 0.05, n.math("MULTIPLY", sharp, 0.12)),
        Coat_Roughness=0.3,
    )
    return n.surface(shader.outputs[0])


def eyeballs(person: Person, body: bodies.Body) -> None:
    """Eyes with a corneal bulge under a clear coat."""
    for side in "lr":
        centre, radius = body.eye(side)
        n = Nodes(f"eye-{side}")
        position = n.add("ShaderNodeNewGeometry").outputs["Position"]
        place = n.add("ShaderNodeMapping", Vector=position)
        s = 1 / (2 * radius)
        inward = (-1 if side == "l" else 1) * person.extra.get("converge", 0.02) * radius
        place.inputs["Scale"].default_value = (s, s, 1)
        place.inputs["Location"].default_value = (0.5 - (centre[0] + inward) * s, 0.5 - centre[1] * s, 0)
        color = n.picture(paintwork.eyeball(person.iris, person.seed), place.outputs[0], f"eye-{side}")
        shader = n.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=color,
            Roughness=0.35,
            Subsurface_Weight=0.15,
            Subsurface_Scale=0.02,
            Coat_Weight=1.0,
            Coat_Roughness=0.02,
            Coat_IOR=1.45,
            Specular_IOR_Level=0.3,
            Emission_Color=n.picture(paintwork.glint(), place.outputs[0], "glint"),
            Emission_Strength=1.0,
        )
        material = n.surface(shader.outputs[0])
        bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, location=tuple(centre), segments=96, ring_count=64)
        item = bpy.context.object
        for vertex in item.data.vertices:
            offset = np.hypot(vertex.co.x - inward, vertex.co.y) / radius
            if vertex.co.z > 0:
                vertex.co.z += radius * 0.1 * float(np.exp(-((offset / 0.42) ** 4)))
        item.data.materials.append(material)
        bpy.ops.object.shade_smooth()


def fibre(name: str, melanin: float, redness: float, rough: float = 0.28, spread: float = 0.4) -> Any:
    """Hair that scatters light."""
    n = Nodes(name)
    shader = n.add(
        "ShaderNodeBsdfHairPrincipled",
        {"parametrization": "MELANIN", "model": "CHIANG"},
        Melanin=melanin,
        Melanin_Redness=redness,
        Roughness=rough,
        Radial_Roughness=spread,
        Random_Color=0.25,
        Random_Roughness=0.2,
    )
    return n.surface(shader.outputs[0])


def fuzz(name: str, color: str) -> Any:
    """Plain matt hair for brows and lashes, which stay dark against the light."""
    n = Nodes(name)
    shader = n.add("ShaderNodeBsdfPrincipled", Base_Color=srgb(color), Roughness=0.55, Specular_IOR_Level=0.25)
    return n.surface(shader.outputs[0])


def lids(person: Person, body: bodies.Body, skin: hair.Skin) -> None:
    """Lashes and a fine dark line at the roots of the upper ones."""
    material = fuzz("lash", person.extra.get("lash_color", "#17100d"))
    for name, side in (("l", 1), ("r", -1)):
        centre, radius = body.eye(name)
        for upper, rim in zip((True, False), skin.opening(centre, radius, side), strict=True):
            line = hair.resample(rim, 40)
            for _ in range(6):
                line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
            paths = hair.lashes(
                line, centre, side, upper, 95 if upper else 50, person.lash[0 if upper else 1], person.seed
            )
            stage.strands(f"lashes-{name}-{upper}", paths, 0.0022 if upper else 0.0014, material, 0.1)
            if upper:
                edge = line + np.array([0, 0.003, 0.003])
                stage.strands(f"liner-{name}", [edge[::-1]], person.extra.get("liner", 0.007), material, 0.35)


def mouth(skin: hair.Skin, eye: np.ndarray) -> None:
    """A dark red wall close behind the lips, so that the line between them is a line and not a hole."""
    n = Nodes("mouth")
    material = n.surface(n.add("ShaderNodeBsdfPrincipled", Base_Color=srgb("#6d2b2c"), Roughness=0.6).outputs[0])
    points = []
    for x in np.linspace(-0.3, 0.3, 41):
        depth = [hit[0][2] for y in np.linspace(-0.75, -0.45, 61) if (hit := skin.front(x, eye[1] + y)) is not None]
        level = np.median(depth) - 0.05
        points += [(x, eye[1] - 0.64, level), (x, eye[1] - 0.53, level)]
    faces = [[2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1] for i in range(40)]
    stage.mesh("mouth", np.array(points), faces, material)


def build(person: Person, root: Path, bare: bool = False) -> None:
    """The whole figure, lit and in front of the camera."""
    body = bodies.load(root)
    bodies.shape(body, root, person.shape)
    bodies.lower_arms(body, root)
    eye = (body.eye("l")[0] + body.eye("r")[0]) / 2
    point, normal = styles.neckline(person, body)

    def bare_skin(centre: np.ndarray) -> bool:
        return (
            float((centre - point) @ normal) > -0.17
            and abs(centre[0]) < person.extra.get("trunk", 0.85)
            and centre[1] > point[1] - 0.3
        )

    points, faces, uv, _ = stage.select(body, "body", bare_skin)
    item = stage.mesh("body", points, faces, skin_material(person, root, eye), 3, uv)
    surface = hair.Skin(*stage.applied(item)[:2])
    eyeballs(person, body)
    mouth(surface, eye)
    lids(person, body, surface)
    brow = hair.brows(surface, eye, person.brow, person.brow_count, person.extra.get("brow_length", 0.085), person.seed)
    stage.strands("brows", brow, 0.0017, fuzz("brow", brow_color(person)), 0.15)
    clothes = styles.DRESSES[person.dress](person, body)
    if person.extra.get("jewels"):
        styles.jewels(surface, body, eye)
    if bare:
        person.hair.update(guides=60, each=4)
    styles.HAIR[person.hair["style"]](
        person, eye, item, clothes, fibre("hair", person.hair["melanin"], person.hair["redness"])
    )
    stage.camera(eye, person.view, 1080 / 1920, 0.30)
    light(eye, person.extra.get("rim", 1.0), person.extra.get("key", 1.0))


def light(eye: np.ndarray, rim: float, key: float) -> None:
    """Soft window from the left, weak fill, two rims from behind; `rim` and `key` scale rims and window."""
    y, z = float(eye[1]), float(eye[2])
    stage.world("#b8c0cc", 0.36)
    stage.area((0, y - 5, z + 16), (0, y - 1, z), (9, 4), 260, "#fff0e2")
    stage.area((-11, y + 6.5, z + 15), (0, y - 0.5, z), (7, 8), 3900 * key, "#fff2e2")
    stage.area((13, y + 1, z + 14), (0, y - 1, z), (9, 12), 420, "#e8ecff")
    stage.area((9, y + 5, z - 9), (0, y - 0.3, z - 0.5), (3, 8), 1300 * rim, "#ffe3c2")
    stage.area((-9, y + 6, z - 9), (0, y - 0.3, z - 0.5), (4, 8), 900 * rim, "#eef3ff")
    stage.area((0, y + 13, z - 1), (0, y, z - 0.5), (8, 5), 700, "#fff4e6")
