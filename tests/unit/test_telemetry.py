"""Figures and spans of a conversation, and how late the loop is, on virtual time."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mien.conversation.measured import Telemetry, send_spans
from mien.conversation.rounds import RoundTimings
from mien.telemetry import LoopDelay, Metrics, start_tracing
from tests.support.conversation import Script, leave, run, spec, stage
from tests.support.virtual_time import VirtualTimeLoop


def figures(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Values of one sample name by the values of its labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_a_round_is_counted_with_the_stages_it_reached() -> None:
    async def main() -> None:
        metrics = Metrics()
        hand = await stage(Script(), observer=Telemetry(metrics))
        await hand.manager.create(spec())
        await hand.user.say("今天天气怎么样", 1.4)
        await asyncio.sleep(10)
        assert figures(metrics, "mien_rounds_total") == {("user", "finished"): 1}
        counted = figures(metrics, "mien_round_stage_seconds_count")
        for reached in ("turn_end", "llm_first_token", "tts_first_audio", "total"):
            assert counted[(reached, "user")] == 1
        seconds = figures(metrics, "mien_round_stage_seconds_sum")
        assert 0 < seconds[("turn_end", "user")] <= seconds[("total", "user")] < 5
        await leave(hand)

    run(main)


def test_an_exception_callback_is_counted_by_its_code() -> None:
    metrics = Metrics()
    Telemetry(metrics).exception(2203)
    assert figures(metrics, "mien_exceptions_total") == {("2203",): 1}


def spans_of(timings: RoundTimings) -> dict[str, ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    send_spans("instance", timings, tracer_=provider.get_tracer("test"))
    return {span.name: span for span in memory.get_finished_spans()}


def milliseconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.end_time - span.start_time) / 1e6)


def test_spans_hold_the_stages_below_their_round() -> None:
    timings = RoundTimings(
        7, "user", began_at=100.0, turn_end_at=100.5, asr_text_at=100.4, llm_request_at=100.41,
        llm_first_token_at=100.61, first_clause_at=100.9, tts_first_audio_at=101.3, voice_at=101.4, ended_at=104.0,
        text="private question", answer="private answer",
    )  # fmt: skip
    spans = spans_of(timings)
    lengths = {name: milliseconds(span) for name, span in spans.items()}
    assert lengths == {
        "round": 4000,
        "turn_end": 500,
        "asr": 400,
        "llm.first_token": 200,
        "llm.first_clause": 290,
        "tts.first_audio": 400,
        "playout": 100,
    }
    whole = spans["round"].context
    assert all(span.parent == whole for name, span in spans.items() if name != "round")
    assert dict(spans["round"].attributes or {}) == {
        "mien.instance_id": "instance", "mien.round": 7, "mien.origin": "user", "mien.interrupted": False,
    }  # fmt: skip
    assert not any("private" in span.to_json() for span in spans.values())


def test_a_stage_that_was_not_reached_has_no_span() -> None:
    spans = spans_of(RoundTimings(1, "say", began_at=5.0, voice_at=5.4, tts_first_audio_at=5.3, ended_at=6.0))
    assert set(spans) == {"round", "playout"}


def test_loop_delay_sees_a_blocked_loop() -> None:
    delays: list[float] = []

    async def main() -> None:
        watch = LoopDelay(delays.append)
        watch.start()
        await asyncio.sleep(0.55)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.block(0.3)
        await asyncio.sleep(0.5)
        await watch.close()

    run(main)
    assert [round(delay, 3) for delay in delays if delay > 0.001] == [0.25]
    assert len(delays) >= 9


async def test_the_page_of_figures_is_prometheus_text() -> None:
    metrics = Metrics()
    metrics.count_instances("web", lambda: 3)
    app = FastAPI()
    app.include_router(metrics.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mien") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'mien_instances{kind="web"} 3.0' in answer.text


def test_tracing_stays_off_without_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert start_tracing() is None
