"""The welcome: spoken once, when somebody is there to hear it."""

from __future__ import annotations

import asyncio

import structlog

from mien.conversation.port import ConversationError, Instance
from mien.conversation.spec import SamePriority, WelcomeSpec
from mien.rtc.port import AgentPeer

LOOK_EVERY_S = 0.1
"""How often it is looked whether somebody plays the stream."""

log = structlog.get_logger(__name__)


class Greeter:
    """Says `welcome` when the instance's user is in the room and the stream is played. `start` it, `aclose` it."""

    def __init__(self, welcome: WelcomeSpec, instance: Instance, peer: AgentPeer) -> None:
        self._welcome = welcome
        self._instance = instance
        self._peer = peer
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to wait for the user."""
        self._task = asyncio.create_task(self._run(), name="conversation.welcome")

    async def aclose(self) -> None:
        """Stops waiting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            while not self._heard():  # noqa: ASYNC110 - transports have no event for who plays a stream
                await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.sleep(self._welcome.delay_s)
            if self._heard():
                break
        welcome, instance = self._welcome, self._instance
        try:
            if welcome.text:
                await instance.say(welcome.text, priority=welcome.priority, same_priority=SamePriority.ENQUEUE)
            else:
                await instance.ask(welcome.prompt, priority=welcome.priority, same_priority=SamePriority.ENQUEUE)
        except ConversationError as error:
            # The user has begun to speak, or the backend has: there is nothing left to open.
            log.info("welcome left out", instance=instance.spec.instance_id, reason=str(error))

    def _heard(self) -> bool:
        return self._peer.viewers > 0 and self._instance.spec.user_id in self._peer.users()
