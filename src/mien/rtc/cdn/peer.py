"""A place to publish without a room: a stream pushed to a CDN. Nobody is there to be heard or to get messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.rtc.cdn.address import AddressError, RtmpAddress
from mien.rtc.cdn.link import LinkError, Open, open_link
from mien.rtc.cdn.pusher import Pusher
from mien.rtc.port import (
    AudioCodec,
    EncodedAudio,
    EncodedVideo,
    MediaFormat,
    PeerEvents,
    RtcError,
    StreamInfo,
    VideoKind,
)

FORMAT: Final = MediaFormat(audio=AudioCodec.AAC, keyframe_s=2.0)
"""Players begin at a key frame and HLS is cut at them, so they come often."""


class CdnPeer:
    """Implements `port.AgentPeer`."""

    room_id = ""
    user_id = ""
    stream_id = ""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher

    @property
    def viewers(self) -> int:
        """One, the server, while it is connected: who watches there is not known here."""
        return int(self._pusher.connected)

    @property
    def format(self) -> MediaFormat:
        return FORMAT

    def send_audio(self, packet: EncodedAudio) -> None:
        self._pusher.audio(packet)

    def send_video(self, unit: EncodedVideo) -> None:
        self._pusher.video(unit)

    def send_motion(self, payload: bytes, pts: int) -> None:
        """Nothing: what a CDN plays is drawn already."""

    async def send_message(self, content: str, *, msg_type: int = 1, to: Sequence[str] | None = None) -> None:
        """Nothing: there is no room."""

    async def listen(self, stream_id: str) -> AsyncIterator[NDArray[np.int16]]:
        """Nothing: there is nobody."""
        return
        yield

    def users(self) -> frozenset[str]:
        return frozenset()

    def streams(self) -> Sequence[StreamInfo]:
        return ()

    async def leave(self) -> None:
        await self._pusher.aclose()


class CdnOutput:
    """Stands where a `port.RoomService` does, for the one stream that goes to `url`.

    Raises RtcError for an address that is none. After a break it is tried again for `give_up_s`.
    """

    def __init__(self, url: str, *, give_up_s: float = 60.0, open_: Open = open_link) -> None:
        try:
            self._address = RtmpAddress.parse(url)
        except AddressError as error:
            raise RtcError(str(error)) from error
        self._give_up_s = give_up_s
        self._open = open_

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
    ) -> CdnPeer:
        """Connects and begins to publish. Raises RtcError that says what to check, within seconds."""
        if video is not VideoKind.PICTURE:
            raise RtcError("a CDN plays pictures: the face must be drawn here")
        pusher = Pusher(self._address, events or PeerEvents(), give_up_s=self._give_up_s, open_=self._open)
        try:
            await pusher.start()
        except LinkError as error:
            raise RtcError(str(error)) from error
        return CdnPeer(pusher)

    async def close(self) -> None:
        """Nothing: the peer is closed by whoever joined."""
