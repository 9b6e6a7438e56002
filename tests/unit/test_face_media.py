"""Voice and face of one instance as those who drive it see them."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray

from mien.face.media import StagedMedia
from mien.face.motion.frame import INDEX, MotionVector
from mien.face.motion.gestures import GESTURES
from mien.face.stage import Stage
from mien.rtc.port import VideoKind
from tests.support.virtual_time import run


class Watched(StagedMedia):
    """Keeps every motion frame."""

    def __init__(self) -> None:
        super().__init__(VideoKind.MOTION)
        self.frames: list[MotionVector] = []

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        self.frames.append(frame)


def pitches(gesture: str | None) -> NDArray[np.float32]:
    """The head's pitch over two seconds, with a gesture at the beginning or without."""

    async def main() -> NDArray[np.float32]:
        media = Watched()
        stage = media.output
        assert isinstance(stage, Stage)
        await stage.start()
        if gesture is not None:
            media.gestures[gesture]()
        await asyncio.sleep(2)
        await stage.aclose()
        return np.array([frame[INDEX["pitch"]] for frame in media.frames])

    return run(main)


def test_a_gesture_moves_the_head() -> None:
    still, nod = pitches(None), pitches("nod")
    assert nod.max() > still.max() + 1.0


def test_every_gesture_can_be_asked_for() -> None:
    async def main() -> list[str]:
        return list(Watched().gestures)

    assert run(main) == list(GESTURES)


def test_voice_is_told_as_it_leaves() -> None:
    async def main() -> list[int]:
        media = StagedMedia(VideoKind.NONE)
        blocks: list[int] = []
        media.on_voice(lambda pcm: blocks.append(len(pcm)))
        stage = media.output
        assert isinstance(stage, Stage)
        await stage.start()
        await asyncio.sleep(0.5)
        await stage.aclose()
        return blocks

    blocks = run(main)
    assert set(blocks) == {960}
    assert 23 <= len(blocks) <= 27
