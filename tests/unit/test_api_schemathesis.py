"""Schemathesis reads /openapi.json and calls every operation with what the document allows and what it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode

from mien.api.actions import ACTIONS
from mien.api.openapi import document
from tests.support.api_harness import Api, check_envelope, running_api

DOCUMENT = json.loads(json.dumps(document("http://mien.test")))
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]
FAILURES = {100000015, 410000001, 410000009, 410001003, 410001005, 410001032}
"""What a caller must not be able to bring about."""
EXAMPLES = {"post": 4, "get": 2}
"""By method: with GET the same bodies go another way."""
NOT_IN_JSON_SCHEMA = (
    "Cursor is invalid",
    "not all of them blank",
    "bytes in UTF-8",
    "bytes, not blank",
    "expected another id",
    "an address such as",
    "CDN.Url is invalid",
    "a name of its own for each tool",
)
"""Refusals of what the document has no words for."""


def test_the_document_is_valid() -> None:
    problems = [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()
    ]
    assert problems == []


def test_every_action_is_there_both_ways() -> None:
    found = {(operation.path, operation.method) for operation in OPERATIONS}
    assert found == {
        (f"/?Action={name}", method)
        for name, action in ACTIONS.items()
        for method in (["post"] if action.upload else ["get", "post"])
    }


@pytest.fixture(scope="module")
def on_loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Api]]:
    """One surface for all examples, driven from outside its loop."""
    with asyncio.Runner() as runner:
        context = running_api(tmp_path_factory.mktemp("schemathesis"))
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[f"{o.method} {o.path[9:]}" for o in OPERATIONS])
def test_every_answer_fits_the_document(
    on_loop: tuple[asyncio.Runner, Api], operation: schemathesis.APIOperation, mode: GenerationMode
) -> None:
    runner, api = on_loop
    signed = api.query(operation.path.removeprefix("/?Action="))

    @seed(7)
    @settings(
        max_examples=EXAMPLES[operation.method],
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case) -> None:
        request = case.as_transport_kwargs(base_url="http://mien.test")
        query = {name: value for name, value in (request["params"] or {}).items() if name not in signed} | signed
        written = requests.Request(**request | {"params": None}).prepare()
        try:
            answer = runner.run(
                api.client.request(
                    request["method"], "/", params=query, headers=dict(written.headers), content=written.body
                )
            )
        except httpx.InvalidURL:
            return  # longer than an address may be
        runner.run(answer.request.aread())
        operation.validate_response(answer)
        envelope = check_envelope(answer)
        assert envelope["Code"] not in FAILURES, envelope
        if mode is GenerationMode.POSITIVE and operation.method == "post" and envelope["Code"] == 410000003:
            assert any(words in envelope["Message"] for words in NOT_IN_JSON_SCHEMA), envelope

    call()
