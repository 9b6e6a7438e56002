"""The person of a package before a plain colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.face.format import Package


def before(package: Package, colour: int) -> Package:
    """`package` with `colour` (0xRRGGBB) for a background; the package itself where person and background are one."""
    if package.matte is None:
        return package
    plain = np.array([colour >> 16 & 255, colour >> 8 & 255, colour & 255], np.uint8)
    plate = np.broadcast_to(plain, package.picture.shape).copy()
    alpha = package.matte.astype(np.float32)[..., None] / 255
    picture = (package.picture * alpha + plate * (1 - alpha) + 0.5).astype(np.uint8)
    return replace(package, picture=picture, plate=plate)
