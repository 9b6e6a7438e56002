"""OpenTelemetry: spans leave over OTLP/HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` (or its `_TRACES_` form) names a
collector, as the OpenTelemetry specification says; otherwise they cost nothing."""

from __future__ import annotations

import os

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from mien import __version__

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def tracer() -> trace.Tracer:
    """Mien's tracer; does nothing until tracing has been started."""
    return trace.get_tracer("mien", __version__)


def start_tracing() -> TracerProvider | None:
    """Sends spans to the configured collector; None when the environment names none."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    name = os.environ.get("OTEL_SERVICE_NAME", "mien")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name, SERVICE_VERSION: __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def stop_tracing(provider: TracerProvider | None) -> None:
    """Sends what still waits. Blocks for at most the exporter's timeout."""
    if provider is not None:
        provider.shutdown()
