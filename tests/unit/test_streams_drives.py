"""Drives on virtual time: the queue and its interruption, every source, what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from mien.streams import drives
from mien.streams.port import (
    DriveError,
    QueueFullError,
    UnknownActionError,
    UnknownTimbreError,
)
from mien.streams.sound import Sound, frame_of
from mien.streams.spec import DriveStatus, Voice, VoiceChannel
from tests.support.conversation import Microphone, run, until
from tests.support.streams import VOICE, Hand, hand, leave, tone

QUEUED, DRIVING, FAILED, ENDED, INTERRUPTED = DriveStatus


def play(scenario: Callable[[Hand], Coroutine[Any, Any, None]], **settings: Any) -> Hand:
    """Runs a scenario, ends everything and checks that no task is left."""

    async def main() -> Hand:
        running = hand(**settings)
        try:
            await scenario(running)
        finally:
            await leave(running)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        return running

    return run(main)


def test_texts_are_spoken_one_after_the_other() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        first = task.speak("一二三四五", VOICE, interrupt=False)
        second = task.speak("六七八九十", VOICE, interrupt=False)
        await until(lambda: task.drives[-1].status is ENDED)
        assert h.voices.spoken == ["一二三四五", "六七八九十"]
        assert h.drives(named=[first, second]) == [
            ("1", QUEUED),
            ("2", QUEUED),
            ("1", DRIVING),
            ("1", ENDED),
            ("2", DRIVING),
            ("2", ENDED),
        ]
        # 5 characters are one second of sound.
        assert pytest.approx(len(h.sounded) * 0.02, abs=0.05) == 2.0
        await until(lambda: len(h.messages()) == 4)
        assert h.messages() == [(2, first), (4, first), (2, second), (4, second)]
        assert h.media.postures == ["speaking", "idle", "speaking", "idle"]

    play(scenario)


def test_how_a_text_is_spoken() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.speak("你好", Voice("af_heart", speech_rate=500), interrupt=False)
        task.speak("你好", Voice("af_heart", speech_rate=-500, pitch_rate=0), interrupt=False)
        task.speak("你好", Voice("af_heart", pitch_rate=500), interrupt=False)
        await until(lambda: task.drives[-1].status is ENDED)
        speeds = [spec.params["speed"] for spec in h.voices.voices]
        assert speeds == [2.0, 0.5, pytest.approx(2**-0.5)]
        assert {spec.params["voice"] for spec in h.voices.voices} == {"af_heart"}
        with pytest.raises(UnknownTimbreError, match="GetTimbreList"):
            task.speak("你好", Voice("nobody"), interrupt=True)
        assert len(task.drives) == 3

    play(scenario)


def test_an_interrupting_text_silences_and_clears_the_queue() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        ids = [task.speak("一二三四五六七八九十", VOICE, interrupt=False) for _ in range(3)]
        await until(lambda: len(h.sounded) > 20)
        cut = asyncio.get_running_loop().time()
        ids.append(task.speak("不对", VOICE, interrupt=True))
        await until(lambda: task.drives[-1].status is ENDED)
        between = [at for at in h.sounded if cut + 0.03 < at < cut + 0.14]
        assert not between, "silent until the new text is made"
        assert h.drives(named=ids)[3:] == [
            ("1", DRIVING),
            ("1", INTERRUPTED),
            ("2", INTERRUPTED),
            ("3", INTERRUPTED),
            ("4", QUEUED),
            ("4", DRIVING),
            ("4", ENDED),
        ]
        assert h.voices.spoken == ["一二三四五六七八九十", "不对"]
        await until(lambda: len(h.messages()) == 4)
        assert h.messages() == [(2, ids[0]), (4, ids[0]), (2, ids[3]), (4, ids[3])]

    play(scenario)


def test_interrupt_drops_everything_and_the_next_drive_plays() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.interrupt()
        ids = [task.speak("一二三四五六七八九十", VOICE, interrupt=False) for _ in range(2)]
        await asyncio.sleep(0.05)
        task.interrupt()
        assert [drive.status for drive in task.drives] == [INTERRUPTED, INTERRUPTED]
        await asyncio.sleep(3)
        assert h.sounded == []
        assert h.messages() == []
        ids.append(task.speak("好", VOICE, interrupt=False))
        await until(lambda: task.drives[-1].status is ENDED)
        assert len(h.sounded) == pytest.approx(10, abs=2)

    play(scenario)


def test_a_failing_voice_fails_its_drive_only() -> None:
    async def scenario(h: Hand) -> None:
        h.voices.tts_failures = [("坏", RuntimeError("no memory"))]
        task = await h.create()
        bad = task.speak("坏", VOICE, interrupt=False)
        task.speak("好", VOICE, interrupt=False)
        await until(lambda: task.drives[-1].status is ENDED)
        assert task.drives[0].status is FAILED
        (told,) = [event.detail for event in h.rooms.events if event.detail.get("FailReason")]
        assert (told["DriveId"], "voice failed" in told["FailReason"]) == (bad, True)

    play(scenario)


def test_sound_files() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.play("http://x/1.5", VoiceChannel.LEFT, interrupt=False)
        task.play("http://x/broken", VoiceChannel.MIXED, interrupt=False)
        await until(lambda: task.drives[-1].status is FAILED)
        assert h.sounds.asked == [("http://x/1.5", VoiceChannel.LEFT), ("http://x/broken", VoiceChannel.MIXED)]
        assert len(h.sounded) == pytest.approx(100, abs=4), "what came before the damage is heard"
        assert task.drives[0].status is ENDED

    play(scenario)


def test_a_long_file_is_not_loaded_all_at_once() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.play("http://x/60.0", VoiceChannel.MIXED, interrupt=False)
        most = 0.0
        while task.drives[-1].status is not ENDED:
            most = max(most, h.media.waiting_s)
            await asyncio.sleep(0.1)
        assert 5 < most < 11
        assert len(h.sounded) == pytest.approx(3000, abs=2)

    play(scenario)


@pytest.mark.parametrize(("quiet", "stretches"), [(True, 5), (False, 1)])
def test_a_long_sound_is_cut_where_it_is_quiet(quiet: bool, stretches: int) -> None:
    """What makes the mouth keeps its stretch in memory."""

    async def scenario(h: Hand) -> None:
        async def frames(url: str, channel: VoiceChannel) -> Sound:
            for n in range(1000):
                yield frame_of(tone(0.1) * (not quiet or n % 10 < 9))

        h.sounds.frames = frames  # type: ignore[method-assign]
        task = await h.create()
        task.play("http://x/a", VoiceChannel.MIXED, interrupt=False)
        await until(lambda: task.drives[-1].status is ENDED, 150)
        assert h.media.output.captured_playout_segments == stretches
        assert len(h.sounded) == pytest.approx(4500 if quiet else 5000, abs=110)

    play(scenario)


@pytest.mark.parametrize(("seconds", "segments"), [(2.4, 1), (2.6, 2), (5.2, 3)])
def test_music_is_cut_after_five_minutes(seconds: float, segments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drives.LONGEST_STRETCH_S == 300
    # Playing five minutes takes a minute, and any limit works alike.
    monkeypatch.setattr(drives, "LONGEST_STRETCH_S", 2.5)

    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.play(f"http://x/{seconds}", VoiceChannel.MIXED, interrupt=False)
        await until(lambda: task.drives[-1].status is ENDED, seconds + 10)
        assert h.media.output.captured_playout_segments == segments

    play(scenario)


def test_the_queue_has_an_end() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        for _ in range(100):
            task.speak("一", VOICE, interrupt=False)
        with pytest.raises(QueueFullError, match="InterruptMode 1"):
            task.speak("一", VOICE, interrupt=False)
        task.speak("一", VOICE, interrupt=True)

    play(scenario)


# Streams


def test_a_stream_is_repeated_as_it_comes() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        queued = task.speak("一二三四五六七八九十", VOICE, interrupt=False)
        follow = task.follow("room", "mic")
        assert task.drives[0].status is INTERRUPTED
        await asyncio.sleep(2)
        assert h.sounded == []
        loop = asyncio.get_running_loop()
        began = loop.time()
        await h.voices.microphone.say("a", 1.0)
        await asyncio.sleep(1.5)
        assert h.sounded[0] - began < 0.1, "well below 200 ms"
        assert 48 <= len(h.sounded) <= 54, "nothing lost, silence left out"
        again = loop.time()
        await h.voices.microphone.say("b", 0.5)
        await asyncio.sleep(1.5)
        assert next(at for at in h.sounded if at > again) - again < 0.1
        assert task.drives[-1].status is DRIVING
        h.rooms.withdraw("mic")
        await until(lambda: task.drives[-1].status is ENDED)
        assert h.drives(named=[queued, follow])[-2:] == [("2", DRIVING), ("2", ENDED)]

    play(scenario)


def test_what_comes_too_fast_is_caught_up() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.follow("room", "mic")
        await asyncio.sleep(0.2)
        block = np.full(320, 9000, np.int16)
        for _ in range(250):  # five seconds at once, as after a network that was gone
            h.voices.microphone._queue.put_nowait(block)
        await asyncio.sleep(0.3)
        assert h.media.waiting_s < 1.0

    play(scenario)


def test_a_stream_of_another_room() -> None:
    async def scenario(h: Hand) -> None:
        h.rooms.microphones["far"] = far = Microphone()
        far.start()
        task = await h.create()
        task.follow("elsewhere", "far")
        await asyncio.sleep(0.2)
        await far.say("a", 0.5)
        await until(lambda: len(h.sounded) > 20)
        listener = h.rooms.peers[-1]
        assert (listener.room_id, listener.stream_id) == ("elsewhere", "")
        task.interrupt()
        await asyncio.sleep(0)
        await until(lambda: listener.left)
        await far.close()

    play(scenario)


def test_a_stream_that_never_comes() -> None:
    async def scenario(h: Hand) -> None:
        h.voices.microphone.published = False
        task = await h.create()
        task.follow("room", "mic")
        await asyncio.sleep(59)
        assert task.drives[-1].status is QUEUED
        await asyncio.sleep(2)
        assert task.drives[-1].status is FAILED
        assert "nobody published the stream 'mic'" in h.rooms.events[-1].detail["FailReason"]

    play(scenario)


# WebSocket


def test_sound_from_outside() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        drive, token = task.expect_feed()
        assert h.tasks.by_token(token) is task
        assert h.tasks.by_token("x" * 43) is None
        feed = task.feed(drive, 16_000, 1, VoiceChannel.MIXED)
        data = tone(1.0, 16_000).tobytes()
        for at in range(0, len(data), 999):  # cut anywhere, also between the halves of a sample
            await feed.push(data[at : at + 999])
        await until(lambda: task.drives[-1].status is DRIVING)
        feed.end()
        await until(lambda: task.drives[-1].status is ENDED)
        assert 49 <= len(h.sounded) <= 51
        with pytest.raises(DriveError, match="is over"):
            task.feed(drive, 16_000, 1, VoiceChannel.MIXED)

    play(scenario)


@pytest.mark.parametrize(
    ("channel", "heard"), [(VoiceChannel.MIXED, True), (VoiceChannel.LEFT, True), (VoiceChannel.RIGHT, False)]
)
def test_channels(channel: VoiceChannel, heard: bool) -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        drive, _ = task.expect_feed()
        feed = task.feed(drive, 24_000, 2, channel)
        left = tone(0.5)
        await feed.push(np.stack([left, np.zeros_like(left)], 1).tobytes())
        feed.end()
        await until(lambda: task.drives[-1].status is ENDED)
        assert bool(h.sounded) is heard

    play(scenario)


def test_several_drives_and_an_interrupted_one() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        first, token = task.expect_feed()
        feed = task.feed(first, 24_000, 1, VoiceChannel.MIXED)
        await feed.push(tone(3.0).tobytes())
        await until(lambda: len(h.sounded) > 10)
        second, again = task.expect_feed()
        assert (again, task.drives[0].status) == (token, INTERRUPTED)
        for _ in range(100):  # nobody listens any more; the pusher must not hang
            await feed.push(tone(1.0).tobytes())
        with pytest.raises(DriveError, match="is over"):
            task.feed(first, 24_000, 1, VoiceChannel.MIXED)
        with pytest.raises(DriveError, match="no WebSocket drive 'x'"):
            task.feed("x", 24_000, 1, VoiceChannel.MIXED)
        other = task.feed(second, 24_000, 1, VoiceChannel.MIXED)
        with pytest.raises(DriveError, match="started already"):
            task.feed(second, 24_000, 1, VoiceChannel.MIXED)
        heard = len(h.sounded)
        await other.push(tone(0.5).tobytes())
        other.end()
        await until(lambda: task.drives[-1].status is ENDED)
        assert len(h.sounded) - heard == pytest.approx(25, abs=2)

    play(scenario)


def test_a_pusher_waits_while_enough_is_buffered() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        drive, _ = task.expect_feed()
        feed = task.feed(drive, 24_000, 1, VoiceChannel.MIXED)
        second = tone(1.0).tobytes()

        async def push() -> None:
            for _ in range(60):
                await feed.push(second)
            feed.end()

        pusher = asyncio.create_task(push())
        await asyncio.sleep(5)
        assert not pusher.done()
        await until(lambda: task.drives[-1].status is ENDED, 90)
        assert len(h.sounded) == pytest.approx(3000, abs=2)

    play(scenario)


def test_nothing_comes() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.expect_feed()
        queued = task.speak("好", VOICE, interrupt=False)
        await asyncio.sleep(63)
        assert [drive.status for drive in task.drives] == [FAILED, ENDED]
        assert "no Start" in str([event.detail for event in h.rooms.events])
        assert queued == task.drives[-1].drive_id

    play(scenario)


def test_actions() -> None:
    async def scenario(h: Hand) -> None:
        task = await h.create()
        task.act("wave")
        assert h.media.waved == 1
        with pytest.raises(UnknownActionError, match="no action 'dance'; it has wave"):
            task.act("dance")

    play(scenario)
