"""The report of a call: what was asked and answered, how long each step took, what was seen and heard."""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.face.motion.frame import INDEX
from mien.rtc.port import AUDIO_CLOCK
from mien.viewer.call import CallResult, ConfigId
from mien.viewer.sound import speech_span

MINIMUM_VOICE_S = 0.3
MINIMUM_FPS = 5.0
VISIBLE_OPENING = 0.08
"""Jaw channel: less is not seen as speaking."""


def make_report(result: CallResult, config_id: ConfigId, size: tuple[int, int]) -> dict[str, Any]:
    """The JSON report; `size` is the picture's width and height in px."""
    recording = result.recording
    pcm = recording.pcm()
    first = _samples_before(result)
    span = speech_span(pcm[first:], AUDIO_CLOCK)
    total = None
    if span is not None:
        total = round((recording.arrival_of(first + span[0]) - result.question_ended_at) * 1000)
    times = [unit.arrival for unit in recording.units]
    seconds = times[-1] - times[0] if len(times) > 1 else 0.0
    stages: dict[str, Any] = next((r for r in reversed(result.rounds) if r.get("origin") == "user"), {})
    return {
        "question": result.question,
        "answer": result.answer,
        "latency_ms": {
            name: stages.get(name)
            for name in (
                "turn_end",
                "end_of_speech_to_text",
                "llm_first_token",
                "first_clause",
                "tts_first_audio",
                "content",
                "drive",
            )
        }
        | {"total": total},
        "video": {
            "width": size[0],
            "height": size[1],
            "fps": round((len(times) - 1) / seconds, 2) if seconds else 0.0,
            "frames": len(times),
        },
        "audio": {"seconds": round((span[1] - span[0]) / AUDIO_CLOCK, 2) if span else 0.0},
        "config_id": config_id,
        "packets_lost": recording.playback.packets_lost,
    }


def _samples_before(result: CallResult) -> int:
    """How many samples had arrived when the question ended; sound before is not its answer."""
    return sum(len(block.pcm) for block in result.recording.voice if block.arrival <= result.question_ended_at)


def what_is_missing(report: dict[str, Any], result: CallResult, config_id: ConfigId) -> list[str]:
    """Why this was no spoken, visible answer; empty when it was one."""
    missing = []
    if report["audio"]["seconds"] < MINIMUM_VOICE_S:
        missing.append("no voice was heard")
    if report["video"]["fps"] < MINIMUM_FPS:
        missing.append(f"the picture came at {report['video']['fps']} frames a second")
    if config_id == "mobile":
        jaw = np.array([frame[INDEX["jaw"]] for _, frame in result.recording.motions()])
        if not len(jaw) or jaw.max() < VISIBLE_OPENING:
            missing.append("the mouth did not move")
    if not result.answer:
        missing.append("no subtitle of the answer came")
    return missing
