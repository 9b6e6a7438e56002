"""Rooms: who is in, which streams they publish, and the messages between them. Knows nothing of transports.

One user id is in a room once: a later login kicks the earlier. A stream id exists once per app; its owner may publish
it again. A room lives from its first participant to its last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mien.rtc.port import DuplicateStreamError, RoomMessage, RtcError, StreamInfo

MAX_ROOM_ID: Final = 128
MAX_USER_ID: Final = 64
"""The compatible API asks for 32 at most; generated agent ids (`ai_agent_<id>`) may be longer."""
MAX_USER_NAME: Final = 256
MAX_STREAM_ID: Final = 256
MAX_CONTENT: Final = 16_384
"""Bytes of one room message's content: what a user says in one turn of some minutes, in full each time."""

KICKED_BY_LOGIN: Final = "the same user id logged in to this room again"


class Ears(Protocol):
    """What a participant hears of its room. Called on the loop; must neither block nor raise."""

    def user_joined(self, user_id: str, user_name: str) -> None: ...
    def user_left(self, user_id: str, user_name: str) -> None: ...
    def stream_added(self, stream: StreamInfo) -> None: ...
    def stream_removed(self, stream: StreamInfo) -> None: ...
    def message(self, message: RoomMessage) -> None: ...
    def kicked(self, reason: str) -> None: ...


class MessageError(RtcError):
    """A room message cannot be sent; the text says why."""


@dataclass(slots=True)
class _Room:
    app_id: int
    room_id: str
    participants: dict[str, Participant] = field(default_factory=dict)
    aliases: dict[str, Participant] = field(default_factory=dict)
    streams: dict[str, StreamInfo] = field(default_factory=dict)

    def others(self, user_id: str) -> list[Participant]:
        return [participant for participant in self.participants.values() if participant.user_id != user_id]

    def addressee(self, user_id: str) -> Participant | None:
        return self.participants.get(user_id) or self.aliases.get(user_id)


