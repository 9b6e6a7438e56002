"""The software renderer on a tiny package: shapes, stillness, independence of frames."""

from __future__ import annotations

import threading
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from mien.face.format import Package
from mien.face.motion.frame import INDEX, motion, rest
from mien.face.render import Renderer, blocks, compile_for, kernels
from tests.support.face_package import SIZE, tiny_package


@pytest.mark.parametrize("style", ["photo", "illustration"])
def test_a_frame_is_i420_of_even_size(style: str) -> None:
    renderer = Renderer(tiny_package(style), height=101)
    frame = renderer.frame(rest())
    assert renderer.height == 100
    assert renderer.width % 2 == 0
    assert frame.shape == (150, renderer.width)
    assert frame.dtype == np.uint8


def test_a_still_pose_is_exactly_still() -> None:
    renderer = Renderer(tiny_package(), height=SIZE[1])
    pose = motion(jaw=0.4, yaw=3, breath=0.5)
    first = renderer.frame(pose)
    for other in (motion(jaw=1, yaw=-8), motion(blink_l=1, roll=5), rest()):
        renderer.frame(other)
    np.testing.assert_array_equal(renderer.frame(pose), first)
    np.testing.assert_array_equal(renderer.frame(pose), first)
    np.testing.assert_array_equal(Renderer(tiny_package(), height=SIZE[1]).frame(pose), first)


@pytest.mark.parametrize("style", ["photo", "illustration"])
@pytest.mark.parametrize("layered", [False, True])
def test_no_pose_has_to_wait_for_a_compiler(style: str, layered: bool) -> None:
    package = tiny_package(style)
    if layered:
        package = replace(
            package, plate=package.picture.copy(), matte=np.full(package.picture.shape[:2], 255, np.uint8)
        )
    compile_for(package)
    compiled = _compiled()
    assert compiled["shade_drawn_mouth" if style == "illustration" else "shade_mouth"]
    # As small as that, at its full size and read from a file, and larger.
    for height in (64, SIZE[1], 400):
        renderer = Renderer(_read_only(package), height=height)
        for name in INDEX:
            for value in (-1.0, 0.4, 1.0):
                renderer.frame(motion(**{name: value}))
    assert _compiled() == compiled


def _compiled() -> dict[str, int]:
    """For how many kinds of arrays each loop is compiled."""
    loops = {name: loop for module in (kernels, blocks) for name, loop in vars(module).items()}
    return {name: len(loop.signatures) for name, loop in loops.items() if hasattr(loop, "signatures")}


def _read_only(package: Package) -> Package:
    """With arrays that cannot be written, as those read from a file."""

    def still(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flags.writeable = False
        return array

    arrays = {f.name: getattr(package, f.name) for f in fields(package)}
    return replace(package, **{name: still(value) for name, value in arrays.items() if isinstance(value, np.ndarray)})


def test_frames_belong_to_the_caller() -> None:
    renderer = Renderer(tiny_package(), height=SIZE[1])
    first = renderer.frame(rest())
    first[:] = 0
    assert renderer.frame(rest()).max() > 0


def test_the_border_of_the_canvas_never_moves() -> None:
    package = tiny_package()
    renderer = Renderer(package, height=SIZE[1])
    picture = renderer.rgb(motion(jaw=1, yaw=10, breath=1))
    np.testing.assert_array_equal(picture[:2], package.picture[:2])
    np.testing.assert_array_equal(picture[:, :2], package.picture[:, :2])


def test_i420_and_rgb_show_the_same() -> None:
    renderer = Renderer(tiny_package(), height=SIZE[1])
    pose = motion(jaw=0.8, blink_r=1, yaw=4)
    rgb = renderer.rgb(pose)
    again = cv2.cvtColor(renderer.frame(pose), cv2.COLOR_YUV2RGB_I420)
    assert np.abs(again.astype(int) - rgb.astype(int)).mean() < 4


@pytest.mark.parametrize(
    "channel", ["jaw", "blink_l", "blink_r", "gaze_x", "yaw", "pitch", "roll", "tx", "ty", "breath", "sway"]
)
def test_each_channel_changes_the_picture(channel: str) -> None:
    renderer = Renderer(tiny_package(), height=SIZE[1])
    still = renderer.frame(rest())
    assert (renderer.frame(motion(**{channel: 1.0})) != still).any()


def test_renderers_run_in_parallel_threads() -> None:
    package = tiny_package()
    expected = [Renderer(package, height=SIZE[1]).frame(motion(jaw=k / 4, yaw=k)) for k in range(4)]
    results: dict[int, np.ndarray] = {}

    def draw(k: int) -> None:
        renderer = Renderer(package, height=SIZE[1])
        for _ in range(5):
            results[k] = renderer.frame(motion(jaw=k / 4, yaw=k))

    threads = [threading.Thread(target=draw, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_array_equal(results[k], expected[k])
