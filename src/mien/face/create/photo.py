"""The moving parts of a photograph (or painting, or rendered figure): eyes and mouth as the package describes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.create import mouth as mouth_parts
from mien.face.create import topology as topo
from mien.face.create.eyes import EyeModel, build_eye
from mien.face.create.faceframe import FaceFrame
from mien.face.create.mesh import coarse_points
from mien.face.create.mouth import LOWER_RECT, UPPER_RECT, own_teeth_visible
from mien.face.create.points import FacePoints
from mien.face.create.sampling import luminance, sample_points
from mien.face.create.shapes import MouthMeasures
from mien.face.format import EyeSpec, Line, MouthSpec, Side
from mien.face.format import Tones as ToneSpec

__all__ = [
    "LOWER_RECT",
    "UPPER_RECT",
    "BuiltMouth",
    "build_mouth",
    "cut_eyes",
    "eye_spec",
    "insets",
    "own_teeth_visible",
]

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

FEATHER = 0.010
"""Width of the soft edge of eye windows and of the mouth, face units."""
LIP_LINE = 0.028
"""Half height of the strip that carries the line between the lips, mouth widths."""


@dataclass(frozen=True, slots=True)
class BuiltMouth:
    """The mouth's description and its textures."""

    spec: MouthSpec
    textures: dict[str, Bytes]


def cut_eyes(picture: Bytes, frame: FaceFrame, p: Doubles, found: FacePoints) -> dict[Side, EyeModel]:
    """Both eyes in layers. `p`: the 468 points in face units, lids where the picture shows them."""
    eyes: dict[Side, EyeModel] = {}
    for side in topo.SIDES:
        upper, lower = p[list(topo.EYE_UPPER[side])], p[list(topo.EYE_LOWER[side])]
        iris = found.irises[side]
        eyes[side] = build_eye(
            picture, frame, side, upper, lower, frame.to_face(iris.centre), iris.radius / frame.sc, FEATHER
        )
    return eyes


def eye_spec(eye: EyeModel, up: NDArray[np.int32], lo: NDArray[np.int32]) -> EyeSpec:
    """The package's description of an eye whose lids are mesh chains."""
    return EyeSpec(
        up=up.tolist(),
        lo=lo.tolist(),
        feather=FEATHER,
        rect=eye.rect,
        iris_rect=eye.iris_rect,
        gaze=eye.gaze,
        lid_height=eye.lid_height,
        lid_beside=eye.lid_beside,
        lash_up=eye.lash_up,
        lash_down=eye.lash_down,
    )


