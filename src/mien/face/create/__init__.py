"""Picture → package, and corrections of what was found in the picture."""

from mien.face.create.background import Background, parse_background
from mien.face.create.build import PackageInfo, create_package
from mien.face.create.edit import Edits, export_points, parse_edits, rerig, rerig_file
from mien.face.create.errors import PictureError

__all__ = [
    "Background",
    "Edits",
    "PackageInfo",
    "PictureError",
    "create_package",
    "export_points",
    "parse_background",
    "parse_edits",
    "rerig",
    "rerig_file",
]
