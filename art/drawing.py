"""Small vocabulary for drawings made by script: smooth outlines, ink of varying weight, and the picture they end in.

Points are `(x, y)` in picture pixels; a third element, any truthy value, marks a corner, where the line may turn
sharply.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 1080, 1920

Point = Sequence[float]


def _curve(points: np.ndarray, closed: bool) -> str:
    """Cubic Béziers through points, with the tangents of a centripetal-like Catmull-Rom spline."""
    n = len(points)
    tangent = np.zeros_like(points)
    for i in range(n):
        before = points[i - 1] if closed or i else points[i]
        after = points[(i + 1) % n] if closed or i < n - 1 else points[i]
        tangent[i] = (after - before) / 2
    out = []
    for i in range(n if closed else n - 1):
        j = (i + 1) % n
        reach = float(np.linalg.norm(points[j] - points[i]))
        a = points[i] + _within(tangent[i], reach) / 3
        b = points[j] - _within(tangent[j], reach) / 3
        out.append(f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {points[j][0]:.1f} {points[j][1]:.1f}")
    return "".join(out)


def _within(vector: np.ndarray, limit: float) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector if length <= limit or length == 0 else vector * (limit / length)


def smooth(points: Sequence[Point], closed: bool = True) -> str:
    """Path data of a smooth line through the points, sharp at corners."""
    xy = np.array([p[:2] for p in points], float)
    corners = [i for i, p in enumerate(points) if len(p) > 2 and p[2]]
    if closed and not corners:
        return f"M{xy[0, 0]:.1f} {xy[0, 1]:.1f}" + _curve(xy, True) + "Z"
    if closed:
        turn = corners[0]
        xy = np.vstack([np.roll(xy, -turn, 0), xy[turn]])
        corners = [i - turn for i in corners] + [len(xy) - 1]
    else:
        corners = [0, *(i for i in corners if 0 < i < len(xy) - 1), len(xy) - 1]
    out = f"M{xy[0, 0]:.1f} {xy[0, 1]:.1f}"
    for a, b in pairwise(corners):
        out += _curve(xy[a : b + 1], False)
    return out + ("Z" if closed else "")


def along(points: Sequence[Point], count: int = 40) -> np.ndarray:
    """The smooth open line through the points as `count` points, evenly spaced."""
    xy = np.array([p[:2] for p in points], float)
    n = len(xy)
    tangent = np.gradient(xy, axis=0) if n > 2 else np.tile(xy[1] - xy[0], (2, 1))
    out = []
    for i in range(n - 1):
        t = np.linspace(0, 1, 24, endpoint=i == n - 2)[:, None]
        h = (2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t, -2 * t**3 + 3 * t**2, t**3 - t**2)
        out.append(h[0] * xy[i] + h[1] * tangent[i] + h[2] * xy[i + 1] + h[3] * tangent[i + 1])
    line = np.concatenate(out)
    step = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    even = np.linspace(0, step[-1], count)
    return np.stack([np.interp(even, step, line[:, k]) for k in range(2)], 1)


def ink(points: Sequence[Point], weight: float, start: float = 0.15, end: float = 0.1, heavy: float = 0.45) -> str:
    """Path data of a pen stroke: `weight` px at its heaviest, which lies at `heavy` (0..1) along the line; `start` and
    `end` are the shares of it left at the ends."""
    line = along(points, max(8, int(np.linalg.norm(np.diff([p[:2] for p in points], axis=0), axis=1).sum() / 9)))
    t = np.linspace(0, 1, len(line))
    rise = start + (1 - start) * np.sin(np.clip(t / max(heavy, 1e-3), 0, 1) * np.pi / 2)
    fall = end + (1 - end) * np.sin(np.clip((1 - t) / max(1 - heavy, 1e-3), 0, 1) * np.pi / 2)
    half = weight / 2 * np.minimum(rise, fall)
    way = np.gradient(line, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    side = np.stack([-way[:, 1], way[:, 0]], 1) * half[:, None]
    return smooth(
        [(*p, i in (0, len(line) - 1)) for i, p in enumerate(line + side)] + [tuple(p) for p in (line - side)[::-1]]
    )


def mirror(points: Iterable[Point], axis: float = WIDTH / 2) -> list[Point]:
    """The same points on the other side of the vertical `axis`."""
    return [(2 * axis - p[0], *p[1:]) for p in points]


class Drawing:
    """An SVG picture under construction; later shapes lie above earlier ones."""

    def __init__(self, title: str, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.width, self.height = width, height
        self.defs: list[str] = []
        self.body: list[str] = [f"<title>{title}</title>"]
        self._names = 0

    def raw(self, text: str) -> None:
        """Any SVG elements."""
        self.body.append(text)

    def fill(self, path: str, colour: str, **attributes: object) -> None:
        """A filled shape; attributes with `_` for `-`."""
        self.raw(f'<path d="{path}" fill="{colour}"{_listed(attributes)}/>')

    def shape(self, points: Sequence[Point], colour: str, **attributes: object) -> None:
        """A filled smooth shape through points."""
        self.fill(smooth(points), colour, **attributes)

    def pen(self, points: Sequence[Point], colour: str, weight: float, **options: float) -> None:
        """A pen stroke (see `ink`)."""
        self.fill(ink(points, weight, **options), colour)

    def clip(self, path: str) -> str:
        """Defines a clip by path data; returns the attribute value to use it."""
        self._names += 1
        self.defs.append(f'<clipPath id="c{self._names}"><path d="{path}"/></clipPath>')
        return f"url(#c{self._names})"

    def blur(self, deviation: float) -> str:
        """Defines a blur; returns the attribute value to use it."""
        self._names += 1
        self.defs.append(
            f'<filter id="b{self._names}" x="-40%" y="-40%" width="180%" height="180%">'
            f'<feGaussianBlur stdDeviation="{deviation}"/></filter>'
        )
        return f"url(#b{self._names})"

    def gradient(
        self, stops: Sequence[tuple[float, str] | tuple[float, str, float]], turn: tuple[float, float, float, float]
    ) -> str:
        """Defines a linear gradient from (x1, y1) to (x2, y2) as shares of the shape's box; returns the fill."""
        self._names += 1
        x1, y1, x2, y2 = turn
        self.defs.append(
            f'<linearGradient id="g{self._names}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}">'
            f"{_stops(stops)}</linearGradient>"
        )
        return f"url(#g{self._names})"

    def glow(self, stops: Sequence[tuple[float, str] | tuple[float, str, float]]) -> str:
        """Defines a radial gradient over the shape's box; returns the fill."""
        self._names += 1
        self.defs.append(f'<radialGradient id="g{self._names}">{_stops(stops)}</radialGradient>')
        return f"url(#g{self._names})"

    def begin(self, **attributes: object) -> None:
        """Opens a group."""
        self.raw(f"<g{_listed(attributes)}>")

    def end(self) -> None:
        """Closes the group."""
        self.raw("</g>")

    def text(self) -> str:
        """The SVG file."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}">\n<defs>\n'
            + "\n".join(self.defs)
            + "\n</defs>\n"
            + "\n".join(self.body)
            + "\n</svg>\n"
        )


def _stops(stops: Sequence[tuple[float, str] | tuple[float, str, float]]) -> str:
    return "".join(
        f'<stop offset="{s[0]}" stop-color="{s[1]}"' + (f' stop-opacity="{s[2]}"' if len(s) > 2 else "") + "/>"
        for s in stops
    )


def _listed(attributes: dict[str, object]) -> str:
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())


def rasterise(svg: str, output: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Draws SVG text into a PNG or WebP without loss, with Chromium. Raises RuntimeError when there is none."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise RuntimeError("Chromium draws the picture: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(f"<!doctype html><style>html,body{{margin:0}}svg{{display:block}}</style>{svg}", "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]
        # The window is taller than the picture, because headless Chromium keeps room for its bars.
        size = [f"--window-size={width},{height + 120}", f"--screenshot={shot}"]
        subprocess.run([browser, *options, *size, page.as_uri()], check=True, capture_output=True)
        picture = Image.open(shot).convert("RGB").crop((0, 0, width, height))
    if output.suffix == ".webp":
        picture.save(output, lossless=True, quality=100, method=6)
    else:
        picture.save(output)
