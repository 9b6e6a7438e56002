"""Bodies of our own actions on digital humans."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mien.api.schemas.base import Checked, Wire, utf8
from mien.face.create.topology import N_POINTS

PICTURE_BYTES = 30 * 2**20
NameText = Annotated[str, utf8(256), Checked(lambda name: bool(name.strip()), "a text of 1 to 256 bytes, not blank")]
PictureFile = Annotated[
    bytes,
    Field(
        min_length=1,
        max_length=PICTURE_BYTES,
        json_schema_extra={"x-expected": f"a file part of multipart/form-data of 1 to {PICTURE_BYTES} bytes"},
    ),
]


class OwnVoices(Wire):
    """A voice for each language, as GetTimbreList names them."""

    zh: str | None = Field(default=None, max_length=128, description="Speaks Chinese")
    en: str | None = Field(default=None, max_length=128, description="Speaks English")


class MienCreateDigitalHuman(Wire):
    """MienCreateDigitalHuman, sent as multipart/form-data."""

    Picture: PictureFile = Field(
        description="JPEG, PNG or WebP of one person: upper body, face to the camera, mouth closed"
    )
    Name: NameText
    Voices: OwnVoices | None = Field(default=None, description="What it speaks with where an agent chooses no voice")
    Style: Literal["auto", "photo", "illustration"] = Field(
        default="auto", description="What the picture is; auto: found out"
    )
    Size: Literal["portrait", "landscape", "square"] = Field(default="portrait", description="Of the drawn picture")


class MienUpdateDigitalHuman(Wire):
    """MienUpdateDigitalHuman: what is left out stays."""

    DigitalHumanId: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="As GetDigitalHumanList gives it"
    )
    Name: NameText | None = None
    Voices: OwnVoices | None = Field(default=None, description="Replaces all of its voices; `{}` takes them away")


_Px = Annotated[float, Field(ge=-8192, le=8192, allow_inf_nan=False)]


class PointPlace(Wire):
    """A place on the canvas, px from its upper left corner."""

    X: _Px = Field(description="px to the right")
    Y: _Px = Field(description="px down")


class FacePoint(PointPlace):
    """One of the 468 points of a face."""

    Id: Annotated[int, Field(ge=0, le=N_POINTS - 1)] = Field(description="Its number among the 468")


class IrisCircle(PointPlace):
    """An iris; the subject's right or left eye."""

    Side: Literal["r", "l"] = Field(description="The person's right or left")
    Radius: Annotated[float, Field(gt=1, lt=1000, allow_inf_nan=False)] = Field(description="px")


class MienEditDigitalHuman(Wire):
    """MienEditDigitalHuman: what is left out stays; members are those of MienGetDigitalHumanPoints."""

    DigitalHumanId: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="As GetDigitalHumanList gives it"
    )
    Points: list[FacePoint] = Field(default=[], max_length=N_POINTS, description="Those to move")
    Irises: list[IrisCircle] = Field(default=[], max_length=2, description="Those to move")
    MouthLine: list[PointPlace] | None = Field(
        default=None, min_length=2, max_length=64, description="Of a mouth that is drawn as a line, all of its points"
    )
    Style: Literal["photo", "illustration"] | None = Field(default=None, description="What the picture is")
    Follow: bool = Field(default=True, description="Whether points around a moved one that are not named go along")


# Answers


class HumanCreated(Wire):
    """A new digital human."""

    DigitalHumanId: str = Field(description="Names it in all other actions")
    AvatarUrl: str = Field(description="A picture of it")
    Warnings: list[str] = Field(description="What could be better about the picture, in sentences")


class CanvasSize(Wire):
    """Size of the canvas that points lie on, px."""

    Width: int = Field(description="px")
    Height: int = Field(description="px")


class PointRange(Wire):
    """Where points may lie, px."""

    Left: float = Field(description="Least X")
    Top: float = Field(description="Least Y")
    Right: float = Field(description="Greatest X")
    Bottom: float = Field(description="Greatest Y")


class PointGroup(Wire):
    """A name for points that belong together, in the order an editor joins them."""

    Name: str = Field(description="What they are part of")
    Points: list[int] = Field(description="Their Ids")


class HumanPoints(Wire):
    """What was found in the picture of a digital human."""

    DigitalHumanId: str = Field(description="As asked for")
    ClientInferencePackageUrl: str = Field(description="The package these points are in")
    Editable: bool = Field(description="Whether MienEditDigitalHuman takes it: it belongs to this app")
    Style: Literal["photo", "illustration"] = Field(description="What the picture is")
    Canvas: CanvasSize
    Range: PointRange
    Groups: list[PointGroup] = Field(description="Parts of the face")
    Points: list[FacePoint] = Field(description="All 468")
    Irises: list[IrisCircle] = Field(description="Those that were found")
    MouthLine: list[PointPlace] | None = Field(description="`null` unless its mouth is drawn as a line")


class HumanEdited(Wire):
    """The new version of a digital human."""

    DigitalHumanId: str = Field(description="As asked for")
    AvatarUrl: str = Field(description="A picture of it")
    ClientInferencePackageUrl: str = Field(description="The package of the new version")
    Warnings: list[str] = Field(description="What its face cannot do as far as usual, in sentences")
