"""The digital-human package on disk: one zip, described in docs/package-format.md. Reading treats the file as
hostile."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from mien.errors import UserError
from mien.face.spec import (
    ENTRY_NAMES,
    KEY_NAMES,
    MAX_ENTRIES,
    MAX_GRID,
    MAX_SIDE,
    MAX_TRIANGLES,
    MAX_UNPACKED,
    MAX_VERTICES,
    MAX_ZIP,
    MIN_SIDE,
    READABLE,
    VERSION,
    ArraySpec,
    DrawnLine,
    EyeSpec,
    FrameSpec,
    Gains,
    IrisRecord,
    Limits,
    Line,
    Meta,
    MouthSpec,
    RigRecord,
    Side,
    Style,
    Tones,
    Triple,
)

__all__ = [
    "VERSION",
    "DrawnLine",
    "EyeSpec",
    "FrameSpec",
    "Gains",
    "IrisRecord",
    "Limits",
    "Line",
    "MouthSpec",
    "Package",
    "PackageError",
    "RigRecord",
    "Side",
    "Style",
    "Tones",
    "encode_image",
    "image_entries",
    "pack",
    "read_package",
]

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


class PackageError(UserError):
    """A file that is no usable package; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Package:
    """A digital human, ready to draw. Shapes: picture (H, W, 3) u8 RGB; rest, source (n, 2); weights (n, 4);
    triangles (t, 3); grid (rows, cols, 4); each key (n, 2); atlas (h, w, 4) u8 straight-alpha RGBA; plate (H, W,
    3) and matte (H, W) or None. `transparent`: a viewer that can leaves the plate away. `rig`: what it was made from,
    absent in old packages."""

    name: str
    style: Style
    picture: Bytes
    frame: FrameSpec
    pivot: Triple
    limits: Limits
    gains: Gains
    grid_step: int
    grid: Floats
    rest: Floats
    source: Floats
    triangles: Ints
    weights: Floats
    keys: dict[str, Floats]
    mouth: MouthSpec
    eyes: dict[Side, EyeSpec]
    atlas: Bytes
    regions: dict[str, tuple[int, int, int, int]]
    plate: Bytes | None = None
    matte: Bytes | None = None
    transparent: bool = False
    rig: RigRecord | None = None
    content_hash: str = field(default="", compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Canvas (width, height)."""
        return self.picture.shape[1], self.picture.shape[0]

    @property
    def still(self) -> Bytes:
        """The picture at rest, person and background together, (H, W, 3)."""
        if self.plate is None or self.matte is None:
            return self.picture
        a = self.matte.astype(np.float32)[..., None] / 255
        return np.asarray(self.plate * (1 - a) + self.picture * a + 0.5, np.uint8)


# --- writing


def pack(package: Package, *, picture_quality: int = 90, images: dict[str, bytes] | None = None) -> bytes:
    """The package as zip bytes. The same package gives the same bytes. `images`: entries of an opened package (see
    `image_entries`) to keep as they are, so that a picture does not lose by being packed again."""
    blob = bytearray()
    arrays: dict[str, dict[str, object]] = {}

    def add(name: str, values: NDArray[np.generic], dtype: str, scale: list[float] | None = None) -> None:
        entry: dict[str, object] = {"offset": len(blob), "dtype": dtype, "shape": list(values.shape)}
        if scale is not None:
            entry["scale"] = scale
        arrays[name] = entry
        blob.extend(np.ascontiguousarray(values).tobytes())
        blob.extend(b"\0" * (-len(blob) % 4))

    add("rest", package.rest.astype("<f4"), "f32")
    add("source", package.source.astype("<f4"), "f32")
    add("triangles", package.triangles.astype("<u2"), "u16")
    for name, values in (("weights", package.weights), ("grid", package.grid)):
        scale = [max(float(np.abs(values[..., c]).max()), 1e-6) / 32767 for c in range(4)]
        add(name, np.round(values / np.array(scale)).astype("<i2"), "i16", scale)
    names = list(package.keys)
    stack = np.stack([package.keys[k] for k in names])
    scale = [max(float(np.abs(k).max()), 1e-6) / 32767 for k in stack]
    add("keys", np.round(stack / np.array(scale)[:, None, None]).astype("<i2"), "i16", scale)

    files = {"atlas.png": encode_image(package.atlas, "PNG")}
    kept = {name.split(".")[0]: (name, data) for name, data in (images or {}).items()}

    def image(what: str, make: Callable[[], tuple[str, bytes]]) -> dict[str, str]:
        name, data = kept.get(what) or make()
        files[name] = data
        return {"file": name}

    def webp(pixels: Bytes, quality: int) -> bytes:
        return encode_image(pixels, "WEBP", quality=quality, method=2)

    picture = image("picture", lambda: ("picture.webp", webp(package.picture, picture_quality)))
    extra: dict[str, object] = {}
    if package.plate is not None and package.matte is not None:
        plate, matte = package.plate, package.matte
        extra = {
            "plate": image("plate", lambda: ("plate.webp", webp(plate, 80))),
            "matte": image("matte", lambda: ("matte.png", encode_image(matte, "PNG"))),
            "transparent": package.transparent,
        }
    meta = {
        "format": "mien-face",
        "version": VERSION,
        "name": package.name,
        "style": package.style,
        "canvas": list(package.size),
        "picture": picture,
        **extra,
        "frame": package.frame.model_dump(),
        "pivot": list(package.pivot),
        "limits": package.limits.model_dump(),
        "gains": package.gains.model_dump(),
        "grid": {"step": package.grid_step, "cols": package.grid.shape[1], "rows": package.grid.shape[0]},
        "keys": names,
        "arrays": arrays,
        "mouth": package.mouth.model_dump(),
        "eyes": {side: eye.model_dump() for side, eye in package.eyes.items()},
        "atlas": {"size": [package.atlas.shape[1], package.atlas.shape[0]], "regions": package.regions},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        _put(archive, "meta.json", json.dumps(meta, ensure_ascii=False, indent=1).encode())
        _put(archive, "mesh.bin", bytes(blob))
        if package.rig is not None:
            _put(archive, "rig.json", package.rig.model_dump_json().encode())
        for name, data in files.items():
            _put(archive, name, data, stored=True)
    return out.getvalue()


def image_entries(data: bytes) -> dict[str, bytes]:
    """The picture, plate and matte of package bytes that `read_package` accepted, as they are."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        wanted = [e.filename for e in archive.infolist() if e.filename.split(".")[0] in ("picture", "plate", "matte")]
        return {name: archive.read(name) for name in wanted}


def _put(archive: zipfile.ZipFile, name: str, data: bytes, *, stored: bool = False) -> None:
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    archive.writestr(info, data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)


def encode_image(pixels: Bytes, kind: Literal["WEBP", "PNG", "JPEG"], *, quality: int = 90, method: int = 4) -> bytes:
    """Pixels (h, w), (h, w, 3) or (h, w, 4) as a compressed image."""
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if kind == "PNG":
        image.save(out, "PNG", compress_level=6)
    elif kind == "WEBP":
        image.save(out, "WEBP", quality=quality, method=method)
    else:
        image.save(out, "JPEG", quality=quality)
    return out.getvalue()


# --- reading


def read_package(source: Path | bytes) -> Package:
    """Opens and checks a package. Raises PackageError."""
    if isinstance(source, Path):
        try:
            size = source.stat().st_size
            data = source.read_bytes() if size <= MAX_ZIP else b""
        except OSError as error:
            raise PackageError(f"Could not read {source}: {error.strerror or error}.") from error
    else:
        data, size = source, len(source)
    if size > MAX_ZIP:
        raise PackageError(f"The package is larger than {MAX_ZIP >> 20} MB.")
    try:
        return _unpack(data)
    except PackageError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PackageError(f"meta.json of the package is not valid: {where}: {first['msg']}.") from error
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        KeyError,
        ValueError,
        OSError,
        TypeError,
        EOFError,
    ) as error:
        raise PackageError(f"The package is damaged ({str(error)[:120] or type(error).__name__}).") from error


