"""Prometheus figures. Each server has its own registry, so that two servers in one process do not add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.responses import Response

_STAGE_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_DELAY_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)


class Metrics:
    """The figures of one server; see docs/operation.md for what each one means."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._stages = Histogram(
            "mien_round_stage_seconds",
            "Time from the beginning of a round (end of the user's speech, or the request) to the end of a stage; "
            "stage `drive`: speech audio at the face until the motion frame that shows it",
            ["stage", "origin"],
            buckets=_STAGE_S,
            registry=self.registry,
        )
        self._rounds = Counter(
            "mien_rounds", "Rounds that ended, by who began them and how they ended", ["origin", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._exceptions = Counter("mien_exceptions", "Exception callbacks, by code", ["code"], registry=self.registry)
        self._instances = Gauge(
            "mien_instances", "Live agent instances, by what they show", ["kind"], registry=self.registry
        )
        self._loop_delay = Histogram(
            "mien_event_loop_delay_seconds",
            "How late the event loop that carries the media wakes a sleeping task",
            buckets=_DELAY_S,
            registry=self.registry,
        )

    def round_ended(self, origin: str, stages_ms: Mapping[str, float | None], *, interrupted: bool) -> None:
        """A round ended; `stages_ms` are ms after its beginning, None for a stage not reached."""
        self._rounds.labels(origin, "interrupted" if interrupted else "finished").inc()
        for stage, milliseconds in stages_ms.items():
            if milliseconds is not None:
                self._stages.labels(stage, origin).observe(milliseconds / 1000)

    def exception(self, code: int) -> None:
        """An `Exception` callback was sent."""
        self._exceptions.labels(str(int(code))).inc()

    def count_instances(self, kind: str, count: Callable[[], int]) -> None:
        """`count()` is asked whenever somebody reads the figures."""
        self._instances.labels(kind).set_function(count)

    def loop_delay(self, seconds: float) -> None:
        """The event loop was this late."""
        self._loop_delay.observe(seconds)

    def router(self) -> APIRouter:
        """The route `/metrics`, in Prometheus' text format."""
        router = APIRouter()

        @router.get("/metrics", include_in_schema=False)
        async def metrics() -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return router
