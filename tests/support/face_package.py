"""A tiny package made of arithmetic, for tests that need no picture and no networks."""

from __future__ import annotations

import numpy as np

from mien.face.atlas import pack_atlas
from mien.face.format import EyeSpec, FrameSpec, Gains, Limits, Line, MouthSpec, Package, Side, Tones

SIZE = (96, 128)
STEP = 16


def tiny_package(style: str = "photo") -> Package:
    """A canvas of coloured stripes with a square face mesh, two eyes and a mouth; every key shape is present."""
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width]
    picture = np.dstack([(x * 2) % 256, (y * 2) % 256, np.full_like(x, 120)]).astype(np.uint8)
    frame = FrameSpec(o=(48.0, 50.0), ux=(1.0, 0.0), uy=(0.0, 1.0), sc=40.0)
    side = np.linspace(-0.6, 0.6, 7)
    grid = np.stack(np.meshgrid(side, side + 0.2), -1).reshape(-1, 2)
    chains = {
        "mu": np.stack([np.linspace(-0.25, 0.25, 5), np.full(5, 0.55)], -1),
        "ml": np.stack([np.linspace(-0.25, 0.25, 5), np.full(5, 0.55)], -1),
    }
    for name, cx in (("r", -0.3), ("l", 0.3)):
        arc = np.sin(np.linspace(0, np.pi, 5)) * 0.05
        chains[f"eu{name}"] = np.stack([np.linspace(cx - 0.12, cx + 0.12, 5), -arc], -1)
        chains[f"el{name}"] = np.stack([np.linspace(cx - 0.12, cx + 0.12, 5), arc], -1)
    rest, ids = [grid], {}
    for name, points in chains.items():
        ids[name] = list(range(sum(len(p) for p in rest), sum(len(p) for p in rest) + 5))
        rest.append(points)
    vertices = np.concatenate(rest).astype(np.float32)
    n = len(vertices)
    keys = {k: np.zeros((n, 2), np.float32) for k in ("jaw", "blink_r", "blink_l", "smile")}
    keys["jaw"][ids["ml"], 1] = 0.2
    for s in ("r", "l"):
        gap = vertices[ids[f"el{s}"]] - vertices[ids[f"eu{s}"]]
        keys[f"blink_{s}"][ids[f"eu{s}"]] = gap
    i, j = np.meshgrid(np.arange(6), np.arange(6))
    a = (j * 7 + i).reshape(-1)
    triangles = np.concatenate([np.stack([a, a + 1, a + 7], -1), np.stack([a + 1, a + 8, a + 7], -1)]).astype(np.int32)
    weights = np.zeros((n, 4), np.float32)
    weights[:, 1] = 1
    cols, rows = -(-width // STEP) + 1, -(-height // STEP) + 1
    field = np.zeros((rows, cols, 4), np.float32)
    field[1:-1, 1:-1, 1:] = 0.8
    colour = np.full((16, 16, 4), 255, np.uint8)
    names = [
        "upper",
        "lower",
        "lip_line",
        *(f"{part}_{s}" for s in ("r", "l") for part in ("eye", "iris", "lid", "lash")),
    ]
    textures = {}
    for k, name in enumerate(names):
        textures[name] = colour.copy()
        textures[name][..., 0] = 20 * k
    atlas, regions = pack_atlas(textures)
    eyes: dict[Side, EyeSpec] = {}
    sides: tuple[Side, Side] = ("r", "l")
    for s in sides:
        cx = -0.3 if s == "r" else 0.3
        eyes[s] = EyeSpec(
            up=ids[f"eu{s}"],
            lo=ids[f"el{s}"],
            feather=0.02,
            rect=(cx - 0.15, -0.1, cx + 0.15, 0.1),
            iris_rect=(cx - 0.05, -0.05, cx + 0.05, 0.05),
            gaze=(0.03, 0.02),
            lid_height=0.03,
            lid_beside=0.02,
            lash_up=0.02,
            lash_down=0.02,
        )
    drawn = style == "illustration"
    mouth = MouthSpec(
        style="drawn" if drawn else "photo",
        up=ids["mu"],
        lo=ids["ml"],
        feather=0.02,
        centre=(0.0, 0.55),
        width=0.5,
        jaw=(0.0, 0.2),
        upper_rect=(-0.5, -0.2, 0.5, 0.14),
        lower_rect=(-0.46, -0.08, 0.46, 0.22),
        tones=Tones(cavity=(0.3, 0.1, 0.1), tongue=(0.7, 0.3, 0.3), teeth=(0.9, 0.9, 0.85)),
        line=Line(width=0.02, colour=(0.2, 0.1, 0.1)),
        lip_line=None if drawn else (0.02, 0.02),
    )
    return Package(
        name="tiny",
        style="illustration" if drawn else "photo",
        picture=picture,
        frame=frame,
        pivot=(0.0, 0.9, -0.2),
        limits=Limits(),
        gains=Gains(),
        grid_step=STEP,
        grid=field,
        rest=vertices,
        source=(vertices * 40 + np.array([48, 50])).astype(np.float32),
        triangles=triangles,
        weights=weights,
        keys=keys,
        mouth=mouth,
        eyes=eyes,
        atlas=atlas,
        regions=regions,
    )
