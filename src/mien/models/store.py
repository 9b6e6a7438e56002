"""The models folder: what is already there, verified once and remembered.

Hashing a gigabyte at every start would be slow, so a verified file's size and modification time are kept in
`.verified.json`; a file is hashed again only when one of them changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mien.models.types import DerivedFiles, ModelFile

_STATE = ".verified.json"
_BLOCK = 1 << 20


class FileState(StrEnum):
    """What is known about a model file."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class _Mark:
    size: int
    mtime_ns: int
    digest: str


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class ModelStore:
    """Reads and remembers the state of the files below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._marks = self._load()

    def state(self, file: ModelFile, *, rehash: bool = False) -> FileState:
        """Whether `file` is here and whole; `rehash` reads it even if it was verified before."""
        path = self.root / file.path
        try:
            stat = path.stat()
        except OSError:
            return FileState.MISSING
        if stat.st_size != file.size:
            return FileState.DAMAGED
        mark = self._marks.get(file.path)
        known = mark == _Mark(stat.st_size, stat.st_mtime_ns, file.sha256)
        if known and not rehash:
            return FileState.OK
        if sha256_of(path) != file.sha256:
            return FileState.DAMAGED
        self.mark(file.path, file.sha256)
        return FileState.OK

    def derived_state(self, derived: DerivedFiles, digests: dict[str, str]) -> FileState:
        """Whether derived files are here and were made by this version from these sources (path → sha256)."""
        token = self.derived_token(derived, digests)
        for name in derived.paths:
            try:
                stat = (self.root / name).stat()
            except OSError:
                return FileState.MISSING
            if self._marks.get(name) != _Mark(stat.st_size, stat.st_mtime_ns, token):
                return FileState.DAMAGED
        return FileState.OK

    @staticmethod
    def derived_token(derived: DerivedFiles, digests: dict[str, str]) -> str:
        """What derived files depend on, as one string."""
        return f"v{derived.version}:" + ",".join(digests.get(source, "") for source in derived.sources)

    def mark(self, name: str, digest: str) -> None:
        """Remembers that the file `name` as it is now is good."""
        stat = (self.root / name).stat()
        self._marks[name] = _Mark(stat.st_size, stat.st_mtime_ns, digest)
        self._save()

    def _load(self) -> dict[str, _Mark]:
        try:
            raw = json.loads((self.root / _STATE).read_text("utf-8"))
            return {name: _Mark(*fields) for name, fields in raw.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _save(self) -> None:
        raw = {name: [mark.size, mark.mtime_ns, mark.digest] for name, mark in sorted(self._marks.items())}
        with atomic_file(self.root / _STATE) as temporary:
            temporary.write_text(json.dumps(raw, indent=1), "utf-8")


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A temporary path in `target`'s folder that replaces `target` when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
