"""What meta.json and rig.json of a package say, and the bounds a reader enforces (docs/package-format.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 2
READABLE = (1, 2)
"""Older versions that are still drawn as they are."""
MAX_ENTRIES = 16
MAX_UNPACKED = 32 * 1024 * 1024
MAX_ZIP = 24 * 1024 * 1024
MAX_SIDE = 4096
MIN_SIDE = 64
MAX_VERTICES = 20_000
MAX_TRIANGLES = 40_000
MAX_KEYS = 64
MAX_GRID = 20_000
MAX_CHAIN = 256

ENTRY_NAMES = frozenset(
    (
        "meta.json",
        "mesh.bin",
        "rig.json",
        "atlas.png",
        "matte.png",
        *(f"{what}.{kind}" for what in ("picture", "plate") for kind in ("webp", "jpg", "png")),
    )
)
"""All a package may hold."""

Side = Literal["r", "l"]
Style = Literal["photo", "illustration"]

KEY_NAMES = frozenset(
    (
        "jaw",
        "wide",
        "pucker",
        "press",
        "smile",
        "frown",
        "upper_up",
        "lower_down",
        "fv",
        "cheek",
        "blink_r",
        "blink_l",
        "brow_r",
        "brow_l",
        "brow_r_down",
        "brow_l_down",
        "jaw_pucker",
        "jaw_wide",
        "tongue",
    )
)
"""The key shapes a renderer must know."""


Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Pair = tuple[Number, Number]
Triple = tuple[Number, Number, Number]
Rect = tuple[Number, Number, Number, Number]
Tone = tuple[Number, Number, Number]
Chain = Annotated[list[Annotated[int, Field(ge=0, lt=MAX_VERTICES)]], Field(min_length=3, max_length=MAX_CHAIN)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FrameSpec(_Model):
    """Face units to canvas pixels."""

    o: Pair
    ux: Pair
    uy: Pair
    sc: Annotated[float, Field(gt=1, lt=1e5, allow_inf_nan=False)]


class Limits(_Model):
    """Where head movement levels off: degrees, and face units for tx, ty."""

    yaw: Annotated[float, Field(gt=0, le=90)] = 14.0
    pitch: Annotated[float, Field(gt=0, le=90)] = 10.0
    roll: Annotated[float, Field(gt=0, le=90)] = 10.0
    tx: Annotated[float, Field(gt=0, le=2)] = 0.25
    ty: Annotated[float, Field(gt=0, le=2)] = 0.20


class Gains(_Model):
    """Face units of movement at channel value 1 and weight 1."""

    breath: Number = 0.02
    sway: Number = 0.05


class EyeSpec(_Model):
    """One eye: lid chains and the rectangles (face units) of its textures."""

    up: Chain
    lo: Chain
    feather: Number
    rect: Rect | None
    iris_rect: Rect | None
    gaze: Pair
    lid_height: Number
    lid_beside: Annotated[float, Field(ge=0, le=1)] = 0.0
    lash_up: Number
    lash_down: Number


class Tones(_Model):
    """Colours inside the mouth, RGB 0…1."""

    cavity: Tone
    tongue: Tone
    teeth: Tone


class Line(_Model):
    """The drawn outline of an illustration's mouth."""

    width: Number
    colour: Tone


class MouthSpec(_Model):
    """The mouth: lip chains, where teeth sit (units of `width` from `centre`), colours."""

    style: Literal["photo", "drawn"]
    up: Chain
    lo: Chain
    feather: Number
    centre: Pair
    width: Annotated[float, Field(gt=0.01, lt=10)]
    jaw: Pair
    upper_rect: Rect
    lower_rect: Rect
    tones: Tones
    line: Line
    lip_line: Pair | None


class IrisRecord(_Model):
    """An iris on the canvas, px."""

    centre: Pair
    radius: Annotated[float, Field(gt=0.5, lt=2000, allow_inf_nan=False)]


class DrawnLine(_Model):
    """The mouth line of an illustration on the canvas: px, half its thickness in px, colour 0…255."""

    line: Annotated[list[Pair], Field(min_length=5, max_length=MAX_CHAIN)]
    half_width: Annotated[float, Field(gt=0, lt=200, allow_inf_nan=False)]
    colour: Triple


class RigRecord(_Model):
    """rig.json: what was found in the picture, kept so that it can be corrected. Renderers do not need it."""

    style: Style
    points: Annotated[list[Triple], Field(min_length=468, max_length=468)]
    irises: dict[Side, IrisRecord]
    mouth_line: DrawnLine | None = None


class FileSpec(_Model):
    """An entry of the zip."""

    file: Literal["picture.webp", "picture.jpg", "picture.png", "plate.webp", "plate.jpg", "plate.png", "matte.png"]


class ArraySpec(_Model):
    """Where an array lies in mesh.bin."""

    offset: Annotated[int, Field(ge=0, le=MAX_UNPACKED)]
    dtype: Literal["f32", "i16", "u16"]
    shape: Annotated[list[Annotated[int, Field(ge=0, le=MAX_TRIANGLES)]], Field(min_length=1, max_length=3)]
    scale: Number | list[Number] = 1.0


class GridSpec(_Model):
    """The grid over the canvas."""

    step: Annotated[int, Field(ge=4, le=256)]
    cols: Annotated[int, Field(ge=2, le=1100)]
    rows: Annotated[int, Field(ge=2, le=1100)]


class AtlasSpec(_Model):
    """Size of the atlas and where its textures lie, px."""

    size: tuple[int, int]
    regions: dict[str, tuple[int, int, int, int]]


class Meta(_Model):
    """meta.json."""

    format: Literal["mien-face"]
    version: int
    name: Annotated[str, Field(max_length=200)] = ""
    style: Style
    canvas: tuple[int, int]
    picture: FileSpec
    plate: FileSpec | None = None
    matte: FileSpec | None = None
    transparent: bool = False
    frame: FrameSpec
    pivot: Triple
    limits: Limits = Limits()
    gains: Gains = Gains()
    grid: GridSpec
    keys: Annotated[list[str], Field(max_length=MAX_KEYS)]
    arrays: dict[str, ArraySpec]
    mouth: MouthSpec
    eyes: dict[Side, EyeSpec]
    atlas: AtlasSpec
