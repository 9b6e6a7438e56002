"""The package format: what is written is read back; what a stranger wrote is checked before it is believed."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mien.face.format import IrisRecord, PackageError, RigRecord, image_entries, pack, read_package
from tests.support.face_package import tiny_package


def _rewritten(data: bytes, **changes: bytes | None) -> bytes:
    """The zip with entries replaced, added, or left out (None)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = {n: old.read(n) for n in old.namelist()}
        names.update({k.replace("__", "."): v for k, v in changes.items() if v is not None})
        for name, content in names.items():
            if changes.get(name.replace(".", "__"), b"") is not None:
                new.writestr(name, content)
    return out.getvalue()


def _with_meta(data: bytes, **fields: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        meta = json.loads(archive.read("meta.json"))
    meta.update(fields)
    return _rewritten(data, meta__json=json.dumps(meta).encode())


@pytest.fixture(scope="module")
def data() -> bytes:
    return pack(tiny_package())


def test_a_package_survives_packing(data: bytes) -> None:
    before, after = tiny_package(), read_package(data)
    assert after.name == "tiny"
    assert after.size == before.size
    assert after.mouth == before.mouth
    assert after.eyes == before.eyes
    np.testing.assert_array_equal(after.triangles, before.triangles)
    np.testing.assert_allclose(after.rest, before.rest)
    np.testing.assert_allclose(after.weights, before.weights, atol=1e-4)
    np.testing.assert_allclose(after.grid, before.grid, atol=1e-4)
    for name, shape in before.keys.items():
        np.testing.assert_allclose(after.keys[name], shape, atol=1e-4)
    assert len(after.content_hash) == 64


def test_the_same_package_gives_the_same_bytes(data: bytes) -> None:
    assert pack(tiny_package()) == data


def test_another_version_says_how_to_go_on(data: bytes) -> None:
    with pytest.raises(PackageError, match=r"version 7.*avatar create"):
        read_package(_with_meta(data, version=7))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: b"",
        lambda d: b"PK\x03\x04" + b"\0" * 100,
        lambda d: d[: len(d) // 2],
        lambda d: _rewritten(d, meta__json=b"[1, 2"),
        lambda d: _rewritten(d, meta__json=b"[]"),
        lambda d: _rewritten(d, meta__json=None),
        lambda d: _rewritten(d, mesh__bin=b"\0" * 8),
        lambda d: _rewritten(d, picture__webp=b"nonsense"),
        lambda d: _with_meta(d, canvas=[30_000, 30_000]),
        lambda d: _with_meta(d, canvas=[96, 129]),
        lambda d: _with_meta(d, picture={"file": "../../etc/passwd"}),
        lambda d: _with_meta(d, keys=["jaw", "blink_r", "blink_l", "ears"]),
        lambda d: _with_meta(d, frame={"o": [float("nan"), 0], "ux": [1, 0], "uy": [0, 1], "sc": 40}),
        lambda d: _with_meta(d, eyes={}),
        lambda d: _with_meta(d, grid={"step": 16, "cols": 2, "rows": 2}),
    ],
)
def test_a_hostile_package_is_refused(data: bytes, spoil) -> None:
    with pytest.raises(PackageError):
        read_package(spoil(data))


def test_packages_of_version_1_still_open(data: bytes) -> None:
    old = read_package(_with_meta(data, version=1))
    assert old.rig is None
    assert old.size == tiny_package().size


def test_layers_transparency_and_points_survive_packing() -> None:
    package = tiny_package()
    matte = np.zeros(package.picture.shape[:2], np.uint8)
    matte[20:100, 20:80] = 255
    rig = RigRecord(
        style="photo",
        points=[(float(i), float(2 * i), -1.5) for i in range(468)],
        irises={"r": IrisRecord(centre=(30, 40), radius=5), "l": IrisRecord(centre=(60, 40), radius=5)},
    )
    plate = np.full_like(package.picture, 77)
    before = replace(package, plate=plate, matte=matte, transparent=True, rig=rig)
    packed = pack(before)
    after = read_package(packed)
    assert after.transparent
    assert after.rig == rig
    assert after.matte is not None
    np.testing.assert_array_equal(after.matte, matte)
    assert np.abs(after.still[:10].astype(int) - 77).max() < 3
    # Packed again with its own images, a picture does not lose anything.
    again = read_package(pack(after, images=image_entries(packed)))
    np.testing.assert_array_equal(again.picture, after.picture)
    assert image_entries(pack(after)) != image_entries(packed)


@pytest.mark.parametrize("name", ["picture.svg", "run.sh", "meta.json.bak", "plate.gif"])
def test_entries_that_do_not_belong_there_are_refused(data: bytes, name: str) -> None:
    with pytest.raises(PackageError, match="does not belong"):
        read_package(_rewritten(data, **{name.replace(".", "__"): b"x"}))


def test_too_many_entries_are_refused(data: bytes) -> None:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        for k in range(20):
            archive.writestr(f"x{k}", b"")
    with pytest.raises(PackageError, match="entries"):
        read_package(out.getvalue())


@pytest.mark.parametrize(
    "rig",
    [
        b"",
        b"[]",
        b'{"style": "photo", "points": [[1, 2, 3]], "irises": {}}',
        b'{"style": "photo", "points": [' + b",".join([b"[NaN, 0, 0]"] * 468) + b'], "irises": {}}',
        b'{"style": "photo", "points": [' + b",".join([b"[1e300, 0, 0]"] * 468) + b'], "irises": {}}',
    ],
)
def test_hostile_points_are_refused(data: bytes, rig: bytes) -> None:
    with pytest.raises(PackageError):
        read_package(_rewritten(data, rig__json=rig))


@pytest.mark.parametrize("name", ["../evil", "a/b", "/abs", ".hidden"])
def test_paths_are_refused(data: bytes, name: str) -> None:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(PackageError, match="path"):
        read_package(out.getvalue())


def test_a_zip_bomb_is_refused_by_its_announced_size(data: bytes) -> None:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * (40 << 20))
    with pytest.raises(PackageError, match="unpacks"):
        read_package(out.getvalue())


def test_indices_out_of_range_are_refused(data: bytes) -> None:
    package = tiny_package()
    package.triangles[0, 0] = 5000
    with pytest.raises(PackageError, match="out of bounds"):
        read_package(pack(package))
