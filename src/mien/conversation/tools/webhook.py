"""A tool that the business backend runs: one signed POST for each call."""

from __future__ import annotations

from typing import Any

from mien.conversation.port import WebhookError, Webhooks
from mien.conversation.spec import InstanceSpec, ToolSpec
from mien.conversation.tools.tool import ToolFailedError


class WebhookTool:
    """Implements `tool.Tool`. The body posted is `{Name, Arguments, AgentInstanceId, RoomId, UserId, Round}` and the
    members that sign it."""

    def __init__(self, spec: ToolSpec, instance: InstanceSpec, webhooks: Webhooks) -> None:
        self._spec = spec
        self._instance = instance
        self._webhooks = webhooks

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def description(self) -> str:
        return self._spec.description

    @property
    def parameters(self) -> dict[str, Any]:
        return self._spec.parameters

    @property
    def url(self) -> str:
        return self._spec.url

    @property
    def timeout_s(self) -> float:
        return self._spec.timeout_s

    async def call(self, arguments: dict[str, Any], *, round_number: int) -> str:
        """See `tool.Tool`."""
        instance = self._instance
        body = {
            "Name": self.name,
            "Arguments": arguments,
            "AgentInstanceId": instance.instance_id,
            "RoomId": instance.rtc.room_id,
            "UserId": instance.user_id,
            "Round": round_number,
        }
        try:
            return await self._webhooks.call(
                instance.app_id, self.url, body, headers=self._spec.headers, timeout_s=self.timeout_s
            )
        except WebhookError as error:
            raise ToolFailedError(str(error)) from error
