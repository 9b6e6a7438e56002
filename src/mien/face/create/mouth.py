"""The mouth of a photograph: lip line, tones, and teeth (the person's own where they show, else drawn ones in the
picture's light)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.sampling import luminance, rgba, sample_points, sample_rect, texture_size

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rect = tuple[float, float, float, float]

UPPER_RECT: Rect = (-0.52, -0.20, 0.52, 0.14)
"""Where the upper teeth lie, in mouth widths from the middle of the closed lip line."""
LOWER_RECT: Rect = (-0.46, -0.08, 0.46, 0.22)

_UPPER_TEETH = (0.148, 0.116, 0.118, 0.085, 0.062)
"""Visible widths of incisor, lateral, canine, premolars (mouth widths), shrinking with the curve of the arch."""
_LOWER_TEETH = (0.092, 0.096, 0.104, 0.084, 0.066)


@dataclass(frozen=True, slots=True)
class Tones:
    """Display colours 0…255: teeth in the picture's light, tongue, cavity, and the line of closed lips."""

    teeth: Doubles
    gum: Doubles
    tongue: Doubles
    cavity: Doubles
    line: Doubles
    lip: Doubles


def measure_tones(image: Bytes, frame: FaceFrame, p: Doubles, whites: Doubles | None) -> Tones:
    """Colours for the inside of the mouth. `p`: landmarks in face units; `whites`: colour of the white of the eyes
    if known."""
    skin = np.median(sample_points(image, frame.to_px(p[list(topo.CHEEK)])[None])[0], axis=0).astype(np.float64)
    lips = sample_points(image, frame.to_px(p[[0, 17, 37, 267, 84, 314]])[None])[0].astype(np.float64)
    lip = np.median(lips, axis=0)
    skin_lum = float(luminance(skin))
    # Enamel is nearly as bright as the white of the eyes in the same light, and takes that light's colour; where the
    # eyes lie in shadow, the skin tells.
    white = whites if whites is not None else skin
    white_lum = float(luminance(white))
    level = float(np.clip(max(1.10 * white_lum, 1.12 * skin_lum, 96.0), 96, 236))
    cast = np.clip(white / max(white_lum, 1.0), 0.55, 1.2)
    warm = np.array([1.030, 1.0, 0.930])
    tint = np.clip(skin / max(skin_lum, 1.0), 0.6, 1.35)
    # Eyes in deep shadow say little about the light on the mouth.
    trust = float(smooth_step(0.60, 0.95, white_lum / max(skin_lum, 1.0)))
    light_colour = cast * trust + (1 + 0.35 * (tint - 1)) * (1 - trust)
    teeth = level * warm * (0.36 + 0.52 * light_colour + 0.12 * tint)
    light = level / 215
    red = np.array([176.0, 86.0, 84.0]) * (0.55 + 0.45 * light) * light**0.25
    tongue = 0.75 * red + 0.25 * lip * 0.9
    cavity = np.array([74.0, 24.0, 24.0]) * (0.5 + 0.5 * light)
    gum = 0.5 * np.array([188.0, 106.0, 102.0]) * light + 0.5 * lip
    return Tones(np.clip(teeth, 0, 244), gum, np.clip(tongue, 0, 235), cavity, lip * [0.46, 0.36, 0.37], lip)


def flat_tones() -> Tones:
    """The plain colours of a drawn mouth with painted lips."""
    red = np.array([134.0, 44.0, 52.0])
    white = np.array([253.0, 251.0, 248.0])
    return Tones(white, white, np.array([228.0, 122.0, 120.0]), red, red * 0.8, np.array([214.0, 120.0, 112.0]))


def own_teeth_visible(p: Doubles, width: float) -> bool:
    """Whether the lips are parted widely enough in the picture to show teeth. `p` in face units as photographed."""
    area = _area(np.concatenate([p[list(topo.INNER_UPPER)], p[list(topo.INNER_LOWER)][::-1]]))
    return area > 0.065 * width * width


