"""Stops close where the sound says so, whatever convention a voice reports them by, and nothing jumps for it."""

from __future__ import annotations

import numpy as np
import pytest

from mien.face.motion import bursts
from mien.face.motion.coarticulation import MOUTH, PRESS
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, INDEX
from mien.face.motion.visemes import Spell, Viseme
from mien.speech.phones import VOICE_RATE, Phone, SpokenText

BURST = 0.5


def sound(burst: float = BURST, closed: float = 0.09, seconds: float = 1.0, rate: int = VOICE_RATE) -> np.ndarray:
    """A buzz that is shut off for `closed` seconds and comes back with a click at `burst`."""
    t = np.arange(int(seconds * rate)) / rate
    wave = np.sign(np.sin(2 * np.pi * 130 * t)) * 6000
    wave[(t > burst - closed) & (t < burst)] *= 0.004
    return wave.astype(np.int16)


@pytest.mark.parametrize("reported", [(-0.06, 0.0), (-0.03, 0.03), (0.0, 0.05), (-0.08, 0.02)])
@pytest.mark.parametrize("rate", [16_000, VOICE_RATE])
def test_the_closure_ends_just_before_the_burst(reported: tuple[float, float], rate: int) -> None:
    spell = Spell(Viseme.PP, BURST + reported[0], BURST + reported[1])
    hold = bursts.closure(bursts.levels(sound(rate=rate), rate), spell)
    assert hold is not None
    assert 0 < BURST - hold.end < 0.045
    assert 0.04 < hold.end - hold.start < 0.11


def test_without_a_burst_or_for_other_sounds_nothing_is_known() -> None:
    steady = np.full(VOICE_RATE, 1000, np.int16)
    assert bursts.closure(bursts.levels(steady, VOICE_RATE), Spell(Viseme.PP, 0.4, 0.5)) is None
    assert bursts.closure(bursts.levels(sound(), VOICE_RATE), Spell(Viseme.MM, 0.45, 0.5)) is None
    assert bursts.closure(bursts.levels(sound()[:100], VOICE_RATE), Spell(Viseme.PP, 0.45, 0.5)) is None


def parted(pieces: list[int], offset: float, start: float = 0.4) -> tuple[float, np.ndarray]:
    """Seconds from the burst to the frame in which lips are no longer pressed, and the film."""
    engine = MotionEngine(seed=1)
    phones = (Phone("a", 0, 0.42 + offset), Phone("b", 0.42 + offset, 0.5 + offset), Phone("a", 0.5 + offset, 1.0))
    engine.speak(start, SpokenText("", "en", 1.0, phones))
    pcm = sound()
    for begin, end in zip([0, *pieces], [*pieces, len(pcm)], strict=True):
        engine.voice(pcm[begin:end], VOICE_RATE)
    times = np.arange(0, 2, 0.005)
    film = np.array([engine.frame(t)[[INDEX[n] for n in MOUTH]] for t in times])
    last = np.flatnonzero(film[:, PRESS] > 0.9)[-1]
    return float(times[last] - start - BURST), film


@pytest.mark.parametrize("offset", [-0.02, 0.0, 0.05])
@pytest.mark.parametrize("pieces", [[], [1000, 9000, 15000], list(range(480, VOICE_RATE, 480))])
def test_lips_part_on_the_burst_however_it_was_reported_and_the_sound_was_cut(offset: float, pieces: list[int]) -> None:
    late, film = parted(pieces, offset)
    assert -0.04 < late < 0.02
    assert film[:, PRESS].max() > 0.99


def test_a_closure_that_is_being_shown_does_not_move() -> None:
    engine = MotionEngine(seed=1)
    phones = (Phone("a", 0, 0.37), Phone("b", 0.37, 0.45), Phone("a", 0.45, 1.0))
    engine.speak(0.0, SpokenText("", "en", 1.0, phones))
    before = [engine.frame(i / FPS) for i in range(10)]
    again = MotionEngine(seed=1)
    again.speak(0.0, SpokenText("", "en", 1.0, phones))
    mouths = [again.frame(i / FPS)[INDEX["press"]] for i in range(10)]
    again.voice(sound(), VOICE_RATE)
    mouths += [again.frame(i / FPS)[INDEX["press"]] for i in range(10, 20)]
    rest = [engine.frame(i / FPS)[INDEX["press"]] for i in range(10, 20)]
    assert mouths == [f[INDEX["press"]] for f in before] + rest
