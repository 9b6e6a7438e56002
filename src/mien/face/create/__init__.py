"""Picture → package."""

from mien.face.create.build import PackageInfo, create_package
from mien.face.create.errors import PictureError

__all__ = ["PackageInfo", "PictureError", "create_package"]
