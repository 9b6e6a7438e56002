"""Person and background apart: how much of each pixel is person, what colour the person has there, and what the
background looks like behind."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create.faceframe import FaceFrame, smooth_step
from mien.face.create.networks import FaceNetworks

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

HEAD_BOX = (2.3, 2.1, 2.6)
"""The close look at head and hair reaches this many eye distances to each side, up, and down."""
GUIDE_SIDE = 960
"""Longer side of the picture that guides the matte; finer detail than that is below a hair's width on the canvas."""
MOST_SOFT = 0.12
"""Mean width of the half-transparent edge, eye distances, up to which a matte is trusted: hair measures up to 0.08."""
PLATE_SCALE = 4
"""The hidden background is made at a fraction of the size: it is soft anyway."""
THIN = 20
"""Steps of 255 by which a thin thing in the background differs from what is around it."""


def person_matte(nets: FaceNetworks, canvas: Bytes, frame: FaceFrame) -> Floats:
    """How much of each canvas pixel is person, (H, W) 0…1.

    The network answers at 256 x 256, once for the canvas and once for the head; both are then fitted to the edges of
    the picture with a guided filter (He, Sun, Tang, 2013), so that hair ends where the picture shows it.
    """
    h, w = canvas.shape[:2]
    rough = np.asarray(cv2.resize(nets.segment(canvas), (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
    side, up, down = (int(v * frame.sc) for v in HEAD_BOX)
    x0, x1 = max(0, int(frame.o[0]) - side), min(w, int(frame.o[0]) + side)
    y0, y1 = max(0, int(frame.o[1]) - up), min(h, int(frame.o[1]) + down)
    if x1 - x0 > 64 and y1 - y0 > 64 and (x1 - x0) * (y1 - y0) < 0.8 * w * h:
        close = cv2.resize(nets.segment(canvas[y0:y1, x0:x1]), (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
        fade = _box_weight(x1 - x0, y1 - y0, at_border=(x0 > 0, x1 < w, y0 > 0, y1 < h))
        part = rough[y0:y1, x0:x1]
        rough[y0:y1, x0:x1] = part + (close - part) * fade
    k = min(1.0, GUIDE_SIDE / max(h, w))
    guide = np.asarray(cv2.resize(canvas, None, fx=k, fy=k, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    small = np.asarray(cv2.resize(rough, guide.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
    radius = max(3, round(0.035 * frame.sc * k))
    slope, offset = _guided(guide, np.clip(small, 0, 1), radius, 2e-4)
    full = canvas.astype(np.float32) / 255
    a = cv2.resize(slope, (w, h), interpolation=cv2.INTER_LINEAR)
    b = cv2.resize(offset, (w, h), interpolation=cv2.INTER_LINEAR)
    fitted = (full * a).sum(2) + b
    # Where the network is sure, texture inside the person or far away in the background has no say.
    sure = cv2.GaussianBlur(rough, (0, 0), max(1.0, 0.03 * frame.sc))
    fitted = np.where(sure > 0.97, np.maximum(fitted, sure), np.where(sure < 0.03, np.minimum(fitted, sure), fitted))
    return _without_specks(np.asarray(smooth_step(0.06, 0.94, fitted), np.float32))


def _without_specks(matte: Floats) -> Floats:
    """One person without holes: small islands and pinholes are mistakes of the network."""
    out = matte.copy()
    for inverted in (False, True):
        solid = ((matte < 0.5) if inverted else (matte > 0.5)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
        if count <= 2:
            continue
        areas = stats[1:, cv2.CC_STAT_AREA]
        least = (0.002 if inverted else 0.15) * (matte.size if inverted else float(areas.max()))
        drop = np.flatnonzero(areas < least) + 1
        if len(drop):
            spots = cv2.dilate(np.isin(labels, drop).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            out[spots] = 1.0 if inverted else 0.0
    return out


def trusted(matte: Floats, frame: FaceFrame, face: NDArray[np.float64]) -> bool:
    """Whether a matte found in the picture is good enough to tear the picture into layers by it. Head and shoulders
    decide; what lies below hardly moves. `face`: landmarks, canvas px."""
    h, w = matte.shape
    inside = np.clip(face[:, :2].astype(int), 0, [w - 1, h - 1])
    if float(np.percentile(matte[inside[:, 1], inside[:, 0]], 2)) < 0.8:
        return False
    chin = float(face[:, 1].max())
    part = matte[: min(h, int(chin + 0.8 * frame.sc))]
    person = (part > 0.5).astype(np.uint8)
    if not 0.02 < float(person.mean()) < 0.9:
        return False
    # Unsure regions are blots of middle values; a good matte has them only along its edge.
    kernel = np.ones((3, 3), np.uint8)
    edge = float((cv2.dilate(person, kernel) - cv2.erode(person, kernel)).sum()) / 2
    soft = float(((part > 0.1) & (part < 0.9)).sum())
    return soft / max(edge, 1.0) < MOST_SOFT * frame.sc


def alpha_matte(alpha: Bytes) -> Floats:
    """A matte that came with the picture, 0…1."""
    return np.asarray(alpha, np.float32) / np.float32(255)


def foreground(canvas: Bytes, matte: Floats, reach: float) -> Bytes:
    """The person's own colours also where the background shines through, so that another background leaves no fringe.
    Blurred estimates of person and background explain each mixed pixel (Forte, 2021). `reach`: px."""
    soft = (matte > 0.004) & (matte < 0.996)
    if not soft.any():
        return canvas
    image = canvas.astype(np.float32) / np.float32(255)
    a = matte[..., None]
    person: NDArray[np.floating] = image
    behind: NDArray[np.floating] = image
    for radius in (reach, max(2.0, reach / 12)):
        size = (int(radius) * 2 + 1,) * 2
        weight = cv2.blur(matte, size)[..., None]
        person_mean = cv2.blur(person * a, size) / np.maximum(weight, 1e-4)
        behind = cv2.blur(behind * (1 - a), size) / np.maximum(1 - weight, 1e-4)
        person = person_mean + a * (image - a * person_mean - (1 - a) * behind)
        person = np.where(soft[..., None] | (a < 0.5), np.clip(person, 0, 1), image)
    return np.asarray((person * 255 + 0.5).clip(0, 255), np.uint8)


def spread_colours(canvas: Bytes, matte: Floats) -> Bytes:
    """The picture with the person's colours continued to where the file is transparent: what it holds there (black,
    white, anything) would show as a fringe."""
    known = (matte > 0.9).astype(np.float32)
    if known.sum() < 16:
        return canvas
    spread = _fill(canvas.astype(np.float32), known)
    k = np.clip((matte - 0.5) / 0.4, 0, 1)[..., None]
    return np.asarray((spread + (canvas - spread) * k + 0.5).clip(0, 255), np.uint8)


def clean_plate(canvas: Bytes, matte: Floats, reach: float) -> Bytes:
    """The canvas without the person: what is behind is continued from what surrounds it, as its mirror image along the
    edge, where a moving head uncovers it, and softer the deeper inside. `reach` px is kept clear of the person's edge,
    where colours are mixed."""
    h, w = canvas.shape[:2]
    size = (max(2, w // PLATE_SCALE), max(2, h // PLATE_SCALE))
    k = max(1, int(reach)) * 2 + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k))
    person = np.asarray(cv2.dilate((matte > 0.02).astype(np.uint8), around), np.uint8)
    known = (cv2.resize(person * np.float32(1), size, interpolation=cv2.INTER_AREA) < 0.01).astype(np.float32)
    if known.sum() < 16:
        return np.broadcast_to(canvas.reshape(-1, 3).mean(0), canvas.shape).astype(np.uint8)
    small = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    filled = _fill(small, known)
    depth = cv2.distanceTransform(1 - known.astype(np.uint8), cv2.DIST_L2, 3)
    soft = cv2.GaussianBlur(filled, (0, 0), max(1.5, 0.015 * max(size)))
    blend = np.clip(depth / (0.06 * max(size)), 0, 1)[..., None]
    behind = cv2.resize(filled + (soft - filled) * blend, (w, h), interpolation=cv2.INTER_CUBIC)
    inner = np.asarray(cv2.GaussianBlur(person * np.float32(1), (0, 0), max(1.0, reach / 5)), np.float32) * person
    behind = behind + _grain(canvas, person)[..., None]
    behind = _mirrored(canvas, person, behind, reach)
    out = canvas + (behind - canvas) * inner[..., None]
    return np.asarray((out + 0.5).clip(0, 255), np.uint8)


def _mirrored(canvas: Bytes, person: Bytes, behind: Floats, reach: float) -> Floats:
    """`behind` with what surrounds the person mirrored at its edge, less the deeper inside; nothing of that where the
    mirror image would show the person."""
    h, w = person.shape
    edge = cv2.GaussianBlur(person * np.float32(1), (0, 0), max(1.0, 1.5 * reach))
    inside = np.maximum((edge > 0.3).astype(np.uint8), person)  # hair by hair, the mirror image would be in shreds
    if inside.all():
        return behind
    depth, label = cv2.distanceTransformWithLabels(inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, cols = np.nonzero(inside == 0)
    nearest = np.zeros((int(label.max()) + 1, 2), np.float32)
    nearest[label[rows, cols]] = np.stack([cols, rows], -1)
    at = cv2.blur(nearest[label], (2 * int(reach) + 1,) * 2)
    x = 2 * at[..., 0] - np.arange(w, dtype=np.float32)
    y = 2 * at[..., 1] - np.arange(h, dtype=np.float32)[:, None]
    mirrored = cv2.remap(_without_strands(canvas, reach), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    clear = cv2.remap(1 - person, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    share = np.clip((15 * reach - depth) / (11 * reach), 0, 1) * clear
    share = cv2.GaussianBlur(share * share * (3 - 2 * share), (0, 0), max(1.0, reach)) * clear
    taken = share > 0.004
    out = behind.copy()
    out[taken] += (mirrored[taken] - behind[taken]) * share[taken][:, None]
    return out


def _without_strands(canvas: Bytes, reach: float) -> Bytes:
    """Without strands of hair, earrings and whatever else is thin: a mirror would show it twice."""
    h, w = canvas.shape[:2]
    half = np.asarray(cv2.resize(canvas, (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA), np.uint8)
    plain = cv2.resize(cv2.medianBlur(half, 2 * max(1, int(0.65 * reach)) + 1), (w, h), interpolation=cv2.INTER_LINEAR)
    difference = cv2.absdiff(*(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in (canvas, plain)))
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, int(0.4 * reach)) + 1,) * 2)
    thin = cv2.dilate((difference > THIN).astype(np.uint8), around)
    return np.asarray(cv2.copyTo(plain, thin, canvas.copy()), np.uint8)


def _fill(image: Floats, known: Floats) -> Floats:
    """Unknown pixels from known ones: averages over ever larger neighbourhoods, put back from coarse to fine."""
    levels = [(image * known[..., None], known)]
    while min(levels[-1][1].shape) > 2:
        colour, weight = levels[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        levels.append(
            (
                np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.float32),
                np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float32),
            )
        )
    colour, weight = levels[-1]
    out = np.asarray(colour / np.maximum(weight, 1e-6)[..., None], np.float32)
    for colour, weight in reversed(levels[:-1]):
        up = np.asarray(cv2.resize(out, weight.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        share = np.clip(weight, 0, 1)[..., None]
        own = colour / np.maximum(weight, 1e-6)[..., None]
        out = np.asarray(up * (1 - share) + own * share, np.float32)
    return out


def _grain(canvas: Bytes, person: Bytes) -> Floats:
    """Noise like the background's own, or the filled part would look airbrushed."""
    grey = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY), np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    amount = float(np.clip(float(np.median(fine[person == 0])) * 1.48, 0, 4))
    noise = np.random.default_rng(1).normal(0, amount, grey.shape).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.6), np.float32)


def _box_weight(w: int, h: int, *, at_border: tuple[bool, bool, bool, bool]) -> Floats:
    """1 in the middle of a box, 0 on those of its sides (left, right, top, bottom) where the picture goes on."""
    x, y = np.linspace(0, 1, w), np.linspace(0, 1, h)[:, None]
    left, right, top, bottom = at_border
    weight = np.ones((h, w))
    for cut, distance in ((left, x[None]), (right, 1 - x[None]), (top, y), (bottom, 1 - y)):
        if cut:
            weight = weight * smooth_step(0.0, 0.18, np.broadcast_to(distance, (h, w)))
    return np.asarray(weight, np.float32)


def _guided(guide: Floats, values: Floats, radius: int, eps: float) -> tuple[Floats, Floats]:
    """Guided filter with a colour guide (h, w, 3): coefficients a (h, w, 3), b (h, w) with values ≈ guide · a + b."""
    size = (2 * radius + 1,) * 2

    def mean(x: Floats) -> Floats:
        return np.asarray(cv2.blur(x, size), np.float32)

    mg, mv = mean(guide), mean(values)
    cov = mean(guide * values[..., None]) - mg * mv[..., None]
    products = mean(np.stack([guide[..., i] * guide[..., j] for i, j in _PAIRS], -1))
    s = [products[..., n] - mg[..., i] * mg[..., j] for n, (i, j) in enumerate(_PAIRS)]
    rr, rg, rb, gg, gb, bb = s
    rr, gg, bb = rr + eps, gg + eps, bb + eps
    # Inverse of the symmetric 3 x 3 covariance by its adjugate.
    i00, i01, i02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    i11, i12, i22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    det = np.maximum(rr * i00 + rg * i01 + rb * i02, 1e-12)
    c0, c1, c2 = cov[..., 0], cov[..., 1], cov[..., 2]
    a = np.stack(
        [
            (i00 * c0 + i01 * c1 + i02 * c2) / det,
            (i01 * c0 + i11 * c1 + i12 * c2) / det,
            (i02 * c0 + i12 * c1 + i22 * c2) / det,
        ],
        -1,
    )
    b = mv - (a * mg).sum(2)
    return mean(np.asarray(a, np.float32)), mean(np.asarray(b, np.float32))


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
