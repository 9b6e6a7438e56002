"""What other engines report about their sound becomes phones the face can use."""

from __future__ import annotations

import itertools

import pytest

from mien.face.motion.visemes import Viseme, score
from mien.speech.phones import Phone
from mien.speech.reported import AZURE_VISEMES, OCULUS_VISEMES, POLLY_VISEMES, Event, Word, from_visemes, from_words


def test_viseme_events_become_phones_that_look_alike() -> None:
    events = [Event(0.3, "11"), Event(0.0, "0"), Event(0.1, "21"), Event(0.5, "99"), Event(0.6, "0")]
    phones = from_visemes(events, AZURE_VISEMES, 0.8)
    assert phones == (Phone("", 0.0, 0.1), Phone("p", 0.1, 0.3), Phone("I", 0.3, 0.6), Phone("", 0.6, 0.8))


@pytest.mark.parametrize("names", [AZURE_VISEMES, POLLY_VISEMES, OCULUS_VISEMES])
def test_every_reported_viseme_has_a_shape_and_all_have_silence_and_closures(names: dict[str, str]) -> None:
    seen = {spell.viseme for s in names.values() for spell in score((Phone(s, 0.0, 0.3),)).spells}
    assert {Viseme.SIL, Viseme.PP, Viseme.FF} <= seen
    assert Viseme.SCHWA not in seen or "@" in names


def test_words_are_filled_with_their_sounds() -> None:
    spelled = {"Bob": "bˈɑb", "may": "mˈA"}
    phones = from_words([Word("may", 0.6, 0.9), Word("Bob", 0.1, 0.4)], spelled.__getitem__)
    assert [p.symbol for p in phones] == ["", "b", "ɑ", "b", "", "m", "A"]
    assert [phones[0].end, phones[3].end, phones[4].end, phones[-1].end] == pytest.approx([0.1, 0.4, 0.6, 0.9])
    vowel, stop = phones[2], phones[1]
    assert vowel.end - vowel.start > 1.5 * (stop.end - stop.start)
    assert all(a.end == pytest.approx(b.start) for a, b in itertools.pairwise(phones))


def test_words_that_overlap_or_say_nothing_do_no_harm() -> None:
    phones = from_words([Word("a", 0.0, 0.5), Word("b", 0.3, 0.8), Word("c", 0.4, 0.6), Word("…", 0.9, 1.0)], str)
    assert [(p.symbol, round(p.start, 9), round(p.end, 9)) for p in phones] == [("a", 0.0, 0.5), ("b", 0.5, 0.8)]
