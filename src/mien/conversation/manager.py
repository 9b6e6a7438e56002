"""Creates, finds and ends instances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from mien.capacity import Capacity, NoHeadroomError, Place
from mien.conversation.apology import Apologies
from mien.conversation.instance import DELETED, LiveInstance
from mien.conversation.measured import Observer
from mien.conversation.parts import Engines, Faces
from mien.conversation.port import (
    CallbackSink,
    ConversationError,
    InstanceLimitError,
    InstanceNotFoundError,
    NoCapacityError,
    ShuttingDownError,
    TtsDisabledError,
    Webhooks,
)
from mien.conversation.spec import InstanceSpec
from mien.rtc.port import RoomService, RtcError, VideoKind
from mien.settings import Settings

log = structlog.get_logger(__name__)


class Manager:
    """`mien.conversation.port.InstanceManager`. `close` it before the room service.

    `capacity` is shared with whatever else runs on this machine.
    `cdn` stands in for the rooms of an instance that is pushed to an RTMP address; it raises RtcError for one it cannot
    use. Without it there are only rooms.
    """

    def __init__(
        self,
        settings: Settings,
        rooms: RoomService,
        engines: Engines,
        faces: Faces,
        callbacks: CallbackSink,
        *,
        cdn: Callable[[str], RoomService] | None = None,
        capacity: Capacity | None = None,
        observer: Observer | None = None,
        webhooks: Webhooks | None = None,
    ) -> None:
        """Without `webhooks` instances have no webhook tools."""
        self._settings = settings
        self._rooms = rooms
        self._cdn = cdn
        self._engines = engines
        self._faces = faces
        self._callbacks = callbacks
        self._own_capacity = capacity is None
        self._capacity = capacity or Capacity(settings)
        self._observer = observer
        self._webhooks = webhooks
        self._apologies = Apologies() if settings.apology else None
        self._places: dict[str, Place] = {}
        self._instances: dict[str, LiveInstance] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def create(self, spec: InstanceSpec) -> LiveInstance:
        """Joins the room and starts publishing; `AgentInstanceCreated` follows.

        Raises InstanceLimitError, NoCapacityError, UnknownDigitalHumanError, StreamTakenError, TtsDisabledError, and
        ConversationError when the room or the CDN cannot be reached.
        """
        if spec.digital_human is not None and spec.advanced.disable_tts:
            raise TtsDisabledError("a digital human speaks: leave DisableTTS out, or create a voice agent")
        rooms = self._rooms_of(spec)
        self._check_limit(spec)
        # Taken before anything is awaited: ten requests at once must not pass the same check.
        try:
            self._places[spec.instance_id] = self._capacity.take(_place(spec))
        except NoHeadroomError as error:
            raise NoCapacityError(str(error)) from error
        instance: LiveInstance | None = None
        try:
            media = await self._faces.open(spec.digital_human)
            instance = LiveInstance(
                spec,
                media,
                self._engines,
                self._callbacks,
                on_end=self._ended,
                observer=self._observer,
                echo_guard=self._settings.echo_guard,
                webhooks=self._webhooks,
                apologies=self._apologies,
            )
            self._instances[spec.instance_id] = instance
            await instance.open(rooms)
        except BaseException:
            self._forget(spec.instance_id)
            if instance is not None:
                await asyncio.shield(instance.close(None))
            raise
        log.info(
            "instance created",
            instance=spec.instance_id,
            room=spec.rtc.room_id,
            cdn=bool(spec.cdn_url),
            video=str(media.video),
        )
        return instance

    def get(self, app_id: int, instance_id: str) -> LiveInstance:
        """Raises InstanceNotFoundError."""
        instance = self._instances.get(instance_id)
        if instance is None or instance.spec.app_id != app_id:
            raise InstanceNotFoundError(f"no running instance has the id {instance_id!r}; it may have ended")
        return instance

    async def delete(self, app_id: int, instance_id: str, *, graceful: bool = False, timeout_s: float = 30.0) -> None:
        """Ends the instance; with `graceful` it first finishes speaking, and this returns at once.

        Raises InstanceNotFoundError; ShuttingDownError when it is asked for gracefully twice.
        """
        instance = self.get(app_id, instance_id)
        if not graceful:
            await self._end(instance)
            return
        if instance.shutting_down:
            raise ShuttingDownError("the instance is already being shut down")
        instance.refuse_requests()
        task = asyncio.create_task(self._end_gracefully(instance, timeout_s), name="conversation.shutdown")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def timings(self, instance_id: str) -> list[dict[str, Any]]:
        """What the stages of an instance's last rounds took, in ms, oldest first. Raises InstanceNotFoundError."""
        instance = self._instances.get(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"no running instance has the id {instance_id!r}")
        return instance.timings

    @property
    def running(self) -> list[LiveInstance]:
        """Every instance there is."""
        return list(self._instances.values())

    async def close(self) -> None:
        """Ends every instance."""
        tasks = list(self._ending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for result in await asyncio.gather(*map(self._end, self.running), return_exceptions=True):
            if isinstance(result, BaseException):
                log.error("an instance did not end cleanly", error=str(result))
        if self._own_capacity:
            await self._capacity.aclose()

    def _rooms_of(self, spec: InstanceSpec) -> RoomService:
        if not spec.cdn_url:
            return self._rooms
        if self._cdn is None:
            raise ConversationError("this server pushes to no CDN: give RTC, a room to join")
        try:
            return self._cdn(spec.cdn_url)
        except RtcError as error:
            raise ConversationError(str(error)) from error

    def _check_limit(self, spec: InstanceSpec) -> None:
        face = spec.digital_human is not None
        limit = self._settings.max_digital_human_instances if face else self._settings.max_voice_instances
        count = self._capacity.count_of_app(spec.app_id, face=face)
        if count >= limit:
            kind = "digital human" if face else "voice"
            raise InstanceLimitError(
                f"{count} {kind} instances run already and this app may have {limit}: end one first"
            )

    async def _end(self, instance: LiveInstance) -> None:
        try:
            await instance.close(DELETED)
        finally:
            self._forget(instance.spec.instance_id)

    async def _end_gracefully(self, instance: LiveInstance, timeout_s: float) -> None:
        await instance.finish_speaking(timeout_s)
        await self._end(instance)

    async def _ended(self, instance: LiveInstance, code: int) -> None:
        log.info("instance ended", instance=instance.spec.instance_id, code=code)
        self._forget(instance.spec.instance_id)

    def _forget(self, instance_id: str) -> None:
        place = self._places.pop(instance_id, None)
        if place is not None:
            self._capacity.release(place)
        self._instances.pop(instance_id, None)


def _place(spec: InstanceSpec) -> Place:
    human = spec.digital_human
    if human is None:
        return Place(spec.app_id, VideoKind.NONE)
    return Place(spec.app_id, human.config_id, human.digital_human_id)
