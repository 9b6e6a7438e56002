"""The local voice as a LiveKit TTS. The first frame of every clip carries a `SpokenText`."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from mien.speech.local.voice import OPENERS, LocalVoice, Sound
from mien.speech.normalise import language_of
from mien.speech.phones import VOICE_RATE, SpokenText, attach

_SILENCE = np.zeros(VOICE_RATE // 50, dtype=np.int16)
"""What is "said" where there is nothing to say; LiveKit takes no sound for a failure."""


class LocalTTS(tts.TTS[str]):
    """One agent's voice: the shared model with a name, a speed and a language ("" follows the text)."""

    def __init__(
        self,
        voice: Callable[[], Awaitable[LocalVoice]],
        *,
        names: dict[str, str],
        language: str = "",
        speed: float = 1.0,
    ) -> None:
        """`voice` gives the shared model once it is loaded; `names`: the voice for each language, "zh" and "en"."""
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)
        self._voice = voice
        self._names = names
        self._language = language
        self._speed = speed

    @property
    def model(self) -> str:
        return "kokoro"

    @property
    def provider(self) -> str:
        return "local"

    @property
    def openers(self) -> frozenset[str]:
        """`pace.StartsSlowly`."""
        return frozenset(opener for openers in OPENERS.values() for opener in openers)

    async def say(self, text: str) -> AsyncGenerator[tuple[Sound, SpokenText | None], None]:
        """Sound of `text` piece by piece, with the first piece of each clip what it says and when."""
        language = self._language or language_of(text)
        voice = await self._voice()
        async with aclosing(voice.stream(text, language, self._names[language], self._speed)) as stream:
            async for piece in stream:
                yield piece

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Stream(tts=self, input_text=text, conn_options=conn_options)


class _Stream(tts.ChunkedStream):
    def __init__(self, *, tts: LocalTTS, input_text: str, conn_options: APIConnectOptions) -> None:
        self._say = tts.say
        self._clips: deque[tuple[int, SpokenText]] = deque()
        self._pushed = 0
        self._received = 0
        super().__init__(tts=tts, input_text=input_text, conn_options=conn_options)

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm"
        )
        try:
            async with aclosing(self._say(self._input_text)) as pieces:
                async for sound, spoken in pieces:
                    if spoken is not None:
                        # Frames are cut anew inside the emitter; after a flush one begins exactly here.
                        output_emitter.flush()
                        self._clips.append((self._pushed, spoken))
                    self._push(output_emitter, sound)
        except (ValueError, RuntimeError, OSError) as error:
            raise APIConnectionError(f"The local voice failed: {error}", retryable=False) from error
        if not self._pushed:
            self._push(output_emitter, _SILENCE)
        output_emitter.flush()

    async def __anext__(self) -> tts.SynthesizedAudio:
        audio = await super().__anext__()
        if self._clips and self._received >= self._clips[0][0]:
            attach(audio.frame, self._clips.popleft()[1])
        self._received += audio.frame.samples_per_channel
        return audio

    def _push(self, emitter: tts.AudioEmitter, sound: Sound) -> None:
        emitter.push_frame(rtc.AudioFrame(sound.tobytes(), VOICE_RATE, 1, len(sound)))
        self._pushed += len(sound)