def build_mouth(
    picture: Bytes,
    frame: FaceFrame,
    p: Doubles,
    rest: Doubles,
    eyes: dict[Side, EyeModel],
    measures: MouthMeasures,
    *,
    closed: bool,
    own: bool,
    flat: bool,
    up: NDArray[np.int32],
    lo: NDArray[np.int32],
    jaw: Doubles,
) -> BuiltMouth:
    """Teeth, tones and lip line. `p`: landmarks as photographed, `rest`: with the mouth closed (face units); `jaw`:
    the key shape."""
    whites = np.stack([_white(picture, frame, e) for e in eyes.values()]).mean(0) if eyes else None
    tones = mouth_parts.flat_tones() if flat else mouth_parts.measure_tones(picture, frame, p, whites)
    line = (rest[list(topo.INNER_UPPER)] + rest[list(topo.INNER_LOWER)]) / 2
    centre = np.array([(line[0, 0] + line[-1, 0]) / 2, line[5, 1]])
    textures: dict[str, Bytes] = {}
    ppw = frame.sc * measures.width
    if own:
        textures["upper"], teeth = mouth_parts.cut_own_teeth(picture, frame, p, centre, measures.width, tones)
        tones = mouth_parts.with_teeth(tones, teeth)
    else:
        textures["upper"] = mouth_parts.draw_teeth(tones, ppw, upper=True)
    textures["lower"] = mouth_parts.draw_teeth(tones, ppw, upper=False)
    if flat:  # an illustration shows one white row, without single teeth
        textures["upper"][..., :3] = tones.teeth.round().astype(np.uint8)
        textures["lower"][..., 3] = 0
    heights = (LIP_LINE * measures.width, LIP_LINE * measures.width)
    shown = (p[list(topo.INNER_UPPER)] + p[list(topo.INNER_LOWER)]) / 2
    textures["lip_line"] = mouth_parts.lip_line_texture(picture, frame, shown, heights, tones, closed=closed)
    pull = jaw[lo[len(lo) // 2]]
    spec = MouthSpec(
        style="photo",
        up=up.tolist(),
        lo=lo.tolist(),
        feather=FEATHER,
        centre=(float(centre[0]), float(centre[1])),
        width=measures.width,
        jaw=(float(pull[0]), float(pull[1])),
        upper_rect=UPPER_RECT,
        lower_rect=LOWER_RECT,
        tones=ToneSpec(cavity=_tone(tones.cavity), tongue=_tone(tones.tongue), teeth=_tone(tones.teeth)),
        line=Line(width=0.01, colour=_tone(tones.line)),
        lip_line=heights,
    )
    return BuiltMouth(spec, textures)


def insets(p: Doubles, width: float, *, own_teeth: bool, parted: bool) -> Doubles:
    """Where lip and lid edges take their colour: a little inside the skin, so that no tooth or eye-white pixel rides
    along. Movements of the coarse points, face units."""
    move = np.zeros_like(coarse_points(p))
    k = 1.8 if own_teeth else 1.0
    for a in range(1, 10):
        up, lo = topo.INNER_UPPER[a], topo.INNER_LOWER[a]
        above = float(p[up, 1] - p[topo.OUTER_UPPER[a], 1])
        below = float(p[topo.OUTER_LOWER[a], 1] - p[lo, 1])
        # Parted lips have a dark wedge at their corners, where the lips are thin: a share of them would not clear it.
        least = 0.020 * width * abs(a - 5) / 4 if parted else 0.0
        move[up, 1] = -min(max(0.10 * k * above, min(least, 0.45 * above)), 0.02 * k * width)
        move[lo, 1] = min(max(0.12 * k * below, min(least, 0.45 * below)), 0.025 * k * width)
    if parted:
        for inner, outer in ((topo.INNER_UPPER[0], topo.MOUTH_R), (topo.INNER_UPPER[-1], topo.MOUTH_L)):
            move[inner] = 0.8 * (p[outer] - p[inner])
    for side in topo.SIDES:
        for a in range(1, 8):
            up, lo = topo.EYE_UPPER[side][a], topo.EYE_LOWER[side][a]
            gap = float(p[lo, 1] - p[up, 1])
            move[up, 1], move[lo, 1] = -0.10 * gap, 0.10 * gap
    return move


def _white(picture: Bytes, frame: FaceFrame, eye: EyeModel) -> Doubles:
    """Colour of the white of an eye: the brighter half of what lies between the lids beside the iris."""
    x = np.linspace(eye.upper[0, 0], eye.upper[-1, 0], 41)[4:-4]
    top, bottom = (np.interp(x, line[:, 0], line[:, 1]) for line in (eye.upper, eye.lower))
    rows = top + np.linspace(0.30, 0.80, 9)[:, None] * (bottom - top)
    q = np.stack([np.broadcast_to(x, rows.shape), rows], -1)
    outside = np.linalg.norm(q - eye.iris, axis=-1) > 1.08 * eye.radius
    pixels = sample_points(picture, frame.to_px(q))[outside if outside.sum() > 12 else np.ones_like(outside)]
    lum = luminance(pixels)
    bright = pixels[(lum > np.percentile(lum, 55)) & (lum < np.percentile(lum, 95))]
    return np.asarray(np.median(bright if len(bright) else pixels, axis=0), np.float64)


def _tone(rgb: Doubles) -> tuple[float, float, float]:
    r, g, b = (float(np.clip(c / 255, 0, 1)) for c in rgb)
    return r, g, b
