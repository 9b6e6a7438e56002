"""Free pictures that come inside scikit-image: a person (public domain, NASA) and things that are no person."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def free_picture(name: str) -> Path:
    """The file `name` of scikit-image's data; the package is among the pinned ones of requirements-dev.txt."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None, "scikit-image is not installed: run `make setup`"
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / name
    assert path.is_file(), f"scikit-image has no {name}: install the version in requirements-dev.txt"
    return path
