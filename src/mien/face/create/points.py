"""What was found in the canvas picture: every point the rig is built on, so that each can be corrected and the rig
built again without the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.face.create import drawn
from mien.face.create import topology as topo
from mien.face.create.eyes import Iris, find_iris, lid_lines
from mien.face.create.faceframe import FaceFrame
from mien.face.create.lids import follow_lids, snap_lids
from mien.face.create.lips import SMALL_GAP, gap_of, snap_lip_line
from mien.face.create.networks import FaceNetworks
from mien.face.create.parted import part_lips
from mien.face.format import DrawnLine, IrisRecord, RigRecord, Side, Style

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]

SAME_SIZE = 0.07
"""Irises of one person that differ by more than this are not both right."""


@dataclass(frozen=True, slots=True)
class FoundIris:
    """Centre (2,) and radius of an iris, canvas px."""

    centre: Doubles
    radius: float


@dataclass(frozen=True, slots=True)
class FoundMouthLine:
    """The mouth line of an illustration: (n, 2) canvas px, half its thickness in px, its colour (3,) 0…255."""

    line: Doubles
    half_width: float
    colour: Doubles


@dataclass(frozen=True, slots=True)
class FacePoints:
    """`points` (468, 3): landmarks on the canvas (px, corner convention, z towards the camera negative), lids and lips
    where the picture shows them."""

    style: Style
    points: Doubles
    irises: dict[Side, FoundIris]
    mouth_line: FoundMouthLine | None = None


def find_points(
    nets: FaceNetworks, canvas: Bytes, points: Doubles, style: Literal["auto", "photo", "illustration"]
) -> tuple[FacePoints, Bytes]:
    """Refines landmarks on the picture; also returns the picture, without its mouth where that is drawn anew."""
    chosen: Style = style if style != "auto" else decide_style(canvas, points)
    frame = FaceFrame.of(points)
    p = frame.to_face(points[:, :2])
    picture, line = canvas, None
    if chosen == "illustration":
        mouth = drawn.find_mouth(canvas, frame, p, drawn.skin_colour(canvas, frame, p))
        if mouth is not None:
            picture = mouth.picture
            line = FoundMouthLine(frame.to_px(mouth.line), mouth.half_width * frame.sc, mouth.colour)
    if line is None and gap_of(p) < SMALL_GAP:
        p = snap_lip_line(canvas, frame, part_lips(canvas, frame, p))
    drawn_eyes = chosen == "illustration" and all(
        drawn.draw_eye(canvas, frame, p, side, drawn.skin_colour(canvas, frame, p)) for side in topo.SIDES
    )
    irises = _find_eyes(nets, canvas, frame, points, p, move_lids=not drawn_eyes)
    found = points.copy()
    found[:, :2] = frame.to_px(p)
    return FacePoints(chosen, found, irises, line), picture


def decide_style(canvas: Bytes, points: Doubles) -> Style:
    """Photograph (or painting, or rendered figure) or flat illustration."""
    return "illustration" if drawn.flat_share(canvas, points) > drawn.FLAT_SHARE else "photo"


def _find_eyes(
    nets: FaceNetworks, picture: Bytes, frame: FaceFrame, points: Doubles, p: Doubles, *, move_lids: bool
) -> dict[Side, FoundIris]:
    """Both irises; moves the lid points of `p` (face units) to where the picture shows the lids, unless they are drawn
    anew."""
    pixel_centred = points.copy()
    pixel_centred[:, :2] -= 0.5
    contours = nets.iris(picture, pixel_centred)
    lines: dict[Side, tuple[Doubles, Doubles]] = {}
    irises: dict[Side, Iris] = {}
    for side in topo.SIDES:
        lids, rim = (frame.to_face(c + 0.5) for c in contours[side])
        lines[side] = snap_lids(picture, frame, *lid_lines(p, lids, side))
        irises[side] = find_iris(picture, frame, rim, *lines[side])
    better, other = sorted(topo.SIDES, key=lambda s: -irises[s].score)
    widths = [float(np.ptp(lines[s][0][:, 0])) for s in topo.SIDES]
    facing = min(widths) > 0.85 * max(widths)  # a turned head's irises differ in the picture
    if facing and irises[better].score > 0 and abs(irises[other].radius / irises[better].radius - 1) > SAME_SIZE:
        rough = np.tile(irises[other].centre, (5, 1))
        irises[other] = find_iris(picture, frame, rough, *lines[other], radius=irises[better].radius)
    for side in topo.SIDES if move_lids else ():
        follow_lids(p, side, *lines[side])
    return {s: FoundIris(frame.to_px(iris.centre), iris.radius * frame.sc) for s, iris in irises.items()}


def record(found: FacePoints) -> RigRecord:
    """As kept in the package."""
    line = found.mouth_line
    return RigRecord(
        style=found.style,
        points=[(round(x, 2), round(y, 2), round(z, 2)) for x, y, z in found.points.tolist()],
        irises={
            s: IrisRecord(centre=(round(i.centre[0], 2), round(i.centre[1], 2)), radius=round(i.radius, 2))
            for s, i in found.irises.items()
        },
        mouth_line=None
        if line is None
        else DrawnLine(
            line=[(round(x, 2), round(y, 2)) for x, y in line.line.tolist()],
            half_width=round(line.half_width, 3),
            colour=(float(line.colour[0]), float(line.colour[1]), float(line.colour[2])),
        ),
    )


def recorded(kept: RigRecord) -> FacePoints:
    """What a package keeps, back again."""
    line = kept.mouth_line
    return FacePoints(
        kept.style,
        np.array(kept.points, np.float64),
        {s: FoundIris(np.array(i.centre, np.float64), i.radius) for s, i in kept.irises.items()},
        None if line is None else FoundMouthLine(np.array(line.line), line.half_width, np.array(line.colour)),
    )
