"""Life besides talking: slight, seeded, smooth, never the same twice."""

from __future__ import annotations

import numpy as np
import pytest

from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import CHANNELS, FPS, HIGH, INDEX, LOW
from mien.face.motion.life import POSTURES, Life, StatusName
from mien.speech.phones import Phone, SpokenText

HEAD = {"yaw": 7.0, "pitch": 6.0, "roll": 5.0, "tx": 0.08, "ty": 0.06, "breath": 1.0, "sway": 0.4}
"""How far each may go: slight."""
JERK = {"yaw": 0.35, "pitch": 0.75, "roll": 0.25, "tx": 0.004, "ty": 0.006, "breath": 0.01, "sway": 0.02}
"""Bounds on the second difference between frames."""


def film(seed: int, seconds: float, status: StatusName = "idle") -> np.ndarray:
    engine = MotionEngine(seed)
    engine.set_status(status, 0.0)
    return np.array([engine.frame(i / FPS) for i in range(int(seconds * FPS))])


def talking(seconds: float, seed: int = 1) -> np.ndarray:
    """Frames of somebody who says "mama ..." with a stress every 0.4 s and changes status all the time."""
    engine = MotionEngine(seed)
    symbols = ("ˈ", "m", "a", "t", "i")
    spelled = tuple(Phone(symbols[i % 5], i * 0.08, (i + 1) * 0.08) for i in range(int(4 / 0.08)))
    film = []
    for i in range(int(seconds * FPS)):
        t = i / FPS
        if i % 150 == 0:
            engine.speak(t + 0.05, SpokenText("", "en", 4.0, spelled))
        if i % 50 == 0:
            engine.set_status(("speaking", "listening", "thinking", "idle")[i // 50 % 4], t)  # type: ignore[arg-type]
        film.append(engine.frame(t))
    return np.array(film)


@pytest.mark.parametrize("status", POSTURES)
def test_the_mouth_of_a_silent_face_is_closed_and_still(status: StatusName) -> None:
    frames = film(5, 60, status)
    mouth = [INDEX[n] for n in ("jaw", "wide", "pucker", "press", "upper_up", "lower_down", "fv", "tongue")]
    assert not frames[:, mouth].any()


def test_it_is_slight_and_smooth_whatever_happens() -> None:
    frames = talking(120)
    assert (frames >= LOW).all()
    assert (frames <= HIGH).all()
    for name, bound in HEAD.items():
        assert np.abs(frames[:, INDEX[name]]).max() < bound, name
    for name, bound in JERK.items():
        assert np.abs(np.diff(frames[:, INDEX[name]], n=2)).max() < bound, name
    for name in ("gaze_x", "gaze_y", "brow_l", "brow_r"):
        assert np.abs(frames[:, INDEX[name]]).max() < 0.75, name


def test_equal_seeds_give_equal_faces_and_others_do_not() -> None:
    assert np.array_equal(film(7, 20), film(7, 20))
    assert not np.allclose(film(7, 20)[:, INDEX["yaw"]], film(8, 20)[:, INDEX["yaw"]], atol=0.2)


def test_it_does_not_repeat_within_a_minute() -> None:
    yaw = film(3, 130)[:, INDEX["yaw"]]
    piece = yaw[:250] - yaw[:250].mean()
    for lag in range(125, 60 * FPS, 5):
        other = yaw[lag : lag + 250] - yaw[lag : lag + 250].mean()
        assert np.abs(piece - other).max() > 0.05


@pytest.mark.parametrize("status", POSTURES)
def test_people_blink_ten_to_twenty_five_times_a_minute(status: StatusName) -> None:
    blink = film(11, 600, status)[:, INDEX["blink_l"]]
    rate = np.count_nonzero((blink[1:] > 0.9) & (blink[:-1] <= 0.9)) / 10
    assert 8 < rate < 26


def test_every_blink_is_seen_shut() -> None:
    blink = film(2, 300)[:, INDEX["blink_l"]]
    begun = np.flatnonzero((blink[1:] > 0) & (blink[:-1] == 0)) + 1
    assert len(begun) > 40
    for at in begun[:-1]:
        end = at + int(np.argmax(blink[at:] == 0))
        assert blink[at:end].max() == 1.0


def test_eyes_rest_on_the_viewer_most_of_the_time_and_wander_while_thinking() -> None:
    def away(status: StatusName) -> float:
        gaze = film(9, 300, status)
        offset = np.hypot(
            gaze[:, INDEX["gaze_x"]] + 0.022 * gaze[:, INDEX["yaw"]],
            gaze[:, INDEX["gaze_y"]] + 0.022 * gaze[:, INDEX["pitch"]],
        )
        return float(np.mean(offset > 0.14))

    assert away("listening") < 0.12
    assert away("idle") < 0.25
    assert away("thinking") > 0.4


def test_stress_moves_the_head() -> None:
    quiet, beating = film(4, 4, "speaking"), []
    engine = MotionEngine(4)
    engine.set_status("speaking", 0.0)
    spelled = tuple(Phone(s, i * 0.1, i * 0.1 + 0.1) for i, s in enumerate(["ˈ", "a", "t", "a", "t", "a", "t"] * 5))
    engine.speak(0.1, SpokenText("", "en", 3.5, spelled))
    beating = np.array([engine.frame(i / FPS) for i in range(4 * FPS)])
    assert np.abs(beating[:, INDEX["pitch"]] - quiet[:, INDEX["pitch"]]).max() > 0.6


def test_a_long_step_ends_where_short_ones_do() -> None:
    short, long = Life(6), Life(6)
    for i in range(1, 101):
        last = short.advance(i * 0.1)
    assert long.advance(10.0) == pytest.approx(last, abs=1e-6)
    assert len(last) == len(CHANNELS) - 9