def _area(polygon: Doubles) -> float:
    x, y = polygon.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


def draw_teeth(tones: Tones, px_per_width: float, *, upper: bool) -> Bytes:
    """One row of teeth on its gum as a texture over UPPER_RECT or LOWER_RECT."""
    rect = UPPER_RECT if upper else LOWER_RECT
    widths = _UPPER_TEETH if upper else _LOWER_TEETH
    scale = max(2.0, min(px_per_width, 420.0)) * 2  # drawn at twice the size, reduced at the end
    w, h = round((rect[2] - rect[0]) * scale), round((rect[3] - rect[1]) * scale)
    x = rect[0] + (np.arange(w) + 0.5) / w * (rect[2] - rect[0])
    y = (rect[1] + (np.arange(h) + 0.5) / h * (rect[3] - rect[1]))[:, None]
    if not upper:
        y = -y  # drawn hanging like the upper row
    ax = np.abs(x)[None]
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    which = np.clip(np.searchsorted(edges, ax[0], "right") - 1, 0, len(widths) - 1)
    left, right = edges[which], edges[which + 1]
    t = ((ax[0] - left) / (right - left))[None]  # 0 at the mesial, 1 at the distal side of its tooth
    # Biting edges: a gentle arc, the lateral a little shorter, the canine pointed.
    bottom0 = 0.062 if upper else 0.006
    shorter = np.array([0.0, 0.013, 0.002, 0.016, 0.026] if upper else [0.0, 0.003, 0.006, 0.016, 0.026])[which][None]
    arc = (0.10 if upper else 0.16) * ax**2
    corner = np.array([0.012, 0.016, 0.026, 0.022, 0.020])[which][None] * (1.0 if upper else 0.6)
    rounding = corner * (np.abs(2 * t - 1) ** 3.5) + np.where(t > 0.5, 0.35, 0.0) * corner * (2 * t - 1) ** 2
    bottom = bottom0 - arc - shorter - rounding
    root = bottom0 - (0.205 if upper else 0.17) + 0.10 * ax**2 + 0.018 * (1 - (2 * t - 1) ** 2) * -1.0
    soft = 0.007
    tooth = smooth_step(-soft, soft, bottom - y) * (1 - smooth_step(0.50, 0.535, ax))
    gum = (1 - smooth_step(-0.010, 0.010, y - root)) * (1 - smooth_step(0.46, 0.52, ax))

    along = np.clip((y - root) / np.maximum(bottom - root, 1e-3), 0, 1)
    shade = 0.90 + 0.10 * np.sin(np.pi * np.clip(along * 0.9 + 0.08, 0, 1))  # rounder towards gum and edge
    shade = shade * (1 - 0.08 * np.abs(2 * t - 1) ** 4)  # each tooth curves away at its sides
    between = np.minimum(np.abs(ax - edges[1:-1, None, None]).min(0), ax)
    deep = smooth_step(0.35, 1.0, along)
    shade = shade * (1 - (0.05 + 0.09 * deep) * np.exp(-((between / (0.0040 + 0.004 * deep)) ** 2)))
    shade = shade * np.sqrt(np.clip(1 - 1.9 * ax**2, 0.12, 1))  # the arch recedes
    tone = np.array([1.0, 0.985, 0.955, 0.965, 0.96])[which][None]
    warm = np.array([0.0, 0.2, 0.9, 0.5, 0.5])[which][None] + 0.8 * (1 - along) ** 2
    colour = tones.teeth * (shade * tone)[..., None] * (1 - np.stack([0 * warm, 0.012 * warm, 0.045 * warm], -1))
    edge = smooth_step(0.80, 1.0, along) * 0.06
    colour = colour * (1 - np.stack([edge * 1.2, edge, edge * 0.8], -1))  # biting edges are slightly translucent
    pink = tones.gum * (0.80 * np.sqrt(np.clip(1 - 1.7 * ax**2, 0.15, 1)))[..., None]
    rgb = colour * (1 - gum)[..., None] + pink * gum[..., None]
    soft_rgb = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), max(0.8, scale * 0.0022))
    small = (max(4, w // 2), max(4, h // 2))
    alpha = cv2.resize(np.asarray(tooth, np.float32), small, interpolation=cv2.INTER_AREA)
    return rgba(cv2.resize(soft_rgb, small, interpolation=cv2.INTER_AREA), alpha)


def cut_own_teeth(
    image: Bytes, frame: FaceFrame, p: Doubles, centre: Doubles, width: float, tones: Tones
) -> tuple[Bytes, Doubles]:
    """The person's teeth from the picture over UPPER_RECT, continued upwards under the lip; also their mean colour.

    `p` as photographed and `centre` of the closed lip line, face units.
    """
    rect = (
        centre[0] + UPPER_RECT[0] * width,
        centre[1] + UPPER_RECT[1] * width,
        centre[0] + UPPER_RECT[2] * width,
        centre[1] + UPPER_RECT[3] * width,
    )
    size = texture_size(rect, frame.sc, 448)
    rgb = sample_rect(image, frame, rect, size)
    w, h = size
    x = rect[0] + (np.arange(w) + 0.5) / w * (rect[2] - rect[0])
    y = (rect[1] + (np.arange(h) + 0.5) / h * (rect[3] - rect[1]))[:, None]
    up, lo = p[list(topo.INNER_UPPER)], p[list(topo.INNER_LOWER)]
    top = np.interp(x, up[:, 0], up[:, 1])[None]
    bottom = np.interp(x, lo[:, 0], lo[:, 1])[None]
    margin = 0.035 * width
    inside = (y > top + margin) & (y < bottom - 0.5 * margin)
    lum = luminance(rgb)
    spread = rgb.max(2) - rgb.min(2)
    if inside.sum() < 30:
        return draw_teeth(tones, frame.sc * width, upper=True), tones.teeth
    bright = float(np.percentile(lum[inside], 80))
    white = inside & (lum > 0.55 * bright) & (spread < 0.55 * np.maximum(lum, 1))
    if white.sum() < 0.25 * inside.sum():
        return draw_teeth(tones, frame.sc * width, upper=True), tones.teeth
    mean = np.median(rgb[white], axis=0).astype(np.float64)
    # Continue each column upwards from its first good pixel: what the lip hid were the same teeth.
    first = np.where(white.any(0), white.argmax(0), -1)
    good = np.flatnonzero(first >= 0)
    first = np.interp(np.arange(w), good, first[good]).round().astype(int)
    first = cv2.GaussianBlur(first.astype(np.float32)[None], (0, 0), 3.0)[0].round().astype(int) + max(1, int(0.01 * h))
    rows = np.arange(h)[:, None]
    mirrored = np.where(rows < first[None], np.minimum(first[None] + (first[None] - rows) // 2, h - 1), rows)
    last = np.where(inside.any(0), h - 1 - inside[::-1].argmax(0), 0)
    mirrored = np.minimum(mirrored, np.maximum(last, first)[None])
    filled: NDArray[np.floating] = np.take_along_axis(rgb, np.repeat(mirrored[..., None], 3, 2), 0)
    # Gaps and shadows between the good pixels are closed from their neighbours: a hole in a row of teeth looks like a
    # missing one.
    solid = np.take_along_axis(white, mirrored, 0).astype(np.float32)
    out: NDArray[np.floating] = filled * solid[..., None]
    known: NDArray[np.floating] = solid.copy()
    for sigma, share in ((0.010 * w, 0.2), (0.04 * w, 0.01), (0.15 * w, 1e-4)):
        out = out + share * cv2.GaussianBlur(filled * solid[..., None], (0, 0), sigma)
        known = known + share * cv2.GaussianBlur(solid, (0, 0), sigma)
    filled = out / np.maximum(known, 1e-6)[..., None]
    above = np.clip((first[None] - rows) / (0.55 * h), 0, 1)[..., None]
    filled = filled * (1 - 0.25 * above)
    gum = smooth_step(0.10, 0.15, (top - y) / width)[..., None]
    filled = filled * (1 - gum) + tones.gum * 0.85 * gum
    low = smooth_step(0.0, 0.022 * width, bottom - 0.30 * margin - y)
    left, right = _run(good, w)
    first_x, last_x = x[left], x[right]
    ends = smooth_step(0.0, 0.07 * width, x - first_x) * smooth_step(0.0, 0.07 * width, last_x - x)
    alpha = np.asarray(low * ends[None], np.float64)
    # Beyond the visible teeth the row goes on in the dark of the cheeks.
    rest = cv2.resize(
        draw_teeth(with_teeth(tones, mean * 0.9), frame.sc * width, upper=True), size, interpolation=cv2.INTER_AREA
    )
    rest_a = rest[..., 3] / 255.0 * (1 - smooth_step(0.2, 0.8, np.broadcast_to(ends[None], alpha.shape)))
    rest_a = rest_a * smooth_step(0.0, 0.022 * width, bottom - 0.30 * margin - y)
    total = alpha + rest_a * (1 - alpha)
    mixed = (filled * alpha[..., None] + rest[..., :3] * (rest_a * (1 - alpha))[..., None]) / np.maximum(total, 1e-4)[
        ..., None
    ]
    mixed = np.where(total[..., None] > 1e-3, mixed, filled)
    return rgba(mixed, total), mean


def lip_line_texture(
    image: Bytes, frame: FaceFrame, line: Doubles, heights: tuple[float, float], tones: Tones, *, closed: bool
) -> Bytes:
    """The line between closed lips as a strip along `line` (c, 2) (face units, where the picture shows it). With a
    closed mouth these are the picture's own pixels, so that the face at rest is the picture; else a soft dark
    line."""
    w, h = 192, 24
    index = np.linspace(0, len(line) - 1, w)
    x = np.interp(index, np.arange(len(line)), line[:, 0])
    y = np.interp(index, np.arange(len(line)), line[:, 1])
    v = ((np.arange(h) + 0.5) / h)[:, None]
    ends = smooth_step(0, 0.06, np.minimum(index, index[::-1]) / (len(line) - 1))[None]
    if closed:
        # To the very corners: what lies under the strip there is the edge of the mesh, which is jagged.
        ends = smooth_step(0, 0.012, np.minimum(index, index[::-1]) / (len(line) - 1))[None]
        rows = y[None] - heights[0] + v * (heights[0] + heights[1])
        px = frame.to_px(np.stack([np.broadcast_to(x, rows.shape), rows], -1))
        alpha = smooth_step(0, 0.25, v) * smooth_step(0, 0.25, 1 - v) * ends
        return rgba(sample_points(image, px), alpha)
    middle = heights[0] / (heights[0] + heights[1])
    alpha = 0.80 * np.exp(-(((v - middle) / 0.16) ** 2)) * ends
    return rgba(np.broadcast_to(tones.line, (h, w, 3)), alpha)


def with_teeth(tones: Tones, teeth: Doubles) -> Tones:
    """The same tones with another tooth colour."""
    return Tones(teeth, tones.gum, tones.tongue, tones.cavity, tones.line, tones.lip)


def _run(good: NDArray[np.intp], count: int) -> tuple[int, int]:
    """First and last column of the run of good columns around the middle; small gaps are bridged."""
    present = np.zeros(count, bool)
    present[good] = True
    bridge = max(3, count // 40)
    middle = int(good[np.abs(good - count // 2).argmin()])
    left = right = middle
    while left > 0 and present[max(0, left - bridge) : left].any():
        left -= 1
    while right < count - 1 and present[right + 1 : right + 1 + bridge].any():
        right += 1
    return left, right
