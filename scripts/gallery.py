"""Makes the pictures of docs/gallery: what one picture becomes, as a strip of rest, visemes, blink, smile, head turn.

.venv/bin/python scripts/gallery.py                               # the digital humans that come with Mien
.venv/bin/python scripts/gallery.py astronaut=path/astronaut.png  # and another picture, under that name
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.errors import UserError
from mien.face.create import create_package
from mien.face.format import Package, read_package
from mien.face.motion.frame import motion
from mien.face.render import Renderer
from mien.face.render.sheet import EXPRESSIONS, VISEMES
from mien.face.store import default_humans

GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
HEIGHT, GAP = 640, 4
POSES = (
    ("rest", {}),
    ("aa", VISEMES["aa"]),
    ("ee", VISEMES["I  ee"]),
    ("o", VISEMES["O"]),
    ("f v", VISEMES["FF  f v"]),
    ("blink", EXPRESSIONS["blink"]),
    ("smile", EXPRESSIONS["smile"]),
    ("head turn", {"yaw": 12, "pitch": -3, "gaze_x": -0.3}),
)
COLUMNS = len(POSES) // 2


def strip(package: Package) -> Image.Image:
    """The whole picture at rest, and beside it the face in every pose."""
    renderer = Renderer(package, height=package.size[1])
    whole = Image.fromarray(renderer.rgb(motion()))
    tile = (HEIGHT - GAP) // 2
    left = round(whole.width * HEIGHT / whole.height)
    out = Image.new("RGB", (left + COLUMNS * (tile + GAP), HEIGHT), "white")
    out.paste(whole.resize((left, HEIGHT), Image.Resampling.LANCZOS), (0, 0))
    frame = package.frame
    # A little below the eyes is the middle of the face; 2.6 eye distances show it with chin and hairline.
    middle = np.array(frame.o) + 0.20 * frame.sc * np.array(frame.uy)
    half = 1.3 * frame.sc
    box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
    font = ImageFont.load_default(size=20)
    for i, (name, channels) in enumerate(POSES):
        picture = Image.fromarray(renderer.rgb(motion(**channels)))
        face = picture.transform((tile * 2, tile * 2), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
        face = face.resize((tile, tile), Image.Resampling.LANCZOS)
        ImageDraw.Draw(face).text((8, 6), name, "white", font, stroke_width=2, stroke_fill="#303030")
        out.paste(face, (left + GAP + (i % COLUMNS) * (tile + GAP), (i // COLUMNS) * (tile + GAP)))
    return out


def main() -> int:
    """Command line; says what it made. 1 when a picture cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", metavar="NAME=PATH", help="more pictures")
    parser.add_argument("--only", nargs="*", help="names of those to make")
    parser.add_argument("--output", type=Path, default=GALLERY)
    options = parser.parse_args()
    pictures: list[tuple[str, Path, Literal["auto", "photo", "illustration"]]] = [
        (human.name.lower(), human.picture, human.style) for human in default_humans()
    ]
    for given in options.pictures:
        name, _, path = given.partition("=")
        if not path:
            parser.error(f"{given}: write NAME=PATH")
        pictures.append((name, Path(path), "auto"))
    options.output.mkdir(parents=True, exist_ok=True)
    for name, picture, style in pictures:
        if options.only and name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                info = create_package(picture, Path(folder) / "face.zip", name=name, style=style)
            except (UserError, OSError) as error:
                print(f"{picture}: {error}", file=sys.stderr)
                return 1
            made = strip(read_package(info.path))
        path = options.output / f"{name}.jpg"
        made.save(path, quality=86, optimize=True)
        print(f"{path}: {info.style}, {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
