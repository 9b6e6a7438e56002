"""Pictures from strangers become a digital human or a plain sentence that says why not and what would do."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.face.create import PictureError, create_package
from mien.face.create.build import networks
from mien.face.create.checks import choose_face
from mien.face.create.decode import decode
from mien.face.format import read_package
from mien.settings import Settings
from tests.support.face_pictures import default_picture, drawn_face, encoded
from tests.support.free_pictures import free_picture

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]

Bytes = NDArray[np.uint8]


def _astronaut() -> Bytes:
    return np.asarray(Image.open(free_picture("astronaut.png")).convert("RGB"), np.uint8)


def _portrait() -> Bytes:
    data = default_picture(0)
    assert data is not None
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8)


def _covered(pixels: Bytes, colour: tuple[int, int, int], *, noise: float = 0.0) -> bytes:
    """The lower face under one colour, as a mask or a scarf covers it."""
    nets = networks(Settings().models_dir)
    points = nets.landmarks(pixels, nets.detect(pixels)[0])[0]
    outline = cv2.convexHull(points[[117, 346, 147, 376, 58, 288, 136, 365, 152, 197], :2].astype(np.int32))
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, outline, 255)
    cloth = np.random.default_rng(0).normal(0, noise, (*mask.shape, 1)) + np.array(colour)
    return encoded(np.where(mask[..., None] > 0, cloth, pixels).clip(0, 255).astype(np.uint8))


def _png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\x10\0IDAT\x78"
    )


def _flat(value: int = 128) -> bytes:
    return encoded(np.full((300, 300, 3), value, np.uint8))


def _noise() -> bytes:
    return encoded(np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8))


def _back_of_a_head() -> bytes:
    out = np.full((1200, 900, 3), (200, 210, 215), np.uint8)
    cv2.ellipse(out, (450, 1200), (400, 330), 0, 0, 360, (60, 80, 120), -1, cv2.LINE_AA)
    cv2.rectangle(out, (390, 620), (510, 920), (214, 176, 150), -1)
    cv2.ellipse(out, (450, 480), (250, 300), 0, 0, 360, (70, 48, 36), -1, cv2.LINE_AA)
    for x in range(230, 680, 14):
        cv2.line(out, (x, 300), (x + (450 - x) // 5, 740), (84, 60, 46), 2, cv2.LINE_AA)
    return encoded(out)


def _cat() -> bytes:
    """A drawn cat: two eyes and a mouth, and no person."""
    out = np.full((1000, 1000, 3), (220, 225, 200), np.uint8)
    fur, dark, pink = (150, 150, 155), (50, 50, 55), (230, 160, 165)
    for x in (280, 720):
        tip = (x - 60 if x < 500 else x + 60, 150)
        cv2.fillPoly(out, [np.array([[x - 110, 420], tip, [x + 110, 380]], np.int32)], fur, cv2.LINE_AA)
    cv2.ellipse(out, (500, 560), (330, 300), 0, 0, 360, fur, -1, cv2.LINE_AA)
    for x in (370, 630):
        cv2.ellipse(out, (x, 500), (70, 60), 0, 0, 360, (170, 200, 80), -1, cv2.LINE_AA)
        cv2.ellipse(out, (x, 500), (16, 54), 0, 0, 360, dark, -1, cv2.LINE_AA)
    cv2.fillPoly(out, [np.array([[460, 620], [540, 620], [500, 665]], np.int32)], pink, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.ellipse(out, (500 + 45 * side, 680), (45, 40), 0, 0, 180, dark, 6, cv2.LINE_AA)
        for k in range(3):
            cv2.line(out, (500 + 120 * side, 640 + 25 * k), (500 + 380 * side, 600 + 50 * k), dark, 3, cv2.LINE_AA)
    return encoded(out)


def _small() -> bytes:
    canvas = np.full((1400, 1400, 3), 210, np.uint8)
    canvas[500:660, 600:720] = drawn_face(120, 160)
    return encoded(canvas)


def _free(name: str) -> bytes:
    return encoded(np.asarray(Image.open(free_picture(name)).convert("RGB"), np.uint8))


REFUSED: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "nothing": (lambda: b"", {"corrupt"}),
    "random bytes": (lambda: np.random.default_rng(2).bytes(5000), {"unsupported"}),
    "a text": (lambda: b"hello " * 500, {"unsupported"}),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", {"unsupported"}),
    "a PDF": (lambda: b"%PDF-1.7\n" + b"0" * 600, {"unsupported"}),
    "a truncated JPEG": (lambda: encoded(drawn_face(), "JPEG")[:6000], {"corrupt"}),
    "a truncated PNG": (lambda: encoded(drawn_face())[:9000], {"corrupt"}),
    "a broken GIF": (lambda: b"GIF89a" + b"\xff" * 60, {"corrupt"}),
    "a broken WebP": (lambda: b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 30, {"corrupt"}),
    "1 x 1": (lambda: encoded(np.zeros((1, 1, 3), np.uint8)), {"too_small"}),
    "a strip": (lambda: encoded(np.zeros((60, 2000, 3), np.uint8)), {"too_small"}),
    "a 30,000 x 30,000 header": (lambda: _png_header(30_000, 30_000), {"too_large"}),
    "too many bytes": (lambda: b"\xff\xd8" + b"\0" * (41 << 20), {"too_large"}),
    "one grey": (_flat, {"no_face"}),
    "noise": (_noise, {"no_face"}),
    "a page of text": (lambda: _free("page.png"), {"no_face", "too_small"}),
    "a cup of coffee": (lambda: _free("coffee.png"), {"no_face", "not_human"}),
    "a rocket": (lambda: _free("rocket.jpg"), {"no_face", "not_human", "face_too_small"}),
    "a photographed cat": (lambda: _free("chelsea.png"), {"no_face", "not_human"}),
    "a drawn cat": (_cat, {"no_face", "not_human"}),
    "the back of a head": (_back_of_a_head, {"no_face", "not_human"}),
    "a face without its lower half": (lambda: encoded(drawn_face()[:500]), {"no_face", "not_human", "mouth_hidden"}),
    "a tiny face": (_small, {"face_too_small", "no_face"}),
    "a white mask": (lambda: _covered(_portrait(), (240, 240, 240)), {"mouth_hidden"}),
    "a skin-coloured hand": (lambda: _covered(_portrait(), (205, 160, 135), noise=8), {"mouth_hidden"}),
    "a black scarf": (lambda: _covered(_astronaut(), (25, 25, 30), noise=10), {"mouth_hidden", "not_human"}),
    "a blue mask": (lambda: _covered(_astronaut(), (150, 190, 230)), {"mouth_hidden", "not_human", "no_face"}),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_is_no_face_is_refused_in_words(what: str, tmp_path: Path) -> None:
    make, reasons = REFUSED[what]
    with pytest.raises(PictureError) as caught:
        create_package(make(), tmp_path / "no.zip")
    assert caught.value.reason in reasons
    assert str(caught.value)[0].isupper()
    assert str(caught.value).endswith(".")
    assert not list(tmp_path.iterdir())


def peak_memory() -> int:
    """Bytes this process held at most. A child's `ru_maxrss` begins, on Linux, with what its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_refusing_takes_less_than_a_gigabyte(tmp_path: Path) -> None:
    """All of them in one process of its own, whose greatest size is looked at."""
    code = """if True:
        import pathlib, sys
        from mien.face.create import PictureError, create_package
        from tests.integration.test_face_inputs import REFUSED, peak_memory
        for make, _ in REFUSED.values():
            try:
                create_package(make(), pathlib.Path(sys.argv[1], "no.zip"))
            except PictureError:
                pass
        print(peak_memory())
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(done.stdout.split()[-1]) < 1_000_000_000


def _as(pixels: Bytes, mode: str, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _deep(pixels: Bytes) -> bytes:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    return out.getvalue()


def _animated(pixels: Bytes) -> bytes:
    small = cv2.resize(pixels, (540, 720), interpolation=cv2.INTER_AREA)
    frames = [Image.fromarray(small), Image.fromarray(np.full_like(small, 90))]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80)
    return out.getvalue()


def _lying(pixels: Bytes) -> bytes:
    """Stored on its side, with the EXIF mark that says so."""
    image = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = image.getexif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def _large(pixels: Bytes) -> bytes:
    canvas = np.full((4320, 7680, 3), 205, np.uint8)
    canvas[:, 2000:5240] = cv2.resize(pixels, (3240, 4320), interpolation=cv2.INTER_LINEAR)
    return encoded(canvas, "JPEG")


READ: dict[str, Callable[[Bytes], bytes]] = {
    "CMYK": lambda p: _as(p, "CMYK", "JPEG"),
    "grey": lambda p: _as(p, "L", "PNG"),
    "palette": lambda p: _as(p, "P", "PNG"),
    "16 bit": _deep,
    "animated GIF": _animated,
    "WebP": lambda p: _as(p, "RGB", "WEBP"),
    "EXIF rotation": _lying,
    "8K": _large,
}


@pytest.mark.parametrize("what", list(READ))
def test_every_kind_of_file_is_read(what: str) -> None:
    chosen = choose_face(networks(Settings().models_dir), decode(READ[what](drawn_face())))
    assert chosen.turns == 0
    eyes = np.linalg.norm(chosen.points[263, :2] - chosen.points[33, :2])
    assert eyes > 60


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_that_lies_on_its_side_is_turned_and_that_is_said(quarters: int) -> None:
    nets = networks(Settings().models_dir)
    source = decode(encoded(_portrait()))
    upright = choose_face(nets, source)
    chosen = choose_face(nets, source.turned(quarters))
    assert (chosen.turns + quarters) % 4 == 0
    assert "was turned" in chosen.notes[0]
    np.testing.assert_allclose(chosen.points[:, :2], upright.points[:, :2], atol=3)


def test_of_two_faces_the_larger_is_taken_and_said() -> None:
    canvas = np.full((1440, 2200, 3), 210, np.uint8)
    canvas[:, :1080] = drawn_face()
    canvas[360:1440, 1300:2110] = drawn_face(810, 1080)
    chosen = choose_face(networks(Settings().models_dir), decode(encoded(canvas)))
    assert any("2 faces" in note for note in chosen.notes)
    assert chosen.points[:, 0].mean() < 1080


def test_a_face_is_found_where_it_is_small_in_a_large_picture() -> None:
    canvas = np.full((2560, 2560, 3), 140, np.uint8)
    face = cv2.resize(_portrait(), None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    canvas[1500 : 1500 + face.shape[0], 300 : 300 + face.shape[1]] = face
    chosen = choose_face(networks(Settings().models_dir), decode(encoded(canvas)))
    x, y = chosen.points[:, :2].mean(0)
    assert 300 < x < 300 + face.shape[1]
    assert y > 1500


def test_an_alpha_channel_is_the_matte(tmp_path: Path) -> None:
    pixels = drawn_face()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    cv2.ellipse(alpha, (540, 900), (430, 850), 0, 0, 360, 255, -1)
    hidden = np.where(alpha[..., None] > 0, pixels, np.array([255, 0, 255], np.uint8))  # what lies under transparency
    info = create_package(encoded(np.dstack([hidden, alpha]).astype(np.uint8)), tmp_path / "cut.zip")
    package = read_package(info.path)
    assert package.transparent
    assert package.matte is not None
    assert any("transparent" in note for note in info.notes)
    magenta = (package.still.astype(int) - [255, 0, 255]).__abs__().max(2) < 40
    assert not magenta.any()
    assert package.matte[:20].max() == 0
    assert package.matte[int(package.frame.o[1]), int(package.frame.o[0])] == 255


@pytest.mark.parametrize(
    ("width", "height", "mode"), [(8000, 6000, "RGBA"), (8000, 6000, "I;16"), (8000, 6000, "CMYK")]
)
def test_the_largest_pictures_are_decoded_in_bounded_memory(width: int, height: int, mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (width, height), None).save(path, **({"compression": "tiff_lzw"} if mode == "CMYK" else {}))
    script = (
        "import sys; from pathlib import Path; from mien.face.create.decode import decode; "
        "p = decode(Path(sys.argv[1])); assert max(p.rgb.shape) == 2560; "
        # Not getrusage: its peak is inherited from the process that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < 640_000  # kB, of which the interpreter and its libraries take about 100
