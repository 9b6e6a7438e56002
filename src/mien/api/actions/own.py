"""Mien's own actions, beyond the compatible surface; their names begin with `Mien`."""

from __future__ import annotations

from mien.api.actions.instances import find
from mien.api.actions.registry import Call, action
from mien.api.errors import ReturnCode
from mien.api.schemas import results
from mien.api.schemas.base import JsonObject
from mien.api.schemas.control import OneInstance

GROUP = "Mien"


@action(GROUP, OneInstance, name="MienListRounds", failure=ReturnCode.CONTEXT_FAILED, result=results.RoundList)
async def list_rounds(call: Call, body: OneInstance) -> JsonObject:
    """Tells how long each stage of the latest rounds took."""
    return {"Rounds": find(call, body.AgentInstanceId, also_ending=True).timings}
