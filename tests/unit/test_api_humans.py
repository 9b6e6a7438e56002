"""Our own actions that make and keep digital humans: uploads, ownership, and who sees what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mien.api import forms
from mien.api.actions import ACTIONS
from mien.api.openapi import document
from mien.api.signature import sign
from mien.errors import UserError
from mien.face.create.errors import PictureError
from mien.store import App
from tests.support.api_harness import NOW, Api, check_envelope, face_body, running_api
from tests.support.fake_instances import FakeDigitalHuman

PICTURE = b"\x89PNG picture"
NAME = "MienCreateDigitalHuman"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


@pytest.fixture
async def other(api: Api) -> dict[str, str]:
    """Common parameters of another app."""
    return signed(await api.store.apps.create("other"))


def signed(app: App) -> dict[str, str]:
    return {
        "AppId": str(app.app_id),
        "SignatureNonce": "n",
        "Signature": sign(app.app_id, "n", app.server_secret, int(NOW)),
    }


async def upload(api: Api, picture: bytes | None = PICTURE, **members: Any) -> dict[str, Any]:
    files = {"Picture": ("me.png", picture, "image/png")} if picture is not None else {"Other": ("x", b"x")}
    answer = await api.client.post(f"/?{urlencode(api.query(NAME))}", data={"Name": "小明"} | members, files=files)
    return check_envelope(answer)


async def made(api: Api, **members: Any) -> str:
    answer = await upload(api, **members)
    assert answer["Code"] == 0, answer
    return str(answer["Data"]["DigitalHumanId"])


async def test_a_picture_becomes_a_digital_human_of_the_app(api: Api, other: dict[str, str]) -> None:
    answer = await upload(api, Voices='{"zh": "zf_xiaoxiao"}', Style="photo", Size="square")
    human_id = answer["Data"]["DigitalHumanId"]
    assert answer["Data"] == {
        "DigitalHumanId": human_id,
        "AvatarUrl": f"http://mien.test/avatars/{human_id}/preview.jpg",
        "Warnings": ["the face is small"],
    }
    assert api.humans.created == [(PICTURE, {"name": "小明", "style": "photo", "size": "square"})]
    own = await api.ok("GetDigitalHumanList", {"FetchMode": 3})
    (entry,) = own["DigitalHumans"]
    assert (own["Total"], entry["DigitalHumanId"], entry["Name"], entry["IsPublic"]) == (1, human_id, "小明", False)
    assert (await api.ok("GetDigitalHumanList"))["Total"] == 3
    assert (await api.ok("GetDigitalHumanList", {"FetchMode": 2}))["Total"] == 2
    timbres = await api.ok("GetTimbreList", {"DigitalHumanId": human_id})
    assert [timbre["TimbreId"] for timbre in timbres["Timbres"]] == ["zf_xiaoxiao"]
    body = face_body(DigitalHuman={"DigitalHumanId": human_id})
    await api.ok("CreateDigitalHumanAgentInstance", body)

    # Others neither see it nor may use it.
    assert (await api.call("GetDigitalHumanList", {}, **other))["Data"]["Total"] == 2
    for name in ("MienUpdateDigitalHuman", "MienDeleteDigitalHuman"):
        assert (await api.call(name, {"DigitalHumanId": human_id}, **other))["Code"] == 410001048
    for name in ("GetDigitalHumanInfo", "GetDigitalHumanRenderInfo", "GetTimbreList"):
        assert (await api.call(name, {"DigitalHumanId": human_id}, **other))["Code"] == 400010001
    await api.call("RegisterAgent", {"AgentId": "jacky", "TTS": {"Vendor": "Local"}}, **other)
    foreign = await api.call("CreateDigitalHumanAgentInstance", body, **other)
    live = {"AgentId": "jacky", "DigitalHuman": {"DigitalHumanId": human_id}, "RTC": body["RTC"]}
    assert foreign["Code"] == 410001048
    assert (await api.call("CreateLiveDigitalHumanAgentInstance", live, **other))["Code"] == 410001048
    task = {"DigitalHumanConfig": {"DigitalHumanId": human_id}, "RTCConfig": {"RoomId": "r", "StreamId": "s"}}
    assert (await api.call("CreateDigitalHumanStreamTask", task, **other))["Code"] == 400010001
    unknown = await api.call(
        "CreateDigitalHumanAgentInstance", face_body(DigitalHuman={"DigitalHumanId": "x"}), **other
    )
    assert human_id not in unknown["Message"], "an error names nobody else's"


async def test_the_call_page_shows_its_own_and_everybodys(api: Api, other: dict[str, str]) -> None:
    own = await made(api)
    query = urlencode(api.query(NAME, **other))
    foreign = await api.client.post(f"/?{query}", data={"Name": "x"}, files={"Picture": ("p", PICTURE)})
    assert foreign.json()["Code"] == 0
    options = (await api.client.get("/api/demo/options")).json()
    assert [human["id"] for human in options["digital_humans"]] == ["lin", "yu", own]
    assert options["digital_humans"][2]["name"] == {"en": "小明", "zh": "小明"}


async def test_members_may_be_spelled_in_any_case(api: Api) -> None:
    query = urlencode(api.query(NAME))
    answer = await api.client.post(f"/?{query}", data={"name": "x"}, files={"picture": ("p", PICTURE)})
    assert answer.json()["Code"] == 0


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Name": ""}, "Name is invalid"),
        ({"Name": "  "}, "Name is invalid: expected a text of 1 to 256 bytes"),
        ({"Name": "名" * 86}, "Name is invalid"),
        ({"Style": "oil"}, "Style is invalid: expected one of auto, photo, illustration"),
        ({"Size": "huge"}, "Size is invalid: expected one of portrait, landscape, square"),
        ({"Voices": "zf_xiaoxiao"}, "Voices is invalid: expected an object"),
        ({"Voices": '{"zh": 1}'}, "Voices.zh is invalid"),
    ],
)
async def test_each_wrong_member_is_named(api: Api, members: dict[str, str], words: str) -> None:
    answer = await upload(api, **members)
    assert (answer["Code"], words in answer["Message"]) == (410000003, True), answer
    assert api.humans.created == []


async def test_the_picture_is_a_file(api: Api) -> None:
    missing = await upload(api, None)
    empty = await upload(api, b"")
    text = await api.call(NAME, {"Name": "x", "Picture": "aGVsbG8="})
    for answer in (missing, empty, text):
        assert answer["Code"] == 410000003
        assert answer["Message"].startswith("Picture is ")
        assert "multipart/form-data" in answer["Message"]
    assert (await api.get(NAME, [("Name", "x"), ("Picture", "x")]))["Code"] == 410000003


async def test_an_unknown_voice(api: Api) -> None:
    answer = await upload(api, Voices='{"en": "nobody"}')
    assert (answer["Code"], answer["Message"].startswith("Voices.en is invalid")) == (410000014, True)
    human = await made(api)
    answer = await api.call("MienUpdateDigitalHuman", {"DigitalHumanId": human, "Voices": {"zh": "nobody"}})
    assert answer["Code"] == 410000014


async def test_a_picture_that_will_not_do(api: Api) -> None:
    api.humans.fail_with = PictureError("no_face", "There is no face in this picture. Use one that shows a face.")
    answer = await upload(api)
    assert answer["Code"] == 410000014
    assert answer["Message"] == "There is no face in this picture. Use one that shows a face."
    assert await api.store.digital_humans.list() == []


@pytest.mark.parametrize(
    "error", [PictureError("models_missing", "Run `make setup`."), UserError("The disk is full. Free some space.")]
)
async def test_a_server_that_cannot_make_one(api: Api, error: UserError) -> None:
    api.humans.fail_with = error
    answer = await upload(api)
    assert (answer["Code"], answer["Message"]) == (410001032, str(error))
    assert await api.store.digital_humans.list() == []


async def test_what_is_cancelled_belongs_to_nobody_else(api: Api) -> None:
    """The package may still come into being in its thread; it must not be everybody's then."""
    api.humans.fail_with = asyncio.CancelledError()  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await upload(api)
    (entry,) = await api.store.digital_humans.list()
    assert entry.name == "小明"


