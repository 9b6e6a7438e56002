"""Rooms on aiortc inside this process: who is in, what is published, who plays it, and how all of it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mien.rtc import seams
from mien.rtc.embedded.hub import Hub
from mien.rtc.embedded.ice import IceSettings
from mien.rtc.embedded.listening import Ear, Hearing
from mien.rtc.embedded.member import Deaf, Member
from mien.rtc.embedded.offer import Offer, read_offer
from mien.rtc.embedded.peer import EmbeddedPeer
from mien.rtc.embedded.publisher import Publisher
from mien.rtc.embedded.session import MediaSession
from mien.rtc.embedded.viewer import STAMP_OFFSET, Viewer
from mien.rtc.port import DuplicateStreamError, PeerEvents, RtcError, StreamInfo, VideoKind
from mien.rtc.room import Ears, Rooms
from mien.rtc.token04 import Claims
from mien.settings import Settings

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 1000
SHUTDOWN: Final = "the server is shutting down"


class NoStreamError(RtcError):
    """Nobody publishes this stream in this room."""


class FullError(RtcError):
    """The server takes no more connections."""


@dataclass(eq=False, slots=True)
class Publication:
    """A published stream and its viewers."""

    member: Member
    info: StreamInfo
    hub: Hub
    viewers: set[Viewer] = field(default_factory=set)
    source: MediaSession | None = None


class EmbeddedRooms:
    """The default `RoomService`. Create and use it on one event loop; `close()` frees everything it holds.

    Raises ValueError for a malformed ICE server and RuntimeError for an aiortc it was not made for.
    """

    def __init__(
        self, settings: Settings, *, max_sessions: int = MAX_SESSIONS, stamp_offset: int = STAMP_OFFSET
    ) -> None:
        seams.check()
        self.ice = IceSettings(settings.ice_servers, settings.ice_host)
        self._rooms = Rooms()
        self._max_sessions = max_sessions
        self._stamp_offset = stamp_offset
        self._members: dict[str, Member] = {}
        self._sessions: dict[str, MediaSession] = {}
        self._closings: set[asyncio.Task[None]] = set()
        self._publications: dict[tuple[int, str], Publication] = {}
        self._hearings: dict[tuple[int, str, str], Hearing] = {}
        self._open = True

    @property
    def sessions(self) -> int:
        """Media connections that are open now."""
        return len(self._sessions)

    @property
    def members(self) -> int:
        """Participants of all rooms, agents included."""
        return len(self._members)

    # RoomService

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
    ) -> EmbeddedPeer:
        """Logs an agent in and publishes its stream; see `port.RoomService.join`."""
        self._require_open()
        if stream_id:
            self._require_free(app_id, room_id, user_id, stream_id)
        info = StreamInfo(stream_id, user_id, "", extra_info, video, package_url)
        return EmbeddedPeer(self, app_id, room_id, info, events or PeerEvents(), alias=alias)

    async def close(self) -> None:
        """Disconnects everybody and frees every port. Safe to call twice."""
        self._open = False
        for member in list(self._members.values()):
            member.participant.kick(SHUTDOWN)
        for session in list(self._sessions.values()):
            session.end(SHUTDOWN)
        while self._closings:
            await asyncio.gather(*self._closings, return_exceptions=True)

    # For the peer, the WebSocket and the WHIP/WHEP routes

    def enter(
        self,
        app_id: int,
        room_id: str,
        user_id: str,
        *,
        user_name: str = "",
        ears: Ears | None = None,
        claims: Claims | None = None,
        alias: str = "",
    ) -> Member:
        """Logs a user in; without `ears` the user is there only as long as its media sessions. Raises RtcError."""
        self._require_open()
        member = Member(
            self._rooms,
            app_id,
            room_id,
            user_id,
            user_name,
            ears or Deaf(),
            self._forget,
            claims=claims,
            only_media=ears is None,
            alias=alias,
        )
        self._members[member.key] = member
        return member

    def member(self, key: str) -> Member | None:
        """The client with this session key."""
        return self._members.get(key)

    def find(self, app_id: int, room_id: str, user_id: str) -> Member | None:
        """The user's member, if it is in the room."""
        participant = self._rooms.find(app_id, room_id, user_id)
        return next((m for m in self._members.values() if m.participant is participant), None) if participant else None

    def session(self, session_id: str) -> MediaSession | None:
        """An open media session."""
        return self._sessions.get(session_id)

    def publish(
        self,
        member: Member,
        info: StreamInfo,
        *,
        ask_keyframe: Callable[[], None] = lambda: None,
        tell_bitrate: Callable[[int], None] = lambda _: None,
    ) -> Publication:
        """Announces a stream; the same user's earlier one under this id ends first. Raises DuplicateStreamError."""
        participant = member.participant
        self._require_free(participant.app_id, participant.room_id, participant.user_id, info.stream_id)
        earlier = self._publications.get((participant.app_id, info.stream_id))
        if earlier is not None:
            self.unpublish(earlier)
        participant.publish(info)
        publication = Publication(member, info, Hub(ask_keyframe, tell_bitrate))
        self._publications[participant.app_id, info.stream_id] = publication
        return publication

    def unpublish(self, publication: Publication) -> None:
        """Withdraws a stream and ends its viewers. Safe to call twice."""
        participant = publication.member.participant
        key = (participant.app_id, publication.info.stream_id)
        if self._publications.get(key) is not publication:
            return
        del self._publications[key]
        publication.hub.close()
        participant.unpublish(publication.info.stream_id)
        for viewer in list(publication.viewers):
            viewer.end("the stream has ended")
        if publication.source is not None:
            publication.source.end("the stream has ended")

    def listen(self, app_id: int, room_id: str, stream_id: str) -> Ear:
        """A listener to the voice of a stream, now or whenever it is published."""
        key = (app_id, room_id, stream_id)
        hearing = self._hearings.get(key)
        if hearing is None:
            hearing = self._hearings[key] = Hearing(lambda: self._hearings.pop(key, None))
        return hearing.listen()

    async def play(self, member: Member, stream_id: str, offer_sdp: str, *, loopback: bool) -> tuple[str, str]:
        """Answers a WHEP offer: session id and SDP answer. Raises NoStreamError, FullError, OfferError."""
        self._require_room_for_one()
        participant = member.participant
        publication = self._publications.get((participant.app_id, stream_id))
        if publication is None or publication.member.participant.room_id != participant.room_id:
            raise NoStreamError(f'nobody publishes stream "{stream_id}" in room "{participant.room_id}"')
        offer = read_offer(offer_sdp)

        def ended(session: MediaSession) -> None:
            publication.viewers.discard(viewer)
            self._ended(member, session)

        viewer = Viewer(
            self.ice,
            publication.hub,
            ended,
            has_video=publication.info.video is not VideoKind.NONE,
            stamp_offset=self._stamp_offset,
        )
        publication.viewers.add(viewer)
        return viewer.id, await self._negotiate(member, viewer, offer, loopback=loopback)

    async def take(self, member: Member, stream_id: str, offer_sdp: str, *, loopback: bool) -> tuple[str, str]:
        """Answers a WHIP offer: session id and SDP answer. Raises DuplicateStreamError, FullError, OfferError."""
        self._require_room_for_one()
        participant = member.participant
        app_id, room_id = participant.app_id, participant.room_id
        self._require_free(app_id, room_id, participant.user_id, stream_id)
        offer = read_offer(offer_sdp)
        published: list[Publication] = []

        def ended(session: MediaSession) -> None:
            for publication in published:
                self.unpublish(publication)
            self._ended(member, session)

        key = (app_id, room_id, stream_id)
        publisher = Publisher(self.ice, lambda: self._hearings.get(key), ended)
        answer = await self._negotiate(member, publisher, offer, loopback=loopback)
        try:
            publication = self.publish(member, StreamInfo(stream_id, participant.user_id, participant.user_name))
        except RtcError:
            await publisher.close()
            raise
        publication.source = publisher
        published.append(publication)
        publisher.forward_to(publication.hub)
        return publisher.id, answer

    async def _negotiate(self, member: Member, session: MediaSession, offer: Offer, *, loopback: bool) -> str:
        self._sessions[session.id] = session
        member.add(session)
        try:
            answer = await session.negotiate(offer, loopback=loopback)
        except BaseException:
            session.end("not negotiated")
            raise
        if not session.open:
            raise RtcError("the stream or the login ended meanwhile")
        return answer

    def _ended(self, member: Member, session: MediaSession) -> None:
        self._sessions.pop(session.id, None)
        closing = session.closing
        if closing is not None:
            self._closings.add(closing)
            closing.add_done_callback(self._closed)
        member.remove(session)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closings.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            logger.error("a media connection did not close cleanly", exc_info=error)

    def _forget(self, member: Member) -> None:
        self._members.pop(member.key, None)
        for publication in [p for p in self._publications.values() if p.member is member]:
            self.unpublish(publication)

    def _require_open(self) -> None:
        if not self._open:
            raise FullError(SHUTDOWN)

    def _require_room_for_one(self) -> None:
        self._require_open()
        if len(self._sessions) >= self._max_sessions:
            raise FullError(f"the server already has {self._max_sessions} media connections: try again later")

    def _require_free(self, app_id: int, room_id: str, user_id: str, stream_id: str) -> None:
        current = self._publications.get((app_id, stream_id))
        if current is None:
            return
        owner = current.member.participant
        if (owner.room_id, owner.user_id) != (room_id, user_id):
            raise DuplicateStreamError(
                f'stream id "{stream_id}" is already published by user "{owner.user_id}" '
                f'in room "{owner.room_id}": choose another'
            )
