"""Pictures from strangers: what cannot be read is refused in words, quickly, before any pixel is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mien.face.create.decode import WORK_SIDE, decode
from mien.face.create.errors import PictureError


def _png_header(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\x10\0IDAT\x78\x9c"
    )


def _file(mode: str, kind: str, size: tuple[int, int] = (120, 160), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, None).save(out, kind, **options)
    return out.getvalue()


def _gradient(kind: str, **options: object) -> bytes:
    y, x = np.mgrid[0:160, 0:120]
    out = io.BytesIO()
    Image.fromarray(np.dstack([x, y, x]).astype(np.uint8)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "corrupt"),
        (b"\x00" * 1000, "unsupported"),
        (bytes(range(256)) * 40, "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "unsupported"),
        (b"GIF89a" + b"\xff" * 40, "corrupt"),
        (_png_header(30_000, 30_000), "too_large"),
        (_png_header(8_200, 100), "too_large"),
        (_png_header(200, 200), "corrupt"),
        (_file("RGB", "PNG", (1, 1)), "too_small"),
        (_file("RGB", "PNG", (95, 400)), "too_small"),
        (_gradient("JPEG")[:900], "corrupt"),
        (_gradient("PNG")[:-60], "corrupt"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as caught:
        decode(data)
    assert caught.value.reason == reason
    assert str(caught.value)[-1] in ".)"


def test_a_file_of_too_many_bytes_is_refused_by_its_size() -> None:
    with pytest.raises(PictureError, match="MB"):
        decode(b"\xff\xd8" + b"\0" * (41 * 1024 * 1024))


def test_a_missing_file_says_so(tmp_path) -> None:
    with pytest.raises(PictureError, match="Could not read"):
        decode(tmp_path / "nothing.png")


@pytest.mark.parametrize(
    "data",
    [
        _file("CMYK", "JPEG"),
        _file("L", "PNG"),
        _file("1", "PNG"),
        _file("P", "GIF"),
        _file("LA", "PNG"),
        _file("I;16", "PNG"),
        _file("RGB", "WEBP"),
        _file("RGB", "BMP"),
        _file("F", "TIFF"),
    ],
)
def test_every_pixel_format_becomes_rgb(data: bytes) -> None:
    picture = decode(data)
    assert picture.rgb.shape == (160, 120, 3)
    assert picture.rgb.dtype == np.uint8


def test_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (200, 100), (255, 0, 0))
    exif = image.getexif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    assert decode(out.getvalue()).rgb.shape[:2] == (200, 100)


def test_alpha_is_kept_only_where_it_says_something() -> None:
    opaque = _file("RGBA", "PNG")  # all zero: transparent everywhere
    assert decode(opaque).alpha is not None
    solid = io.BytesIO()
    Image.new("RGBA", (120, 160), (1, 2, 3, 255)).save(solid, "PNG")
    assert decode(solid.getvalue()).alpha is None


def test_a_large_picture_is_reduced() -> None:
    out = io.BytesIO()
    Image.new("RGB", (6000, 3000), (9, 9, 9)).save(out, "JPEG")
    picture = decode(out.getvalue())
    assert max(picture.rgb.shape) <= WORK_SIDE
    assert picture.rgb.shape[1] == 2 * picture.rgb.shape[0]
