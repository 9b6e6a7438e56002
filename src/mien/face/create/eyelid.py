"""The closed lid of a photographed eye, which the picture does not show: its skin, its lash line."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.sampling import luminance, rgba, sample_points

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BESIDE = (0.02, 0.04, 0.06, 0.08)
"""How far beside its corners an eye's skin is looked at, eye widths."""
BELOW = (0.025, 0.04, 0.055, 0.07, 0.085)
"""How far below the lower lid its skin is looked at, face units: beyond the lower lashes."""
LASH_CONTRAST = 0.55
"""By how much of the skin's luminance a whole lash line is darker than the skin."""
LASH_DARKEST = 0.34
"""A closed eye's lashes are at most this bright, in luminances of the skin: lying together they look darker."""

LID_BESIDE = 0.22
"""How far the lid's skin reaches beside the corners, where lashes stand too, eye widths."""
_W, _H = 96, 48
"""Size of the lid's texture."""
_SIDE, _UNDER = 8, 10
"""Texels of skin beside and below the lid through which its tone passes into the skin around the eye."""


def lash_height(image: Bytes, frame: FaceFrame, upper: Doubles, opening: float) -> float:
    """How far the lashes and their dark line reach above the lid edge, face units."""
    reach = np.linspace(0.0, 0.10, 26)
    along = np.stack([sample_points(image, frame.to_px(upper[2:-2] - np.array([0, d]))[None])[0] for d in reach])
    lum = luminance(along)
    skin = np.percentile(lum[8:], 75, axis=0)
    darkest = lum[:8].min(0)
    light_again = lum > darkest + 0.62 * (skin - darkest)
    light_again &= np.cumsum(lum <= darkest + 0.3 * (skin - darkest), axis=0) > 0
    first = np.where(light_again.any(0), reach[light_again.argmax(0)], 0.03)
    return float(np.clip(np.median(first) + 0.008, 0.20 * opening, min(0.095, 0.80 * opening)))


def lid_fade(opening: float) -> float:
    """Face units above the lashes over which the lid's skin passes into the picture."""
    return float(np.clip(0.55 * opening, 0.030, 0.080))


def lid_texture(image: Bytes, frame: FaceFrame, upper: Doubles, lower: Doubles, lashes: float, opening: float) -> Bytes:
    """Skin for the closed lid, from `lid_fade` above the lashes (which it hides whole) to the lower lid's line, and
    from `LID_BESIDE` before the one corner to as far behind the other.

    What lies around the eye goes on over it like a soap film: whatever light and paint the picture has, the lid has
    the tone of the skin beside it on every side, so that no edge of it shows.
    """
    fade, width = lid_fade(opening), float(upper[-1, 0] - upper[0, 0])
    up, lo = (_columns(line, LID_BESIDE * width) for line in (upper, lower))

    def skin(base: Doubles, offsets: list[float], blur: float) -> Floats:
        rows = np.stack([sample_points(image, frame.to_px(base + np.array([0, d]))[None])[0] for d in offsets])
        middle = np.median(rows, axis=0)[None].astype(np.float32)
        return np.asarray(
            cv2.GaussianBlur(middle, (0, 0), blur, sigmaY=0.1, borderType=cv2.BORDER_REPLICATE)[0], np.float32
        )

    above = skin(up, [-lashes - fade * k for k in (0.7, 0.85, 1.0, 1.15, 1.3)], 3.0)
    below = skin(lo, list(BELOW), 6.0)
    reach = np.array([[LID_BESIDE + d, 0.0] for d in BESIDE]) * width
    corners = np.stack([upper[0] - reach, upper[-1] + reach]) - np.array([0, lashes / 2])
    left, right = np.median(sample_points(image, frame.to_px(corners)), axis=1)
    rgb = _film(above, below, left, right)

    x = np.abs(2 * (up[:, 0] - upper[0, 0]) / width - 1)[None]
    v = ((np.arange(_H) + 0.5) / _H)[:, None]
    middle = np.sqrt(np.clip(1 - x**2, 0, 1))
    # The ball under the lid: a little more light on it, a little less where it turns down to the lashes.
    shade = 1 + (0.045 * np.exp(-(((v - 0.62) / 0.22) ** 2)) - 0.06 * smooth_step(0.80, 1.0, v)) * middle
    rgb = rgb * np.stack([shade**0.9, shade, shade**1.06], -1)
    grain = float(np.clip(opening, 0, 0.2)) * 8
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (_H, _W)).astype(np.float32), (0, 0), 0.9) * grain
    share = fade / (fade + lashes + opening)
    outside = np.hypot(np.clip((x - 1) / (2 * LID_BESIDE), 0, 1), np.clip(1 - v / share, 0, 1))
    return rgba(rgb + noise[..., None], 1 - smooth_step(0.0, 1.0, outside))


