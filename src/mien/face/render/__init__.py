"""Package + motion frame → picture, in software."""

from mien.face.render.renderer import Renderer

__all__ = ["Renderer"]
