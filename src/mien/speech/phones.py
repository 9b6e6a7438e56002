"""What a voice knows about the sounds it makes: phones with times, carried beside the audio.

A TTS that knows its timing attaches a `SpokenText` to the audio frame it starts with. LiveKit's `AudioFrame` has a
`userdata` dict that travels with the frame as long as nobody resamples it, which is why every engine here delivers
the sample rate the stage asks for (`VOICE_RATE`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livekit import rtc

VOICE_RATE = 24_000
"""Hz of all synthesised speech between TTS and stage, mono, 16 bit."""

USERDATA_KEY = "mien.spoken"
MORE_KEY = "mien.spoken.more"


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound: `symbol` is IPA as the engine writes it, "" for silence; seconds from the clip's start."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What a clip of speech says and when: `duration` in seconds, `phones` empty when the engine does not know them."""

    text: str
    language: str
    duration: float = 0.0
    phones: tuple[Phone, ...] = field(default=())


def attach(frame: rtc.AudioFrame, spoken: SpokenText) -> rtc.AudioFrame:
    """Marks `frame` as the first of the clip that says `spoken`."""
    frame.userdata[USERDATA_KEY] = spoken
    return frame


def attached(frame: rtc.AudioFrame) -> SpokenText | None:
    """The `SpokenText` this frame begins, or None when it continues a clip."""
    value = frame.userdata.get(USERDATA_KEY)
    return value if isinstance(value, SpokenText) else None


def attach_more(frame: rtc.AudioFrame, spoken: SpokenText) -> rtc.AudioFrame:
    """Lets `frame`, in the middle of a clip, bring all that is known of the clip by now: more phones than before."""
    frame.userdata[MORE_KEY] = spoken
    return frame


def attached_more(frame: rtc.AudioFrame) -> SpokenText | None:
    """What `attach_more` attached, or None."""
    value = frame.userdata.get(MORE_KEY)
    return value if isinstance(value, SpokenText) else None