@pytest.mark.parametrize("extra", [0, 1])
async def test_the_size_of_an_upload_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    monkeypatch.setattr(forms, "FIELD_BYTES", 2000)
    answer = await upload(api, b"x" * (ACTIONS[NAME].upload + 2000 * extra))
    assert answer["Code"] == (100000012 if extra else 0)
    assert answer["Message"] == ("the file is larger than 30 MiB" if extra else "success")
    assert len(api.humans.created) == 1 - extra


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n"),
    ],
)
async def test_damaged_forms(api: Api, kind: str, body: bytes) -> None:
    query = urlencode(api.query(NAME))
    answer = check_envelope(await api.client.post(f"/?{query}", content=body, headers={"Content-Type": kind}))
    assert answer["Code"] in (100000012, 410000003)
    assert answer["Code"] == 100000012 or "Picture" in answer["Message"]


async def test_too_many_parts(api: Api) -> None:
    query = urlencode(api.query(NAME))
    files = [("Picture", ("a", PICTURE)), ("Picture2", ("b", PICTURE))]
    assert (await api.client.post(f"/?{query}", data={"Name": "x"}, files=files)).json()["Code"] == 100000012
    fields = {f"f{n}": "x" for n in range(30)}
    answer = await api.client.post(f"/?{query}", data=fields, files={"Picture": ("a", PICTURE)})
    assert answer.json()["Code"] == 100000012


