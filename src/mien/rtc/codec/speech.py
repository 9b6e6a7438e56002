"""The agent's voice in the codec its transport wants, encoded once for all viewers."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.rtc.codec.aac import AacEncoder
from mien.rtc.codec.opus import OpusEncoder, silence_packet
from mien.rtc.port import AudioCodec, EncodedAudio

VOICE_BITRATE: Final = {AudioCodec.OPUS: 32_000, AudioCodec.AAC: 64_000}
"""bit/s at which the voice is transparent."""

SILENT_BLOCKS: Final = 10
"""After 200 ms of silence a ready-made packet is sent instead of encoding: an idle call costs next to nothing."""


class VoiceEncoder(Protocol):
    """Encodes the voice of one stream."""

    def encode(self, pcm: NDArray[np.int16], pts: int) -> list[EncodedAudio]:
        """The packets that 20 ms of voice complete: shape (960,), 48 kHz mono, `pts` in 1/48000 s."""


def voice_encoder(codec: AudioCodec) -> VoiceEncoder:
    """A new encoder of this codec."""
    return _Aac() if codec is AudioCodec.AAC else _Opus()


class _Opus:
    def __init__(self) -> None:
        self._encoder = OpusEncoder(VOICE_BITRATE[AudioCodec.OPUS])
        self._silent_blocks = 0

    def encode(self, pcm: NDArray[np.int16], pts: int) -> list[EncodedAudio]:
        self._silent_blocks = 0 if pcm.any() else self._silent_blocks + 1
        data = silence_packet() if self._silent_blocks > SILENT_BLOCKS else self._encoder.encode(pcm)
        return [EncodedAudio(data, pts)]


class _Aac:
    # Its packets overlap: a ready-made one for silence would click.
    def __init__(self) -> None:
        self._encoder = AacEncoder(VOICE_BITRATE[AudioCodec.AAC])

    def encode(self, pcm: NDArray[np.int16], pts: int) -> list[EncodedAudio]:
        return [EncodedAudio(data, at) for data, at in self._encoder.encode(pcm, pts)]
