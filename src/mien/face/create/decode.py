"""Bytes of an unknown picture → upright RGB pixels. The bytes are treated as hostile: the header is checked before
any pixel is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mien.face.create.errors import PictureError

MAX_BYTES = 40 * 1024 * 1024
MAX_SIDE = 8192
MAX_PIXELS = 48_000_000
"""An 8K frame (7680 x 4320) has 33 million pixels; decoded as RGBA this bound takes 192 MB."""
MIN_SIDE = 96
WORK_SIDE = 2560
"""Larger pictures are reduced to this longer side: no canvas needs more."""

_SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright picture: `rgb` uint8 (h, w, 3); `alpha` uint8 (h, w) where the file had a meaningful one."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    original_size: tuple[int, int]


def decode(source: bytes | Path) -> Picture:
    """Reads a JPEG, PNG, WebP, BMP, GIF (first frame) or TIFF. Raises PictureError."""
    data = _read(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError as error:
            if data.startswith(_SIGNATURES):
                raise _corrupt(error) from error
            raise PictureError(
                "unsupported", "This file is not a picture Mien can read. Use JPEG, PNG or WebP."
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_many_pixels("far more pixels than that") from error
        except (OSError, ValueError, SyntaxError) as error:
            raise _corrupt(error) from error
        _check_size(*image.size)
        try:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8 directly, which saves most of the time of a large one.
            image.draft("RGB", (WORK_SIDE, WORK_SIDE))
            original = image.size
            image.seek(0)
            image.load()
            return _to_arrays(ImageOps.exif_transpose(image), original)
        except PictureError:
            raise
        except (
            OSError,
            ValueError,
            SyntaxError,
            EOFError,
            MemoryError,
            OverflowError,
            TypeError,
            KeyError,
            IndexError,
            Image.DecompressionBombError,
        ) as error:
            raise _corrupt(error) from error


def _read(source: bytes | Path) -> bytes:
    if isinstance(source, Path):
        try:
            size = source.stat().st_size
            if size > MAX_BYTES:
                raise _too_many_bytes(size)
            data = source.read_bytes()
        except OSError as error:
            raise PictureError("corrupt", f"Could not read {source}: {error.strerror or error}.") from error
    else:
        data = source
    if len(data) > MAX_BYTES:
        raise _too_many_bytes(len(data))
    if not data:
        raise PictureError("corrupt", "The file is empty.")
    return data


def _too_many_bytes(size: int) -> PictureError:
    return PictureError(
        "too_large",
        f"The file has {size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are accepted. Save it as a JPEG.",
    )


def _corrupt(error: Exception) -> PictureError:
    if isinstance(error, UnidentifiedImageError):  # its text shows a Python object
        return PictureError("corrupt", "The picture is damaged and cannot be decoded. Export it again.")
    detail = str(error).split("\n")[0][:120] or type(error).__name__
    return PictureError("corrupt", f"The picture is damaged and cannot be decoded ({detail}). Export it again.")


def _too_many_pixels(size: str) -> PictureError:
    return PictureError(
        "too_large",
        f"The picture is too large: at most {MAX_SIDE} pixels a side and {MAX_PIXELS // 10**6} megapixels are "
        f"accepted, it has {size}. Reduce it first.",
    )


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width} x {height}")
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            "too_small",
            f"The picture is {width} x {height}; at least {MIN_SIDE} pixels a side are needed, and 1000 or more look "
            "good.",
        )


def _to_arrays(image: Image.Image, original: tuple[int, int]) -> Picture:
    if max(image.size) > WORK_SIDE:
        scale = WORK_SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        if image.mode in ("P", "1", "PA"):
            image = image.convert("RGBA")
        if image.mode.startswith("I") or image.mode == "F":
            image = _from_deep(image)
        image = image.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.LANCZOS)
    if image.mode.startswith("I") or image.mode == "F":
        image = _from_deep(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if not has_alpha:
        return Picture(np.asarray(image.convert("RGB"), np.uint8).copy(), None, original)
    rgba = np.asarray(image.convert("RGBA"), np.uint8)
    alpha = rgba[..., 3].copy()
    if alpha.min() >= 250:
        return Picture(rgba[..., :3].copy(), None, original)
    return Picture(rgba[..., :3].copy(), alpha, original)


def _from_deep(image: Image.Image) -> Image.Image:
    """A 16-bit or floating-point grey picture as 8 bit, stretched to its own range."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = float(values.min()), float(values.max())
    grey = np.zeros(values.shape, np.uint8) if high <= low else ((values - low) * (255 / (high - low))).astype(np.uint8)
    return Image.fromarray(grey, "L")
