"""Painted maps: skin colour, eyeballs. Plain numpy, colours in sRGB 0..1, first row on top."""

from __future__ import annotations

import cv2
import numpy as np

SKIN_LEFT, SKIN_TOP, SKIN_SIZE = -1.3, 1.3, 2.6
"""The skin map covers this square of the front view, in dm relative to the point between the eyes."""


def rgb(code: str) -> np.ndarray:
    """`#rrggbb` as three floats."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def cloud(random: np.random.Generator, size: int, grain: float) -> np.ndarray:
    """Smooth noise with zero mean and unit deviation; `grain` is the blob size in pixels."""
    small = max(4, int(size / grain * 2))
    noise = cv2.resize(
        random.standard_normal((small, small)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    noise -= noise.mean()
    return noise / noise.std()


def skin(
    tone: dict[str, str],
    marks: dict[str, float],
    brow: list[tuple[float, float, float]],
    brow_color: str,
    seed: int,
    size: int = 2048,
) -> np.ndarray:
    """Colour of the skin seen from the front (size, size, 3).

    `tone` names `base`, `blush`, `warm`, `cool`, `lid` and `beard` colours; `marks` how strong `blush`, `nose`,
    `lid`, `beard`, `freckles`, `under`, `brow` are, each 0..1. `brow` is the line of the eyebrow as in `hair.brows`:
    a soft shade under its hairs.
    """
    random = np.random.default_rng(seed)
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size * SKIN_SIZE
    x, y = np.meshgrid(SKIN_LEFT + grid, SKIN_TOP - grid)
    side = np.abs(x)
    out = np.broadcast_to(rgb(tone["base"]), (size, size, 3)).copy()

    def lay(color: str, amount: np.ndarray) -> None:
        nonlocal out
        amount = np.clip(amount, 0, 1)[..., None]
        out = out * (1 - amount) + rgb(tone[color]) * amount

    def spot(px: float, py: float, sx: float, sy: float, turn: float = 0.0) -> np.ndarray:
        c, s = np.cos(turn), np.sin(turn)
        u, v = (side - px) * c + (y - py) * s, -(side - px) * s + (y - py) * c
        return np.exp(-((u / sx) ** 2) - (v / sy) ** 2)

    patch = cloud(random, size, 90) * 0.5 + cloud(random, size, 30) * 0.3 + cloud(random, size, 10) * 0.2
    lay("warm", 0.16 + 0.08 * patch)
    lay("cool", 0.28 * spot(0, -0.95, 0.6, 0.25) + 0.2 * spot(0.62, 0.15, 0.15, 0.3))
    lay("blush", marks["blush"] * (0.9 * spot(0.43, -0.36, 0.24, 0.17, 0.4) + 0.3 * spot(0.0, -0.98, 0.16, 0.1)))
    lay("blush", marks["nose"] * (spot(0.0, -0.29, 0.1, 0.1) + 0.6 * spot(0.12, -0.33, 0.05, 0.06)))
    lay("blush", 0.55 * np.clip((side - 0.72) / 0.08, 0, 1) * (y < 0.2) * (y > -0.5))
    lay("lid", marks["lid"] * (spot(0.29, 0.075, 0.2, 0.06) + 0.35 * spot(0.45, 0.06, 0.1, 0.07)))
    lay("lid", marks["under"] * spot(0.25, -0.14, 0.17, 0.05, -0.15))
    if marks.get("beard"):
        jaw = np.clip((-0.42 - y) / 0.12, 0, 1) * np.clip((side - 0.28 + (-0.5 - y) * 0.9) / 0.2, 0, 1)
        jaw = np.maximum(jaw, spot(0.0, -0.5, 0.2, 0.06))
        jaw *= np.clip((y + 1.25) / 0.15, 0, 1)
        grain = 0.75 + 0.25 * cloud(random, size, 4)
        lay("beard", marks["beard"] * cv2.GaussianBlur(jaw.astype(np.float32), (0, 0), 18) * grain)
    if marks.get("freckles"):
        layer = np.zeros((size, size), np.float32)
        for _ in range(260):
            fx, fy = random.normal(0, 0.3), random.normal(-0.24, 0.1)
            px, py = (fx - SKIN_LEFT) / SKIN_SIZE * size, (SKIN_TOP - fy) / SKIN_SIZE * size
            cv2.circle(
                layer,
                (int(px * 16), int(py * 16)),
                int(random.uniform(1.2, 3.2) * 16),
                float(random.uniform(0.2, 0.7)),
                -1,
                cv2.LINE_AA,
                4,
            )
        lay("lid", marks["freckles"] * cv2.GaussianBlur(layer, (0, 0), 1.4))
    shade = np.zeros((size, size), np.float32)
    spine = np.array(brow)
    for t in np.linspace(0.03, 0.97, 160):
        at = t * (len(spine) - 1)
        bx, by, half = (float(np.interp(at, np.arange(len(spine)), spine[:, k])) for k in range(3))
        for sign in (-1, 1):
            px, py = (sign * bx - SKIN_LEFT) / SKIN_SIZE * size, (SKIN_TOP - by) / SKIN_SIZE * size
            cv2.circle(
                shade, (int(px * 16), int(py * 16)), int(half * 0.62 / SKIN_SIZE * size * 16), 1.0, -1, cv2.LINE_AA, 4
            )
    shade = cv2.GaussianBlur(shade, (0, 0), 0.011 / SKIN_SIZE * size) * marks.get("brow", 0.6)
    out = out * (1 - shade[..., None]) + rgb(brow_color) * shade[..., None]
    pore = cloud(random, size, 5) * 0.008
    out = out * (1 + pore[..., None])
    fade = np.clip((y + 1.28) / 0.25, 0, 1)[..., None] * np.clip((1.28 - np.maximum(side, y)) / 0.2, 0, 1)[..., None]
    plain = rgb(tone["base"]) * 0.84 + rgb(tone["warm"]) * 0.16
    return np.clip(out * fade + plain * (1 - fade), 0, 1)


def eyeball(colors: dict[str, str], seed: int, iris: float = 0.47, pupil: float = 0.19, size: int = 1024) -> np.ndarray:
    """Front of an eyeball (size, size, 3), the square around it; `iris` and `pupil` are radii over the ball's."""
    random = np.random.default_rng(seed)
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(grid, -grid)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    white = np.broadcast_to(rgb(colors["white"]), (size, size, 3)).copy()
    edge = np.clip((np.abs(x) - 0.45) / 0.5, 0, 1)[..., None]
    white = white * (1 - 0.35 * edge) + rgb(colors["corner"]) * 0.35 * edge
    turns = np.arange(4096)
    fibre = sum(
        random.standard_normal() * np.cos(k * turns / 4096 * 2 * np.pi + random.uniform(0, 6.28)) / k**0.35
        for k in range(8, 150)
    )
    fibre /= np.std(fibre)
    at = ((angle / (2 * np.pi) + 0.5) * 4095).astype(int)
    streak = fibre[np.clip(at, 0, 4095)] * 0.6 + fibre[(at * 3 + (r * 900).astype(int)) % 4096] * 0.25
    t = np.clip((r - pupil) / (iris - pupil), 0, 1)
    inner, outer, ring = rgb(colors["inner"]), rgb(colors["outer"]), rgb(colors["ring"])
    body = inner * (1 - t[..., None]) ** 1.2 + outer * (1 - (1 - t[..., None]) ** 1.2)
    body *= 1 + 0.22 * streak[..., None] * np.sqrt(np.clip(np.sin(np.pi * t), 0, 1))[..., None]
    glow = np.clip(0.95 - 0.85 * (y + 0.02) / iris, 0.35, 1.75)
    body *= glow[..., None]
    limbus = np.clip((t - 0.74) / 0.26, 0, 1)[..., None] ** 1.5
    body = body * (1 - 0.85 * limbus) + ring * 0.85 * limbus
    hole = np.clip((pupil - r) / 0.025 + 0.5, 0, 1)[..., None]
    body = body * (1 - hole) + np.array([0.012, 0.01, 0.01]) * hole
    mask = np.clip((iris - r) / 0.035 + 0.5, 0, 1)[..., None]
    return np.clip(white * (1 - mask) + body * mask, 0, 1).astype(np.float32)


def glint(size: int = 512) -> np.ndarray:
    """Reflection of a window on the cornea, as light to add: a soft four-pane shape and a faint one opposite."""
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(grid, -grid)
    u, v = (x + 0.17) / 0.085, (y - 0.17) / 0.095
    pane = np.clip(6 - 5 * np.maximum(np.abs(u), np.abs(v)), 0, 1)
    small = np.exp(-(((x - 0.18) / 0.06) ** 2) - ((y + 0.2) / 0.05) ** 2) * 0.1
    light = cv2.GaussianBlur(np.maximum(pane, small).astype(np.float32), (0, 0), 4)
    return np.repeat(light[..., None], 3, 2)
