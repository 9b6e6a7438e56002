"""Person and background apart, on pictures made of arithmetic."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mien.face.create.background import parse_background, render_background
from mien.face.create.canvas import Crop, place_crop
from mien.face.create.errors import PictureError
from mien.face.create.matting import clean_plate, foreground, spread_colours

RED, BLUE = np.array([200.0, 40, 30]), np.array([20.0, 60, 180])


def _mixed(size: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A red disc with a soft edge before blue, and how much of each pixel is disc."""
    y, x = np.mgrid[0:size, 0:size]
    r = np.hypot(x - size / 2, y - size / 2)
    alpha = np.clip((size * 0.3 - r) / 12 + 0.5, 0, 1).astype(np.float32)
    mixed = RED * alpha[..., None] + BLUE * (1 - alpha[..., None])
    return mixed.round().astype(np.uint8), alpha


def test_the_persons_own_colour_is_recovered_along_a_soft_edge() -> None:
    picture, alpha = _mixed()
    own = foreground(picture, alpha, 20).astype(float)
    edge = (alpha > 0.05) & (alpha < 0.95)
    # What would show of the old background before a new one.
    fringe = np.abs((picture - RED) * alpha[..., None])[edge].mean()
    assert np.abs((own - RED) * alpha[..., None])[edge].mean() < 0.4 * fringe
    np.testing.assert_array_equal(own[alpha == 1], picture[alpha == 1])


def test_nothing_of_the_person_is_left_on_the_plate() -> None:
    picture, alpha = _mixed()
    plate = clean_plate(picture, alpha, 6).astype(float)
    assert np.abs(plate - BLUE).max() < 12
    far = alpha == 0
    far[30:90, 30:90] = False
    np.testing.assert_array_equal(plate[:10], picture[:10])


def test_the_plate_keeps_its_pattern_where_a_moving_head_uncovers_it() -> None:
    y, x = np.mgrid[0:240, 0:240]
    alpha = np.clip((x - 100) / 12, 0, 1).astype(np.float32)
    wall = np.where((y // 6 % 2)[..., None] == 1, [230, 220, 200], [90, 100, 110]).astype(np.float64)
    picture = (RED * alpha[..., None] + wall * (1 - alpha[..., None])).round().astype(np.uint8)
    plate = clean_plate(picture, alpha, 4).astype(float)
    uncovered = (x > 112) & (x < 124) & (y > 20) & (y < 220)
    assert np.corrcoef(plate[uncovered].mean(1), wall[uncovered].mean(1))[0, 1] > 0.9


def test_what_a_file_hides_under_transparency_does_not_show() -> None:
    _, alpha = _mixed()
    hidden = np.where(alpha[..., None] > 0.5, RED, [0.0, 255.0, 0.0]).astype(np.uint8)
    spread = spread_colours(hidden, alpha).astype(float)
    assert np.abs(spread[alpha > 0.02] - RED).max() < 10


def test_the_crop_tells_what_is_missing_on_each_side() -> None:
    picture = np.arange(100 * 80 * 3, dtype=np.uint32).reshape(100, 80, 3).astype(np.uint8)
    inner, pads = place_crop(picture, Crop(-20, -10, 160, 160), (80, 80))
    assert pads == (5, 25, 10, 30)
    assert inner.shape == (50, 40, 3)
    whole, none = place_crop(picture, Crop(10, 20, 40, 40), (80, 80))
    assert none == (0, 0, 0, 0)
    assert whole.shape == (80, 80, 3)


@pytest.mark.parametrize(
    ("text", "kind", "colour"),
    [
        ("keep", "keep", None),
        ("", "keep", None),
        ("Transparent", "transparent", None),
        ("#1020fF", "colour", (16, 32, 255)),
        ("ffffff", "colour", (255, 255, 255)),
        ("green", "colour", (0, 177, 64)),
    ],
)
def test_backgrounds_are_read(text: str, kind: str, colour: tuple[int, int, int] | None) -> None:
    background = parse_background(text)
    assert background.kind == kind
    if colour is not None:
        assert background.colour == colour
        assert (render_background(background, (64, 96)) == colour).all()


def test_a_picture_fills_the_canvas_without_being_stretched() -> None:
    stripes = np.zeros((50, 200, 3), np.uint8)
    stripes[:, 100:] = 255
    out = io.BytesIO()
    Image.fromarray(np.tile(stripes, (3, 1, 1))).save(out, "PNG")
    made = render_background(parse_background(out.getvalue()), (100, 200))
    assert made.shape == (200, 100, 3)
    assert made[:, :45].max() == 0
    assert made[:, 55:].min() == 255


@pytest.mark.parametrize("text", ["purple-ish", "#12345", "no/such/file.png"])
def test_an_unknown_background_says_what_there_is(text: str) -> None:
    with pytest.raises(PictureError, match="transparent") as caught:
        parse_background(text)
    assert caught.value.reason == "background"
