"""Splitting text into clips."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mien.speech.clips import MAX_UNITS, split, units


def test_sentences_and_a_short_first_clip() -> None:
    text = "好的，我先介绍一下北京的历史文化，然后再说说那里的美食和天气怎么样。你想听哪个？"
    clips = split(text)
    assert "".join(clips) == text
    assert units(clips[0]) <= 20
    assert clips[-1] == "你想听哪个？"


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert split("Dr. Smith paid 3.50 today. Fine!") == ["Dr. Smith paid 3.50 today. ", "Fine!"]


def test_what_cannot_be_said_joins_its_neighbour() -> None:
    assert split("**你好。** 😀") == ["**你好。** 😀"]
    assert split("") == []


@given(text=st.text(alphabet=st.sampled_from("你好吗ab 1.,，。！？\n“”…"), max_size=300))
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    clips = split(text)
    assert "".join(clips) == text
    assert all(units(clip) <= MAX_UNITS + 1 for clip in clips)
