"""The contract of the actions on stream tasks and digital humans, and of the WebSocket of DriveByWsStream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from mien.api.actions import ACTIONS
from mien.api.openapi import document
from mien.api.products import STREAMS
from mien.api.signature import sign
from mien.conversation.port import UnknownDigitalHumanError
from mien.rtc.port import VideoKind
from mien.streams import port
from mien.streams.spec import DriveInfo, DriveStatus, Look, TaskStatus, Voice, VoiceChannel
from tests.support.api_harness import APP_ID, NOW, TIMBRES, Api, face_body, running_api
from tests.support.fake_instances import FakeDigitalHuman
from tests.support.fake_streams import FakeTask
from tests.support.mutations import mutations

TASK = {"TaskId": "$task"}
FULL_BODIES: dict[str, dict[str, Any]] = {
    "GetDigitalHumanList": {"FetchMode": 2, "Offset": 0, "Limit": 5},
    "GetDigitalHumanInfo": {"DigitalHumanId": "lin"},
    "GetDigitalHumanRenderInfo": {"DigitalHumanId": "lin"},
    "GetTimbreList": {"DigitalHumanId": "lin", "Offset": 0, "Limit": 5},
    "CreateDigitalHumanStreamTask": {
        "DigitalHumanConfig": {"DigitalHumanId": "lin", "BackgroundColor": "#00fF7f"},
        "RTCConfig": {"RoomId": "room_1", "StreamId": "elias1"},
        "TTL": 3600,
        "MaxIdleTime": 600,
        "ExtraConfig": {"OutputMode": 2},
        "VideoConfig": {"Width": 720, "Height": 1280, "Bitrate": 1_000_000},
    },
    "StopDigitalHumanStreamTask": TASK,
    "GetDigitalHumanStreamTaskStatus": TASK,
    "QueryDigitalHumanStreamTasks": {},
    "DriveByText": TASK
    | {
        "Text": "你好",
        "InterruptMode": 1,
        "TTSConfig": {"TimbreId": "zf_xiaoxiao", "SpeechRate": -100, "PitchRate": 200, "Volume": 80},
    },
    "DriveByAudio": TASK | {"AudioUrl": "https://host.example/speech.mp3", "InterruptMode": 1, "VoiceChannel": 2},
    "DriveByRTCStream": TASK | {"RTCConfig": {"RoomId": "room_1", "StreamId": "host"}},
    "DriveByWsStream": TASK,
    "InterruptDriveTask": TASK,
    "DoAction": TASK | {"Action": "wave"},
    "GetDriveStatus": TASK | {"DriveId": "drive-1"},
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


async def create(api: Api, **members: Any) -> FakeTask:
    body = FULL_BODIES["CreateDigitalHumanStreamTask"] | members
    return api.streams.get(APP_ID, (await api.ok("CreateDigitalHumanStreamTask", body))["TaskId"])


async def prepared(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    return body | {"TaskId": (await create(api)).spec.task_id} if body.get("TaskId") == "$task" else body


def test_every_action_has_a_full_body() -> None:
    assert set(FULL_BODIES) == {name for name, action in ACTIONS.items() if action.product is STREAMS}


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_every_action_takes_all_its_members_and_answers_as_described(api: Api, name: str) -> None:
    body = await prepared(api, FULL_BODIES[name])
    openapi = document("http://x")
    operation = openapi["paths"][f"/?Action={name}"]["post"]

    def validate(schema: dict[str, Any], value: Any) -> None:
        Draft202012Validator({**schema, "components": openapi["components"]}).validate(value)

    validate(operation["requestBody"]["content"]["application/json"]["schema"], body)
    answer = await api.call(name, body)
    assert answer["Code"] == 0, answer
    validate(operation["responses"]["200"]["content"]["application/json"]["schema"], answer)
    result = ACTIONS[name].result
    if result is None:
        assert answer["Data"] is None
    else:
        assert set(answer["Data"]) == set(result.model_fields)


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_each_wrong_member_is_named(api: Api, name: str) -> None:
    body = await prepared(api, FULL_BODIES[name])
    count = 0
    for mutation in mutations(ACTIONS[name].body.model_json_schema(), body):
        answer = await api.call(name, mutation.body)
        where = (name, mutation.dotted, mutation.what, answer)
        assert answer["Code"] == 400000001, where
        assert answer["Message"].startswith(mutation.dotted), where
        assert "expected" in answer["Message"], where
        count += 1
    assert count or name == "QueryDigitalHumanStreamTasks"


@pytest.mark.parametrize("name", sorted(FULL_BODIES))
async def test_null_is_absent_and_case_does_not_matter(api: Api, name: str) -> None:
    body = await prepared(api, FULL_BODIES[name])
    schema = ACTIONS[name].body.model_json_schema()
    nothing = {member: None for member in schema["properties"] if member not in schema.get("required", [])}
    assert (await api.call(name, body | nothing))["Code"] == 0
    assert (await api.call(name, {member.lower(): value for member, value in body.items()}))["Code"] == 0


@pytest.mark.parametrize("name", sorted(name for name, body in FULL_BODIES.items() if "TaskId" in body))
async def test_unknown_task(api: Api, name: str) -> None:
    for unknown in ("6a5898fa-3e1d-4a6f-b949-05f39f1c10cb", "💡"):
        assert (await api.call(name, FULL_BODIES[name] | {"TaskId": unknown}))["Code"] == 400000005


async def test_how_long_an_id_may_be_is_said(api: Api) -> None:
    answer = await api.call("StopDigitalHumanStreamTask", {"TaskId": ""})
    assert answer["Message"] == "TaskId is invalid: expected a text of 1 to 128 characters"


async def test_get(api: Api) -> None:
    task = await create(api)
    said = await api.get(
        "DriveByText",
        [("TaskId", task.spec.task_id), ("Text", "Hi"), ("TTSConfig", '{"TimbreId": "af_heart", "Volume": 10}')],
    )
    assert said["Data"] == {"DriveId": "drive-1"}
    assert task.calls[-1][1]["voice"] == Voice("af_heart", volume=10)
    assert (await api.get("GetDigitalHumanList", [("Limit", "21")]))["Code"] == 400000001


async def test_a_body_that_is_no_json(api: Api) -> None:
    for body in (b"{", b"[]", b"\xff"):
        assert (await api.call("GetDigitalHumanList", body))["Code"] == 400000001


async def test_too_many_requests(tmp_path: Path) -> None:
    async with running_api(tmp_path, rate_limit=1) as api:
        await api.ok("GetDigitalHumanList")
        assert (await api.call("GetDigitalHumanList"))["Code"] == 400010009


async def test_what_nobody_expected(api: Api) -> None:
    api.streams.fail_with = ZeroDivisionError("oops")
    answer = await api.call("CreateDigitalHumanStreamTask", FULL_BODIES["CreateDigitalHumanStreamTask"])
    assert (answer["Code"], answer["RequestId"] in answer["Message"]) == (400010000, True)


# Digital humans and voices


async def test_list_of_digital_humans(api: Api) -> None:
    api.humans.all[1] = FakeDigitalHuman("yu", {"en": "Yu", "zh": "雨"}, gestures=("wave",))
    listed = await api.ok("GetDigitalHumanList")
    assert listed["Total"] == 2
    assert listed["DigitalHumans"][0] == {
        "DigitalHumanId": "lin",
        "Name": "Lin",
        "AvatarUrl": "http://mien.test/avatars/lin/preview.jpg",
        "IsPublic": True,
        "Actions": [],
    }
    assert listed["DigitalHumans"][1]["Actions"] == [{"Action": "wave", "PreviewUrl": ""}]
    picture = await api.client.get(listed["DigitalHumans"][0]["AvatarUrl"])
    assert picture.headers["content-type"] == "image/jpeg"
    second = await api.ok("GetDigitalHumanList", {"Offset": 1, "Limit": 1})
    assert (second["Total"], [human["DigitalHumanId"] for human in second["DigitalHumans"]]) == (2, ["yu"])
    assert (await api.ok("GetDigitalHumanList", {"FetchMode": 3}))["DigitalHumans"] == []
    assert await api.ok("GetDigitalHumanInfo", {"DigitalHumanId": "lin"}) == listed["DigitalHumans"][0]


async def test_unknown_digital_human(api: Api) -> None:
    for name in ("GetDigitalHumanInfo", "GetDigitalHumanRenderInfo", "GetTimbreList"):
        answer = await api.call(name, {"DigitalHumanId": "nobody"})
        assert (answer["Code"], "lin" in answer["Message"]) == (400000003, True)
    body = FULL_BODIES["CreateDigitalHumanStreamTask"] | {"DigitalHumanConfig": {"DigitalHumanId": "nobody"}}
    answer = await api.call("CreateDigitalHumanStreamTask", body)
    assert answer["Code"] == 400000003
    assert answer["Message"].startswith("DigitalHumanConfig.DigitalHumanId is wrong")


async def test_render_info(api: Api) -> None:
    info = await api.ok("GetDigitalHumanRenderInfo", {"DigitalHumanId": "lin"})
    assert info["IsSupportSmallImageMode"] is True
    assert (await api.client.get(info["ClientInferencePackageUrl"])).status_code == 200


async def test_timbres(api: Api) -> None:
    listed = await api.ok("GetTimbreList")
    assert (listed["Total"], [timbre["TimbreId"] for timbre in listed["Timbres"]]) == (3, TIMBRES)
    assert listed["Timbres"][2]["Name"] == "Xiaoxiao (Chinese, female)"
    own = await api.ok("GetTimbreList", {"DigitalHumanId": "lin"})
    assert [timbre["TimbreId"] for timbre in own["Timbres"]] == ["af_heart", "zf_xiaoxiao"]
    assert (await api.ok("GetTimbreList", {"DigitalHumanId": "yu"})) == {"Total": 0, "Timbres": []}
    assert len((await api.ok("GetTimbreList", {"Offset": 2}))["Timbres"]) == 1


# Tasks


async def test_what_reaches_a_task(api: Api) -> None:
    task = await create(api)
    assert (task.spec.app_id, task.spec.digital_human_id) == (APP_ID, "lin")
    assert (task.spec.room_id, task.spec.stream_id) == ("room_1", "elias1")
    assert (task.spec.ttl_s, task.spec.max_idle_s) == (3600, 600)
    assert task.spec.look == Look(VideoKind.MOTION, 0x00FF7F, 720, 1_000_000)
    plain = {"DigitalHumanConfig": {"DigitalHumanId": "lin"}, "RTCConfig": {"RoomId": "r", "StreamId": "s"}}
    made = await api.ok("CreateDigitalHumanStreamTask", plain)
    spec = api.streams.get(APP_ID, made["TaskId"]).spec
    assert (spec.ttl_s, spec.max_idle_s, spec.look) == (86_400, 900, Look(VideoKind.PICTURE))


async def test_members_of_old_samples_are_tolerated(api: Api) -> None:
    task = await create(
        api,
        DigitalHumanConfig={
            "DigitalHumanId": "lin",
            "BackgroundColor": "#11223344",
            "Layout": {"Top": 0, "Left": 0, "Width": 10, "Height": 10, "Layer": 2},
        },
        Assets=[{"AssetType": 1, "AssetUrl": "https://x.example/a.png"}],
        ExtraConfig={"OutputMode": 1},
        VideoConfig={"Width": 4000, "Height": 3000},
    )
    assert task.spec.look == Look(VideoKind.PICTURE, 0x112233, 1080)
    small = await create(api, VideoConfig={"Width": 100})
    assert small.spec.look.short_side == 240


@pytest.mark.parametrize("colour", ["red", "#12345", "#12345g", "123456", ""])
async def test_colours(api: Api, colour: str) -> None:
    human = {"DigitalHumanId": "lin", "BackgroundColor": colour}
    body = FULL_BODIES["CreateDigitalHumanStreamTask"] | {"DigitalHumanConfig": human}
    answer = await api.call("CreateDigitalHumanStreamTask", body)
    assert answer["Code"] == 400000001
    assert answer["Message"] == "DigitalHumanConfig.BackgroundColor is invalid: expected a colour such as #00ff00"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (port.StreamExistsError("elias1 is taken"), 400000015),
        (port.TaskLimitError("10 run already"), 400000008),
        (port.NoResourcesError("12 MB are free"), 400010007),
        (port.UnknownHumanError("it was deleted meanwhile"), 400000003),
        (port.StreamError("the room is full"), 400010000),
    ],
)
async def test_a_task_that_cannot_be_made(api: Api, error: Exception, code: int) -> None:
    api.streams.fail_with = error
    answer = await api.call("CreateDigitalHumanStreamTask", FULL_BODIES["CreateDigitalHumanStreamTask"])
    assert (answer["Code"], answer["Message"]) == (code, str(error))


async def test_status_and_list_of_tasks(api: Api) -> None:
    task = await create(api)
    one = {"TaskId": task.spec.task_id}
    wanted = {"RoomId": "room_1", "StreamId": "elias1", "FailReason": "", "CreateTime": 1_795_328_538}
    for status in TaskStatus:
        task.status = status
        assert await api.ok("GetDigitalHumanStreamTaskStatus", one) == wanted | {"Status": int(status)}
        listed = (await api.ok("QueryDigitalHumanStreamTasks"))["TaskList"]
        assert bool(listed) is (status in (1, 3))
    task.status = TaskStatus.STREAMING
    (entry,) = (await api.ok("QueryDigitalHumanStreamTasks"))["TaskList"]
    del wanted["FailReason"]
    assert entry == wanted | one | {"Status": 3}
    await api.ok("StopDigitalHumanStreamTask", one)
    assert task.status is TaskStatus.STOPPED
    api.streams.fail_with = port.StoppedError("it has stopped")
    assert (await api.call("StopDigitalHumanStreamTask", one))["Code"] == 400000007


async def test_tasks_belong_to_their_app(api: Api) -> None:
    task = await create(api)
    other = await api.store.apps.create("other")
    as_other = {
        "AppId": str(other.app_id),
        "SignatureNonce": "n",
        "Signature": sign(other.app_id, "n", other.server_secret, int(NOW)),
    }
    for name in ("StopDigitalHumanStreamTask", "DriveByWsStream", "GetDriveStatus"):
        assert (await api.call(name, {"TaskId": task.spec.task_id}, **as_other))["Code"] == 400000005
    assert (await api.call("QueryDigitalHumanStreamTasks", {}, **as_other))["Data"] == {"TaskList": []}
    assert (await api.call("GetDriveStatus", {}, **as_other))["Data"] == {"DriveList": []}


# Drives


async def test_what_reaches_a_drive(api: Api) -> None:
    task = await create(api)
    one = {"TaskId": task.spec.task_id}
    await api.ok("DriveByText", FULL_BODIES["DriveByText"] | one)
    await api.ok("DriveByText", one | {"Text": "Hi", "TTSConfig": {"TimbreId": "af_heart"}})
    await api.ok("DriveByAudio", FULL_BODIES["DriveByAudio"] | one)
    await api.ok("DriveByAudio", one | {"AudioUrl": "http://h.example/a.wav"})
    await api.ok("DriveByRTCStream", FULL_BODIES["DriveByRTCStream"] | one)
    made = await api.ok("DriveByWsStream", one)
    await api.ok("InterruptDriveTask", one)
    await api.ok("DoAction", one | {"Action": "wave"})
    assert made == {"DriveId": "drive-6", "WssAddress": "ws://mien.test/ws?Token=secret-token"}
    assert task.calls == [
        ("speak", {"text": "你好", "voice": Voice("zf_xiaoxiao", -100, 200, 80), "interrupt": True}),
        ("speak", {"text": "Hi", "voice": Voice("af_heart", 0, 0, 50), "interrupt": False}),
        ("play", {"url": "https://host.example/speech.mp3", "channel": VoiceChannel.RIGHT, "interrupt": True}),
        ("play", {"url": "http://h.example/a.wav", "channel": VoiceChannel.MIXED, "interrupt": False}),
        ("follow", {"room_id": "room_1", "stream_id": "host"}),
        ("expect_feed", {}),
        ("interrupt", {}),
        ("act", {"action": "wave"}),
    ]


async def test_the_socket_of_a_server_behind_tls(api: Api) -> None:
    api.deps.base_url = lambda _: "https://mien.example"
    made = await api.ok("DriveByWsStream", {"TaskId": (await create(api)).spec.task_id})
    assert made["WssAddress"] == "wss://mien.example/ws?Token=secret-token"


async def test_texts_and_addresses(api: Api) -> None:
    one = {"TaskId": (await create(api)).spec.task_id}
    await api.ok("DriveByText", FULL_BODIES["DriveByText"] | one | {"Text": "汉" * 1800})
    for text in ("汉" * 1801, "", " \n"):
        answer = await api.call("DriveByText", FULL_BODIES["DriveByText"] | one | {"Text": text})
        assert answer["Code"] == 400000001
    for url in ("", "speech.mp3", "ftp://x.example/a.mp3", "file:///etc/passwd", "https://", "ws://x.example/a"):
        answer = await api.call("DriveByAudio", one | {"AudioUrl": url})
        assert answer["Code"] == 400000001
        assert answer["Message"].startswith("AudioUrl is invalid")


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("DriveByText", port.NotStreamingError("not yet"), 400000006),
        ("DriveByText", port.StoppedError("it has stopped"), 400000007),
        ("DriveByText", port.UnknownTimbreError("no such voice"), 400000004),
        ("DriveByText", port.QueueFullError("100 wait"), 400010002),
        ("DriveByAudio", port.NotStreamingError("not yet"), 400000006),
        ("DriveByRTCStream", port.StoppedError("it has stopped"), 400000007),
        ("DriveByWsStream", port.NotStreamingError("not yet"), 400000006),
        ("InterruptDriveTask", port.StoppedError("it has stopped"), 400000007),
        ("DoAction", port.UnknownActionError("this digital human has no action 'dance'"), 400000001),
        ("DoAction", port.NotStreamingError("not yet"), 400000006),
    ],
)
async def test_states_that_forbid(api: Api, name: str, error: Exception, code: int) -> None:
    task = await create(api)
    task.fail_with = error
    answer = await api.call(name, FULL_BODIES[name] | {"TaskId": task.spec.task_id})
    assert (answer["Code"], answer["Message"]) == (code, str(error))


async def test_drive_status(api: Api) -> None:
    first, second = await create(api), await create(api, RTCConfig={"RoomId": "r", "StreamId": "other"})
    first.drives = [DriveInfo("a", DriveStatus.ENDED), DriveInfo("b", DriveStatus.DRIVING)]
    second.drives = [DriveInfo("c", DriveStatus.QUEUED)]
    a, b, c = ({"DriveId": "a", "Status": 4}, {"DriveId": "b", "Status": 2}, {"DriveId": "c", "Status": 1})
    one = {"TaskId": first.spec.task_id}
    assert (await api.ok("GetDriveStatus"))["DriveList"] == [a, b, c]
    assert (await api.ok("GetDriveStatus", one))["DriveList"] == [a, b]
    assert (await api.ok("GetDriveStatus", one | {"DriveId": "b"}))["DriveList"] == [b]
    assert (await api.ok("GetDriveStatus", {"DriveId": "c"}))["DriveList"] == [c]
    assert (await api.ok("GetDriveStatus", {"DriveId": "x"}))["DriveList"] == []


# The WebSocket of section 13.4


def start(drive_id: str = "drive-1", **payload: Any) -> str:
    body = {"DriveId": drive_id, "SampleRate": 24_000, "Channel": 1, "VoiceChannel": 0} | payload
    return json.dumps({"SequenceID": "s1", "Action": "Start", "Payload": body})


def stop(drive_id: str = "drive-1") -> str:
    return json.dumps({"Action": "Stop", "Payload": {"DriveId": drive_id}})


@pytest.fixture
async def driven(api: Api) -> tuple[Api, FakeTask]:
    task = await create(api)
    for _ in range(2):
        task.expect_feed()
    return api, task


async def test_drives_on_one_connection(driven: tuple[Api, FakeTask]) -> None:
    api, task = driven
    with TestClient(api.app).websocket_connect("/ws?Token=secret-token") as ws:
        ws.send_text(start())
        assert ws.receive_json() == {"SequenceID": "s1", "Action": "Start", "Code": 0, "Message": "success"}
        ws.send_bytes(b"\1\0\2\0")
        ws.send_bytes(b"\3\0")
        ws.send_text(stop())
        assert ws.receive_json() == {"SequenceID": None, "Action": "Stop", "Code": 0, "Message": "success"}
        first = task.feeds["drive-1"]
        assert (first.data, first.ended) == (b"\1\0\2\0\3\0", True)
        assert first.format == (24_000, 1, VoiceChannel.MIXED)
        ws.send_text(start("drive-2", SampleRate=16_000, Channel=2, VoiceChannel=1))
        assert ws.receive_json()["Code"] == 0
        ws.send_bytes(b"\4\0\5\0")
    second = task.feeds["drive-2"]
    assert second.format == (16_000, 2, VoiceChannel.LEFT)
    assert (second.data, second.ended) == (b"\4\0\5\0", True), "it ends where the connection does"


async def test_another_start_ends_what_was_sent_before(driven: tuple[Api, FakeTask]) -> None:
    api, task = driven
    with TestClient(api.app).websocket_connect("/ws?Token=secret-token") as ws:
        ws.send_text(start())
        ws.send_text(start("drive-2"))
        assert [ws.receive_json()["Code"] for _ in range(2)] == [0, 0]
        assert task.feeds["drive-1"].ended
        assert not task.feeds["drive-2"].ended


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "Action is required: expected one of Start, Stop"),
        ('{"Action": "Sing"}', "Action is invalid: expected one of Start, Stop"),
        ('{"Action": "Start"}', "Payload is required"),
        (start(SampleRate=7999), "Payload.SampleRate is invalid: expected an integer from 8000 to 48000"),
        (start(SampleRate="24000"), "Payload.SampleRate is invalid"),
        (start(Channel=3), "Payload.Channel is invalid"),
        (start(VoiceChannel=3), "Payload.VoiceChannel is invalid"),
        (start("nothing"), "no WebSocket drive 'nothing'"),
        (stop(), "was not started on this connection"),
        ('{"Action": "Stop", "Payload": {}}', "Payload.DriveId is required"),
    ],
)
async def test_wrong_frames_are_answered_in_words(driven: tuple[Api, FakeTask], frame: str, words: str) -> None:
    api, _ = driven
    with TestClient(api.app).websocket_connect("/ws?Token=secret-token") as ws:
        ws.send_text(frame)
        answer = ws.receive_json()
        assert answer["Code"] == 400000001
        assert words in answer["Message"], answer
        ws.send_bytes(b"\0\0")
        ws.send_bytes(b"\0\0")
        assert "before a Start" in ws.receive_json()["Message"]
        ws.send_text(start())
        assert ws.receive_json()["Code"] == 0, "the connection goes on, and complains once"


async def test_the_connection_ends_after_its_task(driven: tuple[Api, FakeTask]) -> None:
    api, _ = driven
    with TestClient(api.app).websocket_connect("/ws?Token=secret-token") as ws:
        ws.send_text(start())
        assert ws.receive_json()["Code"] == 0
        api.streams.tasks.clear()
        ws.send_text(start("drive-2"))
        assert ws.receive_json()["Code"] == 400000007
        assert ws.receive()["code"] == 1008


async def test_wrong_tokens(driven: tuple[Api, FakeTask]) -> None:
    api, _ = driven
    for query in ("", "?Token=", "?Token=wrong", "?token=secret-token"):
        with TestClient(api.app).websocket_connect(f"/ws{query}") as ws:
            closed = ws.receive()
            assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


async def test_the_page_is_told_of_every_code(api: Api) -> None:
    text = document("http://x")["components"]["schemas"]["Code"]["description"]
    assert "- 400000015: the StreamId is already in use" in text


async def test_errors_of_conversations_keep_their_codes(api: Api) -> None:
    api.manager.fail_with = UnknownDigitalHumanError("it was deleted meanwhile")
    assert (await api.call("CreateDigitalHumanAgentInstance", face_body()))["Code"] == 410001027
