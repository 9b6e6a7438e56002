"""Free pictures that come inside scikit-image: a person (public domain, NASA) and things that are no person."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def free_picture(name: str) -> Path:
    """The file `name` of scikit-image's data; skips the test where the package is not installed."""
    spec = importlib.util.find_spec("skimage")
    path = Path(spec.origin).parent / "data" / name if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        pytest.skip("scikit-image's pictures are not installed")
    return path
