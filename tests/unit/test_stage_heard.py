"""How much of a text was heard: exact where phones fit the text, in proportion where they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.face.heard import heard_text, joined
from mien.speech.phones import Phone, SpokenText


def clip(text: str, symbols: str, each: float = 0.1) -> SpokenText:
    phones = tuple(Phone("" if s == "_" else s, i * each, (i + 1) * each) for i, s in enumerate(symbols))
    return SpokenText(text, "", len(symbols) * each, phones)


CHINESE = clip("你好，很高兴见到你。", "ni↓xau↓_xən↓kau→ɕi↘ŋʨjɛ↘ntau↘ni↓")


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [(0, ""), (0.1, ""), (0.3, "你"), (0.75, "你好，"), (1.2, "你好，很"), (1.6, "你好，很高"), (9, CHINESE.text)],
)
def test_chinese_to_the_character(seconds: float, heard: str) -> None:
    assert heard_text(CHINESE, seconds) == heard


@pytest.mark.parametrize(("seconds", "heard"), [(0.1, ""), (0.4, "Hi"), (0.9, "Hi there,"), (1.3, "Hi there, you.")])
def test_english_to_the_word(seconds: float, heard: str) -> None:
    assert heard_text(clip("Hi there, you.", "hˈI_ðɛɹ__jˈu"), seconds) == heard


def test_text_that_is_spoken_otherwise_is_cut_in_proportion() -> None:
    spoken = clip("In 2026 we have 42 of them.", "ɪn_twɛnti_twɛnti_sɪks_wi_hæv_fɔɹti_tu_ʌv_ðɛm")
    half = heard_text(spoken, spoken.duration / 2)
    assert half in ("In 2026", "In 2026 we", "In 2026 we have")
    assert heard_text(SpokenText("one two three four", "en", 4.0), 2.1) == "one two"


def test_an_unknown_length_is_heard_when_there_is_nothing_to_go_by() -> None:
    assert heard_text(SpokenText("hello", "en"), 3.0) == ""
    assert heard_text(SpokenText("…", "en", 1.0), 1.0) == "…"


@given(st.text(max_size=60), st.floats(0, 5), st.floats(0, 5))
def test_it_is_always_a_beginning_and_grows(text: str, early: float, late: float) -> None:
    early, late = sorted((early, late))
    spoken = SpokenText(text, "zh", 4.0)
    assert text.startswith(heard_text(spoken, early))
    assert heard_text(spoken, late).startswith(heard_text(spoken, early))


def test_clips_are_joined_as_their_language_is_written() -> None:
    assert joined(["Hello,", "world.", "", " Again."]) == "Hello, world. Again."
    assert joined(["你好，", "世界。"]) == "你好，世界。"


def test_sounds_known_so_far_do_not_count_as_all_of_the_text() -> None:
    known = SpokenText("one two three four", "en", 4.0, (Phone("w", 0.0, 0.5), Phone("n", 0.5, 1.0)))
    assert heard_text(known, 1.0) == "one"
    assert heard_text(known, 4.0) == "one two three four"
