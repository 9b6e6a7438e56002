"""Our own actions that show what was found in a digital human's picture, and take corrections of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from mien.api.actions.humans import GROUP, find_by_id, find_own, picture_url
from mien.api.actions.registry import Call, action
from mien.api.errors import ApiError, ReturnCode, invalid
from mien.api.schemas import streams as wire
from mien.api.schemas.base import JsonObject
from mien.api.schemas.humans import HumanEdited, HumanPoints, MienEditDigitalHuman
from mien.face.create.edit import PARTS, Edits, IrisEdit, allowed_range
from mien.face.create.errors import PictureError

_PARAMETER = ReturnCode.DIGITAL_HUMAN_PARAMETER

K = TypeVar("K", int, str)


@action(GROUP, wire.OneHuman, name="MienGetDigitalHumanPoints", failure=_PARAMETER, result=HumanPoints)
async def get_digital_human_points(call: Call, body: wire.OneHuman) -> JsonObject:
    """Tells which points were found in the picture of a digital human."""
    human = await find_by_id(call, body.DigitalHumanId)
    found = await call.deps.digital_humans.points(human.id)
    width, height = found.canvas or (0, 0)
    (left, right), (top, bottom) = allowed_range((width, height))
    return {
        "DigitalHumanId": human.id,
        "ClientInferencePackageUrl": call.base_url + call.deps.digital_humans.package_url(human.id),
        "Editable": human.owner is not None,
        "Style": found.style,
        "Canvas": {"Width": width, "Height": height},
        "Range": {"Left": left, "Top": top, "Right": right, "Bottom": bottom},
        "Groups": [{"Name": name, "Points": list(points)} for name, points in PARTS.items()],
        "Points": [{"Id": number, "X": x, "Y": y} for number, (x, y) in sorted(found.points.items())],
        "Irises": [
            {"Side": side, "X": iris.centre[0], "Y": iris.centre[1], "Radius": iris.radius}
            for side, iris in found.irises.items()
            if iris.centre is not None
        ],
        "MouthLine": None if found.mouth_line is None else [{"X": x, "Y": y} for x, y in found.mouth_line],
    }


@action(GROUP, MienEditDigitalHuman, failure=ReturnCode.DIGITAL_HUMAN_SYSTEM, result=HumanEdited)
async def edit_digital_human(call: Call, body: MienEditDigitalHuman) -> JsonObject:
    """Rigs a digital human of this app again with corrected points; what runs keeps what it has."""
    human = await find_own(call, body.DigitalHumanId)
    _check_once((f"Points[{n}].Id", point.Id) for n, point in enumerate(body.Points))
    _check_once((f"Irises[{n}].Side", iris.Side) for n, iris in enumerate(body.Irises))
    edits = Edits(
        points={point.Id: (point.X, point.Y) for point in body.Points},
        irises={iris.Side: IrisEdit(centre=(iris.X, iris.Y), radius=iris.Radius) for iris in body.Irises},
        mouth_line=None if body.MouthLine is None else [(point.X, point.Y) for point in body.MouthLine],
        style=body.Style,
        follow=body.Follow,
    )
    humans = call.deps.digital_humans
    try:
        notes = await humans.edit(human.id, edits, keep_all=call.deps.shown(human.id))
    except PictureError as error:
        raise ApiError(_PARAMETER, str(error)) from error
    return {
        "DigitalHumanId": human.id,
        "AvatarUrl": picture_url(call, human.id),
        "ClientInferencePackageUrl": call.base_url + humans.package_url(human.id),
        "Warnings": list(notes),
    }


def _check_once(members: Iterable[tuple[str, K]]) -> None:
    seen: set[K] = set()
    for member, value in members:
        if value in seen:
            raise invalid(member, f"each one once, but {value} is there twice")
        seen.add(value)
