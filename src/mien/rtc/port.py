"""What conversation and face need from real-time transport, whichever transport runs.

Implementations: `rtc.embedded` (aiortc inside the process), `rtc.cdn` (a stream pushed to an RTMP server) and, later,
`rtc.livekit`. Nothing above this package knows which. Everything runs on one asyncio loop; senders never block and
never wait for a slow viewer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

AUDIO_CLOCK = 48_000
"""Hz of audio time stamps; the media clock of a stream counts in these."""
VIDEO_CLOCK = 90_000
"""Hz of video time stamps."""
LISTEN_RATE = 16_000
"""Hz of the user's voice as handed to the conversation, mono, 16 bit."""


class VideoKind(StrEnum):
    """What an agent's video track carries; the value is the API's ConfigId."""

    NONE = "none"
    MOTION = "mobile"
    PICTURE = "web"


class AudioCodec(StrEnum):
    """How the voice travels."""

    OPUS = "opus"
    """RFC 6716, 20 ms a packet."""
    AAC = "aac"
    """AAC-LC (ISO/IEC 14496-3), 1024 samples a packet, without ADTS headers."""


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """What a transport wants of the encoders."""

    audio: AudioCodec = AudioCodec.OPUS
    keyframe_s: float = 4.0
    """Longest time between key frames that nobody asked for."""


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """One packet of the transport's `MediaFormat.audio`, mono; `pts` in 1/48000 s."""

    data: bytes
    pts: int


@dataclass(frozen=True, slots=True)
class EncodedVideo:
    """One H.264 access unit, Annex B, SPS and PPS in front of every key frame; `pts` in 1/90000 s."""

    data: bytes
    pts: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream somebody publishes in a room."""

    stream_id: str
    user_id: str
    user_name: str = ""
    extra_info: str = ""
    video: VideoKind = VideoKind.NONE
    package_url: str = ""


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """A room channel message. `content` is the JSON text as sent; `msg_type` 1 agent, 20 request, 22 response."""

    room_id: str
    sender: str
    msg_type: int
    content: str


class RtcError(Exception):
    """Joining or publishing failed; the text says why and what to do."""


class DuplicateStreamError(RtcError):
    """The stream id is already published by somebody else in this app."""


class PeerFailure(StrEnum):
    """Why a stream is not published."""

    DISCONNECTED = "disconnected"
    """The other side cannot be reached, or the connection to it broke."""
    REFUSED = "refused"
    """The other side answers and does not take the stream."""


@dataclass(slots=True)
class PeerEvents:
    """Called on the loop when something happens to the agent's peer. All optional; they must not block."""

    keyframe_wanted: Callable[[], None] | None = None
    """A viewer lost its picture (PLI/FIR) or a new one began: the encoder should send an IDR."""
    bitrate: Callable[[int], None] | None = None
    """The slowest viewer's bandwidth estimate, bit/s."""
    message: Callable[[RoomMessage], None] | None = None
    """A message addressed to this peer, or to everybody."""
    user_joined: Callable[[str], None] | None = None
    user_left: Callable[[str], None] | None = None
    stream_added: Callable[[StreamInfo], None] | None = None
    stream_removed: Callable[[StreamInfo], None] | None = None
    kicked: Callable[[str], None] | None = None
    """Another peer logged in with the same user id; the text says so. The peer is gone."""
    interrupted: Callable[[PeerFailure, str], None] | None = None
    """The stream does not arrive for now; the text says why. The peer is trying again by itself."""
    lost: Callable[[PeerFailure, str], None] | None = None
    """The peer has given up publishing; the text says why. The peer is gone."""


class AgentPeer(Protocol):
    """The agent's place in a room: it publishes one stream and hears one user."""

    @property
    def room_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def stream_id(self) -> str: ...
    @property
    def viewers(self) -> int:
        """How many clients play the stream now; while there are none, nothing needs to be encoded."""

    @property
    def format(self) -> MediaFormat:
        """What the packets it is given must be."""

    def send_audio(self, packet: EncodedAudio) -> None:
        """Sends a packet of voice to every viewer."""

    def send_video(self, unit: EncodedVideo) -> None:
        """Sends an access unit to every viewer; one that still waits for its first key frame gets none before it."""

    def send_motion(self, payload: bytes, pts: int) -> None:
        """Sends an encoded motion frame (`face.wire`) on the data channel of every viewer that opened one.

        The transport writes each viewer's own RTP time stamp of audio time `pts` (1/48000 s) into the payload, at
        `face.wire.STAMP_OFFSET`.
        """

    async def send_message(self, content: str, *, msg_type: int = 1, to: Sequence[str] | None = None) -> None:
        """Sends a room message to everybody in the room, or to the users in `to`."""

    def listen(self, stream_id: str) -> AsyncIterator[NDArray[np.int16]]:
        """The voice of `stream_id` as 20 ms blocks of 16 kHz mono, beginning when (and each time) it is published.

        Lost packets are concealed; while nobody publishes the stream nothing is yielded. Ends when the peer leaves.
        """

    def users(self) -> frozenset[str]:
        """User ids in the room, without this peer."""

    def streams(self) -> Sequence[StreamInfo]:
        """Streams published in the room now, without this peer's."""

    async def leave(self) -> None:
        """Stops publishing and leaves the room. Safe to call twice."""


class RoomService(Protocol):
    """Where agents join rooms."""

    async def join(
        self,
        app_id: int,
        room_id: str,
        *,
        user_id: str,
        stream_id: str,
        video: VideoKind,
        package_url: str = "",
        extra_info: str = "",
        alias: str = "",
        events: PeerEvents | None = None,
    ) -> AgentPeer:
        """Logs the agent in (an earlier peer with the same user id is kicked) and publishes its stream.

        Messages to the user id `alias` reach the agent as well. With `stream_id` "" it only listens and publishes
        nothing.

        Raises DuplicateStreamError if `stream_id` is taken in this app, RtcError otherwise.
        """

    async def close(self) -> None:
        """Disconnects everybody and frees every port."""
