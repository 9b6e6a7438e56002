"""Bodies of our own actions on digital humans."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mien.api.schemas.base import Checked, Wire, utf8

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

    zh: str | None = Field(default=None, max_length=128)
    en: str | None = Field(default=None, max_length=128)


class MienCreateDigitalHuman(Wire):
    """MienCreateDigitalHuman, sent as multipart/form-data."""

    Picture: PictureFile = Field(
        description="JPEG, PNG or WebP of one person: upper body, face to the camera, mouth closed"
    )
    Name: NameText
    Voices: OwnVoices | None = Field(default=None, description="What it speaks with where an agent chooses no voice")
    Style: Literal["auto", "photo", "illustration"] = "auto"
    Size: Literal["portrait", "landscape", "square"] = "portrait"


class MienUpdateDigitalHuman(Wire):
    """MienUpdateDigitalHuman: what is left out stays."""

    DigitalHumanId: Annotated[str, Field(min_length=1, max_length=128)]
    Name: NameText | None = None
    Voices: OwnVoices | None = Field(default=None, description="Replaces all of its voices; `{}` takes them away")


# Answers


class HumanCreated(Wire):
    """A new digital human."""

    DigitalHumanId: str
    AvatarUrl: str
    Warnings: list[str] = Field(description="What could be better about the picture, in sentences")
