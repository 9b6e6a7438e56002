"""Backdrop, compositing and the painter's finish, in linear light where light adds up."""

from __future__ import annotations

import cv2
import numpy as np
from paintwork import rgb

Image = np.ndarray


def linear(image: Image) -> Image:
    """sRGB to linear light."""
    return np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4).astype(np.float32)


def display(image: Image) -> Image:
    """Linear light to sRGB."""
    image = np.clip(image, 0, 1)
    return np.where(image <= 0.0031308, image * 12.92, 1.055 * image ** (1 / 2.4) - 0.055).astype(np.float32)


def lens(image: Image, radius: float) -> Image:
    """Out-of-focus blur with a soft round aperture, `radius` in pixels."""
    size = int(radius) * 2 + 3
    grid = np.arange(size) - size // 2
    x, y = np.meshgrid(grid, grid)
    kernel = np.clip(radius - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)
    kernel /= kernel.sum()
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


class Backdrop:
    """A room painted as simple shapes at half size, then put out of focus."""

    def __init__(self, width: int, height: int, wall: tuple[str, str], seed: int) -> None:
        self.width, self.height = width, height
        self.random = np.random.default_rng(seed)
        t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        top, bottom = linear(rgb(wall[0])), linear(rgb(wall[1]))
        self.image = np.broadcast_to(top * (1 - t) + bottom * t, (height, width, 3)).copy()

    def box(self, left: float, top: float, right: float, bottom: float, color: str, light: float = 1.0) -> None:
        """A filled rectangle, fractions of the picture; `light` multiplies its brightness."""
        x0, x1, y0, y1 = (
            int(v * s) for v, s in ((left, self.width), (right, self.width), (top, self.height), (bottom, self.height))
        )
        cv2.rectangle(self.image, (x0, y0), (x1, y1), (linear(rgb(color)) * light).tolist(), -1, cv2.LINE_AA)

    def disc(self, x: float, y: float, radius: float, color: str, light: float = 1.0) -> None:
        """A filled disc, radius as a fraction of the width."""
        cv2.circle(
            self.image,
            (int(x * self.width), int(y * self.height)),
            int(radius * self.width),
            (linear(rgb(color)) * light).tolist(),
            -1,
            cv2.LINE_AA,
        )

    def leaf(self, x: float, y: float, size: float, angle: float, color: str, light: float = 1.0) -> None:
        """One leaf: a thin ellipse."""
        cv2.ellipse(
            self.image,
            (int(x * self.width), int(y * self.height)),
            (int(size * self.width), int(size * self.width * 0.28)),
            angle,
            0,
            360,
            (linear(rgb(color)) * light).tolist(),
            -1,
            cv2.LINE_AA,
        )

    def books(
        self, left: float, top: float, right: float, bottom: float, colors: list[str], light: float = 1.0
    ) -> None:
        """A row of standing books."""
        x = left
        while x < right:
            wide = self.random.uniform(0.012, 0.032)
            tall = (bottom - top) * self.random.uniform(0.68, 0.95)
            self.box(
                x,
                bottom - tall,
                min(x + wide, right),
                bottom,
                str(self.random.choice(colors)),
                light * self.random.uniform(0.7, 1.15),
            )
            x += wide + 0.002

    def plant(self, x: float, y: float, spread: float, leaves: int, colors: list[str], light: float = 1.0) -> None:
        """A leafy plant growing up and out from (x, y)."""
        for _ in range(leaves):
            angle = self.random.uniform(-165, -15)
            reach = self.random.uniform(0.3, 1.0) * spread
            px = x + np.cos(np.radians(angle)) * reach
            py = y + np.sin(np.radians(angle)) * reach * self.width / self.height * 1.5
            self.leaf(
                px,
                py,
                self.random.uniform(0.04, 0.09),
                angle + self.random.normal(0, 25),
                str(self.random.choice(colors)),
                light * self.random.uniform(0.6, 1.3),
            )

    def glow(self, x: float, y: float, radius: float, color: str, light: float) -> None:
        """Soft light added around a point."""
        gx, gy = np.meshgrid(np.arange(self.width) / self.width, np.arange(self.height) / self.width)
        fall = np.exp(-((gx - x) ** 2 + (gy - y * self.height / self.width) ** 2) / radius**2).astype(np.float32)
        self.image += fall[..., None] * linear(rgb(color)) * light

    def done(self, blur: float, width: int, height: int) -> Image:
        """The finished linear picture at full size."""
        image = lens(self.image, blur)
        image = cv2.GaussianBlur(image, (0, 0), blur * 0.25)
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def without_pinholes(person: Image) -> Image:
    """Closes gaps of a few pixels inside the figure (h, w, 4), where a bright room would glare through the hair."""
    alpha = np.ascontiguousarray(person[..., 3])
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    deep = cv2.GaussianBlur(alpha, (0, 0), 6) > 0.9
    out = person.copy()
    out[..., 3] = np.where(deep, closed, alpha)
    return out


def compose(person: Image, backdrop: Image, wrap: float = 0.25) -> Image:
    """Lay a straight-alpha sRGB person (h, w, 4) over a linear backdrop, with light from behind wrapping the edge."""
    alpha = person[..., 3:]
    front = linear(person[..., :3])
    soft = cv2.GaussianBlur(1 - alpha[..., 0], (0, 0), 14)[..., None]
    around = cv2.GaussianBlur(backdrop, (0, 0), 30)
    front = front + around * soft * wrap * alpha
    return front * alpha + backdrop * (1 - alpha)


def grade(
    image: Image,
    bloom: float = 0.1,
    vignette: float = 0.25,
    contrast: float = 1.0,
    warmth: float = 0.0,
    saturation: float = 1.0,
    exposure: float = 1.0,
) -> Image:
    """Bloom, exposure, vignette, warmth, saturation and contrast; linear in, sRGB out."""
    image = image * exposure
    bright = np.clip(image - 0.65, 0, None)
    image = image + bloom * (cv2.GaussianBlur(bright, (0, 0), 12) + cv2.GaussianBlur(bright, (0, 0), 45))
    h, w = image.shape[:2]
    gx, gy = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    fall = 1 - vignette * np.clip((gx**2 * 0.5 + (gy + 0.25) ** 2 * 0.75), 0, 1.6)
    image = image * fall[..., None].astype(np.float32)
    out = display(image)
    out = out * np.array([1 + warmth, 1.0, 1 - warmth], np.float32)
    grey = out @ np.array([0.299, 0.587, 0.114], np.float32)
    out = grey[..., None] + (out - grey[..., None]) * saturation
    out = 0.5 + (out - 0.5) * contrast
    return np.clip(out, 0, 1).astype(np.float32)
