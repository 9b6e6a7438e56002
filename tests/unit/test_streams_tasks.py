"""A stream task's life on virtual time: creation, its two clocks, its end, and what can be asked afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mien.capacity import NoHeadroomError, Place
from mien.face.media import StagedMedia
from mien.rtc.port import VideoKind
from mien.streams import port
from mien.streams.spec import DriveStatus, Look, TaskStatus, VoiceChannel
from tests.support.conversation import EPOCH, until
from tests.support.streams import SPEC, VOICE, Hand, leave
from tests.unit.test_streams_drives import play

INITIALISING, FAILED, STREAMING, STOPPING, STOPPED = TaskStatus


def test_from_creation_to_stop() -> None:
    async def scenario(h: Hand) -> None:
        await asyncio.sleep(5)
        task = await h.tasks.create(SPEC)
        assert task.info.status is INITIALISING
        with pytest.raises(port.NotStreamingError, match="not streaming yet"):
            task.speak("好", VOICE, interrupt=False)
        await until(lambda: task.info.status is STREAMING)
        (peer,) = h.rooms.peers
        assert (peer.room_id, peer.stream_id, peer.user_id) == ("room", "face", "digitalhuman_task-1")
        assert [running.info for running in h.tasks.live(1)] == [task.info]
        assert task.info.created == EPOCH + 5
        assert h.tasks.live(2) == []
        assert h.capacity.uses("lin")
        task.speak("一二三四五六七八九十", VOICE, interrupt=False)
        task.play("http://x/1", VoiceChannel.MIXED, interrupt=False)
        await until(lambda: len(h.sounded) > 5)
        await h.tasks.stop(1, "task-1")
        assert peer.left
        assert h.media.closed
        assert not h.capacity.uses("lin")
        assert h.statuses == [INITIALISING, STREAMING, STOPPING, STOPPED]
        event = h.rooms.events[0]
        assert (event.app_id, event.task_id, event.event_type, event.time_ms) == (1, "task-1", 3, (EPOCH + 5) * 1000)
        assert event.detail == {"Status": 1, "RoomId": "room", "StreamId": "face", "FailReason": ""}
        assert h.tasks.live(1) == []
        past = h.tasks.get(1, "task-1")
        assert (past.info.status, past.info.created) == (STOPPED, EPOCH + 5)
        assert [drive.status for drive in past.drives] == [DriveStatus.INTERRUPTED] * 2
        for forbidden in (
            lambda: past.speak("好", VOICE, interrupt=False),
            lambda: past.play("http://x/1", VoiceChannel.MIXED, interrupt=False),
            lambda: past.follow("room", "mic"),
            past.expect_feed,
            lambda: past.feed("x", 16_000, 1, VoiceChannel.MIXED),
            past.interrupt,
            lambda: past.act("wave"),
        ):
            with pytest.raises(port.StoppedError, match="create another"):
                forbidden()
        with pytest.raises(port.StoppedError):
            await h.tasks.stop(1, "task-1")
        with pytest.raises(port.TaskNotFoundError):
            h.tasks.get(2, "task-1")
        with pytest.raises(port.TaskNotFoundError, match="no task 'x'"):
            h.tasks.get(1, "x")
        # The stream's name is free again.
        await h.create(task_id="task-2")

    play(scenario)


def test_ended_tasks_are_forgotten_after_an_hour() -> None:
    async def scenario(h: Hand) -> None:
        await h.create()
        await h.tasks.stop(1, "task-1")
        await asyncio.sleep(3500)
        assert len(h.tasks.known(1)) == 1
        await asyncio.sleep(200)
        assert h.tasks.known(1) == []

    play(scenario)


def test_ttl_ends_a_task_whatever_it_does() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create(ttl_s=60)
        task.play("http://x/600", VoiceChannel.MIXED, interrupt=False)
        await asyncio.sleep(59.5)
        assert task.info.status is STREAMING
        await asyncio.sleep(1)
        assert h.statuses[-2:] == [STOPPING, STOPPED]
        assert h.tasks.known(1)[0].drives[0].status is DriveStatus.INTERRUPTED
        assert h.rooms.peers[0].left

    play(scenario)


def test_an_idle_task_ends() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create(max_idle_s=30)
        await asyncio.sleep(25)
        task.play("http://x/90", VoiceChannel.MIXED, interrupt=False)
        await until(lambda: task.drives[-1].status is DriveStatus.ENDED, 100)
        await asyncio.sleep(29)
        assert task.info.status is STREAMING, "counted from the end of the last drive"
        await asyncio.sleep(2)
        assert h.statuses[-1] is STOPPED

    play(scenario)


def test_a_followed_stream_is_no_idleness() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create(max_idle_s=30)
        task.follow("room", "mic")
        await asyncio.sleep(120)
        assert task.info.status is STREAMING
        h.rooms.withdraw("mic")
        await asyncio.sleep(61)
        assert h.statuses[-1] is STOPPED

    play(scenario)


def test_refusals() -> None:
    async def scenario(h: Hand) -> None:
        with pytest.raises(port.UnknownHumanError):
            await h.tasks.create(replace(SPEC, digital_human_id="nobody"))
        await h.create()
        with pytest.raises(port.StreamExistsError, match="another task"):
            await h.tasks.create(replace(SPEC, task_id="task-2"))
        h.rooms.streams.add("taken")
        with pytest.raises(port.StreamExistsError, match="taken"):
            await h.tasks.create(replace(SPEC, task_id="task-2", stream_id="taken"))
        assert h.media.closed
        await h.create(task_id="task-3", stream_id="face-3")
        with pytest.raises(port.TaskLimitError, match="2 digital humans"):
            await h.tasks.create(replace(SPEC, task_id="task-4", stream_id="face-4"))
        assert h.capacity.count_of_app(1, face=True) == 2
        await h.create(app_id=2, task_id="task-5", stream_id="face-5")

    play(scenario, max_digital_human_instances=2)


def test_instances_and_tasks_share_their_limits() -> None:
    async def scenario(h: Hand) -> None:
        h.capacity.take(Place(1, VideoKind.MOTION, "lin"))
        with pytest.raises(port.TaskLimitError):
            await h.tasks.create(SPEC)
        h.capacity.take(Place(2, VideoKind.PICTURE))
        with pytest.raises(port.NoResourcesError, match=r"0\.63 of 1\.00 cores and this one would take 0\.60"):
            await h.tasks.create(replace(SPEC, app_id=3))
        await h.create(app_id=3, look=Look(VideoKind.PICTURE, short_side=480))
        with pytest.raises(NoHeadroomError):
            h.capacity.take(Place(4, VideoKind.MOTION))

    play(scenario, max_digital_human_instances=1, max_load=1.0)


def test_a_start_that_fails() -> None:
    async def scenario(h: Hand) -> None:
        h.faces.broken = RuntimeError("no encoder")
        task = await h.tasks.create(SPEC)
        await until(lambda: len(h.statuses) == 2)
        await asyncio.sleep(1)
        assert h.statuses == [INITIALISING, FAILED]
        assert "no encoder" in h.rooms.events[-1].detail["FailReason"]
        assert "no encoder" in h.tasks.get(1, task.spec.task_id).info.fail_reason
        with pytest.raises(port.NotStreamingError, match="no encoder"):
            h.tasks.get(1, "task-1").interrupt()
        with pytest.raises(port.NotStreamingError, match="no encoder"):
            await h.tasks.stop(1, "task-1")
        assert h.rooms.peers[0].left
        assert h.capacity.count_of_app(1, face=True) == 0

    play(scenario)


def test_a_task_that_is_put_out_of_its_room_ends() -> None:
    async def scenario(h: Hand) -> None:
        await h.create()
        kicked = h.rooms.peers[0].events.kicked
        assert kicked is not None
        kicked("the same user id logged in")
        await until(lambda: h.statuses[-1] is STOPPED)

    play(scenario)


def test_a_room_that_takes_no_messages() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        h.rooms.peers[0].fail_messages = True
        task.speak("好", VOICE, interrupt=False)
        await until(lambda: task.drives[-1].status is DriveStatus.ENDED)

    play(scenario)


def test_what_is_created_while_the_server_closes() -> None:
    async def scenario(h: Hand) -> None:
        show = h.faces.show

        async def slow(digital_human_id: str, look: Look) -> StagedMedia:
            await asyncio.sleep(1)
            return await show(digital_human_id, look)

        h.faces.show = slow  # type: ignore[method-assign]
        creating = asyncio.create_task(h.tasks.create(SPEC))
        await asyncio.sleep(0.5)
        await h.tasks.close()
        with pytest.raises(port.StreamError, match="shutting down"):
            await creating
        assert h.rooms.peers[0].left
        assert h.media.closed
        assert h.capacity.count_of_app(1, face=True) == 0

    play(scenario)


def test_the_server_closes_while_everything_runs() -> None:
    async def scenario(h: Hand) -> None:
        first = await h.create()
        first.speak("一二三四五六七八九十", VOICE, interrupt=False)
        second = await h.create(task_id="task-2", stream_id="face-2")
        second.follow("room", "mic")
        third = await h.create(task_id="task-3", stream_id="face-3")
        third.expect_feed()
        fourth = asyncio.create_task(h.tasks.create(replace(SPEC, task_id="task-4", stream_id="face-4")))
        await fourth
        await leave(h)
        assert all(media.closed for media in h.faces.opened)
        assert all(peer.left for peer in h.rooms.peers)
        assert [task.info.status for task in h.tasks.known(1)] == [STOPPED] * 4

    play(scenario)
