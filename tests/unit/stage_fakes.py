"""Fakes and made-up speech for the tests of the stage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from mien.face.motion.frame import INDEX, MotionVector
from mien.face.stage import BLOCK_SAMPLES, Stage
from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach

MOUTH = [INDEX[name] for name in ("jaw", "wide", "pucker", "press", "upper_up", "lower_down", "fv", "tongue")]


@dataclass
class Recorder:
    """A sink that keeps everything, with the loop time it came at."""

    blocks: list[tuple[float, int, NDArray[np.int16]]] = field(default_factory=list)
    frames: list[tuple[float, int, MotionVector, bool]] = field(default_factory=list)

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        assert pcm.shape == (BLOCK_SAMPLES,)
        assert pcm.dtype == np.int16
        self.blocks.append((asyncio.get_running_loop().time(), pts, pcm))

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        self.frames.append((asyncio.get_running_loop().time(), pts, frame, speaking))

    @property
    def loud(self) -> list[int]:
        """pts of the blocks that are not silent."""
        return [pts for _, pts, pcm in self.blocks if np.abs(pcm.astype(int)).max() > 50]

    def signal(self) -> NDArray[np.int16]:
        return np.concatenate([pcm for _, _, pcm in self.blocks])


def tone(seconds: float, hz: float = 440.0) -> NDArray[np.int16]:
    """A loud sine at the voice's rate."""
    t = np.arange(round(seconds * VOICE_RATE)) / VOICE_RATE
    return (8000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def speech(text: str, symbols: Iterable[str], each: float = 0.1, language: str = "en") -> SpokenText:
    """A clip whose phones last `each` second."""
    phones = tuple(Phone(symbol, i * each, (i + 1) * each) for i, symbol in enumerate(symbols))
    return SpokenText(text, language, phones[-1].end if phones else 0.0, phones)


def frames(pcm: NDArray[np.int16], spoken: SpokenText | None = None, piece: float = 0.05) -> list[rtc.AudioFrame]:
    """Audio frames of `piece` seconds; the first carries `spoken`."""
    size = round(piece * VOICE_RATE)
    result = [
        rtc.AudioFrame(part.tobytes(), VOICE_RATE, 1, len(part))
        for part in (pcm[i : i + size] for i in range(0, len(pcm), size))
    ]
    if spoken is not None:
        attach(result[0], spoken)
    return result


async def feed(stage: Stage, spoken: SpokenText, *, flush: bool = True) -> None:
    """Hands in the whole clip at once, as a tone of its length."""
    for frame in frames(tone(spoken.duration), spoken):
        await stage.capture_frame(frame)
    if flush:
        stage.flush()
