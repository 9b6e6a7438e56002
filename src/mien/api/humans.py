"""The digital humans as one app sees them: those that are everybody's, and its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mien.api.deps import ApiDeps, DigitalHumanInfo
from mien.api.errors import ApiError, ReturnCode
from mien.api.trial import ours_for_trial
from mien.store import OwnedHuman


@dataclass(frozen=True, slots=True)
class Human:
    """A digital human. `name` and `voices` by language, "en" and "zh"; `owner` is an AppId, None: it is everybody's."""

    id: str
    name: Mapping[str, str]
    voices: Mapping[str, str]
    owner: int | None
    default: bool
    gestures: Sequence[str]


async def humans_of(deps: ApiDeps, app_id: int) -> list[Human]:
    """What this app may use, the default ones first."""
    owned = {human.id: human for human in await deps.store.digital_humans.list()}
    humans = [_human(info, owned.get(info.id)) for info in deps.digital_humans.list()]
    return [human for human in humans if human.owner in (None, app_id)]


async def find_human(
    deps: ApiDeps, app_id: int, digital_human_id: str, *, member: str = "DigitalHuman.DigitalHumanId"
) -> Human:
    """The digital human with this id, or the one a trial id stands for; `member` is where the caller named it.

    Raises ApiError 410001027 if there is none, 410001048 if it is another app's.
    """
    info = deps.digital_humans.get(digital_human_id) or ours_for_trial(deps.digital_humans, digital_human_id)
    if info is None:
        known = ", ".join(human.id for human in (await humans_of(deps, app_id))[:5])
        raise ApiError(
            ReturnCode.DIGITAL_HUMAN_ID,
            f"{member} is wrong: there is no {digital_human_id}; this server has "
            + (known or "none yet; `mien avatar create` makes one"),
        )
    human = _human(info, await deps.store.digital_humans.find(info.id))
    if human.owner not in (None, app_id):
        raise ApiError(ReturnCode.FOREIGN_DIGITAL_HUMAN, f"{member} is wrong: {digital_human_id} is another app's")
    return human


def _human(info: DigitalHumanInfo, owned: OwnedHuman | None) -> Human:
    if owned is None:
        return Human(info.id, info.name, info.voices, None, info.default, info.gestures)
    return Human(info.id, {"en": owned.name, "zh": owned.name}, owned.voices, owned.app_id, info.default, info.gestures)
