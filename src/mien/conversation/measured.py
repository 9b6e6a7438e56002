"""What a round took, told to whoever watches the server: the log, Prometheus, OpenTelemetry."""

from __future__ import annotations

import time
from typing import Protocol

import structlog
from opentelemetry import trace

from mien.conversation.rounds import RoundTimings
from mien.telemetry import Metrics, tracer

log = structlog.get_logger(__name__)

STAGES = (
    "turn_end",
    "end_of_speech_to_text",
    "llm_first_token",
    "first_clause",
    "tts_first_audio",
    "drive",
    "total",
    "content",
)
"""Those of `RoundTimings.milliseconds` that are times."""


class Observer(Protocol):
    """Hears what the instances of a server measure."""

    def round_ended(self, instance_id: str, timings: RoundTimings) -> None:
        """A round is over; called on the loop whose clock the timings are in."""

    def exception(self, code: int) -> None:
        """The business backend was told of a failure."""


class Log:
    """An observer that writes one line for each round. What was said stays out of it."""

    def round_ended(self, instance_id: str, timings: RoundTimings) -> None:
        measured = timings.milliseconds()
        stages = {f"{name}_ms": measured[name] for name in STAGES if measured[name] is not None}
        log.info(
            "turn",
            instance=instance_id,
            round=timings.round,
            origin=timings.origin,
            interrupted=timings.interrupted,
            **stages,
        )

    def exception(self, code: int) -> None:
        """Its own line is written where it happens."""


class Telemetry(Log):
    """An observer that also fills the figures of the server and sends spans."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def round_ended(self, instance_id: str, timings: RoundTimings) -> None:
        super().round_ended(instance_id, timings)
        measured = timings.milliseconds()
        self._metrics.round_ended(
            timings.origin, {name: measured[name] for name in STAGES}, interrupted=timings.interrupted
        )
        send_spans(instance_id, timings)

    def exception(self, code: int) -> None:
        self._metrics.exception(code)


def send_spans(instance_id: str, timings: RoundTimings, *, tracer_: trace.Tracer | None = None) -> None:
    """One span for the round, from its beginning to the first voice, and one below it for each stage that was
    reached. Stages overlap where work began early."""
    began, ended = timings.began_at, timings.ended_at
    if began is None or ended is None:
        return
    # The loop's clock and the wall's run alike; spans are kept in the wall's, in ns.
    offset = time.time() - ended
    starts = {
        "turn_end": (began, timings.turn_end_at),
        "asr": (began, timings.asr_text_at),
        "llm.first_token": (timings.llm_request_at, timings.llm_first_token_at),
        "llm.first_clause": (timings.llm_first_token_at, timings.first_clause_at),
        "tts.first_audio": (timings.first_clause_at, timings.tts_first_audio_at),
        "playout": (timings.tts_first_audio_at, timings.voice_at),
    }
    tracer_ = tracer_ or tracer()
    begin = min([began, *(start for start, end in starts.values() if start is not None and end is not None)])
    span = tracer_.start_span(
        "round",
        context=trace.set_span_in_context(trace.INVALID_SPAN),
        start_time=_nanoseconds(begin + offset),
        attributes={
            "mien.instance_id": instance_id,
            "mien.round": timings.round,
            "mien.origin": str(timings.origin),
            "mien.interrupted": timings.interrupted,
        },
    )
    context = trace.set_span_in_context(span)
    for name, (start, end) in starts.items():
        if start is not None and end is not None:
            stage = tracer_.start_span(name, context=context, start_time=_nanoseconds(start + offset))
            stage.end(_nanoseconds(max(start, end) + offset))
    span.end(_nanoseconds(max(ended, begin) + offset))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
