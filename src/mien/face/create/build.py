"""Picture → package: decode, find the face, crop, rig, cut the textures, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from mien.face.create.background import Background, parse_background
from mien.face.create.canvas import CanvasSize
from mien.face.create.checks import choose_face
from mien.face.create.decode import decode
from mien.face.create.networks import FaceNetworks
from mien.face.create.points import find_points
from mien.face.create.rig import rig_face
from mien.face.create.scene import build_scene
from mien.face.format import Style, pack, read_package
from mien.settings import Settings

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
    background: Background | str | bytes = "keep",
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
    behind = background if isinstance(background, Background) else parse_background(background)
    source = decode(picture)
    say("finding the face")
    face = choose_face(nets, source)
    source = source.turned(face.turns)
    say("framing")
    scene = build_scene(nets, source, face.points, size, behind)
    say("rigging")
    found, canvas = find_points(nets, scene.picture, scene.points, style)
    rigged = rig_face(scene, canvas, found, name=name)
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
        notes=(*face.notes, *scene.notes, *rigged.notes),
    )


def read_hash(data: bytes) -> str:
    """The content hash of package bytes."""
    import hashlib

    return hashlib.sha256(data).hexdigest()
