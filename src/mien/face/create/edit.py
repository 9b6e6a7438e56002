"""Corrects what was found in a picture: points out, points in, and the rig built again without looking at the picture
anew."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.face.create import topology as topo
from mien.face.create.errors import PictureError
from mien.face.create.faceframe import FaceFrame
from mien.face.create.points import FacePoints, FoundIris, FoundMouthLine, recorded
from mien.face.create.rig import Rigged, rig_face
from mien.face.create.scene import Scene
from mien.face.format import Package, PackageError, Side, Style, image_entries, pack, read_package

Doubles = NDArray[np.float64]

REACH = 0.25
"""How far outside the canvas points may lie, in canvas widths and heights: a hairline, say, that the picture cuts."""
IRIS = (0.08, 0.50)
"""Radius of an iris in widths of its eye."""
FOLLOW = 0.14
"""Points that nobody moved follow the nearest moved ones within about this distance, face units."""

PARTS: dict[str, tuple[int, ...]] = {
    "outline": topo.OVAL,
    "brow_r": topo.BROW["r"],
    "brow_l": topo.BROW["l"],
    "eye_r_upper": topo.EYE_UPPER["r"],
    "eye_r_lower": topo.EYE_LOWER["r"],
    "eye_l_upper": topo.EYE_UPPER["l"],
    "eye_l_lower": topo.EYE_LOWER["l"],
    "nose": (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327),
    "lips_upper_outer": topo.OUTER_UPPER,
    "lips_upper_inner": topo.INNER_UPPER,
    "lips_lower_inner": topo.INNER_LOWER,
    "lips_lower_outer": topo.OUTER_LOWER,
}
"""Names for what an editor shows; the numbers are those of the 468 points."""

_Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-8192, le=8192)]
_Point = tuple[_Coordinate, _Coordinate]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IrisEdit(_Strict):
    """Where an iris is, canvas px."""

    centre: _Point | None = None
    radius: Annotated[float, Field(gt=1, lt=1000, allow_inf_nan=False)] | None = None


class Edits(_Strict):
    """Corrections of a package, the content of an edit.json. Everything may be left out; what is left out stays.

    `points`: number (0…467) → [x, y] in canvas px. `irises`: "r" and "l" (the subject's). `mouth_line`: the line of a
    drawn mouth, as many points as `mien avatar edit ID` gave. `style`: "photo" or "illustration". `follow`: whether
    points around a moved one go along. `canvas` and `parts` are written for editors and not read.
    """

    points: dict[Annotated[int, Field(ge=0, lt=topo.N_POINTS)], _Point] = {}
    irises: dict[Side, IrisEdit] = {}
    mouth_line: list[_Point] | None = None
    style: Style | None = None
    follow: bool = True
    canvas: tuple[int, int] | None = None
    parts: dict[str, list[int]] | None = None


def parse_edits(data: bytes | str) -> Edits:
    """An edit.json. Raises PictureError("edit")."""
    try:
        return Edits.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PictureError("edit", f"The corrections cannot be used: {where}: {first['msg']}.") from error


def export_points(package: Package) -> Edits:
    """Everything that was found, in the form corrections take. Raises PictureError for packages made before points
    were kept."""
    found = _found(package)
    return Edits(
        canvas=package.size,
        style=found.style,
        parts={name: list(ids) for name, ids in PARTS.items()},
        points={i: (round(float(x), 1), round(float(y), 1)) for i, (x, y) in enumerate(found.points[:, :2])},
        irises={
            side: IrisEdit(
                centre=(round(float(i.centre[0]), 1), round(float(i.centre[1]), 1)), radius=round(float(i.radius), 1)
            )
            for side, i in found.irises.items()
        },
        mouth_line=None
        if found.mouth_line is None
        else [(round(float(x), 1), round(float(y), 1)) for x, y in found.mouth_line.line],
    )


def allowed_range(size: tuple[int, int]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The least and the largest x, then y, that a point may have on a canvas of this size, px."""
    width, height = size
    return (-REACH * width, (1 + REACH) * width), (-REACH * height, (1 + REACH) * height)


def rerig(package: Package, edits: Edits) -> Package:
    """The package rigged anew with corrected points; picture and background stay. Under a second, without networks.
    Raises PictureError("edit") when the points make no face."""
    return _rerigged(package, edits).package


def rerig_file(data: bytes, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """`rerig` for the bytes of a package: the pictures in it are kept bit by bit. Also returns sentences about what
    had to be limited. Raises PackageError, PictureError."""
    rigged = _rerigged(read_package(data), edits)
    made = pack(rigged.package, images=image_entries(data))
    try:
        read_package(made)
    except PackageError as error:
        raise PictureError("edit", f"These points make no face that can be moved: {error}") from error
    return made, rigged.notes


def _rerigged(package: Package, edits: Edits) -> Rigged:
    found = apply_edits(_found(package), edits)
    _check(found, package.size)
    scene = Scene(package.picture, package.matte, package.plate, package.transparent, found.points, ())
    return rig_face(scene, package.picture, found, name=package.name)


def apply_edits(found: FacePoints, edits: Edits) -> FacePoints:
    """The found points with the corrections in place."""
    points = found.points.copy()
    if edits.points:
        ids = np.array(sorted(edits.points))
        moves = np.array([edits.points[int(i)] for i in ids], np.float64) - points[ids, :2]
        moved = np.abs(moves).max(1) > 0.06  # exported coordinates are rounded
        if moved.any():
            _move(points, ids, moves, moved, follow=edits.follow)
    irises = dict(found.irises)
    for side, edit in edits.irises.items():
        before = irises[side]
        centre = before.centre if edit.centre is None else np.array(edit.centre, np.float64)
        irises[side] = FoundIris(centre, before.radius if edit.radius is None else edit.radius)
    line = found.mouth_line
    if edits.mouth_line is not None:
        if line is None or len(edits.mouth_line) != len(line.line):
            count = 0 if line is None else len(line.line)
            raise PictureError("edit", f"mouth_line has {len(edits.mouth_line)} points; this package has {count}.")
        line = FoundMouthLine(np.array(edits.mouth_line, np.float64), line.half_width, line.colour)
    style = edits.style or found.style
    if style == "photo" and line is not None:
        raise PictureError(
            "edit", "This illustration's mouth was drawn anew; make it again from its picture with --style photo."
        )
    return FacePoints(style, points, irises, line)


def _move(points: Doubles, ids: NDArray[np.intp], moves: Doubles, moved: NDArray[np.bool_], *, follow: bool) -> None:
    if follow:
        frame = FaceFrame.of(points)
        p = frame.to_face(points[:, :2])
        anchors, pull = p[ids], np.where(moved[:, None], moves, 0.0)
        d = np.linalg.norm(p[:, None] - anchors[None], axis=2)
        w = np.exp(-((d / (0.5 * FOLLOW)) ** 2)) + 1e-9
        nearest = d[:, moved].min(1)
        points[:, :2] += (w @ pull) / w.sum(1, keepdims=True) * np.exp(-((nearest / FOLLOW) ** 2))[:, None]
        points[ids, :2] -= (w @ pull / w.sum(1, keepdims=True) * np.exp(-((nearest / FOLLOW) ** 2))[:, None])[ids]
    points[ids, :2] += np.where(moved[:, None], moves, 0.0)


def _found(package: Package) -> FacePoints:
    if package.rig is None:
        raise PictureError(
            "edit", "This package was made before points were kept; make it again with `mien avatar create`."
        )
    return recorded(package.rig)


def _check(found: FacePoints, size: tuple[int, int]) -> None:
    """Refuses points that make no face, in words an editor can show."""
    xy = found.points[:, :2]
    for n, point in enumerate(xy):
        _check_place(f"Point {n}", point, size)
    for n, point in enumerate(found.mouth_line.line if found.mouth_line is not None else ()):
        _check_place(f"Point {n} of the mouth line", point, size)
    if float(np.linalg.norm(xy[topo.OUTER_EYE_L] - xy[topo.OUTER_EYE_R])) < 20:
        raise PictureError("edit", "The outer eye corners (33, 263) are less than 20 pixels apart.")
    p = FaceFrame.of(found.points).to_face(xy)
    if p[topo.CHIN, 1] < p[topo.MOUTH_R, 1] or p[topo.MOUTH_R, 0] >= p[topo.MOUTH_L, 0]:
        raise PictureError("edit", "The mouth lies below the chin or its corners (61, 291) are exchanged.")
    for name, up, lo in (
        *((f"eye_{s}", topo.EYE_UPPER[s], topo.EYE_LOWER[s]) for s in topo.SIDES),
        ("lips", topo.INNER_UPPER, topo.INNER_LOWER),
        ("upper lip", topo.OUTER_UPPER, topo.INNER_UPPER),
        ("lower lip", topo.INNER_LOWER, topo.OUTER_LOWER),
    ):
        gap = p[list(lo[1:-1]), 1] - p[list(up[1:-1]), 1]
        if float(gap.min()) < -0.03:
            a = int(gap.argmin()) + 1
            raise PictureError("edit", f"{name}: the lower line lies above the upper one (points {up[a]} and {lo[a]}).")
    for side, iris in found.irises.items():
        _check_iris(side, iris, xy)


def _check_place(name: str, point: Doubles, size: tuple[int, int]) -> None:
    for axis, value, (least, most) in zip("xy", point, allowed_range(size), strict=True):
        if not least <= value <= most:
            raise PictureError(
                "edit",
                f"{name} has {axis} = {value:.0f}; on this canvas of {size[0]} x {size[1]} pixels it can be from "
                f"{least:.0f} to {most:.0f}.",
            )


def _check_iris(side: Side, iris: FoundIris, xy: Doubles) -> None:
    upper, lower = xy[list(topo.EYE_UPPER[side])], xy[list(topo.EYE_LOWER[side])]
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    least, most = (share * width for share in IRIS)
    if not least <= iris.radius <= most:
        raise PictureError(
            "edit",
            f"Iris {side} has a radius of {iris.radius:.1f}; in this eye it can be from {least:.1f} to {most:.1f}.",
        )
    middle = (upper.mean(0) + lower.mean(0)) / 2
    for axis, value, centre in zip("xy", iris.centre, middle, strict=True):
        if abs(value - centre) > 0.5 * width:
            raise PictureError(
                "edit",
                f"Iris {side} has its centre at {axis} = {value:.0f}; in this eye it can be from "
                f"{centre - 0.5 * width:.0f} to {centre + 0.5 * width:.0f}.",
            )
