"""The call page's helper, and the packages and previews of digital humans."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mien.rtc import token04
from mien.store import StoreError
from tests.support.api_harness import APP_ID, NOW, SECRET, Api, running_api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


async def post(api: Api, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await api.client.post(f"/api/demo/{path}", content=content)
    return answer.status_code, answer.json()


def start_body(session: dict[str, Any], **members: Any) -> dict[str, Any]:
    given = {name: session[name] for name in ("room_id", "user_id", "user_stream_id")}
    return given | {"digital_human_id": "lin", "config_id": "mobile", "lang": "en"} | members


async def test_options(api: Api) -> None:
    assert (await api.client.get("/api/demo/options")).json() == {
        "languages": ["zh", "en"],
        "digital_humans": [
            {"id": "lin", "name": {"en": "Lin", "zh": "林"}, "preview_url": "/avatars/lin/preview.jpg"},
            {"id": "yu", "name": {"en": "Yu", "zh": "雨"}, "preview_url": "/avatars/yu/preview.jpg"},
        ],
        "app_id": APP_ID,
    }


async def test_a_call_from_the_page(api: Api) -> None:
    status, session = await post(api, "session", {"lang": "en"})
    assert status == 200
    assert session["ws_path"] == "/rtc/v1/ws"
    claims = token04.verify(session["token"], SECRET, app_id=APP_ID, user_id=session["user_id"], now=NOW)
    claims.check_publish(session["room_id"], session["user_stream_id"])
    with pytest.raises(token04.TokenError):
        claims.check_login("another_room")
    status, started = await post(api, "start", start_body(session))
    assert status == 200, started
    spec = api.manager.get(APP_ID, started["agent_instance_id"]).spec
    assert (spec.agent_id, spec.user_id, spec.rtc.user_stream_id) == (
        "mien_demo_en",
        session["user_id"],
        session["user_stream_id"],
    )
    assert (spec.rtc.agent_stream_id, spec.rtc.agent_user_id) == (started["agent_stream_id"], started["agent_user_id"])
    assert (spec.tts.vendor, spec.asr.vendor, spec.asr.params) == ("Local", "Local", {"language": "en"})
    assert spec.llm.url == ""
    assert "Your name is Lin." in spec.llm.system_prompt
    assert "PackageUrl" in base64.b64decode(started["digital_human_config"]).decode()
    status, _ = await post(api, "stop", {"agent_instance_id": started["agent_instance_id"]})
    assert status == 200
    assert api.manager.instances == {}


async def test_the_demo_agent_is_kept_up_to_date(api: Api) -> None:
    _, session = await post(api, "session", {})
    await post(api, "start", start_body(session, lang="zh"))
    await api.ok("UpdateAgent", {"AgentId": "mien_demo_zh", "Name": "X", "ASR": {"Vendor": "Tencent"}})
    _, started = await post(api, "start", start_body(session, lang="zh"))
    spec = api.manager.get(APP_ID, started["agent_instance_id"]).spec
    assert (spec.agent_name, spec.asr.params) == ("小面", {"language": "zh"})


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({"digital_human_id": "nobody"}, 404, 410001027, "This digital human is not there any more."),
        ({"digital_human_id": "nobody", "lang": "zh"}, 404, 410001027, "这个数字人已不存在。"),
        ({"config_id": "hologram"}, 400, 410001026, None),
        ({"room_id": 5}, 400, 410000003, None),
        ({"lang": "fr"}, 400, 410000003, None),
        ({"user_id": "not valid!"}, 400, 410000003, None),
    ],
)
async def test_errors_in_words(api: Api, body: Any, status: int, code: int, message: str | None) -> None:
    _, session = await post(api, "session", {})
    found, answer = await post(api, "start", start_body(session) | body)
    assert (found, answer["code"]) == (status, code)
    assert message in (None, answer["message"])
    assert answer["message"]
    assert answer["advice"]


async def test_a_busy_server_says_so(api: Api) -> None:
    _, session = await post(api, "session", {})
    api.manager.digital_human_limit = 0
    status, answer = await post(api, "start", start_body(session, lang="zh"))
    assert (status, answer["code"], answer["message"]) == (503, 410001031, "数字人都在通话中。")
    api.manager.digital_human_limit, api.manager.no_capacity = 10, True
    status, answer = await post(api, "start", start_body(session, lang="en"))
    assert (status, answer["code"]) == (503, 410001025)


async def test_bodies_that_are_no_json(api: Api) -> None:
    for body, status in ((b"{", 400), (b"[]", 400), (b" " * 1_100_000, 413)):
        found, answer = await post(api, "start", body)
        assert found == status
        assert answer["message"]


async def test_a_broken_store_is_words(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(api.store.apps, "ensure_demo", broken)
    status, answer = await post(api, "session", {"lang": "en"})
    assert (status, answer["message"], answer["detail"]) == (500, "The server failed.", "The disk is full.")


async def test_stop_only_ends_calls_of_the_demo(api: Api) -> None:
    status, answer = await post(api, "stop", {"agent_instance_id": "1912122918452641792", "lang": "en"})
    assert (status, answer["message"]) == (404, "The call has already ended.")


async def test_without_demo_there_is_no_helper(tmp_path: Path) -> None:
    async with running_api(tmp_path, demo=False) as api:
        assert (await api.client.get("/api/demo/options")).status_code == 404
        assert (await api.client.get(api.humans.package_url("lin"))).status_code == 200


async def test_packages_are_cached_for_ever_and_previews_checked(api: Api) -> None:
    package = await api.client.get(api.humans.package_url("lin"))
    assert package.content.startswith(b"PK")
    assert "immutable" in package.headers["cache-control"]
    preview = await api.client.get("/avatars/lin/preview.jpg")
    assert preview.headers["content-type"] == "image/jpeg"
    again = await api.client.get("/avatars/lin/preview.jpg", headers={"If-None-Match": preview.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/avatars/nobody/preview.jpg", "/avatars/nobody/00.zip", f"/avatars/lin/{'00' * 32}.zip", "/avatars/..%2f/x.zip"],
)
async def test_unknown_packages(api: Api, path: str) -> None:
    assert (await api.client.get(path)).status_code == 404
