"""Bytes of an unknown picture → upright RGB pixels. The bytes are treated as hostile: the header is checked before
any pixel is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from mien.face.create.errors import PictureError

MAX_BYTES = 40 * 1024 * 1024
MAX_SIDE = 8192
MAX_PIXELS = 48_000_000
"""An 8K frame (7680 x 4320) has 33 million pixels; decoded as RGBA this bound takes 192 MB."""
MIN_SIDE = 96
WORK_SIDE = 2560
"""Larger pictures are reduced to this longer side: no canvas needs more."""

OPAQUE = 250
"""Alpha from here on counts as solid."""

_SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright picture: `rgb` uint8 (h, w, 3); `alpha` uint8 (h, w) where the file had a meaningful one."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    original_size: tuple[int, int]

    def turned(self, quarters: int) -> Picture:
        """The picture turned to the left by quarter turns."""
        alpha = None if self.alpha is None else np.ascontiguousarray(np.rot90(self.alpha, quarters))
        size = self.original_size if quarters % 2 == 0 else self.original_size[::-1]
        return Picture(np.ascontiguousarray(np.rot90(self.rgb, quarters)), alpha, size)


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
            ImageOps.exif_transpose(image, in_place=True)  # or an upright picture would be copied whole
            return _to_arrays(image, original)
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
    image = _reduced(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _from_deep(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    alpha = None
    if has_alpha:
        image = image.convert("RGBA")
        alpha = np.asarray(image, np.uint8)[..., 3].copy()
        if alpha.min() >= OPAQUE:
            alpha = None
    return Picture(np.asarray(_to_srgb(image), np.uint8).copy(), alpha, original)


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORK_SIDE on its longer side, before anything that needs more bytes a pixel than the file's own mode."""
    if max(image.size) <= WORK_SIDE:
        return image
    scale = WORK_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.mode in ("P", "1", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode.startswith("I;"):  # these cannot be averaged
        return image.resize(size, Image.Resampling.NEAREST)
    # Twice the size by cheap averaging, then the good filter: as sharp, in a fraction of the time and memory.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _to_srgb(image: Image.Image) -> Image.Image:
    """RGB in the colours every screen shows; a telephone's wide-gamut profile or a print profile is converted."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image.convert("RGB") if image.mode == "RGBA" else image,
                source,
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a damaged profile is no reason to refuse the picture
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """A 16-bit or floating-point grey picture as 8 bit, stretched to its own range."""
    values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    grey = np.zeros(values.shape, np.uint8) if high <= low else ((values - low) * (255 / (high - low))).astype(np.uint8)
    return Image.fromarray(grey, "L")
