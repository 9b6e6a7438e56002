"""Figures that a face must keep, measured on rendered frames: of the default humans and of a free photograph that shows
its teeth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.face.create import create_package
from mien.face.create import topology as topo
from mien.face.create.build import networks
from mien.face.create.limits import ENDS, folded
from mien.face.create.mesh import N_COARSE
from mien.face.format import Package, read_package
from mien.face.motion.frame import motion, rest
from mien.face.render import Renderer
from mien.face.render.pose import Transform, pose_of
from mien.face.render.sheet import COMBINATIONS, EXPRESSIONS, VISEMES
from mien.face.store import default_humans
from mien.settings import Settings
from tests.support.free_pictures import free_picture

pytestmark = pytest.mark.integration

Points = NDArray[np.float64]
Bytes = NDArray[np.uint8]
HEIGHT = 1280
OUTSIDE_MOUTH = [6, 9, 10, 33, 133, 263, 362, 168, 197, 70, 105, 107, 300, 334, 336]
PICTURES = [*(human.id for human in default_humans()), "astronaut"]
_made: dict[str, Package] = {}


@pytest.fixture(params=PICTURES)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Each picture's package, made once."""
    name = request.param
    if name not in _made:
        human = next((h for h in default_humans() if h.id == name), None)
        picture: Path = free_picture("astronaut.png") if human is None else human.picture
        info = create_package(
            picture, tmp_path_factory.mktemp("face") / "a.zip", style=human.style if human else "auto"
        )
        assert info.bytes < 1_500_000
        _made[name] = read_package(info.path)
    return _made[name]


def _landmarks(picture: Bytes) -> Points:
    nets = networks(Settings().models_dir)
    found = nets.detect(picture)
    assert found, "no face in the rendered frame"
    return nets.landmarks(picture, found[0])[0]


def _scale(package: Package) -> float:
    return HEIGHT / package.size[1]


def _to_px(package: Package, q: Points) -> Points:
    frame = package.frame
    o, ux, uy = (np.array(v) for v in (frame.o, frame.ux, frame.uy))
    return np.asarray((o + frame.sc * (q[..., :1] * ux + q[..., 1:] * uy)) * _scale(package))


def test_visemes_keep_the_person(package: Package) -> None:
    """Within 1 % of the eye distance: the rig's own points exactly, and what the landmark network sees (which is less
    steady on drawings) in the middle of its points."""
    renderer = Renderer(package, height=HEIGHT)
    still = _landmarks(renderer.rgb(rest()))
    sc = np.linalg.norm(still[263, :2] - still[33, :2])
    stack = np.stack(list(package.keys.values()))
    for name, channels in VISEMES.items():
        pose = pose_of(motion(**channels), tuple(package.keys), package.limits)
        own = np.tensordot(pose.weights, stack, 1)[OUTSIDE_MOUTH]
        assert np.linalg.norm(own, axis=1).max() < 0.01, name
        moved = _landmarks(renderer.rgb(motion(**channels)))
        away = np.linalg.norm(moved[OUTSIDE_MOUTH, :2] - still[OUTSIDE_MOUTH, :2], axis=1) / sc
        assert float(np.median(away)) < (0.02 if package.style == "illustration" else 0.01), name


def test_speech_and_lids_change_nothing_outside_the_face(package: Package) -> None:
    renderer = Renderer(package, height=HEIGHT)
    still = renderer.rgb(rest())
    ring = _to_px(package, package.rest[N_COARSE - len(topo.OVAL) : N_COARSE].astype(np.float64))
    face = np.zeros(still.shape[:2], np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(ring.astype(np.float32)).astype(np.int32), 1)
    outside = cv2.dilate(face, np.ones((7, 7), np.uint8)) == 0
    for name, channels in {**VISEMES, "blink": {"blink_l": 1, "blink_r": 1}, "brows": {"brow_l": 1}}.items():
        np.testing.assert_array_equal(renderer.rgb(motion(**channels))[outside], still[outside], err_msg=name)


