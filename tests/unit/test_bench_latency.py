"""What `mien bench latency` makes of what a viewer heard and the server told."""

from __future__ import annotations

import numpy as np
import pytest

from mien.bench import recordings
from mien.bench.latency import Samples, fell_silent, first_sound, overheads, percentile_of, report, spread
from mien.bench.scripted import ANSWER, DELAYS, syllables
from mien.rtc.port import AUDIO_CLOCK
from mien.rtc.voice import VoiceBlock
from mien.viewer.sound import loud_blocks

BLOCK = 960


def heard(pattern: str) -> list[VoiceBlock]:
    """20 ms a character: "x" is sound, "." silence; the first arrives at 0.02 s."""
    loud, quiet = np.full(BLOCK, 3000, np.int16), np.zeros(BLOCK, np.int16)
    return [
        VoiceBlock(loud if c == "x" else quiet, i * BLOCK, (i + 1) * 0.02, concealed=False)
        for i, c in enumerate(pattern)
    ]


def test_the_first_sound_after_a_moment() -> None:
    assert first_sound(heard("..xx..xx"), 0.0) == pytest.approx(0.06)
    assert first_sound(heard("..xx..xx"), 0.09) == pytest.approx(0.14)
    assert first_sound(heard("xx...."), 0.05) is None


def test_silence_begins_with_the_last_sound_before_a_long_pause() -> None:
    assert fell_silent(heard("xxxx" + "." * 20 + "xxxx"), 0.0) == pytest.approx(0.08)
    # A pause between words is no silence.
    assert fell_silent(heard("xxxx" + "." * 5 + "xx" + "." * 20), 0.0) == pytest.approx(0.22)
    assert fell_silent(heard("x" * 50), 0.0) is None
    assert fell_silent(heard("." * 30), 0.1) == pytest.approx(0.1), "it was silent already"


def test_overhead_counts_from_when_the_answer_could_have_begun() -> None:
    engines = (DELAYS.model_s + DELAYS.voice_s) * 1000
    late_text = {"total": 1000.0, "turn_end": 500.0, "end_of_speech_to_text": 600.0}
    early_text = {"total": 700.0, "turn_end": 500.0, "end_of_speech_to_text": 100.0}
    assert overheads(Samples(turns={"en": [late_text, early_text]})) == pytest.approx([1000 - 600 - engines, 200.0])


def test_a_percentile_between_two_looks_at_a_histogram() -> None:
    inf = float("inf")
    before = {0.01: 100.0, 0.02: 100.0, inf: 100.0}
    after = {0.01: 190.0, 0.02: 200.0, inf: 200.0}
    assert percentile_of(before, after, 0.95) == pytest.approx(0.015)
    assert percentile_of({}, {0.01: 0.0, 0.02: 0.0, inf: 10.0}, 0.99) == pytest.approx(0.02), "beyond the last bound"
    assert percentile_of(after, after, 0.99) is None
    assert percentile_of({}, {}, 0.99) is None


def test_the_report_has_every_figure() -> None:
    stages = {"turn_end": 500.0, "end_of_speech_to_text": 300.0, "llm_first_token": 600.0, "first_clause": 700.0}
    turn = stages | {"tts_first_audio": 900.0, "drive": 30.0, "server_total": 950.0, "total": 1000.0}
    found = report(Samples(turns={"zh": [turn, turn | {"total": 1200.0}], "en": []}, barge_in_ms=[200.0]), 0.0123)
    assert found["zh"]["total_ms"] == {"median": 1100, "p95": 1190}
    assert found["zh"]["asr_ms"] == {"median": 300, "p95": 300}
    assert found["zh"]["playout_ms"]["median"] == 150
    assert found["en"]["total_ms"] == {"median": None, "p95": None}
    assert found["barge_in_ms"] == {"median": 200, "p95": 200}
    assert found["loop_delay_ms"] == {"p99": 12.3}
    assert spread([]) == {"median": None, "p95": None}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_recordings_are_spoken_questions_clean_and_noisy(lang: recordings.Language) -> None:
    questions = recordings.questions(lang)
    assert len(questions) == 8
    for clean, noisy in zip(questions[::2], questions[1::2], strict=True):
        assert 1.2 < len(clean) / AUDIO_CLOCK < 6.5
        assert len(noisy) == len(clean) + 2 * int(recordings.PAD_S * AUDIO_CLOCK)
        noise = noisy[: int(recordings.PAD_S * AUDIO_CLOCK)].astype(float)
        below = 20 * np.log10(np.sqrt(np.mean(clean.astype(float) ** 2)) / np.sqrt(np.mean(noise**2)))
        assert 12 < below < 18
    assert np.array_equal(recordings.questions(lang)[1], questions[1]), "the noise is the same every time"
    assert len(recordings.clip(lang, "interrupt")) > len(recordings.clip(lang, "backchannel"))


def test_the_cough_is_short_and_loud_at_once() -> None:
    sound = recordings.cough()
    assert len(sound) / AUDIO_CLOCK == pytest.approx(0.35, abs=0.01)
    assert loud_blocks(sound, AUDIO_CLOCK)[0]


def test_the_scripted_voice_begins_with_sound() -> None:
    assert loud_blocks(syllables(0.5, AUDIO_CLOCK), AUDIO_CLOCK)[0]
    assert set(ANSWER) == {"zh", "en"}
