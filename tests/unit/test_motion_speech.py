"""Phones to curves: every symbol has a shape, closures close, rounding comes early, silence is rest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.face.motion import timing
from mien.face.motion.coarticulation import FV, JAW, MOUTH, PRESS, PUCKER, WIDE, curves
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, INDEX
from mien.face.motion.visemes import LENGTHENING, PAUSES, SHAPES, STRESS, SYMBOLS, Spell, Viseme, parts, score
from mien.speech.phones import Phone, SpokenText

KOKORO = ';:,.!?—…"()“” \u0303ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ'  # noqa: E501
"""Every symbol of the voice's vocabulary."""

COLUMNS = [INDEX[name] for name in MOUTH]


def phones(text: str, each: float = 0.08, **other: float) -> tuple[Phone, ...]:
    """A phone for each letter; `other` gives lengths of letters."""
    lengths = [other.get(letter, each) for letter in text]
    starts = [0.0, *itertools.accumulate(lengths)]
    return tuple(
        Phone(letter, start, start + length) for letter, start, length in zip(text, starts, lengths, strict=False)
    )


def film(text: str, each: float = 0.08, start: float = 0.1) -> np.ndarray:
    """The mouth at 25 frames a second, (n, 8), while `text` is said from `start` on."""
    spoken = SpokenText(text, "en", each * len(text), phones(text, each))
    engine = MotionEngine(seed=1)
    engine.speak(start, spoken)
    return np.array([engine.frame(i / FPS)[COLUMNS] for i in range(int((start + spoken.duration + 0.6) * FPS))])


@pytest.mark.parametrize("symbol", KOKORO)
def test_every_symbol_of_the_voice_is_known(symbol: str) -> None:
    assert symbol in SYMBOLS or symbol in PAUSES or symbol in LENGTHENING or symbol in STRESS


def test_shares_are_whole_and_every_viseme_has_a_shape() -> None:
    assert all(sum(share for _, share in spelled) == pytest.approx(1) for spelled in SYMBOLS.values())
    assert set(SHAPES) == set(Viseme)


def test_an_unknown_symbol_is_a_neutral_sound() -> None:
    assert parts("?!x") == SYMBOLS["x"]
    assert parts("字") == ((Viseme.SCHWA, 1.0),)


@pytest.mark.parametrize("each", [0.05, 0.06, 0.08, 0.12])
@pytest.mark.parametrize("offset", [0.1, 0.11, 0.125, 0.133])
@pytest.mark.parametrize("closure", "mbp")
def test_lips_meet_for_every_closure_at_any_speed(closure: str, each: float, offset: float) -> None:
    text = f"a{closure}ati{closure}ua{closure}o"
    mouth = film(text, each, offset)
    for i, letter in enumerate(text):
        if letter == closure:
            begin, end = (offset + i * each - 0.02) * FPS, (offset + (i + 1) * each + 0.02) * FPS
            window = mouth[int(np.ceil(begin)) : int(end) + 1]
            assert window[:, PRESS].max() > 0.97
            assert window[:, JAW].min() < 0.03


@pytest.mark.parametrize("each", [0.05, 0.08])
def test_the_lip_reaches_the_teeth_for_f_and_v(each: float) -> None:
    text = "afavua"
    mouth = film(text, each)
    for i in (1, 3):
        window = mouth[int((0.1 + i * each - 0.03) * FPS) : int((0.1 + (i + 1) * each + 0.03) * FPS) + 2]
        assert window[:, FV].max() > 0.97


def test_vowels_differ_as_they_should() -> None:
    wide_open, spread, rounded = (film(f"t{v}{v}t", 0.12)[5:9].max(0) for v in ("ɑ", "i", "u"))
    assert 0.7 > wide_open[JAW] > 0.5 > 0.3 > spread[JAW], "as in conversation, not as in a lesson"
    assert spread[WIDE] > 0.6
    assert rounded[PUCKER] > 0.8 > 0.3 > spread[PUCKER]


def test_lips_round_before_the_rounded_vowel() -> None:
    curve, begin = curves([Spell(Viseme.SS, 0, 0.12), Spell(Viseme.DD, 0.12, 0.2), Spell(Viseme.OO, 0.2, 0.4)])
    at = [curve[round((t - begin) * timing.CURVE_RATE), PUCKER] for t in (0.04, 0.14, 0.19, 0.3)]
    assert 0.1 < at[1] < at[2] < at[3]
    assert at[1] > 0.4
    assert at[0] < at[1]


