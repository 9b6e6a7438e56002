"""What waits to be pushed: voice and pictures in order of time, and what is given up when the link is too slow.

Voice leaves the stage before the picture of the same moment, which takes time to draw, so it waits here for it. Of a
link that does not keep up, whole groups of pictures are dropped, from a key frame to the next; voice never is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mien.rtc.port import AUDIO_CLOCK, VIDEO_CLOCK, EncodedAudio, EncodedVideo

HOLD: Final = 0.5
"""Seconds that voice waits for its picture, or a picture for its voice. Longer than a slow machine draws."""
PICTURE_LIMIT: Final = 2.0
"""Seconds of pictures that may wait: what viewers may fall behind."""
VOICE_LIMIT: Final = 10.0
"""Seconds of voice that may wait. A link that lags more carries nothing useful."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A packet of either kind. `time` in seconds of the media clock."""

    time: float
    data: bytes
    video: bool
    keyframe: bool = False


class Outgoing:
    """The queue of one connection. It begins with a key frame; voice from before it is left out.

    `dropped` hears how many pictures were given up, and should see to it that a key frame comes soon.
    """

    def __init__(self, dropped: Callable[[int], None]) -> None:
        self._dropped = dropped
        self._audio: deque[Unit] = deque()
        self._video: deque[Unit] = deque()
        self._audio_until = self._video_until = float("-inf")
        self._begins: float | None = None
        self._needs_keyframe = True
        self._started = False
        self._finished = False
        self._changed = asyncio.Event()

    @property
    def choked(self) -> bool:
        """Whether the link does not even carry the voice."""
        return bool(self._audio) and self._audio_until - self._audio[0].time > VOICE_LIMIT

    def put_audio(self, packet: EncodedAudio) -> None:
        """Queues a packet of voice."""
        unit = Unit(packet.pts / AUDIO_CLOCK, packet.data, video=False)
        if self._begins is not None and unit.time < self._begins:
            return
        self._audio_until = unit.time
        self._audio.append(unit)
        if self._begins is None:
            while self._audio_until - self._audio[0].time > VOICE_LIMIT:
                self._audio.popleft()
        self._changed.set()

    def put_video(self, picture: EncodedVideo) -> None:
        """Queues an access unit, unless it depends on one that was dropped."""
        unit = Unit(picture.pts / VIDEO_CLOCK, picture.data, video=True, keyframe=picture.keyframe)
        if self._needs_keyframe and not unit.keyframe:
            # Voice need not wait for it either.
            self._video_until = unit.time
            self._changed.set()
            return
        self._needs_keyframe = False
        if self._begins is None:
            self._begin_at(unit.time)
        self._video_until = unit.time
        self._video.append(unit)
        if unit.time - self._video[0].time > PICTURE_LIMIT:
            self._shed()
        self._changed.set()

    def finish(self) -> None:
        """Nothing more will come; what is here need wait for nothing."""
        self._finished = True
        self._changed.set()

    async def next(self) -> Unit | None:
        """The next packet in order of time; None when all has been taken after `finish`."""
        while (unit := self._take()) is None:
            if self._finished:
                return None
            self._changed.clear()
            await self._changed.wait()
        return unit

    def _take(self) -> Unit | None:
        if self._begins is None:
            return None
        audio, video = self._audio, self._video
        if audio and video:
            queue = video if video[0].time <= audio[0].time else audio
        elif audio and self._may_go(audio[0].time, self._video_until, self._audio_until):
            queue = audio
        elif video and self._may_go(video[0].time, self._audio_until, self._video_until):
            queue = video
        else:
            return None
        self._started = True
        return queue.popleft()

    def _begin_at(self, time: float) -> None:
        self._begins = time
        while self._audio and self._audio[0].time < time:
            self._audio.popleft()

    def _may_go(self, time: float, others_until: float, own_until: float) -> bool:
        """Whether nothing earlier of the other kind is to be expected."""
        return self._finished or others_until >= time or own_until - time >= HOLD

    def _shed(self) -> None:
        """Gives up pictures: all before the newest key frame, or all when that is not news either."""
        newest = max((at for at, unit in enumerate(self._video) if unit.keyframe), default=0)
        if newest and self._video[-1].time - self._video[newest].time <= PICTURE_LIMIT / 2:
            count = newest
        else:
            count = len(self._video)
            self._needs_keyframe = True
        for _ in range(count):
            self._video.popleft()
        if not self._started:
            self._begins = None
            if self._video:
                self._begin_at(self._video[0].time)
        self._dropped(count)