def _unpack(data: bytes) -> Package:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise PackageError(f"The package has {len(entries)} entries; at most {MAX_ENTRIES} are allowed.")
        if any("/" in e.filename or "\\" in e.filename or e.filename.startswith(".") for e in entries):
            raise PackageError("The package holds a path with folders.")
        if len({e.filename for e in entries}) != len(entries):
            raise PackageError("The package names an entry twice.")
        if sum(e.file_size for e in entries) > MAX_UNPACKED:
            raise PackageError(f"The package unpacks to more than {MAX_UNPACKED >> 20} MB.")
        strange = [e.filename for e in entries if e.filename not in ENTRY_NAMES]
        if strange:
            raise PackageError(f"The package holds an entry that does not belong there: {strange[0][:40]!r}.")
        sizes = {e.filename: e.file_size for e in entries}

        def member(name: str) -> bytes:
            with archive.open(name) as stream:  # never more than announced, whatever the compressed data says
                content = stream.read(sizes[name] + 1)
            if len(content) != sizes[name]:
                raise PackageError(f"Entry {name} of the package has another size than announced.")
            return content

        raw = json.loads(member("meta.json"))
        version = raw.get("version") if isinstance(raw, dict) else None
        if isinstance(raw, dict) and raw.get("format") == "mien-face" and version not in READABLE:
            raise PackageError(
                f"The package has format version {version}; this Mien reads {' and '.join(map(str, READABLE))}. "
                "Make it again from its picture with `mien avatar create`, or update Mien."
            )
        meta = Meta.model_validate(raw)
        width, height = meta.canvas
        if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
            raise PackageError(f"The canvas is {width} x {height}; sides of {MIN_SIDE}…{MAX_SIDE} are allowed.")
        blob = member("mesh.bin")
        rig = RigRecord.model_validate_json(member("rig.json")) if "rig.json" in sizes else None
        picture = _image(member(meta.picture.file), "RGB", (width, height))
        atlas = _image(member("atlas.png"), "RGBA", None)
        plate = matte = None
        if meta.plate is not None and meta.matte is not None:
            plate = _image(member(meta.plate.file), "RGB", None)
            matte = _image(member(meta.matte.file), "L", None)
            plate = _fit(plate, (width, height))
            matte = _fit(matte, (width, height))
    package = _assemble(meta, blob, picture, atlas, plate, matte, hashlib.sha256(data).hexdigest())
    return replace(package, rig=rig)


