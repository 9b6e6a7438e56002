"""A contact sheet of a digital human: everything the face can do, at a glance, and mouth and eyes from close by."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.format import Package
from mien.face.motion.frame import CHANNELS, motion
from mien.face.render.renderer import Renderer

Bytes = NDArray[np.uint8]

VISEMES: dict[str, dict[str, float]] = {
    "sil": {},
    "PP  m b p": {"press": 1},
    "FF  f v": {"fv": 1, "jaw": 0.10, "upper_up": 0.25},
    "TH": {"jaw": 0.20, "tongue": 0.8, "lower_down": 0.3, "upper_up": 0.2},
    "DD  d t": {"jaw": 0.20, "lower_down": 0.3, "upper_up": 0.2, "tongue": 0.5},
    "kk  g k": {"jaw": 0.28, "lower_down": 0.2, "upper_up": 0.15},
    "CH  sh zh": {"jaw": 0.14, "pucker": 0.5, "lower_down": 0.5, "upper_up": 0.5},
    "SS  s z": {"jaw": 0.08, "wide": 0.5, "lower_down": 0.5, "upper_up": 0.45},
    "nn  n l": {"jaw": 0.20, "tongue": 0.9, "lower_down": 0.2, "upper_up": 0.1},
    "RR": {"jaw": 0.18, "pucker": 0.5, "lower_down": 0.2, "upper_up": 0.1},
    "aa": {"jaw": 0.80, "upper_up": 0.25, "lower_down": 0.15},
    "E": {"jaw": 0.45, "wide": 0.5, "upper_up": 0.3, "lower_down": 0.25},
    "I  ee": {"jaw": 0.20, "wide": 0.9, "upper_up": 0.35, "lower_down": 0.4},
    "O": {"jaw": 0.50, "pucker": 0.75, "upper_up": 0.05},
    "U  oo": {"jaw": 0.20, "pucker": 1.0},
}
"""The 15 visemes as channels."""

EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": {"smile": 1, "cheek": 0.6},
    "smile + E": {"smile": 0.8, "cheek": 0.5, "jaw": 0.3, "upper_up": 0.4},
    "frown": {"frown": 1},
    "blink": {"blink_l": 1, "blink_r": 1},
    "half closed": {"blink_l": 0.5, "blink_r": 0.5},
    "gaze right": {"gaze_x": 1},
    "gaze left": {"gaze_x": -1},
    "gaze down": {"gaze_y": 1},
    "gaze up": {"gaze_y": -1},
    "brows up": {"brow_l": 1, "brow_r": 1},
    "brows down": {"brow_l": -1, "brow_r": -1},
    "yaw +12": {"yaw": 12},
    "yaw -12": {"yaw": -12},
    "pitch +8": {"pitch": 8},
    "roll +8": {"roll": 8},
}

COMBINATIONS: dict[str, dict[str, float]] = {
    "jaw + lips apart": {"jaw": 1, "upper_up": 1, "lower_down": 1},
    "jaw + smile": {"jaw": 1, "smile": 1, "cheek": 1},
    "jaw + pucker": {"jaw": 1, "pucker": 1},
    "jaw + wide": {"jaw": 1, "wide": 1},
    "turned, speaking": {"yaw": 45, "pitch": 20, "roll": 20, "jaw": 0.7, "blink_l": 0.5, "blink_r": 0.5},
    "turned back": {"yaw": -45, "pitch": -20, "roll": -20, "tx": 1, "sway": -1, "smile": 1},
}
"""Ends that come together."""

_MOUTHS = ("sil", "FF  f v", "TH", "SS  s z", "aa", "E", "I  ee", "O", "U  oo", "smile + E")
_EYES = ("sil", "half closed", "blink", "gaze right", "gaze down")
COLUMNS = 6
TILE = 300


def contact_sheet(package: Package) -> Bytes:
    """RGB sheet: visemes, expressions, head turns, then close-ups of the mouth and of the eyes."""
    renderer = Renderer(package, height=min(1920, package.size[1]))
    poses = {**VISEMES, **EXPRESSIONS}
    frames = {name: renderer.rgb(motion(**channels)) for name, channels in poses.items()}
    face, close, eyes = _boxes(package, renderer)
    width = TILE * COLUMNS
    rows = [
        _rows(frames, tuple(poses), face, COLUMNS, width),
        _rows(frames, _MOUTHS, close, 5, width),
        _rows(frames, _EYES, eyes, 5, width),
    ]
    return np.vstack(rows)


def limits_sheet(package: Package) -> Bytes:
    """RGB sheet: every channel at both of its ends, head turns with the degrees at which this picture levels off, and
    the combinations that pull hardest."""
    renderer = Renderer(package, height=min(1920, package.size[1]))
    reached = package.limits.model_dump()
    poses: dict[str, dict[str, float]] = {"rest": {}}
    for channel in CHANNELS:
        for end in (channel.low, channel.high):
            if end == 0:
                continue
            label = f"{channel.name} {end:+.0f}"
            if channel.name in reached:
                limit = reached[channel.name]
                label = f"{channel.name} {math.copysign(limit * math.tanh(abs(end) / limit), end):+.2g}"
            poses[label] = {channel.name: end}
    poses |= COMBINATIONS
    frames = {name: renderer.rgb(motion(**channels)) for name, channels in poses.items()}
    face, close, _ = _boxes(package, renderer)
    x0, y0, x1, y1 = face
    wide = (x0 - 0.3 * (x1 - x0), y0 - 0.1 * (y1 - y0), x1 + 0.3 * (x1 - x0), y1 + 0.35 * (y1 - y0))
    width = TILE * COLUMNS
    mouths = ("jaw +1", "pucker +1", "wide +1", "smile +1", "tongue +1", *COMBINATIONS)
    return np.vstack([_rows(frames, tuple(poses), wide, COLUMNS, width), _rows(frames, mouths, close, 6, width)])


def _boxes(package: Package, renderer: Renderer) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Face, mouth and eyes as x0, y0, x1, y1 in output px."""
    k = renderer.height / package.size[1]
    frame = package.frame
    o, sc = np.array(frame.o) * k, frame.sc * k
    mouth = np.array(package.mouth.centre)
    m = o + sc * (mouth[0] * np.array(frame.ux) + mouth[1] * np.array(frame.uy))
    half = package.mouth.width * sc * 0.85
    face = (o[0] - 1.25 * sc, o[1] - 1.1 * sc, o[0] + 1.25 * sc, o[1] + 1.6 * sc)
    close = (m[0] - half, m[1] - 0.72 * half, m[0] + half, m[1] + 0.72 * half)
    eyes = (o[0] - 0.8 * sc, o[1] - 0.4 * sc, o[0] + 0.8 * sc, o[1] + 0.32 * sc)
    return face, close, eyes


def _rows(frames: dict[str, Bytes], names: tuple[str, ...], box: tuple[float, ...], columns: int, width: int) -> Bytes:
    x0, y0, x1, y1 = box
    w = width // columns
    h = int(w * (y1 - y0) / (x1 - x0))
    scale = w / (x1 - x0)
    tiles = []
    for name in names:
        tile = _cut(frames[name], x0, y0, scale, w, h)
        for colour, thick in (((255, 255, 255), 3), ((0, 0, 0), 1)):
            cv2.putText(tile, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
        tiles.append(tile)
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    sheet = np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])
    return np.asarray(cv2.copyMakeBorder(sheet, 0, 0, 0, width - sheet.shape[1], cv2.BORDER_CONSTANT), np.uint8)


def _cut(picture: Bytes, x0: float, y0: float, scale: float, w: int, h: int) -> Bytes:
    matrix = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]], np.float32)
    if scale < 0.8:  # reduce first: warpAffine alone would alias
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.45 / scale), np.uint8)
    way = cv2.INTER_LINEAR if scale < 0.8 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(picture, matrix, (w, h), flags=way, borderMode=cv2.BORDER_REPLICATE), np.uint8)
