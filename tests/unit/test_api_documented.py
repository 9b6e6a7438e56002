"""Every member of the 19 public actions against what is documented of it: type, limits, spellings, being absent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mien.api.actions import ACTIONS
from tests.support.api_harness import Api, running_api
from tests.support.documented import BODIES, Case, Rule, cases
from tests.support.mutations import members_of
from tests.unit.test_api_actions import FULL_BODIES, prepared

OURS = {"Mien", "CDN"}
"""What the table leaves out: this server's own member, and the one that makes RTC meaningless."""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


def test_the_table_has_the_public_actions() -> None:
    assert len(BODIES) == 19
    assert set(BODIES) <= set(ACTIONS)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_no_member_is_passed_over(name: str) -> None:
    """What this server takes is in the table, and the other way round."""
    taken = {path for path in members_of(ACTIONS[name].body.model_json_schema()) if path.split(".")[0] not in OURS}
    # Objects that are passed on are open: what is known inside them is no member of a schema.
    open_ones = ("Params.app", "TTSParamPaths.emotion")
    assert taken == {path for path in _paths(BODIES[name]) if not path.endswith(open_ones)}


def _paths(members: Mapping[str, Rule], path: str = "") -> Iterator[str]:
    for name, rule in members.items():
        at = f"{path}.{name}".lstrip(".")
        yield at
        inner = rule.items if rule.items is not None else rule
        yield from _paths(inner.members, at)


@pytest.mark.parametrize("name", sorted(BODIES))
async def test_each_member_is_as_documented(api: Api, name: str) -> None:
    wrong: list[str] = []
    body = {member: value for member, value in FULL_BODIES[name].items() if member not in OURS}
    for case in cases(BODIES[name], await prepared(api, name, body)):
        wrong += await _differences(api, name, case)
    assert wrong == []


async def _differences(api: Api, name: str, case: Case) -> list[str]:
    body = await _again(api, name, case.body)
    answer = await api.call(name, body)
    told = f"{case.path} {case.what}: {answer['Code']} {answer['Message']}"
    await _undo(api, name, body, answer)
    if case.taken:
        return [] if answer["Code"] == 0 else [told]
    names = answer["Message"].startswith(f"{case.path} is ")
    helps = "expected " in answer["Message"] or answer["Message"] == "Priority is invalid"
    return [] if answer["Code"] == 410000003 and names and helps else [told]


async def _again(api: Api, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with its agent registered, and a new instance where a case ends it or counts its Sequence up."""
    if name != "RegisterAgent" and isinstance(body.get("AgentId"), str):
        await api.call("RegisterAgent", {"AgentId": body["AgentId"]})
    if name not in ("DeleteAgentInstance", "StartListening", "StopListening") or "AgentInstanceId" not in body:
        return body
    if not isinstance(body["AgentInstanceId"], str) or not body["AgentInstanceId"]:
        return body
    for instance in list(api.manager.instances):
        await api.manager.delete(*instance)
    return await prepared(api, name, body | {"AgentInstanceId": "$instance"})


async def _undo(api: Api, name: str, body: dict[str, Any], answer: dict[str, Any]) -> None:
    if name == "RegisterAgent" and answer["Code"] == 0:
        await api.ok("UnregisterAgent", {"AgentId": body["AgentId"]})
    elif answer["Code"] == 0 and isinstance(answer["Data"], dict) and "AgentInstanceId" in answer["Data"]:
        await api.ok("DeleteAgentInstance", {"AgentInstanceId": answer["Data"]["AgentInstanceId"]})
