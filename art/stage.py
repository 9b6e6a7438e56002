"""Blender stage: camera, lights, materials and meshes. Runs with the `bpy` module (Blender as a Python package)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from body import Body

Color = tuple[float, float, float]


def srgb(code: str) -> tuple[float, float, float, float]:
    """`#rrggbb` as linear RGBA."""
    values = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return (linear[0], linear[1], linear[2], 1.0)


class Nodes:
    """A material's node tree with short calls: `n("ShaderNodeMix", factor, a, b)`."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """Add a node; inputs by name with `_` for a space, values or sockets."""
        node = self.tree.nodes.new(kind)
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            self.put(node, key.replace("_", " "), value)
        return node

    def put(self, node: Any, name: str | int, value: Any) -> None:
        """Connect a socket, or set a value, to an input."""
        socket = node.inputs[name]
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def mix(self, factor: Any, a: Any, b: Any, blend: str = "MIX") -> Any:
        """Mix two colours."""
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", blend
        for name, value in ((0, factor), (6, a), (7, b)):
            self.put(node, name, value)
        return node.outputs[2]

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Any:
        """One arithmetic step."""
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation = operation
        self.put(node, 0, a)
        self.put(node, 1, b)
        return node.outputs[0]

    def picture(self, pixels: np.ndarray, vector: Any, name: str, color: bool = True) -> Any:
        """Image texture from an array (h, w, 3|4) in 0..1, first row on top, sampled with bicubic filtering."""
        height, width = pixels.shape[:2]
        image = bpy.data.images.new(name, width, height, float_buffer=not color)
        full = np.ones((height, width, 4), np.float32)
        full[..., : pixels.shape[2]] = pixels
        image.pixels.foreach_set(full[::-1].ravel())
        image.pack()
        image.colorspace_settings.name = "sRGB" if color else "Non-Color"
        node = self.tree.nodes.new("ShaderNodeTexImage")
        node.image, node.interpolation, node.extension = image, "Cubic", "EXTEND"
        self.put(node, "Vector", vector)
        return node.outputs["Color"]

    def surface(self, socket: Any) -> Any:
        """Finish: connect the shader and return the material."""
        self.tree.links.new(socket, self.output.inputs["Surface"])
        return self.material


def reset(width: int, height: int, samples: int, seed: int = 1) -> Any:
    """An empty scene set up for Cycles on the processor."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.seed = seed
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.04
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.max_bounces = 6
    scene.cycles.diffuse_bounces = scene.cycles.glossy_bounces = 2
    scene.cycles.transmission_bounces = 4
    scene.cycles.transparent_max_bounces = 6
    scene.cycles.sample_clamp_indirect = 4.0
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "16"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    return scene


def world(color: str, strength: float) -> None:
    """Even light from everywhere."""
    node = bpy.context.scene.world.node_tree.nodes["Background"]
    node.inputs["Color"].default_value = srgb(color)
    node.inputs["Strength"].default_value = strength


def camera(eye: np.ndarray, width: float, aspect: float, eye_line: float, distance: float = 28.0) -> Any:
    """A portrait lens at eye height: `width` dm across at the face, eyes at `eye_line` (0 top .. 1 bottom)."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit = "VERTICAL"
    data.angle_y = 2 * math.atan(width / aspect / 2 / distance)
    data.shift_y = eye_line - 0.5
    item = bpy.data.objects.new("camera", data)
    item.location = (0, float(eye[1]), float(eye[2]) + distance)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.scene.camera = item
    return item


def area(position: Color, target: Color, size: tuple[float, float], power: float, color: str) -> Any:
    """A soft box aimed at a point."""
    from mathutils import Vector

    data = bpy.data.lights.new("area", "AREA")
    data.shape, data.size, data.size_y = "RECTANGLE", size[0], size[1]
    data.energy, data.color = power, srgb(color)[:3]
    item = bpy.data.objects.new("area", data)
    item.location = position
    item.rotation_euler = (Vector(target) - Vector(position)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(item)
    return item


def mesh(name: str, vertices: np.ndarray, faces: list[Any], material: Any, levels: int = 0, uv: Any = None) -> Any:
    """A smooth mesh object; `uv` is one list of corner coordinates per face."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], faces)
    if uv is not None:
        layer = data.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", np.array([c for face in uv for c in face], np.float32).ravel())
    data.shade_smooth()
    data.materials.append(material)
    item = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    if levels:
        modifier = item.modifiers.new("smooth", "SUBSURF")
        modifier.levels = modifier.render_levels = levels
    return item


def applied(item: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles' corners and vertex normals of an object with its modifiers applied."""
    graph = bpy.context.evaluated_depsgraph_get()
    data = item.evaluated_get(graph).to_mesh()
    count = len(data.vertices)
    points, normals = np.empty(count * 3, np.float32), np.empty(count * 3, np.float32)
    data.vertices.foreach_get("co", points)
    data.vertices.foreach_get("normal", normals)
    data.calc_loop_triangles()
    triangles = np.empty(len(data.loop_triangles) * 3, np.int32)
    data.loop_triangles.foreach_get("vertices", triangles)
    return points.reshape(-1, 3), triangles.reshape(-1, 3), normals.reshape(-1, 3)


def select(body: Body, group: str, keep: Any) -> tuple[np.ndarray, list[list[int]], list[Any], np.ndarray]:
    """Part of a group whose face centres satisfy `keep(centre)`, with vertices renumbered, and the old numbers."""
    faces, uv = [], []
    for face, corners in zip(body.groups[group], body.uv[group], strict=True):
        if keep(body.vertices[face].mean(0)):
            faces.append(face)
            uv.append(corners)
    used = np.array(sorted({i for face in faces for i in face}))
    number = {int(old): new for new, old in enumerate(used)}
    return body.vertices[used], [[number[i] for i in face] for face in faces], uv, used


def strands(
    name: str,
    paths: list[np.ndarray] | np.ndarray,
    radius: np.ndarray | float,
    material: Any,
    taper: float = 0.25,
    root: float = 1.0,
) -> Any:
    """Hair curves from point lists; `radius` in dm at the root, tapering to `taper` of it at the tip and
    starting at `root` of it."""
    data = bpy.data.hair_curves.new(name)
    sizes = [len(path) for path in paths]
    data.add_curves(sizes)
    data.points.foreach_set("position", np.concatenate([np.asarray(p, np.float32) for p in paths]).ravel())
    base = np.broadcast_to(np.asarray(radius, np.float32), (len(sizes),))
    widths = np.concatenate(
        [
            r * (1 - (1 - taper) * np.linspace(0, 1, n) ** 2) * np.minimum(1, root + np.linspace(0, 6, n))
            for r, n in zip(base, sizes, strict=True)
        ]
    )
    attribute = data.attributes.get("radius") or data.attributes.new("radius", "FLOAT", "POINT")
    attribute.data.foreach_set("value", widths.astype(np.float32))
    data.materials.append(material)
    item = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    return item


def render(
    path: Path, scale: float = 1.0, region: tuple[float, float, float, float] | None = None, transparent: bool = True
) -> None:
    """Render to a PNG; `region` is (left, top, right, bottom) as fractions of the picture."""
    scene = bpy.context.scene
    scene.render.resolution_percentage = round(scale * 100)
    scene.render.film_transparent = transparent
    scene.render.use_border = scene.render.use_crop_to_border = region is not None
    if region:
        left, top, right, bottom = region
        scene.render.border_min_x, scene.render.border_max_x = left, right
        scene.render.border_min_y, scene.render.border_max_y = 1 - bottom, 1 - top
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
