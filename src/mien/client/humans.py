"""Actions on digital humans as values; see `mien.client.operations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.client.operations import JsonObject, Operation, given, nothing

FETCH_MODES = {"all": 1, "public": 2, "own": 3}


@dataclass(frozen=True, slots=True)
class DigitalHuman:
    """A digital human; `public`: every app may use it. `actions` are names that `do_action` takes."""

    id: str
    name: str
    avatar_url: str
    public: bool
    actions: Sequence[str]


@dataclass(frozen=True, slots=True)
class DigitalHumanPage:
    """A page of the digital humans an app may use."""

    total: int
    digital_humans: Sequence[DigitalHuman]


@dataclass(frozen=True, slots=True)
class Timbre:
    """A voice of the server."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class TimbrePage:
    """A page of voices."""

    total: int
    timbres: Sequence[Timbre]


@dataclass(frozen=True, slots=True)
class RenderInfo:
    """What a client needs to draw a digital human itself."""

    package_url: str
    small_picture: bool


@dataclass(frozen=True, slots=True)
class NewDigitalHuman:
    """A digital human just made. `warnings` say what could be better about its picture."""

    id: str
    avatar_url: str
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Iris:
    """Centre and radius of an iris, canvas px."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class FacePoints:
    """What was found in a picture. Coordinates are px on `canvas` (width, height).

    `points` by number, 0 to 467; `groups` name those that belong together; `irises` by side, "r" and "l" of the person;
    `mouth_line` of a mouth that is drawn as a line, else None; `range`: least x, least y, most x, most y.
    """

    package_url: str
    editable: bool
    style: Literal["photo", "illustration"]
    canvas: tuple[int, int]
    range: tuple[float, float, float, float]
    groups: Mapping[str, Sequence[int]]
    points: Mapping[int, tuple[float, float]]
    irises: Mapping[Literal["r", "l"], Iris]
    mouth_line: Sequence[tuple[float, float]] | None


@dataclass(frozen=True, slots=True)
class EditedDigitalHuman:
    """The new version of a digital human. `warnings` say what its face cannot do as far as usual."""

    id: str
    avatar_url: str
    package_url: str
    warnings: Sequence[str]


def list_digital_humans(
    *, fetch: Literal["all", "public", "own"] = "all", offset: int = 0, limit: int = 20
) -> Operation[DigitalHumanPage]:
    """GetDigitalHumanList: a page of at most 20."""
    body = {"FetchMode": FETCH_MODES[fetch], "Offset": offset, "Limit": limit}
    return Operation(
        "GetDigitalHumanList",
        body,
        lambda data: DigitalHumanPage(data["Total"], [_human(human) for human in data["DigitalHumans"]]),
    )


def digital_human(digital_human_id: str) -> Operation[DigitalHuman]:
    """GetDigitalHumanInfo."""
    return Operation("GetDigitalHumanInfo", {"DigitalHumanId": digital_human_id}, _human)


def render_info(digital_human_id: str) -> Operation[RenderInfo]:
    """GetDigitalHumanRenderInfo."""
    return Operation(
        "GetDigitalHumanRenderInfo",
        {"DigitalHumanId": digital_human_id},
        lambda data: RenderInfo(data["ClientInferencePackageUrl"], data["IsSupportSmallImageMode"]),
    )


def list_timbres(digital_human_id: str = "", *, offset: int = 0, limit: int = 20) -> Operation[TimbrePage]:
    """GetTimbreList: all voices of the server, or a digital human's own; a page of at most 20."""
    body = {"DigitalHumanId": digital_human_id, "Offset": offset, "Limit": limit}
    return Operation(
        "GetTimbreList",
        body,
        lambda data: TimbrePage(
            data["Total"], [Timbre(timbre["TimbreId"], timbre["Name"]) for timbre in data["Timbres"]]
        ),
    )


