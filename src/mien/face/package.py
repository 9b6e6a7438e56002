"""Digital-human packages: the format and the folder that keeps them, under one name for the rest of the product."""

from __future__ import annotations

from mien.face.format import VERSION, Package, PackageError, pack, read_package
from mien.face.store import (
    AvatarEntry,
    DefaultHuman,
    PackageStore,
    UnknownAvatar,
    default_humans,
)

__all__ = [
    "VERSION",
    "AvatarEntry",
    "DefaultHuman",
    "Package",
    "PackageError",
    "PackageStore",
    "UnknownAvatar",
    "default_humans",
    "pack",
    "read_package",
]
