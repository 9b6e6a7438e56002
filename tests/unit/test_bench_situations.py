"""What `mien bench situations` makes of what it is told, and the sounds it plays."""

from __future__ import annotations

import numpy as np
import pytest

from mien.bench import recordings, sounds
from mien.bench.situation_calls import chosen
from mien.bench.situations import SITUATIONS, Situation, Turn, got, problems
from mien.errors import UserError
from mien.rtc.port import AUDIO_CLOCK


async def nothing(_: object) -> None:
    """No sound."""


def level(sound: recordings.Sound) -> float:
    return float(20 * np.log10(np.sqrt(np.mean((sound / 32768.0) ** 2)) + 1e-9))


ONE = Situation("one", "en", "answered", nothing, ("your name",), turns=1)
OVER = Situation("over", "en", "it speaks on", nothing, turns=0, agent="whole")
ASKED = Turn("user", "What is your name?", "Mien.", False)
TEXT = Turn("say", "", "A story.", False)


@pytest.mark.parametrize(
    ("situation", "turns", "words"),
    [
        (ONE, [], "0 answers instead of 1"),
        (ONE, [Turn("user", "Who are you?", "Mien.", False)], "understood 'Who are you?'"),
        (ONE, [Turn("user", "What is", "", True), ASKED], "2 turns instead of 1"),
        (ONE, [ASKED, ASKED], "2 answers instead of 1"),
        (ONE, [Turn("user", "What is your name?", "", False)], "no words in the answer"),
        (OVER, [], "the agent did not speak"),
        (OVER, [Turn("say", "", "A", True)], "the agent's text was interrupted"),
        (OVER, [TEXT, Turn("user", "Uh-huh", "Yes?", False)], "1 answers instead of 0"),
    ],
)
def test_what_came_otherwise_is_said(situation: Situation, turns: list[Turn], words: str) -> None:
    assert words in "; ".join(problems(situation, turns))


def test_what_came_as_expected_is_no_problem() -> None:
    assert problems(ONE, [ASKED]) == []
    assert problems(OVER, [TEXT]) == []
    cut = Situation("cut", "en", "it falls silent", nothing, ("your name",), agent="interrupted", also="your.*name")
    assert problems(cut, [Turn("say", "", "A", True), ASKED]) == []
    assert problems(cut, [TEXT, ASKED]) == ["the agent's text was not interrupted"]
    assert got([Turn("say", "", "A", True), ASKED]) == "say: text (interrupted); user: What is your name?"


def test_situations_are_chosen_by_name_and_language() -> None:
    assert chosen([], ("zh", "en")) == list(SITUATIONS)
    assert {s.lang for s in chosen([], ("zh",))} == {"zh"}
    assert [s.name for s in chosen(["STOP"], ("zh", "en"))] == ["stop over the agent"]
    with pytest.raises(UserError, match="No situation is called juggling"):
        chosen(["juggling"], ("zh", "en"))
    names = [(s.lang, s.name) for s in SITUATIONS]
    assert len(names) == len(set(names)) >= 20


@pytest.mark.parametrize(
    "sound",
    [
        sounds.hiss(2.0, dbfs=-30.0),
        sounds.street(2.0, dbfs=-30.0),
        sounds.music(2.0, dbfs=-30.0),
        sounds.babble(recordings.questions("en")[:2], 2.0, dbfs=-30.0),
    ],
    ids=["hiss", "street", "music", "babble"],
)
def test_noises_are_as_loud_and_long_as_asked(sound: recordings.Sound) -> None:
    assert level(sound) == pytest.approx(-30.0, abs=0.1)
    assert len(sound) == 2 * AUDIO_CLOCK


def test_sounds_are_the_same_every_time() -> None:
    for make in (sounds.hiss, sounds.street, sounds.music):
        assert np.array_equal(make(0.5, dbfs=-30.0, seed=1), make(0.5, dbfs=-30.0, seed=1))
        assert not np.array_equal(make(0.5, dbfs=-30.0, seed=1), make(0.5, dbfs=-30.0, seed=2))


def test_keys_and_beeps_sound_at_their_pitch() -> None:
    key = sounds.keys("5", dbfs=-20.0)[: int(0.15 * AUDIO_CLOCK)]
    spectrum = np.abs(np.fft.rfft(key))
    loudest = sorted(np.argsort(spectrum)[-2:] / 0.15)
    assert loudest == pytest.approx([770, 1336], abs=8)
    assert len(sounds.beeps(3, dbfs=-20.0)) == 3 * AUDIO_CLOCK


def test_levels() -> None:
    quiet = sounds.hiss(0.5, dbfs=-40.0)
    assert level(sounds.louder(quiet, 12.0)) == pytest.approx(-28.0, abs=0.1)
    assert int(np.abs(sounds.louder(quiet, 60.0)).max()) >= 32_767
    assert level(quiet) + 10 < level(sounds.shouted(quiet)) < 0
    both = sounds.mixed([np.full(10, 20_000, np.int16), np.full(5, 20_000, np.int16)])
    assert both.tolist() == [32_767] * 5 + [20_000] * 5
    assert len(sounds.joined(quiet, 0.5, quiet)) == 2 * len(quiet) + AUDIO_CLOCK // 2
