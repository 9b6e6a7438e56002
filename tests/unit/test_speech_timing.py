"""Phone times from token durations and predicted loudness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.speech.local.timing import COLUMN_S, EDGE, Timing, clause_timing

LOUD, QUIET = 6.0, -9.0


def timing(tokens: list[tuple[str, int]], energy: np.ndarray) -> Timing:
    return clause_timing(
        [t for t, _ in tokens], np.array([n for _, n in tokens], np.float32), energy.astype(np.float32)
    )


def test_silence_is_trimmed_and_a_long_last_vowel_ends_with_its_sound() -> None:
    tokens = [(EDGE, 16), ("n", 2), ("i", 2), ("↓", 20), (".", 8), (EDGE, 1)]
    energy = np.full(98, QUIET)
    energy[28:50] = LOUD
    found = timing(tokens, energy)
    assert (found.start, found.end) == (25, 52)
    assert [phone.symbol for phone in found.phones] == ["", "n", "i", "↓", ""]
    assert found.phones[-1].end == pytest.approx(27 * COLUMN_S)
    # The token of "n" begins at column 32; its sound is heard five columns earlier.
    assert found.phones[2].start == pytest.approx((36 - 5 - 25) * COLUMN_S)


def test_a_pause_inside_is_silence() -> None:
    tokens = [(EDGE, 4), ("a", 6), (",", 5), (" ", 1), ("o", 6), (EDGE, 2)]
    energy = np.full(48, LOUD)
    energy[15:25] = QUIET
    symbols = [phone.symbol for phone in timing(tokens, energy).phones]
    assert symbols == ["a", "", "o"]


def test_a_closure_covers_the_dip() -> None:
    tokens = [(EDGE, 5), ("a", 4), ("b", 2), ("a", 6), (EDGE, 2)]
    energy = np.full(38, LOUD)
    energy[11] = 0.0
    found = timing(tokens, energy)
    closure = next(phone for phone in found.phones if phone.symbol == "b")
    dip = (11 - found.start) * COLUMN_S
    assert closure.start <= dip < closure.end


def test_nothing_heard() -> None:
    assert timing([(EDGE, 2), ("a", 1), (EDGE, 2)], np.full(10, QUIET)) == Timing(0, 0, ())


@given(
    tokens=st.lists(st.tuples(st.sampled_from("abpmnist ,.↓ˈ"), st.integers(1, 9)), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_phones_fill_the_clip_without_gaps(tokens: list[tuple[str, int]], seed: int) -> None:
    tokens = [(EDGE, 3), *tokens, (EDGE, 2)]
    energy = np.random.default_rng(seed).normal(2.0, 4.0, 2 * sum(n for _, n in tokens))
    found = timing(tokens, energy)
    assert 0 <= found.start <= found.end <= len(energy)
    end = 0.0
    for phone in found.phones:
        assert phone.start == pytest.approx(end)
        assert phone.end > phone.start
        end = phone.end
    assert end == pytest.approx((found.end - found.start) * COLUMN_S)
