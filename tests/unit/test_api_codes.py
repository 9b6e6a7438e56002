"""Every documented return code: what brings it about, or that docs/api.md says why nothing does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mien.codes import WORDS, ReturnCode
from mien.conversation.port import ConversationError, QueueFullError, UserAbsentError, UserListeningError
from mien.conversation.port import UserNotPublishingError as NotPublishing
from mien.store import OwnedHuman, StoreError
from tests.support.api_harness import APP_ID, LLM, NOW, Api, check_envelope, face_body, running_api, voice_body

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
AGENTS = {"AgentIds": ["jacky"]}
Answer = dict[str, Any]
Provoke = Callable[[Api, pytest.MonkeyPatch], Awaitable[Answer]]
PROVOKED: dict[int, Provoke] = {}


def by(code: int) -> Callable[[Provoke], Provoke]:
    def note(provoke: Provoke) -> Provoke:
        PROVOKED[code] = provoke
        return provoke

    return note


def common(code: int, **overrides: str | None) -> None:
    """A wrong or missing common parameter leads to `code`."""

    async def provoke(api: Api, _: pytest.MonkeyPatch) -> Answer:
        return await api.call(overrides.pop("Action", None) or "QueryAgents", AGENTS, **overrides)

    PROVOKED[code] = provoke


def refused(code: int, name: str, error: Exception, **members: Any) -> None:
    """A running instance that cannot do what action `name` asks leads to `code`."""

    async def provoke(api: Api, _: pytest.MonkeyPatch) -> Answer:
        instance = await api.create_voice(AdvancedConfig={"CommunicationMode": members.pop("mode", 0)})
        api.manager.get(APP_ID, instance).fail_with = error
        return await api.call(name, {"AgentInstanceId": instance} | members)

    PROVOKED[code] = provoke


def action(code: int, name: str, body: Any) -> None:
    """The body alone leads to `code`."""

    async def provoke(api: Api, _: pytest.MonkeyPatch) -> Answer:
        return await api.call(name, body)

    PROVOKED[code] = provoke


common(100000001, AppId="x")
common(100000002, Timestamp="")
common(100000003, Timestamp="now")
common(100000004, Timestamp=str(int(NOW) - 601))
common(100000005, Signature="0" * 32)
common(100000007, Action="Nonsense")
common(100000008, SignatureNonce="")
common(100000009, Signature="")
common(100000010, AppId="54321")
common(100000013, SignatureVersion="")
common(100000014, SignatureVersion="1.0")
action(100000012, "QueryAgents", b" " * (1 << 20) + b" ")
action(410000003, "QueryAgents", {})
action(410000004, "QueryAgents", b"{")
action(
    410000014, "CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": "lin", "EncodeCode": "VP8"})
)
action(410001002, "InterruptAgentInstance", {"AgentInstanceId": "1"})
action(410001008, "RegisterAgent", {"AgentId": "jacky"})
action(410001009, "CreateAgentInstance", voice_body(AgentId="nobody"))
action(
    410001026, "CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": "lin", "ConfigId": "tv"})
)
action(410001027, "CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": "nobody"}))
action(410001047, "RegisterAgent", {"AgentId": "a", "LLM": LLM | {"Url": "https://x.example/v1"}})
refused(410001006, "SendAgentInstanceLLM", QueueFullError("5 rounds wait"), Text="x")
refused(410001007, "SendAgentInstanceTTS", QueueFullError("5 rounds wait"), Text="x")
refused(410001010, "AddAgentInstanceMsg", ConversationError("no"), Messages=[{"Role": "user", "Content": "x"}])
refused(410001011, "UpdateAgentInstance", ConversationError("no"), ASR={})
refused(410001013, "SendAgentInstanceTTS", UserListeningError("the user is speaking"), Text="x")
refused(410001016, "StartListening", UserAbsentError("u1 is not in the room"), mode=2)
refused(410001022, "GetAgentInstanceMsgList", ConversationError("no"))
refused(410001023, "ResetAgentInstanceMsgList", ConversationError("no"))
refused(410001024, "InterruptAgentInstance", ConversationError("no"))
refused(410001042, "StartListening", ConversationError("never asked"))
refused(410001044, "StartListening", ConversationError("no"), mode=2)
refused(410001045, "StopListening", ConversationError("no"), mode=2)
refused(410001046, "StartListening", NotPublishing("s1 is not published"), mode=2)


@by(0)
async def success(api: Api, _: pytest.MonkeyPatch) -> Answer:
    return await api.call("QueryAgents", AGENTS)


@by(100000006)
async def no_action(api: Api, _: pytest.MonkeyPatch) -> Answer:
    query = api.query("QueryAgents") | {"Action": ""}
    return check_envelope(await api.client.post("/", params=query))


async def fails(*_: Any, **__: Any) -> Any:
    raise StoreError("the disk is full")


async def crashes(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


@by(100000011)
async def app_unreadable(api: Api, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(api.store.apps, "find", fails)
    return await api.call("QueryAgents", AGENTS)


@by(100000015)
async def gateway_crash(api: Api, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(api.store.apps, "find", crashes)
    return await api.call("QueryAgents", AGENTS)


@by(410000001)
async def crash(api: Api, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(api.store.agents, "find", crashes)
    return await api.call("QueryAgents", AGENTS)


@by(410000009)
async def database(api: Api, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(api.store.agents, "find", fails)
    return await api.call("QueryAgents", AGENTS)


@by(410000010)
async def machine_full(api: Api, _: pytest.MonkeyPatch) -> Answer:
    api.manager.no_capacity = True
    return await api.call("CreateAgentInstance", voice_body())


@by(410001025)
async def machine_full_for_faces(api: Api, _: pytest.MonkeyPatch) -> Answer:
    api.manager.no_capacity = True
    return await api.call("CreateDigitalHumanAgentInstance", face_body())


@by(410000011)
async def eleventh_voice(api: Api, _: pytest.MonkeyPatch) -> Answer:
    answers = [await api.call("CreateAgentInstance", voice_body(number)) for number in range(11)]
    assert [answer["Code"] for answer in answers[:10]] == [0] * 10
    return answers[10]


@by(410001031)
async def eleventh_face(api: Api, _: pytest.MonkeyPatch) -> Answer:
    answers = [await api.call("CreateDigitalHumanAgentInstance", face_body(number)) for number in range(11)]
    assert [answer["Code"] for answer in answers[:10]] == [0] * 10
    return answers[10]


@by(410001003)
async def create_fails(api: Api, _: pytest.MonkeyPatch) -> Answer:
    api.manager.fail_with = ConversationError("the room is closed")
    return await api.call("CreateAgentInstance", voice_body())


@by(410001028)
async def create_face_fails(api: Api, _: pytest.MonkeyPatch) -> Answer:
    api.manager.fail_with = ConversationError("the room is closed")
    return await api.call("CreateDigitalHumanAgentInstance", face_body())


@by(410001032)
async def create_face_crashes(api: Api, _: pytest.MonkeyPatch) -> Answer:
    api.manager.fail_with = ZeroDivisionError()
    return await api.call("CreateDigitalHumanAgentInstance", face_body())


@by(410001005)
async def delete_crashes(api: Api, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(api.manager, "delete", crashes)
    return await api.call("DeleteAgentInstance", {"AgentInstanceId": await api.create_voice()})


@by(410001029)
async def too_often(api: Api, _: pytest.MonkeyPatch) -> Answer:
    answers = [await api.call("ListAgents") for _ in range(11)]
    return answers[10]


@by(410001030)
async def stream_twice(api: Api, _: pytest.MonkeyPatch) -> Answer:
    await api.create_voice(1)
    return await api.call("CreateDigitalHumanAgentInstance", face_body(1))


@by(410001041)
async def shutting_down(api: Api, _: pytest.MonkeyPatch) -> Answer:
    one = {"AgentInstanceId": await api.create_voice()}
    await api.ok("DeleteAgentInstance", one | {"GracefulShutdown": True})
    return await api.call("QueryAgentInstanceStatus", one)


@by(410001043)
async def old_sequence(api: Api, _: pytest.MonkeyPatch) -> Answer:
    one = {"AgentInstanceId": await api.create_voice(AdvancedConfig={"CommunicationMode": 2})}
    await api.ok("StartListening", one | {"Sequence": 5})
    return await api.call("StartListening", one | {"Sequence": 4})


@by(410001048)
async def somebody_elses_face(api: Api, _: pytest.MonkeyPatch) -> Answer:
    await api.store.digital_humans.add(OwnedHuman("lin", APP_ID + 1, "Lin", {}))
    return await api.call("CreateDigitalHumanAgentInstance", face_body())


@by(410001049)
async def live(api: Api, _: pytest.MonkeyPatch) -> Answer:
    rtc = {"RoomId": "r1", "AgentStreamId": "live_s", "AgentUserId": "live_u"}
    body = {"AgentId": "jacky", "DigitalHuman": {"DigitalHumanId": "lin"}, "RTC": rtc}
    made = await api.ok("CreateLiveDigitalHumanAgentInstance", body)
    return await api.call("GetAgentInstanceMsgList", {"AgentInstanceId": made["AgentInstanceId"]})


def table(heading: str) -> set[int]:
    """The codes in the first column of a table of docs/api.md."""
    section = DOCS.read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n#")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {int(number) for row in rows for number in re.findall(r"\d{9}", row)}


IMPOSSIBLE = table("Codes that do not occur")
KNOWN = {int(code) for code in ReturnCode if int(code) // 10**6 in (0, 100, 410)}
"""Codes of the gateway and of actions on agents."""


@pytest.mark.parametrize("code", sorted(PROVOKED))
async def test_code_is_answered_and_says_what_to_do(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_api(tmp_path, rate_limit=10 if code == 410001029 else 0) as api:
        answer = await PROVOKED[code](api, monkeypatch)
    assert answer["Code"] == code, answer
    assert code == 0 or len(answer["Message"]) > 1


def test_every_code_occurs_or_is_explained() -> None:
    assert set(PROVOKED).isdisjoint(IMPOSSIBLE)
    assert set(PROVOKED) <= KNOWN <= set(PROVOKED) | IMPOSSIBLE
    assert table("When a code is returned") == set(PROVOKED) - {0}


def test_every_code_has_words_and_advice() -> None:
    assert set(WORDS) == set(ReturnCode)
    assert all(words.meaning and (words.advice or not code) for code, words in WORDS.items())


def test_every_documented_code_is_known() -> None:
    gateway = {100000000 + n for n in (*range(1, 16), 17)} | {100000000, 0}
    business = {410000000 + n for n in (*range(1, 7), 9, 10, 11, 14)}
    own = {410001000 + n for n in (*range(2, 12), 13, 16, *range(22, 36), *range(41, 50))}
    assert gateway | business | own == set(PROVOKED) | IMPOSSIBLE
