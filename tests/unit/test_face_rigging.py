"""Parts of rigging that need no network: lids and irises of a drawn eye, folds, points that follow."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.face.create.eyes import find_iris
from mien.face.create.faceframe import FaceFrame
from mien.face.create.lids import snap_lids
from mien.face.create.limits import LEAST, fit_limits, folded
from tests.support.face_package import tiny_package

Points = NDArray[np.float64]

SC = 400.0
FRAME = FaceFrame(np.array([300.0, 200.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), SC)
CENTRE = np.array([-0.25, 0.02])
HALF, TALL, RADIUS = 0.17, 0.10, 0.075
"""A large cartoon eye: half its width, half its height, the iris, in face units."""


def _eye_picture() -> NDArray[np.uint8]:
    k = 4
    out = np.full((400 * k, 600 * k, 3), (236, 190, 168), np.uint8)
    c = tuple(int(v) for v in FRAME.to_px(CENTRE) * k)
    iris = tuple(int(v) for v in FRAME.to_px(CENTRE + np.array([0.02, 0.0])) * k)
    s = SC * k
    cv2.ellipse(out, c, (int((HALF + 0.012) * s), int((TALL + 0.018) * s)), 0, 180, 360, (70, 40, 30), -1, cv2.LINE_AA)
    cv2.ellipse(out, c, (int(HALF * s), int(TALL * s)), 0, 0, 360, (238, 236, 232), -1, cv2.LINE_AA)
    cv2.circle(out, iris, int(RADIUS * s), (90, 140, 190), -1, cv2.LINE_AA)
    cv2.circle(out, iris, int(RADIUS * s * 0.4), (20, 20, 25), -1, cv2.LINE_AA)
    return np.asarray(cv2.resize(out, (600, 400), interpolation=cv2.INTER_AREA), np.uint8)


def _lids(half: float, up: float, down: float) -> tuple[Points, Points]:
    t = np.linspace(-1, 1, 9)
    arc = np.sqrt(1 - t**2)
    x = CENTRE[0] + half * t
    return np.stack([x, CENTRE[1] - up * arc], -1), np.stack([x, CENTRE[1] + down * arc], -1)


@pytest.mark.parametrize(("half", "up", "down"), [(0.15, 0.08, 0.06), (0.15, 0.09, 0.05), (0.165, 0.10, 0.10)])
def test_lid_lines_move_onto_the_edge_of_the_eye(half: float, up: float, down: float) -> None:
    upper, lower = snap_lids(_eye_picture(), FRAME, *_lids(half, up, down))
    for a in range(2, 7):
        x = (upper[a, 0] - CENTRE[0]) / HALF
        edge = TALL * np.sqrt(1 - x**2)
        assert upper[a, 1] == pytest.approx(CENTRE[1] - edge, abs=0.018)
        assert lower[a, 1] == pytest.approx(CENTRE[1] + edge, abs=0.018)
    assert upper[-1, 0] - upper[0, 0] > 1.8 * HALF


def test_the_whole_iris_is_found_not_its_pupil() -> None:
    upper, lower = _lids(HALF, TALL, TALL)
    rough = np.concatenate([[CENTRE], CENTRE + 0.035 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1.0]])])
    iris = find_iris(_eye_picture(), FRAME, rough, upper, lower)
    np.testing.assert_allclose(iris.centre, CENTRE + np.array([0.02, 0.0]), atol=0.012)
    assert iris.radius == pytest.approx(RADIUS, rel=0.12)
    assert iris.score > 0


def test_an_eye_without_an_edge_keeps_the_rough_iris() -> None:
    plain = np.full((400, 600, 3), 150, np.uint8)
    rough = np.tile(CENTRE, (5, 1))
    assert find_iris(plain, FRAME, rough, *_lids(HALF, TALL, TALL)).score == 0


def _upright() -> Points:
    points = np.zeros((468, 3))
    points[33, :2], points[263, :2] = [28, 50], [68, 50]
    points[10], points[152] = [48, 20, 0], [48, 110, 16]
    return points


def test_a_movement_that_folds_the_mesh_is_made_smaller() -> None:
    package = tiny_package()
    jaw = np.zeros_like(package.keys["jaw"])
    jaw[24] = [0.0, 0.33]  # the middle of the square mesh jumps over its neighbour, 0.2 away
    package = replace(package, keys={**package.keys, "jaw": jaw})
    assert len(folded(package, package.keys, {"jaw": 1}))
    fitted, notes = fit_limits(package, _upright())
    assert not len(folded(fitted, fitted.keys, {"jaw": 1}))
    share = float(fitted.keys["jaw"][24, 1] / jaw[24, 1])
    assert LEAST <= share < 0.7
    assert "jaw" in notes[0]
    np.testing.assert_array_equal(fitted.keys["blink_r"], package.keys["blink_r"])


def test_a_picture_that_bears_everything_is_not_limited() -> None:
    package = tiny_package()
    fitted, notes = fit_limits(package, _upright())
    assert notes == ()
    for name, shape in package.keys.items():
        np.testing.assert_array_equal(fitted.keys[name], shape)


def test_a_turned_head_turns_less() -> None:
    package = tiny_package()
    turned = _upright()
    turned[263, 2] = -26.0  # about 33 degrees
    straight, _ = fit_limits(package, _upright())
    less, _ = fit_limits(package, turned)
    assert less.limits.yaw < 0.7 * straight.limits.yaw
    assert less.limits.roll == straight.limits.roll