def _assemble(
    meta: Meta, blob: bytes, picture: Bytes, atlas: Bytes, plate: Bytes | None, matte: Bytes | None, digest: str
) -> Package:
    read = {name: _read_array(blob, spec) for name, spec in meta.arrays.items()}
    rest, source, triangles = read["rest"], read["source"], read["triangles"]
    n = len(rest)
    _expect(n <= MAX_VERTICES and rest.shape == (n, 2) and source.shape == (n, 2), "vertices")
    _expect(triangles.ndim == 2 and triangles.shape[1] == 3 and 0 < len(triangles) <= MAX_TRIANGLES, "triangles")
    _expect(int(triangles.max()) < n, "a triangle index")
    _expect(read["weights"].shape == (n, 4), "weights")
    _expect(
        read["grid"].shape == (meta.grid.rows, meta.grid.cols, 4) and meta.grid.rows * meta.grid.cols <= MAX_GRID,
        "the grid",
    )
    width, height = meta.canvas
    step = meta.grid.step
    _expect((meta.grid.cols - 1) * step >= width and (meta.grid.rows - 1) * step >= height, "the grid's extent")
    _expect(read["keys"].shape == (len(meta.keys), n, 2), "key shapes")
    unknown = [k for k in meta.keys if k not in KEY_NAMES]
    if unknown:
        raise PackageError(f"The package has a key shape this Mien does not know: {unknown[0][:40]!r}.")
    chains = [(meta.mouth.up, meta.mouth.lo), *((eye.up, eye.lo) for eye in meta.eyes.values())]
    for up, lo in chains:
        _expect(len(up) == len(lo) and max(*up, *lo) < n, "a chain")
    _expect(set(meta.eyes) == {"r", "l"}, "the eyes")
    h, w = atlas.shape[:2]
    for name, (x0, y0, x1, y1) in meta.atlas.regions.items():
        _expect(0 <= x0 < x1 <= w and 0 <= y0 < y1 <= h, f"atlas region {name[:20]}")
    needed = {f"{part}_{s}" for s in ("r", "l") for part in ("lid", "lash")}
    needed |= {f"{part}_{s}" for s, e in meta.eyes.items() if e.rect is not None for part in ("eye", "iris")}
    needed |= {"upper", "lower"} if meta.mouth.style == "photo" else set()
    needed |= {"lip_line"} if meta.mouth.lip_line is not None else set()
    _expect(needed <= set(meta.atlas.regions), "the atlas: a region is missing")
    return Package(
        name=meta.name,
        style=meta.style,
        picture=picture,
        frame=meta.frame,
        pivot=meta.pivot,
        limits=meta.limits,
        gains=meta.gains,
        grid_step=step,
        grid=read["grid"].astype(np.float32),
        rest=rest.astype(np.float32),
        source=source.astype(np.float32),
        triangles=triangles.astype(np.int32),
        weights=read["weights"].astype(np.float32),
        keys={k: np.ascontiguousarray(v, np.float32) for k, v in zip(meta.keys, read["keys"], strict=True)},
        mouth=meta.mouth,
        eyes=dict(meta.eyes),
        atlas=atlas,
        regions=dict(meta.atlas.regions),
        plate=plate,
        matte=matte,
        transparent=meta.transparent,
        content_hash=digest,
    )


