"""What a running server tells about itself: Prometheus figures at `/metrics`, OpenTelemetry spans where a collector
is configured. Nothing said in a call is in either."""

from mien.telemetry.loop_delay import LoopDelay
from mien.telemetry.metrics import Metrics
from mien.telemetry.tracing import start_tracing, stop_tracing, tracer

__all__ = ["LoopDelay", "Metrics", "start_tracing", "stop_tracing", "tracer"]
