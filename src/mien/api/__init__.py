"""The HTTP surface: control API, call page helper, packages of digital humans."""

from mien.api.deps import ApiDeps, DigitalHumanInfo, DigitalHumans
from mien.api.router import build_api

__all__ = ["ApiDeps", "DigitalHumanInfo", "DigitalHumans", "build_api"]
