"""A business backend whose tools answer from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mien.conversation.port import WebhookError
from mien.conversation.spec import ToolSpec


@dataclass
class ScriptedWebhooks:
    """`mien.conversation.port.Webhooks`. A tool answers with its entry in `answers` after `delay_s`."""

    answers: dict[str, str | WebhookError] = field(default_factory=dict)
    delay_s: float = 1.0
    calls: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def call(
        self, app_id: int, url: str, body: dict[str, Any], *, headers: Mapping[str, str], timeout_s: float
    ) -> str:
        self.calls.append(body | {"url": url, "headers": dict(headers)})
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled.append(body["Name"])
            raise
        finally:
            self.running -= 1
        answer = self.answers[body["Name"]]
        if isinstance(answer, WebhookError):
            raise answer
        return answer


def tool(name: str, **more: Any) -> ToolSpec:
    """A tool at `https://shop.test/NAME`."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    return ToolSpec(name, f"Finds the {name}", parameters, f"https://shop.test/{name}?key=secret", **more)