def test_silence_is_exactly_rest() -> None:
    pause = phones("ata", 0.1)[:3]
    later = tuple(Phone(p.symbol, p.start + 0.9, p.end + 0.9) for p in pause)
    spoken = SpokenText("", "en", 1.2, (*pause, Phone("", 0.3, 0.9), *later))
    engine = MotionEngine(seed=1)
    engine.speak(0.0, spoken)
    mouth = np.array([engine.frame(i / FPS)[COLUMNS] for i in range(60)])
    assert not mouth[int(0.42 * FPS) : int(0.8 * FPS)].any()
    assert not mouth[int(1.36 * FPS) :].any()
    assert mouth[int(1.0 * FPS)].any()


def test_a_short_gap_between_words_does_not_close_the_mouth() -> None:
    spoken = SpokenText("", "en", 0.5, phones("ɑɑ ɑɑ", 0.12, **{" ": 0.05}))
    engine = MotionEngine(seed=1)
    engine.speak(0.0, spoken)
    assert min(engine.frame(i / FPS)[INDEX["jaw"]] for i in range(4, 11)) > 0.4


def test_stress_and_tones_lengthen_and_accent_but_are_no_sounds() -> None:
    plan = score(phones("ˈɑːma↘", 0.1))
    assert [(s.viseme, round(s.start, 2), round(s.end, 2)) for s in plan.spells] == [
        (Viseme.AA, 0.0, 0.3),
        (Viseme.MM, 0.3, 0.4),
        (Viseme.AA, 0.4, 0.6),
    ]
    assert [round(a.time, 2) for a in plan.accents] == [0.1, 0.4]


def test_a_tone_belongs_to_all_vowels_of_its_rhyme() -> None:
    def lengths(text: str, **other: float) -> list[tuple[Viseme, float]]:
        return [(s.viseme, round(s.end - s.start, 3)) for s in score(phones(text, 0.03, **other)).spells]

    assert lengths("xau↓") == [(Viseme.KK, 0.03), (Viseme.AA, 0.045), (Viseme.OO, 0.045)]
    assert lengths("ʨjɛ→n")[1:] == [(Viseme.YY, 0.03), (Viseme.EH, 0.06), (Viseme.NN, 0.03)]
    assert lengths("ma↗i↘")[1:] == [(Viseme.AA, 0.06), (Viseme.EE, 0.06)]
    assert lengths("xwa→ɚ↗")[1:] == [(Viseme.WW, 0.03), (Viseme.AA, 0.06), (Viseme.ER, 0.06)]


def test_sounds_of_other_notations_are_their_parts() -> None:
    assert [v for v, _ in parts("tɕh")] == [Viseme.XI]
    assert [v for v, _ in parts("pʰ")] == [Viseme.PP]
    assert [v for v, _ in parts("dʒ")] == [Viseme.CH]
    assert parts("aɪ") == SYMBOLS["I"]
    assert [(v, round(share, 2)) for v, share in parts("wəŋ")] == [
        (Viseme.WW, 0.2),
        (Viseme.SCHWA, 0.4),
        (Viseme.NN, 0.4),
    ]
    for symbol in ("iɛ", "uo", "ɑɹ", "əl", "aɪɚ", "ts"):
        assert sum(share for _, share in parts(symbol)) == pytest.approx(1)


any_phones = st.lists(
    st.tuples(st.sampled_from([*KOKORO, "", "字", "tʃ"]), st.floats(-0.05, 0.4)), min_size=0, max_size=40
)


@settings(deadline=None, max_examples=70)
@given(any_phones, st.floats(0, 0.3))
def test_any_phones_give_finite_smooth_motion_in_range(spelled: list[tuple[str, float]], start: float) -> None:
    times = [0.0, *itertools.accumulate(max(length, -0.01) for _, length in spelled)]
    timed = tuple(Phone(symbol, t, t + length) for (symbol, length), t in zip(spelled, times, strict=False))
    engine = MotionEngine(seed=2)
    engine.speak(start, SpokenText("", "zh", max(times[-1], 0), timed))
    mouth = np.array([engine.frame(i / FPS)[COLUMNS] for i in range(int((start + max(times) + 0.7) * FPS) + 3)])
    assert np.isfinite(mouth).all()
    assert mouth.min() >= 0
    assert mouth.max() <= 1
    assert not mouth[-1].any()
    bound = np.where(np.isin(np.arange(len(MOUTH)), (PRESS, FV)), 1.8, 1.3)
    assert (np.abs(np.diff(mouth, n=2, axis=0)) <= bound).all()
