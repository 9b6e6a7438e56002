"""Voice and face of one agent: the stage, and what publishes it into the room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import numpy as np
from livekit.agents.voice import io
from numpy.typing import NDArray

from mien.face.motion.emotion import feeling
from mien.face.motion.frame import MotionVector
from mien.face.motion.gestures import GESTURES, GestureName
from mien.face.motion.life import StatusName
from mien.face.publish import FacePublisher, Renderer
from mien.face.stage import Stage, StageEvents
from mien.rtc.port import AgentPeer, VideoKind
from mien.speech.phones import SpokenText


class StagedMedia:
    """The real stage: media of a conversation (`conversation.parts.Media`) or a stream task (`streams.port.Media`).

    `renderer` draws the pictures of a `web` stream; `voices` are the face's own, by language.
    """

    def __init__(
        self,
        video: VideoKind,
        *,
        package_url: str = "",
        voices: Mapping[str, str] | None = None,
        renderer: Renderer | None = None,
        fps: int = 25,
        max_bitrate: int = 2_000_000,
        seed: int = 0,
    ) -> None:
        self._video = video
        self._package_url = package_url
        self._voices = voices or {}
        self._renderer = renderer
        self._fps = fps
        self._max_bitrate = max_bitrate
        self._events = StageEvents()
        self._on_voice: Callable[[NDArray[np.int16]], None] | None = None
        self._publisher: FacePublisher | None = None
        self._stage = Stage(self, seed=seed, events=self._events)

    @property
    def output(self) -> io.AudioOutput:
        return self._stage

    @property
    def video(self) -> VideoKind:
        return self._video

    @property
    def package_url(self) -> str:
        return self._package_url

    @property
    def voices(self) -> Mapping[str, str]:
        return self._voices

    @property
    def waiting_s(self) -> float:
        """Seconds of speech taken but not played yet."""
        return self._stage.waiting

    @property
    def gestures(self) -> Mapping[str, Callable[[], None]]:
        """The named gestures this face can make, each with what begins it."""
        return {name: partial(self._make, name) for name in GESTURES}

    def _make(self, gesture: GestureName) -> None:
        self._stage.gesture(gesture)

    def gesture(self, name: str) -> float:
        """Begins a named gesture and returns its seconds. Raises ValueError with the names there are."""
        return self._stage.gesture(cast(GestureName, name))

    def express(self, expression: str | None, intensity: float = 1.0) -> None:
        """Shows a named expression from now on; with None the words decide again.

        Raises ValueError with the names there are.
        """
        self._stage.express(None if expression is None else feeling(expression, intensity))

    @property
    def drive_s(self) -> float | None:
        milliseconds = self._stage.drive_ms
        return None if milliseconds is None else milliseconds / 1000

    def on_clause_started(self, callback: Callable[[SpokenText], None]) -> None:
        self._events.clause_started = callback

    def on_voice(self, callback: Callable[[NDArray[np.int16]], None]) -> None:
        self._on_voice = callback

    def set_status(self, name: str) -> None:
        self._stage.set_status(cast(StatusName, name))

    def keyframe_wanted(self) -> None:
        if self._publisher is not None:
            self._publisher.keyframe_wanted()

    def bitrate(self, bits_per_second: int) -> None:
        if self._publisher is not None:
            self._publisher.bitrate_estimated(bits_per_second)

    async def start(self, peer: AgentPeer) -> None:
        self._publisher = FacePublisher(peer, self._video, self._renderer, fps=self._fps, max_bitrate=self._max_bitrate)
        await self._publisher.start()
        await self._stage.start()

    async def aclose(self) -> None:
        await self._stage.aclose()
        if self._publisher is not None:
            await self._publisher.aclose()

    # The stage's sink

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        if self._on_voice is not None:
            self._on_voice(pcm)
        if self._publisher is not None:
            self._publisher.voice(pcm, pts)

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        if self._publisher is not None:
            self._publisher.motion(frame, pts, speaking)
