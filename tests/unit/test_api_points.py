"""Our own actions that show the points of a digital human and take corrected ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mien.errors import UserError
from mien.face.create.edit import PARTS, Edits, IrisEdit
from mien.face.create.errors import PictureError
from mien.store import OwnedHuman
from tests.support.api_harness import APP_ID, Api, running_api
from tests.support.fake_instances import FakeDigitalHuman

GET, EDIT = "MienGetDigitalHumanPoints", "MienEditDigitalHuman"
OWN = {"DigitalHumanId": "own"}
IRIS = {"Side": "r", "X": 13, "Y": 20, "Radius": 4.5}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """One digital human of this app, "own", one of another, "foreign", and one that is everybody's, "shared"."""
    async with running_api(tmp_path) as running:
        other = await running.store.apps.create("other")
        for human_id, owner in (("own", APP_ID), ("foreign", other.app_id), ("shared", None)):
            running.humans.all.append(FakeDigitalHuman(human_id, {"en": "M", "zh": "M"}, default=False))
            if owner is not None:
                await running.store.digital_humans.add(OwnedHuman(human_id, owner, "M", {}))
        yield running


async def test_points_say_where_they_are_and_where_they_may_be(api: Api) -> None:
    assert await api.ok(GET, OWN) == {
        "DigitalHumanId": "own",
        "ClientInferencePackageUrl": f"http://mien.test/avatars/own/{'ab' * 32}.zip",
        "Editable": True,
        "Style": "photo",
        "Canvas": {"Width": 100, "Height": 200},
        "Range": {"Left": -25, "Top": -50, "Right": 125, "Bottom": 250},
        "Groups": [{"Name": name, "Points": list(points)} for name, points in PARTS.items()],
        "Points": [{"Id": 0, "X": 10, "Y": 20}, {"Id": 1, "X": 30, "Y": 40.5}],
        "Irises": [{"Side": "r", "X": 12.5, "Y": 20, "Radius": 4}],
        "MouthLine": None,
    }


async def test_corrections_make_a_new_version(api: Api) -> None:
    body = OWN | {
        "Points": [{"Id": 61, "X": 31.5, "Y": 40}],
        "Irises": [IRIS],
        "MouthLine": [{"X": 1, "Y": 2}, {"X": 3, "Y": 4}],
        "Style": "illustration",
        "Follow": False,
    }
    assert await api.ok(EDIT, body) == {
        "DigitalHumanId": "own",
        "AvatarUrl": "http://mien.test/avatars/own/preview.jpg",
        "ClientInferencePackageUrl": f"http://mien.test/avatars/own/{'ab' * 32}.zip",
        "Warnings": ["the jaw opens less"],
    }
    wanted = Edits(
        points={61: (31.5, 40)},
        irises={"r": IrisEdit(centre=(13, 20), radius=4.5)},
        mouth_line=[(1, 2), (3, 4)],
        style="illustration",
        follow=False,
    )
    await api.ok(EDIT, OWN)
    assert api.humans.edited == [("own", wanted, False), ("own", Edits(), False)]


async def test_what_is_read_can_be_written(api: Api) -> None:
    found = await api.ok(GET, OWN)
    await api.ok(EDIT, found)
    assert api.humans.edited[0][1].points == {0: (10, 20), 1: (30, 40.5)}


async def test_what_is_shown_keeps_all_of_its_versions(api: Api) -> None:
    task = {"DigitalHumanConfig": OWN, "RTCConfig": {"RoomId": "r", "StreamId": "s"}}
    await api.ok("CreateDigitalHumanStreamTask", task)
    await api.ok(EDIT, OWN)
    assert api.humans.edited == [("own", Edits(), True)]


async def test_who_may_read_and_who_may_write(api: Api) -> None:
    for human_id in ("lin", "shared"):
        assert (await api.ok(GET, {"DigitalHumanId": human_id}))["Editable"] is False
    default = await api.call(EDIT, {"DigitalHumanId": "lin"})
    assert (default["Code"], "comes with Mien" in default["Message"]) == (410000014, True)
    assert (await api.call(EDIT, {"DigitalHumanId": "shared"}))["Code"] == 410001048
    for name in (GET, EDIT):
        assert (await api.call(name, {"DigitalHumanId": "foreign"}))["Code"] == 410001048
        assert (await api.call(name, {"DigitalHumanId": "nobody"}))["Code"] == 410001027
    assert api.humans.edited == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Points": [{"Id": 468, "X": 1, "Y": 1}]}, "Points[0].Id is invalid: expected an integer from 0 to 467"),
        ({"Points": [{"Id": 1, "X": 1e9, "Y": 1}]}, "Points[0].X is invalid: expected a number from -8192 to 8192"),
        ({"Points": [{"Id": 1, "X": 1}]}, "Points[0].Y is required"),
        ({"Points": [{"Id": 1, "X": 1, "Y": 1}] * 2}, "Points[1].Id is invalid: expected each one once"),
        ({"Points": {"1": [1, 1]}}, "Points is invalid: expected an array"),
        ({"Irises": [IRIS, IRIS]}, "Irises[1].Side is invalid: expected each one once"),
        ({"Irises": [IRIS | {"Side": "left"}]}, "Irises[0].Side is invalid: expected one of r, l"),
        ({"Irises": [IRIS | {"Radius": 0}]}, "Irises[0].Radius is invalid"),
        ({"MouthLine": []}, "MouthLine is invalid: expected a non-empty array of at most 64"),
        ({"Style": "auto"}, "Style is invalid: expected one of photo, illustration"),
        ({"Follow": 1}, "Follow is invalid: expected true or false"),
        ({"DigitalHumanId": None}, "DigitalHumanId is required"),
    ],
)
async def test_each_wrong_member_is_named(api: Api, members: dict[str, Any], words: str) -> None:
    answer = await api.call(EDIT, OWN | members)
    assert (answer["Code"], words in answer["Message"]) == (410000003, True), answer
    assert api.humans.edited == []


async def test_points_that_make_no_face(api: Api) -> None:
    api.humans.fail_with = PictureError("edit", "Point 61 has x = 900.")
    answer = await api.call(EDIT, OWN)
    assert (answer["Code"], answer["Message"]) == (410000014, "Point 61 has x = 900.")
    api.humans.fail_with = PictureError("edit", "This package was made before points were kept.")
    assert (await api.call(GET, OWN))["Code"] == 410000014
    api.humans.fail_with = UserError("The disk is full. Free some space.")
    assert (await api.call(EDIT, OWN))["Code"] == 410001032