def create_digital_human(
    picture: bytes | Path,
    name: str,
    *,
    voices: Mapping[Literal["zh", "en"], str] | None = None,
    style: Literal["auto", "photo", "illustration"] = "auto",
    size: Literal["portrait", "landscape", "square"] = "portrait",
) -> Operation[NewDigitalHuman]:
    """MienCreateDigitalHuman: makes a digital human of one picture (at most 30 MiB); it belongs to the app.

    Raises OSError if the picture is a file that cannot be read.
    """
    data = picture.read_bytes() if isinstance(picture, Path) else picture
    return Operation(
        "MienCreateDigitalHuman",
        given(Name=name, Voices=dict(voices) if voices is not None else None, Style=style, Size=size),
        lambda answer: NewDigitalHuman(answer["DigitalHumanId"], answer["AvatarUrl"], answer["Warnings"]),
        files={"Picture": data},
    )


def update_digital_human(
    digital_human_id: str, *, name: str | None = None, voices: Mapping[Literal["zh", "en"], str] | None = None
) -> Operation[None]:
    """MienUpdateDigitalHuman: what is left out stays."""
    changes = given(DigitalHumanId=digital_human_id, Name=name, Voices=dict(voices) if voices is not None else None)
    return Operation("MienUpdateDigitalHuman", changes, nothing)


def delete_digital_human(digital_human_id: str) -> Operation[None]:
    """MienDeleteDigitalHuman; refused while it is shown somewhere."""
    return Operation("MienDeleteDigitalHuman", {"DigitalHumanId": digital_human_id}, nothing)


def digital_human_points(digital_human_id: str) -> Operation[FacePoints]:
    """MienGetDigitalHumanPoints: what was found in its picture."""
    return Operation("MienGetDigitalHumanPoints", {"DigitalHumanId": digital_human_id}, _points)


def edit_digital_human(
    digital_human_id: str,
    *,
    points: Mapping[int, tuple[float, float]] | None = None,
    irises: Mapping[Literal["r", "l"], Iris] | None = None,
    mouth_line: Sequence[tuple[float, float]] | None = None,
    style: Literal["photo", "illustration"] | None = None,
    follow: bool = True,
) -> Operation[EditedDigitalHuman]:
    """MienEditDigitalHuman: what is left out stays; `follow`: points around a moved one go along."""
    body = given(
        DigitalHumanId=digital_human_id,
        Points=[{"Id": number, "X": x, "Y": y} for number, (x, y) in (points or {}).items()],
        Irises=[{"Side": s, "X": iris.x, "Y": iris.y, "Radius": iris.radius} for s, iris in (irises or {}).items()],
        MouthLine=None if mouth_line is None else [{"X": x, "Y": y} for x, y in mouth_line],
        Style=style,
        Follow=follow,
    )
    return Operation(
        "MienEditDigitalHuman",
        body,
        lambda data: EditedDigitalHuman(
            data["DigitalHumanId"], data["AvatarUrl"], data["ClientInferencePackageUrl"], data["Warnings"]
        ),
    )


def _points(wire: JsonObject) -> FacePoints:
    line, bounds = wire["MouthLine"], wire["Range"]
    return FacePoints(
        package_url=wire["ClientInferencePackageUrl"],
        editable=wire["Editable"],
        style=wire["Style"],
        canvas=(wire["Canvas"]["Width"], wire["Canvas"]["Height"]),
        range=(bounds["Left"], bounds["Top"], bounds["Right"], bounds["Bottom"]),
        groups={group["Name"]: group["Points"] for group in wire["Groups"]},
        points={point["Id"]: (point["X"], point["Y"]) for point in wire["Points"]},
        irises={iris["Side"]: Iris(iris["X"], iris["Y"], iris["Radius"]) for iris in wire["Irises"]},
        mouth_line=None if line is None else [(point["X"], point["Y"]) for point in line],
    )


def _human(wire: JsonObject) -> DigitalHuman:
    actions = [action["Action"] for action in wire["Actions"]]
    return DigitalHuman(wire["DigitalHumanId"], wire["Name"], wire["AvatarUrl"], wire["IsPublic"], actions)
