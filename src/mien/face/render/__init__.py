"""Package + motion frame → picture, in software."""

from mien.face.render.renderer import Renderer, compile_for, height_for

__all__ = ["Renderer", "compile_for", "height_for"]
