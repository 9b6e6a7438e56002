"""What a conversation is assembled from: engines, a face, transport. The composition root hands them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from livekit.agents import llm, stt, tts, vad
from livekit.agents.voice import io
from numpy.typing import NDArray

from mien.conversation.spec import DigitalHumanSpec
from mien.rtc.port import AgentPeer, VideoKind
from mien.speech.phones import SpokenText
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec


class Media(Protocol):
    """The voice and the face of one instance, on one clock.

    `output` plays what it is given at the rate it asks for. `clear_buffer` silences it within a frame and reports
    how far playback really was, with the text heard until there as `synchronized_transcript`.
    """

    @property
    def output(self) -> io.AudioOutput: ...
    @property
    def video(self) -> VideoKind: ...
    @property
    def package_url(self) -> str:
        """Where clients fetch the face package; "" without a face."""

    @property
    def voices(self) -> Mapping[str, str]:
        """The face's own voice for each language, for an agent that chooses none; may be empty."""

    @property
    def drive_s(self) -> float | None:
        """Seconds from the latest speech's first audio to the motion frame that shows it; None until measured."""

    def on_clause_started(self, callback: Callable[[SpokenText], None]) -> None:
        """`callback` is called when a clip that carried a `SpokenText` begins to be heard."""

    def on_voice(self, callback: Callable[[NDArray[np.int16]], None]) -> None:
        """`callback` gets every 20 ms of voice (48 kHz mono, silence too) as it leaves."""

    def set_status(self, name: str) -> None:
        """Posture: "idle", "listening", "thinking" or "speaking"."""

    def express(self, expression: str | None, intensity: float = 1.0) -> None:
        """Shows a named expression from now on, 0..1 strong; with None the words decide again. Raises ValueError."""

    def gesture(self, name: str) -> float:
        """Begins a named gesture and returns its seconds. Raises ValueError for one the face cannot make."""

    def keyframe_wanted(self) -> None: ...
    def bitrate(self, bits_per_second: int) -> None: ...

    async def start(self, peer: AgentPeer) -> None:
        """Begins to publish through `peer`."""

    async def aclose(self) -> None: ...


class Faces(Protocol):
    """Makes the media of instances."""

    async def open(self, digital_human: DigitalHumanSpec | None) -> Media:
        """Loads what the instance needs; without a digital human only a voice.

        Raises `mien.conversation.port.UnknownDigitalHumanError`.
        """


Notice = Callable[[int, str], None]
"""Hears of something the business backend should know: an `Exception` code and a sentence."""


class Engines(Protocol):
    """Makes speech engines from their specs; `mien.speech.engines`. Engines of different instances share models, not
    state. A vendor this server lacks is replaced with a notice, or refused with a RuntimeError that says so.
    """

    def stt(self, spec: AsrSpec, *, on_notice: Notice | None = None) -> stt.STT[Any]: ...

    def tts(
        self,
        spec: TtsSpec,
        *,
        default_voices: Mapping[str, str] | None = None,
        language: str = "",
        on_notice: Notice | None = None,
    ) -> tts.TTS[Any]: ...

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]: ...

    def vad(self, *, min_speech_s: float = ..., min_silence_s: float = ..., threshold: float = ...) -> vad.VAD: ...

    def language_of(self, spec: AsrSpec) -> str:
        """The language the user is expected to speak: "zh", "en", or "auto"."""

    def takes_tools(self, spec: LlmSpec) -> bool:
        """Whether the model can be given functions to call."""