_DTYPES: dict[str, np.dtype[np.generic]] = {"f32": np.dtype("<f4"), "i16": np.dtype("<i2"), "u16": np.dtype("<u2")}


def _read_array(blob: bytes, spec: ArraySpec) -> NDArray[np.float64]:
    dtype = _DTYPES[spec.dtype]
    count = math.prod(spec.shape)
    if count > 64 * MAX_VERTICES * 2 or spec.offset + count * dtype.itemsize > len(blob):
        raise PackageError("An array of the package reaches past the end of mesh.bin.")
    values = np.frombuffer(blob, dtype, count, spec.offset).reshape(spec.shape).astype(np.float64)
    if isinstance(spec.scale, list):
        scale = np.array(spec.scale)
        along_first = len(spec.shape) == 3 and len(scale) == spec.shape[0] and spec.shape[2] == 2
        values = values * (scale[:, None, None] if along_first else scale)
    else:
        values = values * spec.scale
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 1e6:
        raise PackageError("The package holds numbers that are not finite.")
    return np.asarray(values)


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise PackageError(f"The package is damaged: {what} out of bounds.")


def _image(data: bytes, mode: Literal["RGB", "RGBA", "L"], size: tuple[int, int] | None) -> Bytes:
    image = Image.open(io.BytesIO(data), formats=("WEBP", "JPEG", "PNG"))
    if size is not None and image.size != size:
        raise PackageError("The picture in the package has another size than the canvas.")
    if max(image.size) > MAX_SIDE:
        raise PackageError("An image in the package is too large.")
    return np.asarray(image.convert(mode), np.uint8)


def _fit(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