async def test_an_upload_without_a_signature(api: Api) -> None:
    answer = await api.client.post(f"/?Action={NAME}", data={"Name": "x"}, files={"Picture": ("a", PICTURE)})
    assert check_envelope(answer)["Code"] == 100000001
    assert api.humans.created == []


async def test_update(api: Api) -> None:
    human = await made(api, Voices='{"zh": "zf_xiaoxiao"}')
    one = {"DigitalHumanId": human}
    await api.ok("MienUpdateDigitalHuman", one | {"Name": "Ming"})
    assert (await api.ok("GetDigitalHumanInfo", one))["Name"] == "Ming"
    assert (await api.ok("GetTimbreList", one))["Total"] == 1
    await api.ok("MienUpdateDigitalHuman", one | {"Voices": {"zh": "zf_xiaoxiao", "en": "am_michael"}})
    assert (await api.ok("GetTimbreList", one))["Total"] == 2
    await api.ok("MienUpdateDigitalHuman", one | {"Voices": {}, "Name": None})
    assert (await api.ok("GetTimbreList", one))["Total"] == 0
    assert (await api.ok("GetDigitalHumanInfo", one))["Name"] == "Ming"
    for body, words in (({"Name": "x"}, "DigitalHumanId is required"), (one | {"Name": " "}, "Name is invalid")):
        answer = await api.call("MienUpdateDigitalHuman", body)
        assert (answer["Code"], answer["Message"].startswith(words)) == (410000003, True)


async def test_delete(api: Api) -> None:
    human = await made(api)
    one = {"DigitalHumanId": human}
    task = {"DigitalHumanConfig": one, "RTCConfig": {"RoomId": "r", "StreamId": "s"}}
    await api.ok("CreateDigitalHumanStreamTask", task)
    refused = await api.call("MienDeleteDigitalHuman", one)
    assert (refused["Code"], "is being shown" in refused["Message"]) == (410000014, True)
    api.streams.tasks.clear()
    await api.ok("MienDeleteDigitalHuman", one)
    assert await api.store.digital_humans.list() == []
    assert (await api.call("MienDeleteDigitalHuman", one))["Code"] == 410001027
    assert (await api.call("MienDeleteDigitalHuman", {}))["Code"] == 410000003


async def test_what_is_nobodys_stays(api: Api) -> None:
    api.humans.all.append(FakeDigitalHuman("shared", {"en": "S", "zh": "S"}, default=False))
    assert (await api.ok("GetDigitalHumanInfo", {"DigitalHumanId": "shared"}))["IsPublic"] is True
    for name in ("MienDeleteDigitalHuman", "MienUpdateDigitalHuman"):
        default = await api.call(name, {"DigitalHumanId": "lin", "Name": "x"})
        assert (default["Code"], "comes with Mien" in default["Message"]) == (410000014, True)
        shared = await api.call(name, {"DigitalHumanId": "shared", "Name": "x"})
        assert (shared["Code"], "mien avatar" in shared["Message"]) == (410001048, True)
        assert (await api.call(name, {"DigitalHumanId": "nobody"}))["Code"] == 410001027
    assert len(api.humans.all) == 3


async def test_a_deleted_app_leaves_nothing_to_others(api: Api, other: dict[str, str]) -> None:
    query = urlencode(api.query(NAME, **other))
    await api.client.post(f"/?{query}", data={"Name": "x"}, files={"Picture": ("p", PICTURE)})
    await api.store.apps.delete(int(other["AppId"]))
    assert (await api.ok("GetDigitalHumanList"))["Total"] == 2


def test_the_document_describes_the_upload() -> None:
    openapi = document("http://x")
    path = openapi["paths"][f"/?Action={NAME}"]
    assert set(path) == {"post"}
    content = path["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data"}
    schema = openapi["components"]["schemas"]["MienCreateDigitalHuman"]
    assert schema["properties"]["Picture"]["format"] == "binary"
    assert schema["required"] == ["Picture", "Name"]
