"""A text as sound: the local voice with its rate, and pitch and volume that are made from its sound.

Pitch: the voice speaks slower (or faster) by the factor the pitch is to rise (or fall), and its sound is played that
much faster. The words take as long as without.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from livekit import rtc
from livekit.agents import APIError

from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach, attached
from mien.speech.spec import TtsSpec
from mien.streams.port import DriveError, Voices
from mien.streams.sound import Sound, frame_of, samples_of
from mien.streams.spec import Voice

SPEED_UNIT: Final = 500
"""SpeechRate that doubles the speed."""
PITCH_UNIT: Final = 1000
"""PitchRate that would double the pitch. Half of it is the most: beyond half an octave nobody sounds human."""
USUAL_VOLUME: Final = 50


async def speak(voices: Voices, text: str, voice: Voice) -> Sound:
    """`text` in `voice`; the frames know the sounds they carry. Raises DriveError."""
    pitch = 2.0 ** (voice.pitch_rate / PITCH_UNIT)
    speed = 2.0 ** (voice.speech_rate / SPEED_UNIT) / pitch
    engine = voices.tts(TtsSpec("Local", params={"voice": voice.timbre_id, "speed": speed}))
    shape = _Shape(pitch, voice.volume / USUAL_VOLUME)
    try:
        async with engine.synthesize(text) as pieces:
            async for piece in pieces:
                for frame in shape.push(piece.frame):
                    yield frame
        for frame in shape.flush():
            yield frame
    except (APIError, RuntimeError, ValueError, OSError) as error:
        raise DriveError(f"the voice failed: {error}") from error
    finally:
        await engine.aclose()


class _Shape:
    """Pitch and loudness of speech that is made already."""

    def __init__(self, pitch: float, gain: float) -> None:
        self._rate = round(VOICE_RATE * pitch)
        self._pitch = self._rate / VOICE_RATE
        self._gain = gain
        self._resampler: rtc.AudioResampler | None = None
        self._spoken: SpokenText | None = None

    def push(self, frame: rtc.AudioFrame) -> list[rtc.AudioFrame]:
        spoken = attached(frame)
        loud = self._loud(frame)
        if self._rate == VOICE_RATE:
            return [attach(loud, spoken) if spoken is not None else loud]
        # Clips end in silence, so each has a converter of its own and begins with a frame of its own.
        ready = self.flush() if spoken is not None else []
        if spoken is not None:
            self._spoken = self._faster(spoken)
        if self._resampler is None:
            self._resampler = rtc.AudioResampler(self._rate, VOICE_RATE, quality=rtc.AudioResamplerQuality.HIGH)
        return ready + self._marked(self._resampler.push(frame_of(samples_of(loud), self._rate)))

    def flush(self) -> list[rtc.AudioFrame]:
        resampler, self._resampler = self._resampler, None
        return self._marked(resampler.flush()) if resampler is not None else []

    def _marked(self, frames: list[rtc.AudioFrame]) -> list[rtc.AudioFrame]:
        spoken = self._spoken
        if frames and spoken is not None:
            attach(frames[0], spoken)
            self._spoken = None
        return frames

    def _loud(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        if self._gain == 1.0:
            return frame
        samples = samples_of(frame).astype(np.float32) * self._gain
        return frame_of(np.clip(np.rint(samples), -32768, 32767).astype(np.int16))

    def _faster(self, spoken: SpokenText) -> SpokenText:
        k = self._pitch
        phones = tuple(Phone(phone.symbol, phone.start / k, phone.end / k) for phone in spoken.phones)
        return SpokenText(spoken.text, spoken.language, spoken.duration / k, phones)
