"""Creates, finds and ends stream tasks."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from mien.capacity import Capacity, NoHeadroomError, Place
from mien.rtc.port import RoomService
from mien.settings import Settings
from mien.streams.past import PastTask
from mien.streams.port import (
    Faces,
    NoResourcesError,
    Sounds,
    StreamError,
    StreamExistsError,
    Task,
    TaskEvents,
    TaskLimitError,
    TaskNotFoundError,
    Voices,
)
from mien.streams.spec import TaskSpec, TaskStatus
from mien.streams.task import StreamTask

REMEMBERED: Final = 1000
REMEMBERED_S: Final = 3600.0
"""How many ended tasks can still be asked about, and for how long."""

log = structlog.get_logger(__name__)


class Tasks:
    """`mien.streams.port.TaskManager`. `close` it before the room service."""

    def __init__(
        self,
        settings: Settings,
        rooms: RoomService,
        voices: Voices,
        faces: Faces,
        sounds: Sounds,
        events: TaskEvents,
        capacity: Capacity,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._voices = voices
        self._faces = faces
        self._sounds = sounds
        self._events = events
        self._capacity = capacity
        self._wall = wall
        self._specs: dict[str, tuple[TaskSpec, Place]] = {}
        self._tasks: dict[str, StreamTask] = {}
        self._past: OrderedDict[str, PastTask] = OrderedDict()
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def create(self, spec: TaskSpec) -> StreamTask:
        """Joins the room; publishing begins in the background.

        Raises TaskLimitError, NoResourcesError, UnknownHumanError, StreamExistsError.
        """
        self._reserve(spec)
        task: StreamTask | None = None
        try:
            media = await self._faces.show(spec.digital_human_id, spec.look)
            task = StreamTask(
                spec,
                media,
                self._voices,
                self._sounds,
                self._rooms,
                self._events,
                on_end=self._end,
                wall=self._wall,
            )
            await task.open()
        except BaseException:
            self._forget(spec.task_id)
            if task is not None:
                await asyncio.shield(task.discard())
            raise
        self._tasks[spec.task_id] = task
        if self._closed:
            await self._end(task)
            raise StreamError("the server is shutting down")
        return task

    def get(self, app_id: int, task_id: str) -> Task:
        """A task, also one that ended lately. Raises TaskNotFoundError."""
        task = self._tasks.get(task_id)
        if task is not None and task.spec.app_id == app_id:
            return task
        self._forget_old()
        past = self._past.get(task_id)
        if past is None or past.app_id != app_id:
            raise TaskNotFoundError(f"there is no task {task_id!r}; QueryDigitalHumanStreamTasks gives those that run")
        return past

    def by_token(self, token: str) -> StreamTask | None:
        """The task whose WebSocket this token opens."""
        given = token.encode(errors="replace")
        return next((task for task in self._tasks.values() if hmac.compare_digest(task.token.encode(), given)), None)

    def live(self, app_id: int) -> Sequence[StreamTask]:
        """Tasks that are initialising or streaming, oldest first."""
        wanted = (TaskStatus.INITIALISING, TaskStatus.STREAMING)
        return [task for task in self._tasks.values() if task.spec.app_id == app_id and task.info.status in wanted]

    def known(self, app_id: int) -> Sequence[Task]:
        """Tasks that run or ended lately, oldest first."""
        self._forget_old()
        ended: list[Task] = [past for past in self._past.values() if past.app_id == app_id]
        return ended + [task for task in self._tasks.values() if task.spec.app_id == app_id]

    async def stop(self, app_id: int, task_id: str) -> None:
        """Ends a task. Raises TaskNotFoundError, StoppedError."""
        task = self.get(app_id, task_id)
        if isinstance(task, PastTask):
            task.refuse()
        assert isinstance(task, StreamTask)
        task.require_open()
        await self._end(task)

    async def close(self) -> None:
        """Ends every task; what is being created ends as soon as it exists."""
        self._closed = True
        for result in await asyncio.gather(*map(self._end, list(self._tasks.values())), return_exceptions=True):
            if isinstance(result, BaseException):
                log.error("a stream task did not end cleanly", error=str(result))

    def _reserve(self, spec: TaskSpec) -> None:
        """Takes the task's place before anything is awaited: ten requests at once must not pass the same check."""
        taken = (other for other, _ in self._specs.values() if other.app_id == spec.app_id)
        if any(other.stream_id == spec.stream_id for other in taken):
            raise StreamExistsError(f"another task publishes the stream {spec.stream_id!r}; choose another StreamId")
        limit, count = self._settings.max_digital_human_instances, self._capacity.count_of_app(spec.app_id, face=True)
        if count >= limit:
            raise TaskLimitError(f"{count} digital humans run already and this app may have {limit}: stop one first")
        place = Place(spec.app_id, spec.look.video, spec.digital_human_id, spec.look.short_side)
        try:
            self._specs[spec.task_id] = (spec, self._capacity.take(place))
        except NoHeadroomError as error:
            raise NoResourcesError(str(error)) from error

    async def _end(self, task: StreamTask) -> None:
        task_id = task.spec.task_id
        closing = self._closing.get(task_id)
        if closing is None:
            closing = self._closing[task_id] = asyncio.create_task(self._close(task), name="streams.close")
        # Whoever asked may go away; the task must end all the same.
        await asyncio.shield(closing)

    async def _close(self, task: StreamTask) -> None:
        task_id = task.spec.task_id
        try:
            await task.close()
        finally:
            self._forget(task_id)
            del self._closing[task_id]
            now = asyncio.get_running_loop().time()
            self._past[task_id] = PastTask(task.spec.app_id, task.info, task.drives, now)
            self._forget_old()

    def _forget(self, task_id: str) -> None:
        _, place = self._specs.pop(task_id, (None, None))
        if place is not None:
            self._capacity.release(place)
        self._tasks.pop(task_id, None)

    def _forget_old(self) -> None:
        before = asyncio.get_running_loop().time() - REMEMBERED_S
        while self._past and (len(self._past) > REMEMBERED or next(iter(self._past.values())).ended_at < before):
            self._past.popitem(last=False)
