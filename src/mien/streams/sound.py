"""PCM of any rate, mono or stereo, as the stage takes it: 24 kHz mono frames."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from mien.speech.phones import VOICE_RATE
from mien.streams.spec import VoiceChannel

Sound = AsyncGenerator[rtc.AudioFrame | None, None]
"""What a drive plays, at any pace; None ends a stretch that more may follow after a pause."""

Pcm = NDArray[np.int16]

QUIET: Final = 100
"""Samples below this (-50 dBFS) are no speech."""


class ToVoice:
    """Converts a stream of PCM: 16 bit, little-endian, interleaved when stereo. `live` favours little delay (6 ms)
    over the last bit of quality."""

    def __init__(self, rate: int, channels: int = 1, channel: VoiceChannel = VoiceChannel.MIXED, *, live: bool = False):
        self._channels = channels
        self._channel = channel
        self._rest = b""
        self._resampler: rtc.AudioResampler | None = None
        if rate != VOICE_RATE:
            quality = rtc.AudioResamplerQuality.LOW if live else rtc.AudioResamplerQuality.HIGH
            self._resampler = rtc.AudioResampler(rate, VOICE_RATE, quality=quality)
        self._rate = rate

    def push(self, data: bytes) -> list[rtc.AudioFrame]:
        """The frames that became ready; a sample cut in two waits for its other half."""
        data = self._rest + data
        whole = len(data) - len(data) % (2 * self._channels)
        self._rest = data[whole:]
        return self.push_samples(np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels))

    def push_samples(self, samples: Pcm) -> list[rtc.AudioFrame]:
        """The same for samples of shape (n, channels)."""
        if not len(samples):
            return []
        frame = frame_of(_one_channel(samples, self._channel), self._rate)
        return [frame] if self._resampler is None else self._resampler.push(frame)

    def flush(self) -> list[rtc.AudioFrame]:
        """What the converter still holds; nothing may follow."""
        return [] if self._resampler is None else self._resampler.flush()


def frame_of(samples: Pcm, rate: int = VOICE_RATE) -> rtc.AudioFrame:
    """Mono samples as a frame."""
    return rtc.AudioFrame(samples.astype(np.int16).tobytes(), rate, 1, len(samples))


def samples_of(frame: rtc.AudioFrame) -> Pcm:
    """A mono frame's samples."""
    return np.frombuffer(frame.data, np.int16)


def is_quiet(samples: Pcm) -> bool:
    """Whether nothing is said in these samples."""
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) < QUIET


def _one_channel(samples: Pcm, channel: VoiceChannel) -> Pcm:
    chosen: Pcm
    if samples.shape[1] > 1 and channel is VoiceChannel.MIXED:
        chosen = np.rint(samples.astype(np.float32).mean(axis=1)).astype(np.int16)
    else:
        chosen = samples[:, channel - 1 if samples.shape[1] > 1 else 0]
    return chosen
