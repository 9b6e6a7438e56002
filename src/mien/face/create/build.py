"""Picture → package: decode, find the face, crop, rig, cut the textures, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.face.create.canvas import SIZES, CanvasSize, choose_crop, render_crop
from mien.face.create.checks import choose_face
from mien.face.create.decode import Picture, decode
from mien.face.create.networks import FaceNetworks
from mien.face.create.rig import rig_face
from mien.face.format import Style, pack, read_package
from mien.settings import Settings

Doubles = NDArray[np.float64]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PackageInfo:
    """What came of a picture. `notes` are sentences for the user (several faces, a small face, …); sizes in pixels
    and bytes."""

    path: Path
    name: str
    style: Style
    canvas: tuple[int, int]
    face_px: float
    own_teeth: bool
    content_hash: str
    bytes: int
    seconds: float
    notes: tuple[str, ...]


@cache
def networks(models_dir: Path) -> FaceNetworks:
    """The face networks, one set per folder and process."""
    return FaceNetworks(models_dir)


def create_package(
    picture: bytes | Path,
    out: Path,
    *,
    name: str = "",
    style: Literal["auto", "photo", "illustration"] = "auto",
    size: CanvasSize = "portrait",
    models_dir: Path | None = None,
    progress: Progress | None = None,
) -> PackageInfo:
    """Makes a digital human from one picture and writes its package to `out`.

    `progress` is told each step in a few words. Raises PictureError when the picture cannot be used, OSError when
    `out` cannot be written.
    """
    started = time.perf_counter()
    say = progress or (lambda _: None)
    nets = networks(models_dir or Settings().models_dir)
    say("reading the picture")
    source = decode(picture)
    say("finding the face")
    face = choose_face(nets, source)
    source = source.turned(face.turns)
    say("framing")
    canvas, points = _frame(source, face.points, size, nets)
    say("rigging")
    rigged = rig_face(nets, canvas, points, name=name, style=style)
    say("packing")
    data = pack(rigged.package)
    read_package(data)  # what is written must be readable
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    partial.write_bytes(data)
    partial.replace(out)
    content_hash = read_hash(data)
    return PackageInfo(
        path=out,
        name=name,
        style=rigged.package.style,
        canvas=rigged.package.size,
        face_px=rigged.package.frame.sc,
        own_teeth=rigged.own_teeth,
        content_hash=content_hash,
        bytes=len(data),
        seconds=time.perf_counter() - started,
        notes=(*face.notes, *rigged.notes),
    )


def read_hash(data: bytes) -> str:
    """The content hash of package bytes."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _frame(source: Picture, points: Doubles, size: CanvasSize, nets: FaceNetworks) -> tuple[NDArray[np.uint8], Doubles]:
    """The canvas picture and the landmarks found again on it (canvas px, corner convention, with z)."""
    target = SIZES[size]
    h, w = source.rgb.shape[:2]
    a, b = points[33, :2], points[263, :2]
    sc = float(np.linalg.norm(b - a))
    eyes = (a + b) / 2
    crop = choose_crop((w, h), (float(eyes[0]), float(eyes[1])), sc, target[0] / target[1])
    canvas = render_crop(source.rgb, crop, target)
    k = target[0] / crop.width
    moved = points.copy()
    moved[:, :2] = (points[:, :2] - [crop.x, crop.y]) * k
    moved[:, 2] *= k
    refined, _ = nets.refine(canvas, moved)
    refined[:, :2] += 0.5
    return canvas, refined
