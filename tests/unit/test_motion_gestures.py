"""Gestures and expressions: slight, smooth, varied, and what the words or the metadata ask for."""

from __future__ import annotations

import numpy as np
import pytest

from mien.face.motion.emotion import EXPRESSIONS, FEATURES, NEUTRAL, Feeling, feeling, of_text
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, INDEX
from mien.face.motion.gestures import GESTURES, GestureName
from mien.face.motion.life import POSTURES
from mien.face.motion.timing import EXPRESSION_STAYS
from mien.speech.phones import Phone, SpokenText


def difference(act, seconds: float = 4.0) -> np.ndarray:  # type: ignore[no-untyped-def]
    """What `act(engine)`, done after a second, adds to the frames of a face with the same seed."""
    films = []
    for acting in (True, False):
        engine = MotionEngine(seed=3)
        frames = []
        for i in range(int(seconds * FPS)):
            if acting and i == FPS:
                act(engine)
            frames.append(engine.frame(i / FPS))
        films.append(np.array(frames))
    return films[0] - films[1]


MAIN: dict[GestureName, str] = {"nod": "pitch", "shake": "yaw", "tilt": "roll", "greet": "pitch", "think": "yaw"}


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_moves_what_it_is_made_of_and_ends_at_rest(name: GestureName) -> None:
    lasts = []
    moved = difference(lambda engine: lasts.append(engine.gesture(name, 1.0)), 6.0)
    assert not moved[: FPS + 1].any()
    main = np.abs(moved[:, INDEX[MAIN[name]]])
    assert 1.5 < main.max() < 6.5
    assert np.abs(np.diff(moved[:, INDEX[MAIN[name]]], n=2)).max() < 0.9
    assert not np.abs(moved[int((1 + lasts[0]) * FPS) + 1 :]).max() > 1e-5


def test_a_nod_goes_down_first_and_a_shake_to_both_sides() -> None:
    nod = difference(lambda engine: engine.gesture("nod", 1.0))[:, INDEX["pitch"]]
    shake = difference(lambda engine: engine.gesture("shake", 1.0))[:, INDEX["yaw"]]
    assert nod[FPS + 5] > 1
    assert shake.max() > 1.5
    assert shake.min() < -1.5


def test_no_two_gestures_are_the_same_and_equal_seeds_are() -> None:
    def film(seed: int) -> np.ndarray:
        engine = MotionEngine(seed)
        frames = []
        for i in range(60 * FPS):
            if i % (6 * FPS) == 0:
                engine.gesture("nod", i / FPS)
            frames.append(engine.frame(i / FPS))
        return np.array(frames)[:, INDEX["pitch"]]

    pitch = film(5)
    parts = pitch.reshape(10, -1)[:, : 2 * FPS]
    apart = [np.abs(parts[i] - parts[j]).max() for i in range(10) for j in range(i)]
    assert min(apart) > 0.2
    assert (film(5) == pitch).all()


