"""Picture → canvas: the part to show, at the size of a call, person and background apart where that is possible."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create import matting
from mien.face.create.background import Background, render_background
from mien.face.create.canvas import SIZES, CanvasSize, Crop, choose_crop, place_crop
from mien.face.create.decode import Picture
from mien.face.create.faceframe import FaceFrame
from mien.face.create.networks import FaceNetworks

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Pads = tuple[int, int, int, int]

FADE = 0.9
"""Eye distances over which a person that the picture's border cuts fades out into the extended background."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`picture` (H, W, 3) carries the person's colours; with `matte` (H, W) and `plate` (H, W, 3) it is layered.
    `points`: (468, 3) landmarks in canvas px (corner convention)."""

    picture: Bytes
    matte: Bytes | None
    plate: Bytes | None
    transparent: bool
    points: Doubles
    notes: tuple[str, ...]


def build_scene(
    nets: FaceNetworks, source: Picture, points: Doubles, size: CanvasSize, background: Background
) -> Scene:
    """`points`: landmarks in pixels of the source picture."""
    target = SIZES[size]
    h, w = source.rgb.shape[:2]
    a, b = points[33, :2], points[263, :2]
    sc = float(np.linalg.norm(b - a))
    eyes = (a + b) / 2
    crop = choose_crop((w, h), (float(eyes[0]), float(eyes[1])), sc, target[0] / target[1])
    inner, pads = place_crop(source.rgb, crop, target)
    k = target[0] / crop.width
    moved = points.copy()
    moved[:, :2] = (points[:, :2] - [crop.x, crop.y]) * k
    moved[:, 2] *= k
    refined, _ = nets.refine(_padded(inner, pads), moved)
    refined[:, :2] += 0.5
    layers = _layers(nets, source, inner, pads, crop, target, refined, background)
    return Scene(*layers[:4], refined, layers[4])


def _layers(
    nets: FaceNetworks,
    source: Picture,
    inner: Bytes,
    pads: Pads,
    crop: Crop,
    target: tuple[int, int],
    points: Doubles,
    background: Background,
) -> tuple[Bytes, Bytes | None, Bytes | None, bool, tuple[str, ...]]:
    frame = FaceFrame.of(points - [pads[2], pads[0], 0])
    notes: tuple[str, ...] = ()
    own_alpha = source.alpha is not None
    if source.alpha is not None:
        matte = matting.alpha_matte(place_crop(source.alpha, crop, target)[0])
        good = True
        if background.kind == "keep":
            background = Background("transparent")
            notes = ("The picture has a transparent background; it stays transparent where the viewer can show that.",)
    else:
        matte = matting.person_matte(nets, inner, frame)
        good = matting.trusted(matte, frame, points - [pads[2], pads[0], 0])
    if background.kind == "keep":
        if not good and not any(pads):
            return inner, None, None, False, notes
        plate = matting.clean_plate(inner, matte, 0.04 * frame.sc)
        canvas, matte, plate = _extended(inner, matte, plate, pads, frame.sc)
        return (canvas, _bytes(matte), plate, False, notes) if good else (canvas, None, None, False, notes)
    if not good:
        notes = (
            "Hair and shoulders could not be cut out cleanly; a PNG with a transparent background gives a clean edge.",
        )
    picture = matting.spread_colours(inner, matte) if own_alpha else matting.foreground(inner, matte, 0.1 * frame.sc)
    picture, matte, _ = _extended(picture, matte, picture, pads, frame.sc)
    plate = render_background(background, target)
    # What nobody sees takes the colour of the plate: it packs smaller, and previews need no second layer.
    hidden = (matte < 0.004)[..., None]
    picture = np.where(hidden, plate, picture)
    return picture, _bytes(matte), plate, background.kind == "transparent", notes


def _bytes(matte: Floats) -> Bytes:
    return np.asarray((matte * 255 + 0.5).clip(0, 255), np.uint8)


def _padded(inner: Bytes, pads: Pads) -> Bytes:
    return np.asarray(cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE), np.uint8)


def _extended(inner: Bytes, matte: Floats, plate: Bytes, pads: Pads, sc: float) -> tuple[Bytes, Floats, Bytes]:
    """Picture, matte and plate on the whole canvas: the background goes on mirrored and soft, a person that is cut by
    the border fades out into it."""
    if not any(pads):
        return inner, matte, plate
    h, w = inner.shape[:2]
    _top, _bottom, _left, _right = pads
    outside = _distance_outside(h, w, pads)
    behind = _soft_mirror(plate, pads, outside)
    person = np.asarray(cv2.copyMakeBorder(matte, *pads, cv2.BORDER_REPLICATE), np.float32)
    fade = np.clip(1 - outside / (FADE * sc), 0, 1) ** 1.5
    person = np.asarray(
        np.where(outside > 0, cv2.GaussianBlur(person, (0, 0), max(1.0, 0.10 * sc)) * fade, person), np.float32
    )
    colours = _padded(inner, pads).astype(np.float32)
    blurred = cv2.GaussianBlur(colours, (0, 0), max(1.0, 0.08 * sc))
    far = np.clip(outside / (0.25 * sc), 0, 1)[..., None]
    colours = colours + (blurred - colours) * far
    a = person[..., None]
    mixed = colours * a + behind.astype(np.float32) * (1 - a)
    picture = np.where((outside > 0)[..., None], mixed, colours)
    return np.asarray((picture + 0.5).clip(0, 255), np.uint8), person, behind


def _distance_outside(h: int, w: int, pads: Pads) -> Floats:
    top, bottom, left, right = pads
    y = np.arange(h + top + bottom)[:, None]
    x = np.arange(w + left + right)[None]
    dy = np.maximum(np.maximum(top - y, y - (top + h - 1)), 0)
    dx = np.maximum(np.maximum(left - x, x - (left + w - 1)), 0)
    return np.asarray(np.hypot(dx, dy), np.float32)


def _soft_mirror(plate: Bytes, pads: Pads, outside: Floats) -> Bytes:
    """The background continued as its own mirror image, softer the farther out, with its own grain."""
    out = cv2.copyMakeBorder(plate, *pads, cv2.BORDER_REFLECT)
    h, w = out.shape[:2]
    small = cv2.resize(out, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA).astype(np.float32)
    reach = 0.05 * max(h, w)
    mixed = out.astype(np.float32)
    for sigma, begin in ((0.008, 0.0), (0.035, 1.0)):
        soft = cv2.GaussianBlur(small, (0, 0), max(0.8, sigma * max(small.shape[:2])), borderType=cv2.BORDER_REPLICATE)
        soft = cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR)
        k = np.clip(outside / reach - begin, 0, 1)[..., None]
        mixed = mixed + (soft - mixed) * k
    edge = plate[: max(2, plate.shape[0] // 20)].astype(np.float32)
    grain = float(np.clip((edge - cv2.GaussianBlur(edge, (0, 0), 1.5)).std(), 0, 4))
    noise = np.random.default_rng(1).normal(0, grain, (h, w, 1)).astype(np.float32)
    mixed = mixed + noise * np.clip(outside / reach, 0, 1)[..., None]
    return np.asarray(mixed.clip(0, 255), np.uint8)