def test_the_background_stays_when_the_head_moves(package: Package) -> None:
    assert package.matte is not None
    renderer = Renderer(package, height=HEIGHT)
    still = renderer.rgb(rest()).astype(int)
    person = cv2.resize((package.matte > 8).astype(np.uint8), (renderer.width, renderer.height)) > 0
    reach = int(0.9 * package.frame.sc * _scale(package)) | 1
    outside = cv2.dilate(person.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    assert outside.any()
    for channels in ({"yaw": 14, "roll": 8, "tx": 0.2}, {"yaw": -14, "pitch": 10, "sway": 1, "breath": 1}):
        moved = renderer.rgb(motion(**channels)).astype(int)
        assert np.abs(moved - still)[outside].max() <= 1


def test_mouth_opening_follows_the_jaw(package: Package) -> None:
    renderer = Renderer(package, height=HEIGHT)
    jaw = np.linspace(0, 1, 9)
    measured = []
    for value in jaw:
        points = _landmarks(renderer.rgb(motion(jaw=float(value))))
        eyes = np.linalg.norm(points[topo.OUTER_EYE_L, :2] - points[topo.OUTER_EYE_R, :2])
        measured.append(float(np.linalg.norm(points[14, :2] - points[13, :2]) / eyes))
    assert np.corrcoef(jaw, measured)[0, 1] > 0.95, measured
    assert measured[-1] - measured[0] > 0.07, measured


def test_a_parted_mouth_is_closed_at_rest(package: Package) -> None:
    points = _landmarks(Renderer(package, height=HEIGHT).rgb(rest()))
    width = np.linalg.norm(points[topo.MOUTH_L, :2] - points[topo.MOUTH_R, :2])
    assert np.linalg.norm(points[14, :2] - points[13, :2]) < 0.07 * width


def test_closed_lids_leave_neither_white_nor_iris(package: Package) -> None:
    renderer = Renderer(package, height=package.size[1])
    shut, still = renderer.rgb(motion(blink_l=1, blink_r=1)), renderer.rgb(rest())
    lab_shut, lab_still = (cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(float) for p in (shut, still))
    frame = package.frame

    def at(q: Points) -> Points:
        return np.asarray(
            np.array(frame.o) + frame.sc * (q[..., :1] * np.array(frame.ux) + q[..., 1:] * np.array(frame.uy))
        )

    for side, eye in package.eyes.items():
        up, lo = (at(package.rest[ids].astype(np.float64)) for ids in (eye.up, eye.lo))
        inside = np.zeros(still.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.concatenate([up[2:-2], lo[2:-2][::-1]]).astype(np.int32)], 1)
        region = inside > 0
        assert eye.iris_rect is not None
        x0, y0, x1, y1 = eye.iris_rect
        iris = at(np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
        r = max(2.0, 0.3 * (x1 - x0) / 2 * frame.sc)
        spot = np.zeros_like(inside)
        cv2.circle(spot, (int(iris[0]), int(iris[1])), int(r), 1, -1)
        eye_ball = lab_still[region]
        white = np.median(eye_ball[eye_ball[:, 0] >= np.percentile(eye_ball[:, 0], 85)], axis=0)
        dark = np.median(lab_still[(spot > 0) & region], axis=0)
        cheek = at(package.rest[[50 if side == "r" else 280]].astype(np.float64))[0]
        skin = np.median(
            lab_shut[int(cheek[1]) - 5 : int(cheek[1]) + 5, int(cheek[0]) - 5 : int(cheek[0]) + 5].reshape(-1, 3),
            axis=0,
        )
        # A lid may be as dark as the iris along its lashes; away from them it must be nearer to skin than to the eye.
        lid = lab_shut[region & (spot > 0)]
        nearer = np.linalg.norm((lid - skin) * [0.5, 1, 1], axis=1) < np.linalg.norm((lid - dark) * [0.5, 1, 1], axis=1)
        assert nearer.mean() > 0.9, side
        if np.linalg.norm(white - skin) > 25:
            as_white = np.linalg.norm(lab_shut[region] - white, axis=1) < 0.35 * np.linalg.norm(white - skin)
            assert as_white.mean() < 0.02, side


def test_no_triangle_turns_over(package: Package) -> None:
    for weights in ENDS:
        assert not len(folded(package, package.keys, weights)), weights
    for name, channels in {**VISEMES, **EXPRESSIONS, **COMBINATIONS}.items():
        pose = pose_of(motion(**channels), tuple(package.keys), package.limits)
        weights = dict(zip(package.keys, pose.weights.tolist(), strict=True))
        assert not len(folded(package, package.keys, weights)), name


def test_the_warped_canvas_has_no_folds(package: Package) -> None:
    """Grid cells keep their orientation, so no part of the picture shows twice and no hole opens."""
    rows, cols = package.grid.shape[:2]
    width, height = package.size
    px = np.stack(
        np.meshgrid(
            np.minimum(np.arange(cols) * package.grid_step, width),
            np.minimum(np.arange(rows) * package.grid_step, height),
        ),
        -1,
    ).astype(np.float64)
    frame = package.frame
    d = (px - np.array(frame.o)) / frame.sc
    q = np.stack([d @ np.array(frame.ux), d @ np.array(frame.uy)], -1).reshape(-1, 2).astype(np.float32)
    transform = Transform(package, (1.0, 1.0))
    for channels in (
        {"yaw": 45, "pitch": 45, "roll": 45, "tx": 1, "sway": 1},
        {"yaw": -45, "pitch": -45, "roll": -45, "tx": -1, "ty": -1},
    ):
        pose = pose_of(motion(**channels), tuple(package.keys), package.limits)
        moved = transform.head(q, package.grid.reshape(-1, 4), pose).reshape(rows, cols, 2)
        a, b, c = moved[:-1, :-1], moved[:-1, 1:], moved[1:, :-1]
        area = (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]
        assert area[:-1, :-1].min() > 0  # the last cells may have no size


def test_nothing_shines_through_the_person(package: Package) -> None:
    assert package.matte is not None
    assert package.plate is not None
    loud = np.broadcast_to(np.array([255, 0, 255], np.uint8), package.plate.shape).copy()
    renderer = Renderer(replace(package, plate=loud), height=HEIGHT)
    outline = _to_px(package, package.rest[list(topo.OVAL)].astype(np.float64))
    face = np.zeros((renderer.height, renderer.width), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(outline.astype(np.float32)).astype(np.int32), 1)
    inner = cv2.erode(face, np.ones((41, 41), np.uint8)) > 0
    for name in ("aa", "O", "blink", "smile", "gaze right"):
        shown = renderer.rgb(motion(**{**VISEMES, **EXPRESSIONS}[name])).astype(int)
        assert not ((np.abs(shown - [255, 0, 255]).max(2) < 90) & inner).any(), name


def test_a_still_pose_does_not_tremble(package: Package) -> None:
    renderer = Renderer(package, height=640)
    pose = motion(jaw=0.4, yaw=4, blink_l=0.3, gaze_x=0.4, breath=0.5)
    first = renderer.frame(pose)
    for other in (motion(jaw=1, yaw=-9), rest()):
        renderer.frame(other)
    np.testing.assert_array_equal(renderer.frame(pose), first)


def test_a_call_shows_what_every_pixel_mapped_exactly_would(package: Package) -> None:
    """Blocks of a call's frame are interpolated and kept where they did not move; `rgb` does neither."""
    renderer = Renderer(package, height=HEIGHT)
    for channels in ({}, {"yaw": 9, "roll": -6, "tx": 0.1}, {"jaw": 0.8, "pitch": -7, "breath": 1}, {"sway": 1}):
        pose = motion(**channels)
        exact = cv2.cvtColor(renderer.rgb(pose), cv2.COLOR_RGB2YUV_I420).astype(float)
        error = float(np.mean((renderer.frame(pose).astype(float) - exact) ** 2))
        assert 10 * np.log10(255**2 / max(error, 1e-9)) > 40, channels
