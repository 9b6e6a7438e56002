"""Logging: structlog over the standard library, readable lines for people or JSON for machines."""

from __future__ import annotations

import logging
import sys

import structlog

from mien.settings import Settings

# uvicorn's own lines show the address of every WebSocket, and with it the caller's login token.
_CHATTY = (
    "uvicorn",
    "aioice",
    "aiortc",
    "httpx",
    "httpcore",
    "livekit",
    "numba",
    "alembic",
    "faster_whisper",
    "jieba",
    "phonemizer",
)


def configure_logging(settings: Settings) -> None:
    """Sends every logger through structlog to stderr at the chosen level."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso" if settings.log_json else "%H:%M:%S.%f", utc=settings.log_json),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_json
        # Pretty tracebacks with all locals take seconds to draw, on the loop that plays everybody's voice.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    if settings.log_level != "debug":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
