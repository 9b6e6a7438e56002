"""Who they are: shape, colours, hair, clothes and room of each digital human."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Person:
    """Everything that makes one invented person."""

    shape: dict[str, float]
    tone: dict[str, str]
    marks: dict[str, float]
    lips: str
    iris: dict[str, str]
    brow: list[tuple[float, float, float]]
    brow_count: int
    hair: dict[str, Any]
    dress: str
    seed: int
    view: float = 3.75
    lash: tuple[float, float] = (0.058, 0.024)
    extra: dict[str, Any] = field(default_factory=dict)


MIA = Person(
    shape={
        "macrodetails/caucasian-female-young": 0.55,
        "macrodetails/asian-female-young": 0.45,
        "head/head-oval": 0.5,
        "chin/chin-width-decr": 0.55,
        "head/head-invertedtriangular": 0.2,
        "chin/chin-height-decr": 0.15,
        "cheek/*-cheek-bones-incr": 0.25,
        "nose/nose-scale-horiz-decr": 0.3,
        "nose/nose-point-up": 0.15,
        "eyes/*-eye-scale-incr": 0.9,
        "eyes/*-eye-height2-incr": 0.5,
        "eyes/*-eye-corner2-up": 0.15,
        "mouth/mouth-lowerlip-height-incr": 0.2,
        "mouth/mouth-upperlip-height-incr": 0.25,
        "mouth/mouth-lowerlip-volume-incr": 0.3,
        "faceunits/mouthSmileLeft": 0.42,
        "faceunits/mouthSmileRight": 0.42,
        "neck/neck-scale-horiz-decr": 0.25,
    },
    tone={
        "base": "#eec0a4",
        "blush": "#dd7f70",
        "warm": "#f0bb93",
        "cool": "#d9a898",
        "lid": "#bb7a68",
        "beard": "#6a5a58",
    },
    marks={"blush": 0.36, "nose": 0.3, "lid": 0.4, "under": 0.12, "freckles": 0.25},
    lips="#b9535a",
    iris={"white": "#e6e0dc", "corner": "#d7a89c", "inner": "#7a5330", "outer": "#46291a", "ring": "#1d100a"},
    brow=[(0.135, 0.17, 0.024), (0.22, 0.2, 0.029), (0.33, 0.228, 0.024), (0.43, 0.226, 0.016), (0.52, 0.185, 0.007)],
    brow_count=300,
    hair={"style": "long", "melanin": 0.55, "redness": 0.25, "part": 0.12, "wave": (0.075, 1.0)},
    dress="sweater",
    seed=11,
    extra={"brow_color": "#65452f", "neck": 0.0, "lean": 0.15},
)

LEO = Person(
    shape={
        "macrodetails/caucasian-male-young": 0.62,
        "macrodetails/asian-male-young": 0.2,
        "macrodetails/african-male-young": 0.18,
        "head/head-oval": 0.15,
        "chin/chin-width-incr": 0.1,
        "chin/chin-prominent-incr": 0.2,
        "cheek/*-cheek-bones-incr": 0.2,
        "nose/nose-scale-horiz-decr": 0.2,
        "eyes/*-eye-scale-incr": 0.5,
        "eyes/*-eye-height2-incr": 0.3,
        "mouth/mouth-lowerlip-height-incr": 0.15,
        "mouth/mouth-upperlip-height-incr": 0.1,
        "faceunits/mouthSmileLeft": 0.26,
        "faceunits/mouthSmileRight": 0.26,
    },
    tone={
        "base": "#dca987",
        "blush": "#c9705f",
        "warm": "#dba277",
        "cool": "#bf9280",
        "lid": "#a06c58",
        "beard": "#7f685c",
    },
    marks={"blush": 0.28, "nose": 0.3, "lid": 0.3, "under": 0.2, "freckles": 0.1, "beard": 0.42},
    lips="#a8625a",
    iris={"white": "#e2dcd7", "corner": "#d0a094", "inner": "#6f7a62", "outer": "#3e4c48", "ring": "#141a1a"},
    brow=[(0.13, 0.15, 0.034), (0.22, 0.172, 0.04), (0.34, 0.192, 0.034), (0.45, 0.182, 0.024), (0.54, 0.145, 0.010)],
    brow_count=400,
    hair={"style": "short", "melanin": 0.82, "redness": 0.35},
    dress="sweater",
    seed=23,
    view=4.0,
    lash=(0.04, 0.016),
    extra={
        "cloth": "#2f3e55",
        "liner": 0.004,
        "neck": 0.24,
        "tilt": 0.95,
        "lip_strength": 0.5,
        "brow_color": "#3b2b22",
    },
)

AMARA = Person(
    shape={
        "macrodetails/african-female-young": 0.66,
        "macrodetails/african-female-old": 0.34,
        "head/head-oval": 0.55,
        "chin/chin-width-decr": 0.4,
        "chin/chin-height-decr": 0.2,
        "cheek/*-cheek-bones-incr": 0.45,
        "nose/nose-scale-horiz-decr": 0.25,
        "eyes/*-eye-scale-incr": 0.7,
        "eyes/*-eye-height2-incr": 0.12,
        "eyes/*-eye-corner2-up": 0.2,
        "mouth/mouth-lowerlip-volume-incr": 0.25,
        "mouth/mouth-upperlip-volume-incr": 0.15,
        "faceunits/mouthSmileLeft": 0.55,
        "faceunits/mouthSmileRight": 0.55,
        "neck/neck-scale-horiz-decr": 0.3,
    },
    tone={
        "base": "#8a5638",
        "blush": "#8c3f30",
        "warm": "#a0693f",
        "cool": "#6b4438",
        "lid": "#56302a",
        "beard": "#4a3a36",
    },
    marks={"blush": 0.34, "nose": 0.2, "lid": 0.55, "under": 0.2, "freckles": 0.12},
    lips="#8e3034",
    iris={"white": "#e2dad2", "corner": "#c39a88", "inner": "#4e2f1c", "outer": "#2c1810", "ring": "#120a07"},
    brow=[(0.13, 0.152, 0.015), (0.21, 0.176, 0.023), (0.32, 0.204, 0.020), (0.42, 0.204, 0.013), (0.52, 0.158, 0.006)],
    brow_count=240,
    hair={"style": "afro", "melanin": 0.93, "redness": 0.3},
    dress="none",
    seed=31,
    view=4.05,
    lash=(0.078, 0.026),
    extra={
        "brow_color": "#1d120d",
        "neck": -0.85,
        "tilt": 0.6,
        "trunk": 1.5,
        "lip_strength": 0.8,
        "rim": 2.0,
        "key": 1.15,
        "rough": 0.55,
        "gloss": 0.3,
        "liner": 0.017,
        "jewels": True,
    },
)

PEOPLE = {"mia": MIA, "leo": LEO, "amara": AMARA}
