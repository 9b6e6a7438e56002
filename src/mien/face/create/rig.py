"""Canvas picture + landmarks → everything in a package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.atlas import pack_atlas
from mien.face.create import drawn, photo
from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.field import build_field
from mien.face.create.limits import fit_limits
from mien.face.create.lips import is_closed
from mien.face.create.mesh import build_mesh, coarse_points, with_rings
from mien.face.create.points import FacePoints, record
from mien.face.create.scene import Scene
from mien.face.create.shapes import closing, key_shapes, measure_mouth
from mien.face.format import (
    EyeSpec,
    FrameSpec,
    Gains,
    Limits,
    Line,
    MouthSpec,
    Package,
    Side,
)
from mien.face.format import Tones as ToneSpec

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

DRAWN_FEATHER = 0.006


@dataclass(frozen=True, slots=True)
class Rigged:
    """A package and what is worth telling about it."""

    package: Package
    own_teeth: bool
    notes: tuple[str, ...]


@dataclass(slots=True)
class Points:
    """The growing set of vertices: rest positions (n, 2), colours' places (n, 2) in canvas px, and the key shapes'
    movements."""

    rest: Doubles
    source: Doubles
    keys: dict[str, Doubles]

    def add(self, rest: Doubles, source: Doubles, moves: dict[str, Doubles]) -> NDArray[np.int32]:
        """Appends vertices; returns their numbers."""
        first, count = len(self.rest), len(rest)
        self.rest = np.concatenate([self.rest, rest])
        self.source = np.concatenate([self.source, source])
        for name in {*self.keys, *moves}:
            before = self.keys.get(name, np.zeros((first, 2)))
            self.keys[name] = np.concatenate([before, moves.get(name, np.zeros((count, 2)))])
        return np.arange(first, first + count, dtype=np.int32)


def rig_face(scene: Scene, picture: Bytes, found: FacePoints, *, name: str) -> Rigged:
    """Rigs what was found. `picture`: the scene's, without a mouth that is drawn anew. Needs no network."""
    frame = FaceFrame.of(found.points)
    p = frame.to_face(found.points[:, :2])
    style = found.style
    drawn_eyes: dict[Side, drawn.DrawnEye] = {}
    drawn_mouth: drawn.DrawnMouth | None = None
    if style == "illustration":
        skin = drawn.skin_colour(picture, frame, p)
        eyes_found = {side: drawn.draw_eye(picture, frame, p, side, skin) for side in topo.SIDES}
        if all(eyes_found.values()):  # one drawn and one moved eye would not match
            drawn_eyes = {side: eye for side, eye in eyes_found.items() if eye is not None}
        if found.mouth_line is not None:
            line = found.mouth_line
            drawn_mouth = drawn.DrawnMouth(frame.to_face(line.line), line.half_width / frame.sc, line.colour, picture)
    mesh = build_mesh(mouth_hole=drawn_mouth is None, eye_holes=not drawn_eyes)
    photo_eyes = {} if drawn_eyes else photo.cut_eyes(picture, frame, p, found)
    as_photographed = measure_mouth(p)
    closed = is_closed(p)
    close = closing(p) if drawn_mouth is None else np.zeros_like(p)
    rest468 = p + close
    measures = measure_mouth(rest468)
    own = drawn_mouth is None and photo.own_teeth_visible(p, as_photographed.width)

    coarse = coarse_points(p)
    shapes = key_shapes(rest468, measures)
    if drawn_mouth is not None:
        shapes = {k: v for k, v in shapes.items() if k.startswith(("brow", "blink", "cheek"))} | {
            "jaw": shapes["jaw"] * 0.35
        }
    if drawn_eyes:
        shapes = {k: v for k, v in shapes.items() if not k.startswith(("blink", "cheek"))}
        for side, eye in drawn_eyes.items():  # brows move, the drawn lash line below them does not
            clear = smooth_step(0.01, 0.09, float(eye.upper[:, 1].min()) - eye.lash_up - p[:, 1])[:, None]
            for key in (f"brow_{side}", f"brow_{side}_down"):
                shapes[key] = shapes[key] * clear
    insets = photo.insets(p, as_photographed.width, own_teeth=own, parted=not closed)
    vertices = Points(
        mesh.refine @ (coarse + with_rings(close)),
        frame.to_px(mesh.refine @ (coarse + insets)),
        {k: mesh.refine @ with_rings(v) for k, v in shapes.items()},
    )
    triangles = mesh.triangles
    textures: dict[str, Bytes] = {}
    eyes: dict[Side, EyeSpec] = {}
    if drawn_mouth is None:
        triangles = np.concatenate([_fill_mouth(vertices, mesh.mouth_up, mesh.mouth_lo, mesh.lip_up), triangles])
        made = photo.build_mouth(
            picture,
            frame,
            p,
            rest468,
            photo_eyes,
            measures,
            closed=closed,
            own=own and style == "photo",
            flat=style == "illustration",
            up=mesh.mouth_up,
            lo=mesh.mouth_lo,
            jaw=vertices.keys["jaw"],
        )
        textures.update(made.textures)
        mouth = made.spec
    else:
        mouth = _drawn_mouth_spec(drawn_mouth, vertices, frame, p)
    for side in topo.SIDES:
        if drawn_eyes:
            eyes[side] = _drawn_eye_spec(drawn_eyes[side], vertices, frame, side)
            textures.update(drawn_eyes[side].textures)
        else:
            eyes[side] = photo.eye_spec(photo_eyes[side], mesh.eye_up[side], mesh.eye_lo[side])
            textures.update(photo_eyes[side].textures)
    h, w = picture.shape[:2]
    field = build_field(frame, found.points, (w, h), layered=scene.matte is not None)
    atlas, regions = pack_atlas(textures)
    package = Package(
        name=name,
        style=style,
        picture=picture,
        frame=FrameSpec(o=_pair(frame.o), ux=_pair(frame.ux), uy=_pair(frame.uy), sc=frame.sc),
        pivot=(float(field.pivot[0]), float(field.pivot[1]), float(field.pivot[2])),
        limits=Limits(),
        gains=Gains(),
        grid_step=field.step,
        grid=field.values.astype(np.float32),
        rest=vertices.rest.astype(np.float32),
        source=vertices.source.astype(np.float32),
        triangles=triangles.astype(np.int32),
        weights=field.at(frame.to_px(vertices.rest), (w, h)).astype(np.float32),
        keys={k: v.astype(np.float32) for k, v in sorted(vertices.keys.items())},
        mouth=mouth,
        eyes=eyes,
        atlas=atlas,
        regions=regions,
        plate=scene.plate,
        matte=scene.matte,
        transparent=scene.transparent,
        rig=record(found),
    )
    package, notes = fit_limits(package, found.points)
    return Rigged(package, own, notes)


