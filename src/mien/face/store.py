"""The digital humans of this server: one zip per id in a folder, and the default ones that are made from Mien's own
pictures on first use."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import structlog

from mien.errors import UserError
from mien.face.create.background import Background
from mien.face.create.build import PackageInfo, Progress, create_package
from mien.face.create.canvas import CanvasSize
from mien.face.create.edit import Edits, export_points, parse_edits, rerig_file
from mien.face.format import Package, encode_image, read_package

log = structlog.get_logger(__name__)

DEFAULTS_DIR = Path(__file__).with_name("defaults")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FORMAT = 7
"""Raised when packages made by an earlier build of Mien should be made again from the default pictures."""


class UnknownAvatar(UserError):
    """There is no digital human with this id."""


@dataclass(frozen=True, slots=True)
class DefaultHuman:
    """A digital human that comes with Mien. `names` and `voices` (of the local engine) by language, "en" and "zh"."""

    id: str
    names: Mapping[str, str]
    picture: Path
    style: Literal["auto", "photo", "illustration"]
    voices: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    """Public trial ids of the compatible API that mean this one."""

    @property
    def name(self) -> str:
        return self.names["en"]


@dataclass(frozen=True, slots=True)
class AvatarEntry:
    """What a list of digital humans shows. `made`: whether its package exists already (defaults are made on first
    use)."""

    id: str
    name: str
    path: Path
    default: bool
    made: bool


@cache
def default_humans() -> tuple[DefaultHuman, ...]:
    """The digital humans that come with Mien, in order."""
    index = DEFAULTS_DIR / "defaults.json"
    if not index.is_file():
        return ()
    return tuple(
        DefaultHuman(
            entry["id"],
            entry["name"],
            DEFAULTS_DIR / entry["picture"],
            entry["style"],
            entry["voices"],
            tuple(entry["aliases"]),
        )
        for entry in json.loads(index.read_text("utf-8"))
    )


class PackageStore:
    """Packages below `root`, one `<id>.zip` each. Safe to use from several threads.

    `models_dir` is where the face networks lie (the settings' own by default); it is needed only to make packages.
    """

    def __init__(self, root: Path, *, models_dir: Path | None = None) -> None:
        self.root = root
        self._models_dir = models_dir
        self._lock = threading.Lock()
        self._opened: dict[Path, tuple[int, Package]] = {}
        self._names: dict[Path, tuple[int, str]] = {}
        self._hashes: dict[Path, tuple[int, str]] = {}

    def resolve(self, avatar_id: str) -> str:
        """The id behind an alias, or the id itself."""
        if self._path(avatar_id).exists():
            return avatar_id
        return next((human.id for human in default_humans() if avatar_id in human.aliases), avatar_id)

    def __contains__(self, avatar_id: object) -> bool:
        if not isinstance(avatar_id, str) or not _ID.fullmatch(avatar_id):
            return False
        wanted = self.resolve(avatar_id)
        return self._path(wanted).is_file() or any(d.id == wanted for d in default_humans())

    def list(self) -> list[AvatarEntry]:
        """All digital humans: the defaults first, then the own ones by id."""
        defaults = default_humans()
        entries = []
        for d in defaults:
            path = self._default_path(d)
            entries.append(AvatarEntry(d.id, d.name, path, default=True, made=path.is_file()))
        known = {d.id for d in defaults}
        own = (p for p in sorted(self.root.glob("*.zip")) if p.stem not in known and _ID.fullmatch(p.stem))
        entries.extend(AvatarEntry(p.stem, self._name(p), p, default=False, made=True) for p in own)
        return entries

    def path(self, avatar_id: str) -> Path:
        """The zip of an id or alias, made now if it is a default one not used before (under 3 s). Raises
        UnknownAvatar."""
        wanted = self._checked(self.resolve(avatar_id))
        own = self._path(wanted)
        if own.is_file():
            return own
        for default in default_humans():
            if default.id == wanted:
                return self._make_default(default)
        raise UnknownAvatar(f"There is no digital human {avatar_id!r}. `mien avatar list` shows those there are.")

    def get(self, avatar_id: str) -> Package:
        """The opened package; opened once and kept. Raises UnknownAvatar, PackageError."""
        path = self.path(avatar_id)
        stamp = path.stat().st_mtime_ns
        with self._lock:
            known = self._opened.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        package = read_package(path)
        with self._lock:
            self._opened[path] = (stamp, package)
        return package

    def create(
        self,
        picture: bytes | Path,
        *,
        name: str = "",
        style: Literal["auto", "photo", "illustration"] = "auto",
        size: CanvasSize = "portrait",
        background: Background | str | bytes = "keep",
        avatar_id: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[str, PackageInfo]:
        """Makes a digital human from a picture and keeps it; returns its id. `background`: see
        `mien.face.create.background.parse_background`. Raises PictureError."""
        new_id = self._checked(avatar_id or str(uuid.uuid4()))
        info = create_package(
            picture,
            self._path(new_id),
            name=name,
            style=style,
            size=size,
            background=background,
            models_dir=self._models_dir,
            progress=progress,
        )
        return new_id, info

    def add(self, data: bytes, *, avatar_id: str | None = None) -> str:
        """Keeps a package made elsewhere, after checking it; returns its id. Raises PackageError."""
        read_package(data)
        new_id = self._checked(avatar_id or str(uuid.uuid4()))
        self._keep(new_id, data)
        return new_id

    def points(self, avatar_id: str) -> str:
        """What was found in its picture, as JSON that `edit` takes back. Raises UnknownAvatar, PictureError."""
        return export_points(self.get(avatar_id)).model_dump_json(indent=1)

    def edit(
        self, avatar_id: str, edits: Edits | bytes | str, *, new_id: str | None = None, keep_all: bool = False
    ) -> tuple[str, tuple[str, ...]]:
        """Rigs it again with corrected points, under a second; returns the id it is kept under, and sentences about
        what had to be limited. One that comes with Mien needs a `new_id`.

        The version before stays to be had by `version`; those before it too with `keep_all`, for calls that go on.
        Raises UnknownAvatar, PictureError("edit").
        """
        wanted = self._checked(self.resolve(avatar_id))
        target = self._checked(new_id or wanted)
        if any(human.id == target for human in default_humans()):
            raise UnknownAvatar(
                f"{avatar_id} comes with Mien and stays as it is; keep the edited one under another id."
            )
        parsed = edits if isinstance(edits, Edits) else parse_edits(edits)
        made, notes = rerig_file(self.path(wanted).read_bytes(), parsed)
        self._put_aside(target, keep_all=keep_all)
        self._keep(target, made)
        return target, notes

    def version(self, avatar_id: str, content_hash: str) -> Path | None:
        """The zip with this SHA-256, when it is the current one of this id or an earlier one that was kept."""
        earlier = self._versions(avatar_id) / f"{content_hash}.zip"
        if _HASH.fullmatch(content_hash) and earlier.is_file():
            return earlier
        path = self.path(avatar_id)
        return path if self.content_hash(path) == content_hash else None

    def content_hash(self, path: Path) -> str:
        """SHA-256 of a zip of this store, in hex; read again only when the file has changed."""
        changed = path.stat().st_mtime_ns
        known = self._hashes.get(path)
        if known is None or known[0] != changed:
            known = self._hashes[path] = (changed, hashlib.sha256(path.read_bytes()).hexdigest())
        return known[1]

    def delete(self, avatar_id: str) -> None:
        """Removes an own digital human. Raises UnknownAvatar; a default one cannot be removed."""
        path = self._path(self._checked(avatar_id))
        if not path.is_file():
            if avatar_id in self:
                raise UnknownAvatar(f"{avatar_id} comes with Mien and cannot be deleted.")
            raise UnknownAvatar(f"There is no digital human {avatar_id!r}.")
        path.unlink()
        shutil.rmtree(self._versions(avatar_id), ignore_errors=True)
        with self._lock:
            self._opened.pop(path, None)

    def preview(self, avatar_id: str, height: int = 480) -> bytes:
        """A JPEG of the digital human at rest, `height` pixels high."""
        package = self.get(avatar_id)
        width = max(2, round(height * package.size[0] / package.size[1]))
        small = np.asarray(cv2.resize(package.still, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return encode_image(small, "JPEG", quality=88)

    # --- inside

    def _keep(self, avatar_id: str, data: bytes) -> None:
        path = self._path(avatar_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(data)
        partial.replace(path)

    def _put_aside(self, avatar_id: str, *, keep_all: bool) -> None:
        """Keeps the current zip under its hash, instead of the earlier ones unless `keep_all`."""
        path, folder = self._path(avatar_id), self._versions(avatar_id)
        if not path.is_file():
            return
        if not keep_all:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{self.content_hash(path)}.zip"
        partial = aside.with_name(aside.name + ".part")
        shutil.copyfile(path, partial)
        partial.replace(aside)

    def _versions(self, avatar_id: str) -> Path:
        return self.root / "versions" / self._checked(avatar_id)

    def _checked(self, avatar_id: str) -> str:
        if not _ID.fullmatch(avatar_id):
            raise UnknownAvatar(f"{avatar_id[:80]!r} is not a valid id: letters, digits, - and _, at most 64.")
        return avatar_id

    def _path(self, avatar_id: str) -> Path:
        return self.root / f"{avatar_id}.zip"

    def _default_path(self, default: DefaultHuman) -> Path:
        stamp = default.picture.stat().st_size if default.picture.is_file() else 0
        return self.root / "default" / f"{default.id}-{_FORMAT}-{stamp:x}.zip"

    def _make_default(self, default: DefaultHuman) -> Path:
        path = self._default_path(default)
        with self._lock:  # two calls at once make it once
            if not path.is_file():
                info = create_package(
                    default.picture, path, name=default.name, style=default.style, models_dir=self._models_dir
                )
                log.info("default digital human made", id=default.id, seconds=round(info.seconds, 2), style=info.style)
        return path

    def _name(self, path: Path) -> str:
        try:
            stamp = path.stat().st_mtime_ns
            known = self._names.get(path)
            if known is None or known[0] != stamp:
                known = self._names[path] = (stamp, read_name(path))
            return known[1]
        except (OSError, ValueError, KeyError):
            return ""


def read_name(path: Path) -> str:
    """The name in a package without opening all of it."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive, archive.open("meta.json") as stream:
            raw = json.loads(stream.read(4 << 20))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(str(error)) from error
    name = raw.get("name", "") if isinstance(raw, dict) else ""
    return str(name)[:200]
