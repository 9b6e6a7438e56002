"""Calling those who want to hear of events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

logger = logging.getLogger(__name__)

P = ParamSpec("P")


def tell(listener: Callable[P, None] | None, *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls the listener, if there is one. Its mistake must not stop the transport, so it is only logged."""
    if listener is None:
        return
    try:
        listener(*args, **kwargs)
    except Exception:
        logger.exception("an agent's event handler failed")