class Rooms:
    """All rooms of all apps."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[int, str], _Room] = {}
        self._streams: dict[tuple[int, str], Participant] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def enter(
        self, app_id: int, room_id: str, user_id: str, user_name: str, ears: Ears, *, alias: str = ""
    ) -> Participant:
        """Logs a user in. An earlier login of the same user id to the same room is kicked first.

        Messages to `alias` reach the user too, while nobody of that id is in the room.
        Raises RtcError for an id that is empty or too long.
        """
        _check_id("room id", room_id, MAX_ROOM_ID)
        _check_id("user id", user_id, MAX_USER_ID)
        if len(user_name) > MAX_USER_NAME:
            raise RtcError(f"the user name has more than {MAX_USER_NAME} characters")
        earlier = self.find(app_id, room_id, user_id)
        if earlier is not None:
            earlier.kick(KICKED_BY_LOGIN)
        room = self._rooms.setdefault((app_id, room_id), _Room(app_id, room_id))
        participant = Participant(self, room, user_id, user_name, ears)
        if alias:
            room.aliases[alias] = participant
        for other in room.others(user_id):
            other.ears.user_joined(user_id, user_name)
        room.participants[user_id] = participant
        return participant

    def find(self, app_id: int, room_id: str, user_id: str) -> Participant | None:
        """The participant with this user id, if logged in."""
        room = self._rooms.get((app_id, room_id))
        return room.participants.get(user_id) if room else None

    def stream(self, app_id: int, room_id: str, stream_id: str) -> StreamInfo | None:
        """The stream published under this id in this room."""
        room = self._rooms.get((app_id, room_id))
        return room.streams.get(stream_id) if room else None

    # For Participant only.

    def _publish(self, participant: Participant, room: _Room, stream: StreamInfo) -> None:
        key = (room.app_id, stream.stream_id)
        owner = self._streams.get(key)
        if owner is not None and owner is not participant:
            raise DuplicateStreamError(
                f'stream id "{stream.stream_id}" is already published by user "{owner.user_id}" '
                f'in room "{owner.room_id}": choose another'
            )
        self._streams[key] = participant
        room.streams[stream.stream_id] = stream
        for other in room.others(participant.user_id):
            other.ears.stream_added(stream)

    def _unpublish(self, participant: Participant, room: _Room, stream_id: str) -> None:
        key = (room.app_id, stream_id)
        if self._streams.get(key) is not participant:
            return
        del self._streams[key]
        stream = room.streams.pop(stream_id)
        for other in room.others(participant.user_id):
            other.ears.stream_removed(stream)

    def _leave(self, participant: Participant, room: _Room) -> None:
        for stream in participant.own_streams():
            self._unpublish(participant, room, stream.stream_id)
        del room.participants[participant.user_id]
        room.aliases = {alias: other for alias, other in room.aliases.items() if other is not participant}
        for other in room.others(participant.user_id):
            other.ears.user_left(participant.user_id, participant.user_name)
        if not room.participants:
            del self._rooms[room.app_id, room.room_id]


class Participant:
    """A user's place in a room, from `Rooms.enter` until it leaves or is kicked."""

    def __init__(self, rooms: Rooms, room: _Room, user_id: str, user_name: str, ears: Ears) -> None:
        self.user_id = user_id
        self.user_name = user_name
        self.ears = ears
        self._rooms = rooms
        self._room = room
        self._present = True

    @property
    def app_id(self) -> int:
        return self._room.app_id

    @property
    def room_id(self) -> str:
        return self._room.room_id

    @property
    def present(self) -> bool:
        """False once it left or was kicked."""
        return self._present

    def users(self) -> list[tuple[str, str]]:
        """User id and name of everybody else in the room."""
        return [(other.user_id, other.user_name) for other in self._room.others(self.user_id)]

    def streams(self) -> list[StreamInfo]:
        """Streams of everybody else in the room."""
        return [stream for stream in self._room.streams.values() if stream.user_id != self.user_id]

    def own_streams(self) -> list[StreamInfo]:
        """Streams this participant publishes."""
        return [stream for stream in self._room.streams.values() if stream.user_id == self.user_id]

    def publish(self, stream: StreamInfo) -> None:
        """Announces a stream of this user; again under the same id replaces it.

        Raises DuplicateStreamError if somebody else in the app publishes under this id, RtcError for a bad id.
        """
        self._require_present()
        _check_id("stream id", stream.stream_id, MAX_STREAM_ID)
        if stream.user_id != self.user_id:
            raise RtcError(f'user "{self.user_id}" cannot publish as "{stream.user_id}"')
        self._rooms._publish(self, self._room, stream)

    def unpublish(self, stream_id: str) -> None:
        """Withdraws a stream; nothing happens if this user does not publish it."""
        if self._present:
            self._rooms._unpublish(self, self._room, stream_id)

    def send(self, content: str, *, msg_type: int = 1, to: Iterable[str] | None = None) -> Sequence[str]:
        """Sends a message to everybody else, or to the users in `to`.

        Returns the users of `to` that are not in the room. Raises MessageError when the content is too long.
        """
        self._require_present()
        # JSON may smuggle in lone surrogates; they count, and travel escaped.
        size = len(content.encode("utf-8", "surrogatepass"))
        if size > MAX_CONTENT:
            raise MessageError(f"a room message has at most {MAX_CONTENT} bytes, this one {size}: send it in parts")
        message = RoomMessage(self.room_id, self.user_id, msg_type, content)
        if to is None:
            for other in self._room.others(self.user_id):
                other.ears.message(message)
            return []
        missing: list[str] = []
        for user_id in dict.fromkeys(to):
            receiver = self._room.addressee(user_id)
            if receiver is None:
                missing.append(user_id)
            else:
                receiver.ears.message(message)
        return missing

    def leave(self) -> None:
        """Withdraws the streams and leaves. Safe to call twice."""
        if self._present:
            self._present = False
            self._rooms._leave(self, self._room)

    def kick(self, reason: str) -> None:
        """Puts the participant out and tells it why."""
        if self._present:
            self.leave()
            self.ears.kicked(reason)

    def _require_present(self) -> None:
        if not self._present:
            raise RtcError(f'user "{self.user_id}" is no longer in room "{self.room_id}": log in again')


def _check_id(what: str, value: str, most: int) -> None:
    """Ids are free text (agents are also called `@RBT#...`), but printable and not endless."""
    if not value:
        raise RtcError(f"the {what} is empty")
    if not value.isprintable():
        raise RtcError(f"the {what} contains control characters")
    if len(value.encode()) > most:
        raise RtcError(f"the {what} has more than {most} bytes")
