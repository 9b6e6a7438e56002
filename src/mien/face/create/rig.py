"""Canvas picture + landmarks → everything in a package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.face.atlas import pack_atlas
from mien.face.create import mouth as mouth_parts
from mien.face.create import topology as topo
from mien.face.create.eyes import EyeModel, build_eye, find_iris, lid_lines
from mien.face.create.faceframe import FaceFrame
from mien.face.create.field import build_field
from mien.face.create.lips import SMALL_GAP, gap_of, is_closed, snap_lip_line
from mien.face.create.mesh import FaceMesh, build_mesh, coarse_points, with_rings
from mien.face.create.networks import FaceNetworks
from mien.face.create.parted import part_lips
from mien.face.create.sampling import luminance, sample_rect
from mien.face.create.shapes import closing, key_shapes, measure_mouth
from mien.face.format import EyeSpec, FrameSpec, Gains, Limits, Line, MouthSpec, Package, Side
from mien.face.format import Tones as ToneSpec

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

FEATHER = 0.010
"""Width of the soft edge of eye windows and of the mouth, face units."""


@dataclass(frozen=True, slots=True)
class Rigged:
    """A package and what is worth telling about it."""

    package: Package
    own_teeth: bool
    notes: tuple[str, ...]


@cache
def _mesh() -> FaceMesh:
    return build_mesh()


def rig_face(
    nets: FaceNetworks, canvas: Bytes, points: Doubles, *, name: str, style: Literal["auto", "photo", "illustration"]
) -> Rigged:
    """Rigs a canvas picture (H, W, 3) with landmarks `points` (468, 3) in canvas pixels."""
    return _rig_photo(nets, canvas, points, name)


def _rig_photo(nets: FaceNetworks, canvas: Bytes, points: Doubles, name: str) -> Rigged:
    frame = FaceFrame.of(points)
    p = frame.to_face(points[:, :2])
    if gap_of(p) < SMALL_GAP:
        p = snap_lip_line(canvas, frame, part_lips(canvas, frame, p))
    centre_points = points.copy()
    centre_points[:, :2] -= 0.5
    contours = nets.iris(canvas, centre_points)
    eyes: dict[Side, EyeModel] = {}
    for side in topo.SIDES:
        lids, rim = (frame.to_face(c + 0.5) for c in contours[side])
        upper, lower = lid_lines(p, lids, side)
        p[list(topo.EYE_UPPER[side])], p[list(topo.EYE_LOWER[side])] = upper, lower
        iris, radius = find_iris(canvas, frame, rim, upper, lower)
        eyes[side] = build_eye(canvas, frame, side, upper, lower, iris, radius, FEATHER)
    photographed = measure_mouth(p)
    closed = is_closed(p)
    close = closing(p)
    rest468 = p + close
    measures = measure_mouth(rest468)
    own = mouth_parts.own_teeth_visible(p, photographed.width)

    mesh = _mesh()
    coarse = coarse_points(p)
    rest = mesh.refine @ (coarse + with_rings(close))
    source = frame.to_px(mesh.refine @ (coarse + _insets(p, photographed.width, own)))
    refine = mesh.refine
    keys = {k: (refine @ with_rings(v)).astype(np.float32) for k, v in key_shapes(rest468, measures).items()}
    rest, source, triangles, keys = _fill_mouth(mesh, rest, source, keys)
    h, w = canvas.shape[:2]
    field = build_field(frame, points, (w, h))
    weights = field.at(frame.to_px(rest), (w, h))

    whites = np.stack([_white(canvas, frame, e) for e in eyes.values()]).mean(0)
    tones = mouth_parts.measure_tones(canvas, frame, p, whites)
    line = (rest468[list(topo.INNER_UPPER)] + rest468[list(topo.INNER_LOWER)]) / 2
    centre = np.array([(line[0, 0] + line[-1, 0]) / 2, line[5, 1]])
    textures: dict[str, Bytes] = {}
    if own:
        textures["upper"], teeth = mouth_parts.cut_own_teeth(canvas, frame, p, centre, measures.width, tones)
        tones = mouth_parts.with_teeth(tones, teeth)
    else:
        textures["upper"] = mouth_parts.draw_teeth(tones, frame.sc * measures.width, upper=True)
    textures["lower"] = mouth_parts.draw_teeth(tones, frame.sc * measures.width, upper=False)
    heights = (0.028 * measures.width, 0.028 * measures.width)
    shown = (p[list(topo.INNER_UPPER)] + p[list(topo.INNER_LOWER)]) / 2
    textures["lip_line"] = mouth_parts.lip_line_texture(canvas, frame, shown, heights, tones, closed=closed)
    for eye in eyes.values():
        textures.update(eye.textures)
    atlas, regions = pack_atlas(textures)

    jaw = keys["jaw"][mesh.mouth_lo[len(mesh.mouth_lo) // 2]]
    package = Package(
        name=name,
        style="photo",
        picture=canvas,
        frame=FrameSpec(o=_pair(frame.o), ux=_pair(frame.ux), uy=_pair(frame.uy), sc=frame.sc),
        pivot=(float(field.pivot[0]), float(field.pivot[1]), float(field.pivot[2])),
        limits=Limits(),
        gains=Gains(),
        grid_step=field.step,
        grid=field.values.astype(np.float32),
        rest=rest.astype(np.float32),
        source=source.astype(np.float32),
        triangles=triangles,
        weights=weights.astype(np.float32),
        keys=keys,
        mouth=MouthSpec(
            style="photo",
            up=mesh.mouth_up.tolist(),
            lo=mesh.mouth_lo.tolist(),
            feather=FEATHER,
            centre=_pair(centre),
            width=measures.width,
            jaw=_pair(jaw),
            upper_rect=mouth_parts.UPPER_RECT,
            lower_rect=mouth_parts.LOWER_RECT,
            tones=ToneSpec(cavity=_tone(tones.cavity), tongue=_tone(tones.tongue), teeth=_tone(tones.teeth)),
            line=Line(width=0.01, colour=_tone(tones.line)),
            lip_line=heights,
        ),
        eyes={
            side: EyeSpec(
                up=mesh.eye_up[side].tolist(),
                lo=mesh.eye_lo[side].tolist(),
                feather=FEATHER,
                rect=e.rect,
                iris_rect=e.iris_rect,
                gaze=e.gaze,
                lid_height=e.lid_height,
                lash_up=e.lash_up,
                lash_down=e.lash_down,
            )
            for side, e in eyes.items()
        },
        atlas=atlas,
        regions=regions,
    )
    return Rigged(package, own, ())


def _fill_mouth(
    mesh: FaceMesh, rest: Doubles, source: Doubles, keys: dict[str, NDArray[np.float32]]
) -> tuple[Doubles, Doubles, NDArray[np.int32], dict[str, NDArray[np.float32]]]:
    """Lays lip-coloured triangles under the opening, so that closed lips show nothing of what the picture has there
    (teeth, a dark line)."""
    up, lo = mesh.mouth_up, mesh.mouth_lo
    n, c = len(rest), len(up)
    over = np.array([0.0, 0.012])
    rest = np.concatenate([rest, rest[up] - over, rest[lo] + over])
    # The corners of the opening are dark in most pictures: take the colour a little further in.
    inner = np.clip(np.arange(c), 3, c - 4)
    colour = source[up[inner]].copy()
    colour[:, 0] = source[up, 0] * 0.4 + colour[:, 0] * 0.6
    source = np.concatenate([source, colour, colour + np.array([0.0, 0.5])])
    keys = {k: np.concatenate([v, v[up], v[lo]]) for k, v in keys.items()}
    i = np.arange(c - 1)
    a, b = n + i, n + c + i
    fill = np.concatenate([np.stack([a, a + 1, b], -1), np.stack([a + 1, b + 1, b], -1)])
    return rest, source, np.concatenate([fill, mesh.triangles]).astype(np.int32), keys


def _insets(p: Doubles, width: float, own_teeth: bool) -> Doubles:
    """Where lip and lid edges take their colour: a little inside the skin, so that no tooth or eye-white pixel rides
    along."""
    move = np.zeros_like(coarse_points(p))
    k = 1.8 if own_teeth else 1.0
    for a in range(1, 10):
        up, lo = topo.INNER_UPPER[a], topo.INNER_LOWER[a]
        move[up, 1] = -min(0.10 * k * float(p[up, 1] - p[topo.OUTER_UPPER[a], 1]), 0.02 * k * width)
        move[lo, 1] = min(0.12 * k * float(p[topo.OUTER_LOWER[a], 1] - p[lo, 1]), 0.025 * k * width)
    for side in topo.SIDES:
        for a in range(1, 8):
            up, lo = topo.EYE_UPPER[side][a], topo.EYE_LOWER[side][a]
            gap = float(p[lo, 1] - p[up, 1])
            move[up, 1], move[lo, 1] = -0.10 * gap, 0.10 * gap
    return move


def _white(canvas: Bytes, frame: FaceFrame, eye: EyeModel) -> Doubles:
    """Colour of the white of an eye: a bright part of what lies between the lids."""
    box = (float(eye.upper[1, 0]), float(eye.upper[:, 1].min()), float(eye.upper[-2, 0]), float(eye.lower[:, 1].max()))
    pixels = sample_rect(canvas, frame, box, (48, 20)).reshape(-1, 3)
    lum = luminance(pixels)
    bright = pixels[(lum > np.percentile(lum, 72)) & (lum < np.percentile(lum, 96))]
    return np.asarray(np.median(bright if len(bright) else pixels, axis=0), np.float64)


def _pair(v: NDArray[np.floating]) -> tuple[float, float]:
    return float(v[0]), float(v[1])


def _tone(rgb: Doubles) -> tuple[float, float, float]:
    r, g, b = (float(np.clip(c / 255, 0, 1)) for c in rgb)
    return r, g, b