def _columns(line: Doubles, aside: float) -> Doubles:
    """Where the texture's columns lie on a lid line (9, 2): they are spread evenly over the points of the lid's strip,
    which are those of the mesh (one more between any two) and one `aside` of each end."""
    middles = (line[1:] + line[:-1]) / 2
    mesh = np.insert(line, np.arange(1, len(line)), middles, axis=0)
    beyond = np.array([[aside, 0.0]])
    strip = np.concatenate([mesh[:1] - beyond, mesh, mesh[-1:] + beyond])
    at = np.linspace(0, len(strip) - 1, _W)
    return np.stack([np.interp(at, np.arange(len(strip)), strip[:, c]) for c in range(2)], -1)


def _film(above: Floats, below: Floats, left: Doubles, right: Doubles) -> Doubles:
    """The smoothest colours (_H, _W, 3) that meet `above` (_W, 3) and, some texels away, those below and beside."""
    h, w = _H + _UNDER, _W + 2 * _SIDE
    top, bottom = (np.pad(row, ((_SIDE, _SIDE), (0, 0)), mode="edge") for row in (above, below))
    field = np.zeros((h + 2, w + 2, 3))
    field[0, 1:-1], field[-1, 1:-1] = top, bottom
    field[:, 0], field[:, -1] = left, right
    rows = np.linspace(0, 1, h)[:, None, None]
    field[1:-1, 1:-1] = top[None] * (1 - rows) + bottom[None] * rows
    for _ in range(400):
        inner = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:]
        field[1:-1, 1:-1] = inner / 4
    return field[1 : 1 + _H, 1 + _SIDE : 1 + _SIDE + _W]


def lash_texture(image: Bytes, frame: FaceFrame, upper: Doubles, lashes: float) -> Bytes:
    """The lash line of the closed lid, as dark as the picture's own."""
    w, h = 96, 24
    u, v = np.linspace(0, 1, w)[None], ((np.arange(h) + 0.5) / h)[:, None]
    along = np.stack(
        [
            sample_points(image, frame.to_px(upper[1:-1] + np.array([0, d]))[None])[0]
            for d in np.linspace(-0.6, 0.4, 6) * lashes
        ]
    )
    dark = np.percentile(along.reshape(-1, 3), 12, axis=0)
    skin = np.percentile(sample_points(image, frame.to_px(upper[1:-1] - [0, 2.5 * lashes])[None])[0], 60, axis=0)
    # Weber contrast: on dark skin a lash line of the same ink differs by fewer steps and is no less black.
    seen = float(luminance(skin) - luminance(dark)) / max(float(luminance(skin)), 1.0)
    contrast = float(np.clip(seen / LASH_CONTRAST, 0.45, 1.0))
    line = 0.058 / (0.058 + 0.110)  # where the lid edge lies in the strip
    body = np.exp(-(((v - line - 0.04) / np.where(v < line, 0.10, 0.15)) ** 2))
    rng = np.random.default_rng(5)
    strands = np.clip(cv2.GaussianBlur(rng.normal(0, 1, (1, w)).astype(np.float32), (0, 0), 1.0) * 0.5 + 0.55, 0.1, 1.0)
    hairs = strands * np.clip((v - line) / 0.1, 0, 1) * np.clip(1 - (v - line) / 0.60, 0, 1) ** 1.5 * 0.55
    ends = np.sin(np.pi * np.clip(u, 0, 1)) ** 0.7
    alpha = np.clip(0.72 * body + hairs, 0, 1) * ends * contrast
    ink = dark * min(1.0, LASH_DARKEST * float(luminance(skin)) / max(float(luminance(dark)), 1.0))
    return rgba(np.broadcast_to(np.minimum(ink, 110.0), (h, w, 3)), alpha)
