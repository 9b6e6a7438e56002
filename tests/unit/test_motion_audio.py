"""The mouth from the sound alone: sane for anything that can come down a wire."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import faces
from mien.face.motion import audio_visemes, lip_kernels
from mien.face.motion.audio_visemes import AudioMouth, compile_lips
from mien.face.motion.coarticulation import FV, JAW, LOWER, MOUTH, PRESS, TONGUE, UPPER
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, INDEX
from mien.face.motion.viseme_net import OUTPUTS
from mien.settings import Settings

RATE = 24_000
COLUMNS = [INDEX[name] for name in MOUTH]


def vowel(formants: tuple[tuple[float, float], ...], seconds: float = 0.6, level: float = 0.2) -> np.ndarray:
    """A harmonic buzz at 140 Hz shaped by resonances (Hz, width)."""
    t = np.arange(int(seconds * RATE)) / RATE
    wave = np.zeros_like(t)
    for harmonic in range(1, 60):
        f = 140.0 * harmonic
        gain = (
            sum(1 / (1 + ((f - at) / width) ** 2) / (1 + n) for n, (at, width) in enumerate(formants)) / harmonic**0.5
        )
        wave += gain / harmonic**0.5 * np.sin(2 * np.pi * f * t)
    return (wave / np.abs(wave).max() * level * 32767).astype(np.int16)


def test_silence_after_speech_is_exactly_closed() -> None:
    engine = MotionEngine(seed=1)
    engine.hear(0.0, np.concatenate([vowel(((750, 80), (1200, 90))), np.zeros(RATE, np.int16)]), RATE)
    mouths = np.array([engine.frame(i / FPS)[COLUMNS] for i in range(40)])
    assert mouths[5:13, JAW].min() > 0.2
    assert not mouths[21:].any()


def test_pieces_give_what_the_whole_gives() -> None:
    pcm = np.concatenate([vowel(((750, 80), (1200, 90))), vowel(((280, 60), (2300, 100)))])
    whole, pieces = AudioMouth(RATE), AudioMouth(RATE)
    whole.push(pcm)
    for begin in range(0, len(pcm), 317):
        pieces.push(pcm[begin : begin + 317])
    assert all(np.allclose(whole.pose(t), pieces.pose(t), atol=1e-5) for t in np.arange(0, 1.2, 0.013))


def test_no_voice_has_to_wait_for_a_compiler() -> None:
    compile_lips()
    compiled = {name: len(loop.signatures) for name, loop in vars(lip_kernels).items() if hasattr(loop, "signatures")}
    assert {"windows", "mel", "net", "mouth"} <= set(compiled)
    sound = vowel(((750, 80), (1200, 90)))
    frozen = np.frombuffer(sound.tobytes(), np.int16)
    for rate in (8000, 22_050, 48_000):
        for pcm in (sound, frozen, sound.astype(np.float64), sound[::2], np.array([np.nan, np.inf] * rate)):
            lips = AudioMouth(rate)
            for begin in range(0, len(pcm), 333):
                lips.push(pcm[begin : begin + 333])
                lips.pose(begin / rate)
            lips.finish()
            lips.pose(9.0)
    again = {name: len(loop.signatures) for name, loop in vars(lip_kernels).items() if hasattr(loop, "signatures")}
    assert again == compiled


def test_a_server_compiles_the_lips_before_it_is_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = []
    monkeypatch.setattr(faces, "compile_lips", lambda: compiled.append("lips"))
    monkeypatch.setattr(faces, "default_humans", lambda: ())
    library = faces.FaceLibrary(Settings(data_dir=tmp_path))
    asyncio.run(library.warm())
    assert library.ready
    assert compiled == ["lips"]


def shown(press: float, fv: float = 0.0) -> np.ndarray:
    """The row shown when the net says the same for long: an open jaw, and how likely closures are."""
    rules = audio_visemes._RULES
    seen = np.full((60, len(OUTPUTS)), 0.3, np.float32)
    seen[:, PRESS], seen[:, FV], seen[:, lip_kernels.SPEECH] = press, fv, 1.0
    levels, rows = np.full(64, -20, np.float32), np.empty((60, len(MOUTH)), np.float32)
    state = np.zeros(3), np.zeros((2, len(OUTPUTS)), np.float32), np.zeros(3)
    lip_kernels.mouth(seen, levels, audio_visemes._SYLLABLE, audio_visemes._RECENT, rules, *state, rows)
    return rows[-1]


def test_a_closure_is_reached_but_not_counted_twice() -> None:
    """The net has it in the jaw already: on the way there the jaw stays where the net says."""
    assert shown(0.6)[JAW] == pytest.approx(0.3, abs=1e-3)
    closed = shown(0.9)
    assert closed[PRESS] == 1
    assert not closed[[JAW, UPPER, LOWER, TONGUE]].any()
    bitten = shown(0.0, fv=0.9)
    assert bitten[FV] == 1
    assert bitten[[JAW, UPPER]] == pytest.approx([0.1, 0.25], abs=1e-3)
    assert not bitten[[PRESS, LOWER, TONGUE]].any()


def test_too_coarse_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz"):
        AudioMouth(2000)


def noise(rate: int, seed: int, level: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, rate) * level * 32767


def music(rate: int, seed: int) -> np.ndarray:
    """Chords with an attack, four a second."""
    dice, t = np.random.default_rng(seed), np.arange(rate) / rate
    notes = sum(
        np.sin(2 * np.pi * 220 * 2 ** (dice.integers(0, 24, 4)[(t * 4).astype(int) % 4] / 12) * t) for _ in range(3)
    )
    return notes * np.exp(-8 * (t * 4 % 1)) * 7000


sounds = st.one_of(
    st.just(lambda rate: np.zeros(rate)),
    st.floats(0.0001, 2).map(lambda level: lambda rate: noise(rate, 3, level)),
    st.floats(-1, 1).map(lambda level: lambda rate: np.full(rate, level * 32767)),
    st.floats(20, 7900).map(lambda hz: lambda rate: 1e5 * np.sin(np.arange(rate) * 2 * np.pi * hz / rate)),
    st.integers(0, 99).map(lambda seed: lambda rate: noise(rate, seed, 0.3) * (np.arange(rate) // 1000 % 3 == 0)),
    st.integers(0, 99).map(lambda seed: lambda rate: music(rate, seed)),
    st.just(lambda rate: np.where(np.arange(rate) % 50 == 0, np.nan, 3000.0)),
)


@settings(deadline=None, max_examples=40)
@given(sounds, st.sampled_from([8000, 16000, 22050, 24000, 48000]), st.integers(1, 5000))
def test_any_audio_gives_finite_smooth_motion_in_range(sound, rate: int, piece: int) -> None:  # type: ignore[no-untyped-def]
    pcm = np.clip(sound(rate), -32768, 32767)
    engine = MotionEngine(seed=4)
    if not np.isnan(pcm).any():
        pcm = pcm.astype(np.int16)
    piece = max(piece, 200)
    for begin in range(0, len(pcm), piece):
        engine.hear(0.1 + begin / rate, pcm[begin : begin + piece], rate)
    engine.hear_end()
    frames = np.array([engine.frame(i / FPS) for i in range(int(1.6 * FPS))])
    mouth = frames[:, COLUMNS]
    assert np.isfinite(frames).all()
    assert mouth.min() >= 0
    assert mouth.max() <= 1
    gates = np.isin(np.arange(len(MOUTH)), (PRESS, FV))
    assert (np.abs(np.diff(mouth, n=2, axis=0)) <= np.where(gates, 1.8, 1.3)).all()
    assert not mouth[-1].any()
