"""The products whose actions share the gateway: what their answers look like and which codes they speak."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mien.api.errors import ReturnCode
from mien.api.ids import IdSource


@dataclass(frozen=True, slots=True)
class Product:
    """A product. `codes` are its own for errors that every product has; `request_id` is a pattern
    that `example_id` fits."""

    request_id: str
    example_id: str
    new_request_id: Callable[[IdSource], str]
    codes: Mapping[ReturnCode, ReturnCode] = field(default_factory=dict)

    def code(self, code: ReturnCode) -> ReturnCode:
        """What this product calls `code`."""
        return self.codes.get(code, code)


AGENTS = Product("^[0-9]{19}$", "1882580953051693056", IdSource.next)
STREAMS = Product(
    "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "d799c85c-10c8-4191-8c6a-3290a5940b5f",
    lambda _: str(uuid.uuid4()),
    {
        ReturnCode.INVALID_PARAMETER: ReturnCode.STREAM_PARAMETER,
        ReturnCode.JSON: ReturnCode.STREAM_PARAMETER,
        ReturnCode.DIGITAL_HUMAN_ID: ReturnCode.STREAM_HUMAN_NOT_FOUND,
        ReturnCode.FOREIGN_DIGITAL_HUMAN: ReturnCode.STREAM_PERMISSION,
        ReturnCode.SYSTEM: ReturnCode.STREAM_SYSTEM,
        ReturnCode.INTERNAL_CALL: ReturnCode.STREAM_SYSTEM,
        ReturnCode.TOO_FREQUENT: ReturnCode.STREAM_TOO_FREQUENT,
    },
)
"""Digital humans driven from outside."""
