"""The trained net: it fits its code, hears speech it meets for the first time, and keeps still in silence."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from mien.bench import lip_metrics, lipsync
from mien.bench.lip_baselines import amplitude_film
from mien.bench.utterances import Utterance, at_voice_rate
from mien.bench.voices.espeak import Espeak
from mien.face.motion.audio_features import BANDS, MelBands
from mien.face.motion.audio_visemes import AudioMouth
from mien.face.motion.coarticulation import JAW, MOUTH, PRESS
from mien.face.motion.timing import AUDIO_HOP, AUDIO_WINDOW
from mien.face.motion.viseme_net import VisemeNet, packaged
from mien.speech.phones import VOICE_RATE

LINES = {
    "en": ("en-us+f4", "Bob's family bought five more maps, maybe from a very big shop by the river."),
    "zh": ("cmn+m4", "我们明天一起去买苹果和葡萄吧，妈妈不怕风大，票都买好了。"),
}


@pytest.fixture(scope="module")
def speech() -> dict[str, Utterance]:
    engine = Espeak()
    said = {}
    for language, (voice, text) in LINES.items():
        pcm, phones = engine.say(text, voice)
        said[language] = Utterance(text, language, at_voice_rate(pcm, engine.rate), phones)
    return said


def test_the_weights_are_small_and_look_ahead_no_more_than_80_ms() -> None:
    weights = packaged()
    assert weights.count <= 300_000
    assert weights.lookahead * AUDIO_HOP + AUDIO_WINDOW / 2 <= 0.08
    assert len(files("mien.face.motion").joinpath("visemes.npz").read_bytes()) < 700_000
    assert all(np.isfinite(x).all() for x in weights.arrays)


def test_the_net_is_what_its_weights_say() -> None:
    with files("mien.face.motion").joinpath("visemes.npz").open("rb") as file, np.load(file) as saved:
        weights = {name: saved[name].astype(np.float64) for name in saved if name.endswith(("_w", "_b"))}
        dilations, outputs = saved["dilations"].tolist(), saved["outputs"].tolist()
    bands = np.random.default_rng(4).uniform(-1, 1, (200, BANDS)).astype(np.float32)
    silence = 2 * sum(dilations)
    hidden, padding = np.concatenate([np.full((silence, BANDS), -1.0), bands]), -1.0
    for name, dilation in [("first", 1), *((f"block{i}", d) for i, d in enumerate(dilations))]:
        past = np.concatenate([np.full((2 * dilation, hidden.shape[1]), padding), hidden])
        taps = np.concatenate([past[i * dilation : i * dilation + len(hidden)] for i in range(3)], axis=1)
        made = np.maximum(taps @ weights[f"{name}_w"] + weights[f"{name}_b"], 0)
        hidden, padding = made if name == "first" else hidden + made, 0.0
    wanted = 1 / (1 + np.exp(-(hidden @ weights["head_w"] + weights["head_b"])))[silence:]
    columns = [outputs.index(name) for name in (*MOUTH, "speech")]
    assert np.allclose(VisemeNet(packaged()).push(bands), wanted[:, columns], atol=1e-4)


def test_bands_are_the_power_under_triangles_against_the_peak() -> None:
    """Reckoned plainly; the peak fades by 3 dB a second."""
    rate, hop, size, fft = 16_000, 160, 400, 512
    t = np.arange(rate) / rate
    pcm = (np.random.default_rng(5).normal(0, 1, rate) * 200 * np.exp(4 * t)).astype(np.int16)
    bands, levels = MelBands(rate).push(pcm)
    window = np.hanning(size + 2)[1:-1]
    hz = np.linspace(0, rate / 2, fft // 2 + 1)
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (80, 7600)), BANDS + 2) / 2595) - 1)
    wide = np.flatnonzero(np.diff(edges)[:-1] > 2 * rate / fft)
    for i in (50, 80, 99):
        frame = pcm[(i + 1) * hop - size : (i + 1) * hop] / 32768
        power = np.abs(np.fft.rfft((frame - frame.mean()) * window, fft)) ** 2 * 2 / fft / (window**2).sum()
        shapes = [np.interp(hz, edges[b : b + 3], (0, 1, 0)) for b in wide]
        peak = (levels[: i + 1] - 0.03 * np.arange(i, -1, -1)).max()
        relative = 10 * np.log10(np.array(shapes) @ power + 1e-9) - peak
        assert np.allclose(bands[i, wide], np.minimum((relative + 60) / 30 - 1, 1.2), atol=1e-3)


def test_a_stream_in_pieces_is_the_same_stream() -> None:
    bands = np.random.default_rng(1).uniform(-1, 1, (300, BANDS)).astype(np.float32)
    whole, pieces = VisemeNet(packaged()), VisemeNet(packaged())
    parts = [pieces.push(bands[i : i + n]) for i, n in zip(range(0, 300, 7), [7] * 43, strict=False)]
    assert np.allclose(np.concatenate(parts), whole.push(bands), atol=1e-4)


def test_it_is_causal() -> None:
    bands = np.random.default_rng(2).uniform(-1, 1, (120, BANDS)).astype(np.float32)
    other = bands.copy()
    other[80:] = -1
    first, second = VisemeNet(packaged()).push(bands), VisemeNet(packaged()).push(other)
    assert np.allclose(first[:80], second[:80], atol=1e-6)
    assert not np.allclose(first[80:], second[80:], atol=1e-3)


def test_features_do_not_depend_on_level_or_rate() -> None:
    t = np.arange(VOICE_RATE) / VOICE_RATE
    sound = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 28)) * 3000
    loud = MelBands(VOICE_RATE).push(sound.astype(np.int16))[0][-1]
    quiet = MelBands(VOICE_RATE).push((sound / 8).astype(np.int16))[0][-1]
    t8 = np.arange(8000) / 8000
    narrow = sum(np.sin(2 * np.pi * 120 * k * t8) / k for k in range(1, 28)) * 3000
    coarse = MelBands(8000).push(narrow.astype(np.int16))[0][-1]
    clear = loud > -0.3
    assert np.abs(loud - quiet)[clear].max() < 0.05
    assert np.abs(loud - coarse)[clear].max() < 0.3
    assert (coarse[-8:] == -1).all()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_hears_closures_jaw_and_shapes(speech: dict[str, Utterance], language: str) -> None:
    found = lip_metrics.measure([speech[language]], lipsync.audio_film)
    plain = lip_metrics.measure([speech[language]], amplitude_film)
    assert found["closure_recall"] >= 0.8
    assert found["closure_precision"] >= 0.6
    assert found["jaw_r"] >= 0.75
    assert found["jaw_r"] > plain["jaw_r"] + 0.1
    assert found["wide_r"] >= 0.65
    assert found["round_r"] >= 0.55
    assert found["viseme_accuracy"] > plain["viseme_accuracy"] + 0.1
    assert found["rest_rate"] == 1
    assert abs(found["envelope_lag_ms"]) <= 40


@pytest.mark.parametrize("language", ["en", "zh"])
def test_phones_close_the_lips_for_every_closure_and_part_them_on_the_burst(
    speech: dict[str, Utterance], language: str
) -> None:
    found = lip_metrics.measure([speech[language]], lipsync.phoneme_film)
    assert found["closure_recall"] >= 0.95
    assert found["onset_ms_median"] <= 30


@pytest.mark.parametrize("level", [0.03, 1.0])
def test_the_level_of_the_voice_does_not_matter(speech: dict[str, Utterance], level: float) -> None:
    pcm = speech["en"].pcm
    loud, other = AudioMouth(VOICE_RATE), AudioMouth(VOICE_RATE)
    loud.push(pcm)
    other.push((pcm * level / np.abs(pcm).max() * 32767).astype(np.int16))
    times = np.arange(0.5, len(pcm) / VOICE_RATE - 0.3, 0.04)
    jaws = np.array([[mouth.pose(t)[JAW] for t in times] for mouth in (loud, other)])
    assert np.corrcoef(jaws)[0, 1] > 0.9


@pytest.mark.parametrize("noise", [0.0, 3.0, 12.0])
def test_silence_and_faint_noise_keep_the_mouth_closed_and_still(noise: float) -> None:
    mouth = AudioMouth(VOICE_RATE)
    mouth.push(np.random.default_rng(3).normal(0, max(noise, 1e-9), 4 * VOICE_RATE).astype(np.int16))
    rows = np.array([mouth.pose(t) for t in np.arange(0, 3.9, 0.01)])
    assert not rows.any()


def test_a_voice_that_comes_just_in_time_still_moves_the_mouth(speech: dict[str, Utterance]) -> None:
    """The mouth lags by what the net looks ahead instead of staying shut."""
    pcm = speech["en"].pcm
    mouth, hop = AudioMouth(VOICE_RATE), VOICE_RATE // 25
    shown = []
    for at in range(0, len(pcm) - hop, hop):
        mouth.push(pcm[at : at + hop])
        shown.append(mouth.pose((at + hop) / VOICE_RATE))
    ahead = AudioMouth(VOICE_RATE)
    ahead.push(pcm)
    wanted = [ahead.pose((i + 1) / 25 - 0.07)[JAW] for i in range(len(shown))]
    assert np.corrcoef(np.array(shown)[:, JAW], wanted)[0, 1] > 0.9
    assert np.array(shown)[:, PRESS].max() > 0.7
