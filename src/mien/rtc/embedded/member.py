"""A participant on this transport: its place in the room together with its media sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from mien.rtc.embedded.session import MediaSession
from mien.rtc.port import RoomMessage, StreamInfo
from mien.rtc.room import Ears, Participant, Rooms
from mien.rtc.token04 import Claims


class Deaf:
    """Ears of a client that has no WebSocket: it plays or publishes and hears nothing of the room."""

    def user_joined(self, user_id: str, user_name: str) -> None: ...
    def user_left(self, user_id: str, user_name: str) -> None: ...
    def stream_added(self, stream: StreamInfo) -> None: ...
    def stream_removed(self, stream: StreamInfo) -> None: ...
    def message(self, message: RoomMessage) -> None: ...
    def kicked(self, reason: str) -> None: ...


class Member:
    """Ties sessions to a participant: when it leaves or is kicked, they end."""

    def __init__(
        self,
        rooms: Rooms,
        app_id: int,
        room_id: str,
        user_id: str,
        user_name: str,
        ears: Ears,
        gone: Callable[[Member], None],
        *,
        claims: Claims | None = None,
        only_media: bool = False,
        alias: str = "",
    ) -> None:
        self.key = secrets.token_urlsafe(24)
        """The client's credential for WHIP and WHEP."""
        self.claims = claims
        """What the client's token allows; None for agents."""
        self.sessions: set[MediaSession] = set()
        self._gone = gone
        self._only_media = only_media
        self._ears = ears
        self.participant: Participant = rooms.enter(app_id, room_id, user_id, user_name, self, alias=alias)

    def add(self, session: MediaSession) -> None:
        """A media session of this user begins."""
        self.sessions.add(session)

    def remove(self, session: MediaSession) -> None:
        """A media session is over. A user that is here only for media leaves with the last one."""
        self.sessions.discard(session)
        self.settle()

    def settle(self) -> None:
        """Lets a user go that is here only for media and has none."""
        if self._only_media and not self.sessions:
            self.leave()

    def leave(self) -> None:
        """Leaves the room; media sessions end. Safe to call twice."""
        if self.participant.present:
            self.participant.leave()
            self._end("left the room")

    # Ears

    def user_joined(self, user_id: str, user_name: str) -> None:
        self._ears.user_joined(user_id, user_name)

    def user_left(self, user_id: str, user_name: str) -> None:
        self._ears.user_left(user_id, user_name)

    def stream_added(self, stream: StreamInfo) -> None:
        self._ears.stream_added(stream)

    def stream_removed(self, stream: StreamInfo) -> None:
        self._ears.stream_removed(stream)

    def message(self, message: RoomMessage) -> None:
        self._ears.message(message)

    def kicked(self, reason: str) -> None:
        self._end(reason)
        self._ears.kicked(reason)

    def _end(self, reason: str) -> None:
        self._gone(self)
        for session in list(self.sessions):
            session.end(reason)
