"""The gateway: common parameters in their order, signature, time window, rate limit, bodies, GET, envelope."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mien.api.actions import ACTIONS
from mien.api.errors import ApiError
from mien.api.ids import IdSource
from mien.api.ratelimit import RateLimiter
from mien.api.signature import authenticate, sign
from mien.store import App, StoreError
from tests.support.api_harness import APP_ID, NOW, SECRET, Api, check_envelope, running_api, voice_body


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


def test_signature_vector() -> None:
    assert (
        sign(12345, "4fd24687296dd9f3", "9193cc662a4c0ec135ec71fb57194b38", 1615186943)
        == "43e5cfcca828314675f91b001390566a"
    )


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"AppId": None}, 100000001),
        ({"AppId": ""}, 100000001),
        ({"AppId": "abc"}, 100000001),
        ({"AppId": "-5"}, 100000001),
        ({"AppId": "0"}, 100000001),
        ({"AppId": "4294967296"}, 100000001),
        ({"AppId": "１２３"}, 100000001),
        ({"Timestamp": ""}, 100000002),
        ({"Timestamp": "yesterday"}, 100000003),
        ({"Timestamp": "1795328538.5"}, 100000003),
        ({"Timestamp": "1795328538000"}, 100000003),
        ({"Timestamp": str(int(NOW) - 601)}, 100000004),
        ({"Timestamp": str(int(NOW) + 601)}, 100000004),
        ({"Timestamp": "0"}, 100000004),
        ({"SignatureNonce": ""}, 100000008),
        ({"Signature": ""}, 100000009),
        ({"Signature": None}, 100000009),
        ({"AppId": "54321"}, 100000010),
        ({"Signature": "43e5cfcca828314675f91b001390566a"}, 100000005),
        ({"Signature": "§§§"}, 100000005),
        ({"SignatureVersion": None}, 100000013),
        ({"SignatureVersion": "1.0"}, 100000014),
        ({"Action": ""}, 100000006),
        ({"Action": None}, 100000006),
        ({"Action": "registerAgent"}, 100000007),
        ({"Action": "Nonsense"}, 100000007),
    ],
)
async def test_each_common_parameter_has_its_code(api: Api, overrides: dict[str, str | None], code: int) -> None:
    query = api.query("QueryAgents") | {"SignatureNonce": "n"}
    query["Signature"] = sign(APP_ID, "n", SECRET, int(NOW))
    if "Timestamp" in overrides or "AppId" in overrides:
        app_id, timestamp = overrides.get("AppId", str(APP_ID)), overrides.get("Timestamp", str(int(NOW)))
        query["Signature"] = sign(app_id or "", "n", SECRET, timestamp or "")
    merged = {name: value for name, value in (query | overrides).items() if value is not None}
    answer = check_envelope(await api.client.post("/", params=merged, json={"AgentIds": ["jacky"]}))
    assert answer["Code"] == code


async def test_checks_come_in_the_documented_order(api: Api) -> None:
    """Everything is wrong at first; each repair uncovers the next complaint."""
    query: dict[str, str] = {}
    seen = []
    for repair in (
        {},
        {"AppId": str(APP_ID)},
        {"Timestamp": "x"},
        {"Timestamp": "5"},
        {"Timestamp": str(int(NOW))},
        {"SignatureNonce": "n"},
        {"Signature": "0" * 32},
        {"Signature": sign(APP_ID, "n", SECRET, int(NOW))},
        {"SignatureVersion": "3.0"},
        {"SignatureVersion": "2.0"},
        {"Action": "Nope"},
        {"Action": "QueryAgents"},
    ):
        query |= repair
        seen.append(check_envelope(await api.client.post("/", params=query))["Code"] % 1000)
    assert seen == [1, 2, 3, 4, 8, 9, 5, 13, 14, 6, 7, 3]


@pytest.mark.parametrize("offset", [-600, -599, 0, 600])
async def test_ten_minutes_are_allowed(api: Api, offset: int) -> None:
    answer = await api.call("QueryAgents", {"AgentIds": ["a"]}, Timestamp=str(int(NOW) + offset))
    assert answer["Code"] == 0


@pytest.mark.parametrize("nonce", ["15215528852396", "4jtjduof6q", "x", "任意", "a b&c=d#e%"])
async def test_any_nonce_will_do(api: Api, nonce: str) -> None:
    assert (await api.call("QueryAgents", {"AgentIds": ["a"]}, SignatureNonce=nonce))["Code"] == 0


async def test_request_of_the_sample_backend(api: Api) -> None:
    """The request line that backend really sends."""
    line = (
        "/?Action=QueryAgents&AppId=12345&SignatureNonce=4jtjduof6q&Timestamp=1795328538&SignatureVersion=2.0"
        "&Signature=521c4d3ed3aa073b320b2c4e9458e47f"
    )
    answer = check_envelope(await api.client.post(line, json={"AgentIds": ["ai_agent_example_1"]}))
    assert answer["Code"] == 0, answer
    assert answer["Data"] == {"Agents": []}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 410000004),
        (b"[]", 410000004),
        (b'"x"', 410000004),
        (b"null", 410000004),
        (b"\xff\xfe", 410000004),
        (b'{"AgentIds": NaN}', 410000004),
        (b'{"AgentIds": ["\\ud800"]}', 410000004),
        (b"[" * 100_000, 410000004),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 410000004),
        (b'{"AgentIds": ' + b"9" * 5000 + b"}", 410000004),
        (b"", 410000003),
        (b"{}", 410000003),
        (b" " * (1 << 20) + b" ", 100000012),
        (b'\xef\xbb\xbf{"AgentIds":["jacky"]}', 0),
    ],
)
async def test_bodies(api: Api, body: bytes, code: int) -> None:
    assert (await api.call("QueryAgents", body))["Code"] == code


async def test_an_action_there_is_not_is_told_before_its_body_is_read(api: Api) -> None:
    assert (await api.call("Nonsense", b"{"))["Code"] == 100000007


async def test_get_with_parameters_in_the_query(api: Api) -> None:
    for parameters in (
        [("AgentIds", '["jacky","nobody"]')],
        [("AgentIds", "jacky"), ("AgentIds", "nobody")],
        [("AgentIds", "jacky")],
    ):
        answer = await api.get("QueryAgents", parameters)
        assert [agent["AgentId"] for agent in answer["Data"]["Agents"]] == ["jacky"]
    body = voice_body()
    parameters = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in body.items()]
    created = await api.get("CreateAgentInstance", parameters)
    instance = created["Data"]["AgentInstanceId"]
    said = await api.get(
        "SendAgentInstanceTTS", [("AgentInstanceId", instance), ("Text", "12"), ("AddHistory", "false")]
    )
    assert said["Code"] == 0
    assert api.manager.get(APP_ID, instance).calls[0][1]["text"] == "12"
    assert api.manager.get(APP_ID, instance).calls[0][1]["add_history"] is False
    wrong = await api.get("ListAgents", [("Limit", "many")])
    assert wrong["Code"] == 410000003
    assert wrong["Message"] == "Limit is invalid: expected an integer from 0 to 10"


async def test_a_browser_gets_the_page_and_an_api_call_does_not(api: Api) -> None:
    async def home(_: Request) -> Response:
        return PlainTextResponse("page")

    api.deps.home = home
    assert (await api.client.get("/")).text == "page"
    assert (await api.client.get("/?utm_source=mail")).text == "page"
    assert check_envelope(await api.client.get("/?Action=QueryAgents"))["Code"] == 100000001
    assert check_envelope(await api.client.post("/"))["Code"] == 100000001


async def test_rate_limit_is_per_action_and_app(tmp_path: Path) -> None:
    async with running_api(tmp_path, rate_limit=3) as api:
        codes = [(await api.call("QueryAgents", {"AgentIds": ["a"]}))["Code"] for _ in range(5)]
        assert codes == [0, 0, 0, 410001029, 410001029]
        assert (await api.call("ListAgents"))["Code"] == 0


def test_rate_limit_window_slides() -> None:
    limiter = RateLimiter(10)
    allowed = [limiter.allow(1, "A", time / 100) for time in range(300)]
    assert sum(allowed) == 30
    for begin in range(200):
        assert sum(allowed[begin : begin + 100]) <= 10
    assert limiter.allow(2, "A", 2.99)
    assert all(RateLimiter(0).allow(1, "A", 0.0) for _ in range(100))


async def test_a_database_in_trouble_is_a_sentence(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any, **__: Any) -> None:
        raise StoreError("The disk holding the database is full. Free some space and try again.")

    monkeypatch.setattr(api.store.agents, "add", full)
    answer = await api.call("RegisterAgent", {"AgentId": "x"})
    assert (answer["Code"], answer["Message"]) == (
        410000009,
        "The disk holding the database is full. Free some space and try again.",
    )
    monkeypatch.setattr(api.store.apps, "find", full)
    assert (await api.call("RegisterAgent", {"AgentId": "x"}))["Code"] == 100000011


async def test_a_bug_is_an_envelope_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api.store.agents, "find", broken)
    answer = await api.call("QueryAgents", {"AgentIds": ["a"]})
    assert answer["Code"] == 410000001
    assert "ZeroDivision" not in answer["Message"]
    assert answer["RequestId"] in answer["Message"]


async def test_request_ids_differ_under_load(api: Api) -> None:
    answers = await asyncio.gather(*(api.call("QueryAgents", {"AgentIds": ["a"]}) for _ in range(20)))
    assert len({answer["RequestId"] for answer in answers}) == 20


@given(times=st.lists(st.floats(1.6e9, 4e9), min_size=1, max_size=50))
def test_ids_rise_whatever_the_clock_does(times: list[float]) -> None:
    clock = iter(times)
    source = IdSource(lambda: next(clock))
    numbers = [int(source.next()) for _ in times]
    assert numbers == sorted(set(numbers))
    assert all(len(str(number)) == 19 and number < 2**63 for number in numbers)


COMMON = ["Action", "AppId", "SignatureNonce", "Timestamp", "Signature", "SignatureVersion"]
MEMBERS = sorted({member for action in ACTIONS.values() for member in action.body.model_fields})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def on_loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Api]]:
    """One surface for all the examples of a property, driven from outside its loop."""
    with asyncio.Runner() as runner:
        context = running_api(tmp_path_factory.mktemp("properties"))
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    overrides=st.dictionaries(st.sampled_from(COMMON), st.text(max_size=30) | st.none(), max_size=6),
    body=st.binary(max_size=60),
)
def test_no_common_parameters_make_it_fail(on_loop: tuple[asyncio.Runner, Api], overrides: Any, body: bytes) -> None:
    runner, api = on_loop
    query = {name: value for name, value in (api.query("QueryAgents") | overrides).items() if value is not None}
    line = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query.items())
    answer = check_envelope(runner.run(api.client.post(f"/?{line}", content=body)))
    assert answer["Code"] != 410000001


@hypothesis_settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(ACTIONS)), body=st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=8))
def test_no_body_makes_it_fail(on_loop: tuple[asyncio.Runner, Api], name: str, body: Any) -> None:
    runner, api = on_loop
    try:
        content = json.dumps(body).encode()
    except ValueError:
        return
    query = urlencode(api.query(name))
    answer = check_envelope(runner.run(api.client.post(f"/?{query}", content=content)))
    assert answer["Code"] not in (410000001, 400010000)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(ACTIONS)),
    parameters=st.lists(st.tuples(st.sampled_from(MEMBERS) | st.text(max_size=8), st.text(max_size=20)), max_size=6),
)
def test_no_query_makes_it_fail(
    on_loop: tuple[asyncio.Runner, Api], name: str, parameters: list[tuple[str, str]]
) -> None:
    runner, api = on_loop
    pairs = [*api.query(name).items(), *parameters]
    line = "&".join(f"{quote(key, errors='replace')}={quote(value, errors='replace')}" for key, value in pairs)
    answer = check_envelope(runner.run(api.client.get(f"/?{line}")))
    assert answer["Code"] not in (410000001, 100000015)


@given(nonce=st.text(min_size=1), app_id=st.integers(1, 2**32 - 1), timestamp=st.integers(0, 10**11 - 1))
def test_what_is_signed_is_accepted_and_nothing_else(nonce: str, app_id: int, timestamp: int) -> None:
    async def find(wanted: int) -> App:
        return App(wanted, "shop", SECRET, "c" * 32, {}, False, datetime(2026, 1, 1, tzinfo=UTC))

    signature = sign(app_id, nonce, SECRET, timestamp)
    query = {
        "Action": "X",
        "AppId": str(app_id),
        "SignatureNonce": nonce,
        "Timestamp": str(timestamp),
        "Signature": signature,
        "SignatureVersion": "2.0",
    }
    accepted, action = asyncio.run(authenticate(query, find, timestamp + 600))
    assert (accepted.app_id, action) == (app_id, "X")
    assert asyncio.run(authenticate(query | {"Signature": signature.upper()}, find, timestamp))[1] == "X"
    for place in range(0, 32, 7):
        other = "0" if signature[place] != "0" else "1"
        forged = query | {"Signature": signature[:place] + other + signature[place + 1 :]}
        with pytest.raises(ApiError) as caught:
            asyncio.run(authenticate(forged, find, timestamp))
        assert caught.value.code == 100000005


@given(query=st.dictionaries(st.sampled_from(COMMON), st.text(max_size=40)))
def test_no_common_parameters_are_accepted_by_chance(query: dict[str, str]) -> None:
    async def find(wanted: int) -> None:
        return None

    with pytest.raises(ApiError):
        asyncio.run(authenticate(query, find, NOW))


@pytest.mark.parametrize("raw", [b"/?%ff=%fe&AppId=%00", b"/?AppId=1&AppId=2", b"/?&&&=&", b"/?Action=%F0%28%8C%28"])
async def test_broken_query_strings(api: Api, raw: bytes) -> None:
    check_envelope(await api.client.post(httpx.URL("http://mien.test", raw_path=raw)))
