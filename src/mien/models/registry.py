"""Every model file Mien uses, in one list. Each area of the product keeps its own entries beside this module."""

from __future__ import annotations

from pathlib import Path

from mien.models import face_files, speech_files
from mien.models.store import FileState, ModelStore
from mien.models.types import Registry

REGISTRY = Registry(
    files=(*speech_files.FILES, *face_files.FILES),
    derived=speech_files.DERIVED,
)


def missing(models_dir: Path, registry: Registry = REGISTRY) -> list[str]:
    """Paths below `models_dir` that are not there or not whole."""
    return absent(ModelStore(models_dir), registry)


def absent(store: ModelStore, registry: Registry) -> list[str]:
    """Like `missing`, for a store at hand."""
    names = [file.path for file in registry.files if store.state(file) is not FileState.OK]
    for derived in registry.derived:
        if store.derived_state(derived, registry.digests) is not FileState.OK:
            names += derived.paths
    return names
