"""Package + motion frame → picture, in software."""

from mien.face.render.renderer import Renderer, height_for

__all__ = ["Renderer", "height_for"]
