"""The OpenAPI document: valid, complete, true to what the server answers; and the page that shows it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mien.api.actions import ACTIONS
from mien.api.openapi import document
from tests.support.api_harness import Api, running_api
from tests.unit.test_api_actions import FULL_BODIES, prepared


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


def validator(openapi: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": openapi["components"]})


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def test_every_reference_leads_somewhere() -> None:
    openapi = document("http://x")
    for reference in references(openapi):
        place: Any = openapi
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for schema in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert "x-expected" not in str(openapi)


def test_every_member_is_described() -> None:
    schemas = document("http://x")["components"]["schemas"]
    bare = [
        f"{name}.{member}"
        for name, schema in schemas.items()
        for member, about in schema.get("properties", {}).items()
        if "description" not in about and "description" not in schemas.get(about.get("$ref", "").split("/")[-1], {})
    ]
    assert bare == []


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_has_an_example_of_a_request_and_its_answer(name: str) -> None:
    openapi = document("http://x")
    operation = openapi["paths"][f"/?Action={name}"]["post"]
    (request,) = operation["requestBody"]["content"].values()
    answer = operation["responses"]["200"]["content"]["application/json"]
    validator(openapi, request["schema"]).validate(request["example"])
    validator(openapi, answer["schema"]).validate(answer["example"])
    assert (answer["example"]["Data"] is None) == (ACTIONS[name].result is None)
    body = request["example"]
    ACTIONS[name].body.parse(body | {"Picture": b"x"} if "Picture" in body else body)
    config = (answer["example"]["Data"] or {}).get("DigitalHumanConfig")
    if config:
        assert json.loads(base64.b64decode(config))["DigitalHumanId"] == body["DigitalHuman"]["DigitalHumanId"]


async def test_document_is_served(api: Api) -> None:
    openapi = (await api.client.get("/openapi.json")).json()
    assert openapi["openapi"] == "3.1.0"
    assert openapi["servers"] == [{"url": "http://mien.test"}]
    assert {operation["post"]["operationId"] for operation in openapi["paths"].values()} == set(ACTIONS)
    members = {parameter.get("name") for parameter in openapi["paths"]["/?Action=ListAgents"]["get"]["parameters"]}
    assert members >= {"Limit", "Cursor"}
    assert all(operation["post"]["summary"] for operation in openapi["paths"].values())


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_what_is_sent_and_answered_fits_the_document(api: Api, name: str) -> None:
    openapi = document("http://x")
    operation = openapi["paths"][f"/?Action={name}"]["post"]
    body = await prepared(api, name, FULL_BODIES[name])
    validator(openapi, operation["requestBody"]["content"]["application/json"]["schema"]).validate(body)
    answered = validator(openapi, operation["responses"]["200"]["content"]["application/json"]["schema"])
    answered.validate(await api.call(name, body))
    answered.validate(await api.call(name, {"AgentInstanceId": 5}))


async def test_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = await api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"https?://", page.text)
    assert "'self'" in page.headers["content-security-policy"]
