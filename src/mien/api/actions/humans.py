"""Actions on digital humans themselves: which there are, how they look and sound; and our own to make and keep them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from mien.api.actions.registry import Call, action
from mien.api.errors import ApiError, ReturnCode
from mien.api.humans import Human, find_human, humans_of
from mien.api.products import STREAMS
from mien.api.schemas import streams as wire
from mien.api.schemas.base import JsonObject
from mien.api.schemas.humans import (
    PICTURE_BYTES,
    HumanCreated,
    MienCreateDigitalHuman,
    MienUpdateDigitalHuman,
    OwnVoices,
)
from mien.face.create.errors import PictureError
from mien.speech.choices import name_of_voice
from mien.store import OwnedHuman

GROUP = "Digital humans"
PUBLIC, PRIVATE = 2, 3
_FAILURE = ReturnCode.STREAM_SYSTEM
_PARAMETER = ReturnCode.DIGITAL_HUMAN_PARAMETER


@action(GROUP, wire.GetDigitalHumanList, failure=_FAILURE, result=wire.HumanPage, product=STREAMS)
async def get_digital_human_list(call: Call, body: wire.GetDigitalHumanList) -> JsonObject:
    """Lists the digital humans this app may use."""
    humans = [
        human
        for human in await humans_of(call.deps, call.app.app_id)
        if not (body.FetchMode == PUBLIC and human.owner is not None)
        and not (body.FetchMode == PRIVATE and human.owner is None)
    ]
    page = humans[body.Offset : body.Offset + body.Limit]
    return {"Total": len(humans), "DigitalHumans": [_wire(call, human) for human in page]}


@action(GROUP, wire.OneHuman, name="GetDigitalHumanInfo", failure=_FAILURE, result=wire.HumanInfo, product=STREAMS)
async def get_digital_human_info(call: Call, body: wire.OneHuman) -> JsonObject:
    """Describes a digital human."""
    return _wire(call, await find_by_id(call, body.DigitalHumanId))


@action(
    GROUP, wire.OneHuman, name="GetDigitalHumanRenderInfo", failure=_FAILURE, result=wire.RenderInfo, product=STREAMS
)
async def get_digital_human_render_info(call: Call, body: wire.OneHuman) -> JsonObject:
    """Tells what a client needs to draw a digital human itself."""
    human = await find_by_id(call, body.DigitalHumanId)
    return {
        "ClientInferencePackageUrl": call.base_url + call.deps.digital_humans.package_url(human.id),
        "IsSupportSmallImageMode": True,
    }


@action(GROUP, wire.GetTimbreList, failure=_FAILURE, result=wire.TimbrePage, product=STREAMS)
async def get_timbre_list(call: Call, body: wire.GetTimbreList) -> JsonObject:
    """Lists the voices of this server, or a digital human's own."""
    voices = list(call.deps.timbres())
    if body.DigitalHumanId:
        own = (await find_by_id(call, body.DigitalHumanId)).voices
        voices = [voice for voice in voices if voice in own.values()]
    page = voices[body.Offset : body.Offset + body.Limit]
    return {
        "Total": len(voices),
        "Timbres": [{"TimbreId": voice, "Name": name_of_voice(voice), "AvatarUrl": ""} for voice in page],
    }


@action(
    GROUP,
    MienCreateDigitalHuman,
    failure=ReturnCode.DIGITAL_HUMAN_SYSTEM,
    result=HumanCreated,
    upload=PICTURE_BYTES,
)
async def create_digital_human(call: Call, body: MienCreateDigitalHuman) -> JsonObject:
    """Makes a digital human of one picture; it belongs to this app."""
    deps, voices = call.deps, _voices(call, body.Voices)
    human_id = str(uuid.uuid4())
    await deps.store.digital_humans.add(OwnedHuman(human_id, call.app.app_id, body.Name, voices))
    try:
        notes = await deps.digital_humans.create(
            human_id, body.Picture, name=body.Name, style=body.Style, size=body.Size
        )
    except Exception as error:
        # Not when cancelled: the package may still come into being, and must not be everybody's then.
        await deps.store.digital_humans.remove(human_id)
        if isinstance(error, PictureError) and error.reason != "models_missing":
            raise ApiError(_PARAMETER, str(error)) from error
        raise
    return {"DigitalHumanId": human_id, "AvatarUrl": picture_url(call, human_id), "Warnings": list(notes)}


@action(GROUP, MienUpdateDigitalHuman, failure=_PARAMETER)
async def update_digital_human(call: Call, body: MienUpdateDigitalHuman) -> None:
    """Changes the name or the voices of a digital human of this app; what runs keeps what it has."""
    human = await find_own(call, body.DigitalHumanId)
    voices = _voices(call, body.Voices) if body.Voices is not None else None
    await call.deps.store.digital_humans.update(human.id, name=body.Name, voices=voices)


@action(GROUP, wire.OneHuman, name="MienDeleteDigitalHuman", failure=_PARAMETER)
async def delete_digital_human(call: Call, body: wire.OneHuman) -> None:
    """Removes a digital human of this app that is shown nowhere."""
    human = await find_own(call, body.DigitalHumanId)
    if call.deps.shown(human.id):
        raise ApiError(
            _PARAMETER, f"{human.id} is being shown: end the instances and tasks that use it, then delete it again"
        )
    await call.deps.digital_humans.delete(human.id)
    await call.deps.store.digital_humans.remove(human.id)


async def find_by_id(call: Call, digital_human_id: str) -> Human:
    """A digital human that this app may use. Raises ApiError."""
    return await find_human(call.deps, call.app.app_id, digital_human_id, member="DigitalHumanId")


async def find_own(call: Call, digital_human_id: str) -> Human:
    """A digital human that this app may change. Raises ApiError."""
    human = await find_by_id(call, digital_human_id)
    if human.default:
        raise ApiError(_PARAMETER, f"{human.id} comes with Mien and can neither be changed nor deleted")
    if human.owner is None:
        raise ApiError(
            ReturnCode.FOREIGN_DIGITAL_HUMAN,
            f"{human.id} was made with `mien avatar create` and is everybody's; `mien avatar delete` removes it",
        )
    return human


def _voices(call: Call, wanted: OwnVoices | None) -> Mapping[str, str]:
    given = wanted.model_dump(exclude_none=True) if wanted is not None else {}
    known = call.deps.timbres()
    for language, voice in given.items():
        if voice not in known:
            raise ApiError(
                _PARAMETER, f"Voices.{language} is invalid: this server has no voice {voice}; GetTimbreList lists them"
            )
    return given


def _wire(call: Call, human: Human) -> JsonObject:
    return {
        "DigitalHumanId": human.id,
        "Name": human.name.get("en") or next(iter(human.name.values()), human.id),
        "AvatarUrl": picture_url(call, human.id),
        "IsPublic": human.owner is None,
        "Actions": [{"Action": gesture, "PreviewUrl": ""} for gesture in human.gestures],
    }


def picture_url(call: Call, human_id: str) -> str:
    """Where its preview picture lies."""
    return f"{call.base_url}/avatars/{human_id}/preview.jpg"