def test_strength_scales_and_an_unknown_gesture_is_refused() -> None:
    weak, strong = (difference(lambda e, s=s: e.gesture("tilt", 1.0, s))[:, INDEX["roll"]] for s in (0.3, 1.0))
    assert np.abs(weak).max() == pytest.approx(0.3 * np.abs(strong).max(), rel=1e-3)
    with pytest.raises(ValueError, match="nod, shake"):
        MotionEngine(seed=1).gesture("wink", 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_comes_smoothly_stays_and_goes(name: str) -> None:
    told = Feeling(name, 1.0)  # type: ignore[arg-type]
    moved = difference(lambda engine: engine.express(told, 1.0), 5.0)
    brow, smile = moved[-1, INDEX["brow_l"]], moved[-1, INDEX["smile"]]
    assert brow == pytest.approx(FEATURES[told.name].brow, abs=0.02)
    # A smile taken back is none; it does not become its opposite.
    assert smile == pytest.approx(max(FEATURES[told.name].smile, -POSTURES["idle"].smile), abs=0.02)
    assert np.abs(np.diff(moved[:, INDEX["brow_l"]], n=2)).max() < 0.02

    def passing(engine: MotionEngine) -> None:
        engine.express(told, 1.0)
        engine.express(None, 1.0)

    passed = difference(passing, 6.0)
    stays = round((1.0 + EXPRESSION_STAYS) * FPS)
    assert passed[stays, INDEX["brow_l"]] == pytest.approx(moved[stays, INDEX["brow_l"]], abs=1e-5)
    assert np.abs(passed[-1]).max() < 1e-3


def test_to_end_an_expression_that_was_not_told_changes_nothing() -> None:
    assert np.abs(difference(lambda engine: engine.express(None, 1.0))).max() == 0


def test_words_bring_a_slight_expression_that_passes() -> None:
    phones = tuple(Phone("a", i * 0.1, (i + 1) * 0.1) for i in range(10))

    def smile_of(text: str) -> np.ndarray:
        engine = MotionEngine(seed=1)
        engine.speak(0.5, SpokenText(text, "en", 1.0, phones))
        return np.array([engine.frame(i / FPS) for i in range(6 * FPS)])[:, INDEX["cheek"]]

    glad = smile_of("That is wonderful!")
    assert 0.15 < glad.max() < 0.4
    assert glad[-1] < 0.01
    assert not smile_of("The train leaves at nine.").any()


def test_what_is_told_goes_before_what_is_guessed() -> None:
    engine = MotionEngine(seed=1)
    engine.express(Feeling("serious", 1.0), 0.0)
    engine.speak(0.5, SpokenText("wonderful!", "en", 1.0, (Phone("a", 0, 1.0),)))
    frames = np.array([engine.frame(i / FPS) for i in range(3 * FPS)])
    assert frames[-1, INDEX["brow_l"]] < -0.15
    assert not frames[:, INDEX["cheek"]].any()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("太好了，恭喜你！", "happy"),
        ("很抱歉，票已经卖完了。", "sad"),
        ("哇，居然下雪了！", "surprised"),
        ("请注意，前方道路危险。", "serious"),
        ("Congratulations, you won!", "happy"),
        ("Unfortunately the train is late.", "sad"),
        ("Wow, no way!", "surprised"),
        ("Warning: the plate is hot.", "serious"),
        ("今天气温二十度。", "neutral"),
        ("He was not happy about it.", "neutral"),
        ("我不高兴。", "neutral"),
        ("The greatest unhappiness", "neutral"),
        ("", "neutral"),
    ],
)
def test_feelings_of_words(text: str, name: str) -> None:
    feeling = of_text(text)
    assert feeling.name == name
    assert (feeling == NEUTRAL) == (name == "neutral")


def test_expressions_have_names_in_two_languages() -> None:
    assert feeling("Happy", 0.3) == Feeling("happy", 0.3)
    assert feeling(" 悲伤 ", 7) == Feeling("sad", 1.0)
    with pytest.raises(ValueError, match="neutral, happy, sad"):
        feeling("hungry", 1.0)


def test_words_bring_an_expression_to_a_voice_that_reports_no_sounds() -> None:
    def cheeks_of(text: str) -> np.ndarray:
        engine = MotionEngine(seed=1)
        cheeks = []
        for i in range(8 * FPS):
            # The sound of three seconds, in pieces that come just in time.
            if i < 3 * FPS:
                pcm = (4000 * np.sin(np.arange(960) / 10)).astype(np.int16)
                engine.hear(0.5 + i / FPS, pcm, 24_000, text)
            cheeks.append(engine.frame(i / FPS)[INDEX["cheek"]])
        return np.array(cheeks)

    glad = cheeks_of("That is wonderful!")
    assert glad[2 * FPS : 4 * FPS].min() > 0.15
    assert glad[-1] < 0.01
    assert not cheeks_of("The train leaves at nine.").any()


def test_a_smile_does_not_twitch_with_every_closure() -> None:
    engine = MotionEngine(seed=1)
    engine.express(Feeling("happy", 1.0), 0.0)
    phones = tuple(Phone("am"[i % 2], i * 0.12, (i + 1) * 0.12) for i in range(16))
    engine.speak(2.0, SpokenText("mamama", "en", 1.92, phones))
    frames = np.array([engine.frame(i / FPS) for i in range(5 * FPS)])
    assert np.abs(np.diff(frames[:, INDEX["press"]])).max() > 0.5
    assert np.abs(np.diff(frames[:, INDEX["smile"]])).max() < 0.22
    assert frames[2 * FPS : 4 * FPS, INDEX["smile"]].min() < 0.5