def _fill_mouth(
    vertices: Points, up: NDArray[np.int32], lo: NDArray[np.int32], lip: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Lays lip-coloured triangles under the opening, so that closed lips show nothing of what the picture has there
    (teeth, a dark line). Returns the triangles; they must be drawn before the others."""
    c = len(up)
    over = np.array([0.0, 0.012])
    # Well inside the upper lip: the edge of the lips and their corners are dark in most pictures.
    inward = np.linspace(0, 1, c)
    share = 0.40 + 0.25 * np.abs(2 * inward - 1)[:, None] ** 3
    colour = vertices.source[up] + share * (vertices.source[lip] - vertices.source[up])
    a = vertices.add(vertices.rest[up] - over, colour, {k: v[up] for k, v in vertices.keys.items()})
    b = vertices.add(
        vertices.rest[lo] + over, colour + np.array([0.0, 0.5]), {k: v[lo] for k, v in vertices.keys.items()}
    )
    return np.concatenate([np.stack([a[:-1], a[1:], b[:-1]], -1), np.stack([a[1:], b[1:], b[:-1]], -1)])


def _drawn_mouth_spec(mouth: drawn.DrawnMouth, vertices: Points, frame: FaceFrame, p: Doubles) -> MouthSpec:
    line = mouth.line
    centre = np.array([(line[0, 0] + line[-1, 0]) / 2, float(line[len(line) // 2, 1])])
    shapes = drawn.mouth_shapes(line, 0.62 * float(p[topo.CHIN, 1] - centre[1]))
    up = vertices.add(line, frame.to_px(line), {k: v[0] for k, v in shapes.items()})
    lo = vertices.add(line, frame.to_px(line), {k: v[1] for k, v in shapes.items()})
    colour = mouth.colour / 255
    width = float(line[-1, 0] - line[0, 0])
    red = np.array([0.56, 0.19, 0.20])
    return MouthSpec(
        style="drawn",
        up=up.tolist(),
        lo=lo.tolist(),
        feather=DRAWN_FEATHER,
        centre=_pair(centre),
        width=width,
        jaw=_pair(shapes["jaw"][1][len(line) // 2]),
        upper_rect=photo.UPPER_RECT,
        lower_rect=photo.LOWER_RECT,
        tones=ToneSpec(cavity=_tone(0.75 * red + 0.25 * colour), tongue=(0.90, 0.47, 0.46), teeth=(0.99, 0.98, 0.965)),
        line=Line(width=mouth.half_width, colour=_tone(colour)),
        lip_line=None,
    )


def _drawn_eye_spec(eye: drawn.DrawnEye, vertices: Points, frame: FaceFrame, side: Side) -> EyeSpec:
    up = vertices.add(eye.upper, frame.to_px(eye.upper), {f"blink_{side}": eye.closed - eye.upper})
    lo = vertices.add(eye.lower, frame.to_px(eye.lower), {f"blink_{side}": eye.closed - eye.lower})
    return EyeSpec(
        up=up.tolist(),
        lo=lo.tolist(),
        feather=DRAWN_FEATHER,
        rect=eye.rect,
        iris_rect=eye.iris_rect,
        gaze=eye.gaze,
        lid_height=eye.lid_height,
        lid_beside=eye.lid_beside,
        lash_up=eye.lash_up,
        lash_down=eye.lash_down,
    )


def _pair(v: NDArray[np.floating]) -> tuple[float, float]:
    return float(v[0]), float(v[1])


def _tone(rgb: Doubles) -> tuple[float, float, float]:
    r, g, b = (float(np.clip(c, 0, 1)) for c in rgb)
    return r, g, b
