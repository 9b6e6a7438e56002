"""The agent's place in a room on the embedded transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mien.rtc.embedded.hub import Hub
from mien.rtc.embedded.listening import Ear
from mien.rtc.handlers import tell
from mien.rtc.port import EncodedAudio, EncodedVideo, MediaFormat, PeerEvents, RoomMessage, StreamInfo

if TYPE_CHECKING:
    from mien.rtc.embedded.service import EmbeddedRooms

FORMAT = MediaFormat()


class EmbeddedPeer:
    """Implements `port.AgentPeer`."""

    def __init__(
        self,
        service: EmbeddedRooms,
        app_id: int,
        room_id: str,
        info: StreamInfo,
        events: PeerEvents,
        *,
        alias: str = "",
    ) -> None:
        self._service = service
        self._events = events
        self._info = info
        self._ears: set[Ear] = set()
        self._member = service.enter(app_id, room_id, info.user_id, ears=self, alias=alias)
        try:
            publication = (
                service.publish(self._member, info, ask_keyframe=self._ask_keyframe, tell_bitrate=self._tell_bitrate)
                if info.stream_id
                else None
            )
        except BaseException:
            self._member.leave()
            raise
        self._hub = publication.hub if publication is not None else Hub(lambda: None, lambda _: None)

    @property
    def room_id(self) -> str:
        return self._member.participant.room_id

    @property
    def user_id(self) -> str:
        return self._info.user_id

    @property
    def stream_id(self) -> str:
        return self._info.stream_id

    @property
    def viewers(self) -> int:
        return len(self._hub)

    @property
    def format(self) -> MediaFormat:
        return FORMAT

    def send_audio(self, packet: EncodedAudio) -> None:
        self._hub.send_audio(packet)

    def send_video(self, unit: EncodedVideo) -> None:
        self._hub.send_video(unit)

    def send_motion(self, payload: bytes, pts: int) -> None:
        self._hub.send_motion(payload, pts)

    async def send_message(self, content: str, *, msg_type: int = 1, to: Sequence[str] | None = None) -> None:
        self._member.participant.send(content, msg_type=msg_type, to=to)

    def listen(self, stream_id: str) -> Ear:
        """See `port.AgentPeer.listen`. `aclose()` of the iterator ends it early."""
        ear = self._service.listen(self._member.participant.app_id, self.room_id, stream_id)
        self._ears.add(ear)
        if not self._member.participant.present:
            ear.close()
        return ear

    def users(self) -> frozenset[str]:
        return frozenset(user_id for user_id, _ in self._member.participant.users())

    def streams(self) -> Sequence[StreamInfo]:
        return self._member.participant.streams()

    async def leave(self) -> None:
        self._member.leave()
        self._silence()

    # Ears

    def user_joined(self, user_id: str, user_name: str) -> None:
        tell(self._events.user_joined, user_id)

    def user_left(self, user_id: str, user_name: str) -> None:
        tell(self._events.user_left, user_id)

    def stream_added(self, stream: StreamInfo) -> None:
        tell(self._events.stream_added, stream)

    def stream_removed(self, stream: StreamInfo) -> None:
        tell(self._events.stream_removed, stream)

    def message(self, message: RoomMessage) -> None:
        tell(self._events.message, message)

    def kicked(self, reason: str) -> None:
        self._silence()
        tell(self._events.kicked, reason)

    def _ask_keyframe(self) -> None:
        tell(self._events.keyframe_wanted)

    def _tell_bitrate(self, bitrate: int) -> None:
        tell(self._events.bitrate, bitrate)

    def _silence(self) -> None:
        for ear in self._ears:
            ear.close()
        self._ears.clear()
