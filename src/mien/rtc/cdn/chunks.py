"""RTMP's chunk stream (Adobe RTMP 1.0, 5.3): messages cut into chunks on one connection, and put together again."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

DEFAULT_CHUNK: Final = 128
"""Bytes of a chunk's payload until a side announces another size."""
LARGEST_MESSAGE: Final = 1 << 20
"""What a server has to say to a publisher is short; more than this is no RTMP."""
MOST_CHANNELS: Final = 64
_EXTENDED: Final = 0xFFFFFF


class MessageType(IntEnum):
    """Message type ids used between a publisher and a server."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_SIZE = 5
    PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    COMMAND_AMF3 = 17
    DATA = 18
    COMMAND = 20


class ChunkError(ValueError):
    """The bytes are no RTMP chunks."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `timestamp` in ms, modulo 2**32."""

    type: int
    payload: bytes
    timestamp: int = 0
    stream_id: int = 0


def chunks_of(message: Message, chunk_stream: int, chunk_size: int) -> bytes:
    """The message as chunks. The first has an absolute time stamp, so nothing depends on what was sent before.

    `chunk_stream` is 2 to 63.
    """
    time = message.timestamp & 0xFFFFFFFF
    extended = struct.pack(">I", time) if time >= _EXTENDED else b""
    header = struct.pack(
        ">B3s3sB",
        chunk_stream,
        min(time, _EXTENDED).to_bytes(3, "big"),
        len(message.payload).to_bytes(3, "big"),
        message.type,
    ) + struct.pack("<I", message.stream_id)
    follow_on = bytes([0xC0 | chunk_stream]) + extended
    pieces = [message.payload[at : at + chunk_size] for at in range(0, len(message.payload), chunk_size)]
    return header + extended + follow_on.join(pieces)


@dataclass(slots=True)
class _Channel:
    """What a chunk stream remembers from its last chunk."""

    time: int = 0
    delta: int = 0
    length: int = 0
    type: int = 0
    stream_id: int = 0
    extended: bool = False
    begun: bool = False
    payload: bytearray = field(default_factory=bytearray)


class ChunkReader:
    """Puts messages together from bytes as they come. Set `chunk_size` when the other side announces one."""

    def __init__(self) -> None:
        self.chunk_size = DEFAULT_CHUNK
        self._data = bytearray()
        self._channels: dict[int, _Channel] = {}

    def feed(self, data: bytes) -> None:
        """Takes bytes of the connection."""
        self._data += data

    def next(self) -> Message | None:
        """The next complete message, or None until more bytes come. Raises ChunkError."""
        while True:
            known = len(self._data)
            message = self._chunk()
            if message is not None:
                return message
            if len(self._data) == known:
                return None

    def abort(self, chunk_stream: int) -> None:
        """Forgets a message of which only a part has come."""
        if (channel := self._channels.get(chunk_stream)) is not None:
            channel.payload.clear()
            channel.begun = False

    def _chunk(self) -> Message | None:
        """Takes one chunk off the data if it is there; the message it completes, if it does."""
        data = self._data
        if not data:
            return None
        form, number, at = data[0] >> 6, data[0] & 0x3F, 1
        if number < 2:
            at += number + 1
            if len(data) < at:
                return None
            number = 64 + data[1] + (data[2] << 8 if number else 0)
        size = (11, 7, 3, 0)[form]
        if len(data) < at + size:
            return None
        channel = self._channels.get(number)
        if channel is None:
            if form:
                raise ChunkError(f"chunk stream {number} begins without a header")
            if len(self._channels) >= MOST_CHANNELS:
                raise ChunkError("too many chunk streams")
            channel = _Channel()
        head = bytes(data[at : at + size])
        at += size
        field_ = int.from_bytes(head[:3], "big")
        extended = field_ == _EXTENDED if form < 3 else channel.extended
        if extended:
            if len(data) < at + 4:
                return None
            field_ = int.from_bytes(data[at : at + 4], "big")
            at += 4
        length = int.from_bytes(head[3:6], "big") if form < 2 else channel.length
        if length > LARGEST_MESSAGE:
            raise ChunkError(f"a message of {length} bytes")
        count = min(self.chunk_size, length - len(channel.payload))
        if len(data) < at + count:
            return None
        # Only now that the whole chunk is there may anything be remembered of it.
        self._channels[number] = channel
        channel.length, channel.extended = length, extended
        if form < 2:
            channel.type = head[6]
        if form == 0:
            channel.stream_id = int.from_bytes(head[7:11], "little")
        if not channel.begun:
            self._advance(channel, form, field_)
        channel.begun = True
        channel.payload += data[at : at + count]
        del data[: at + count]
        if len(channel.payload) < length:
            return None
        message = Message(channel.type, bytes(channel.payload), channel.time, channel.stream_id)
        channel.payload.clear()
        channel.begun = False
        return message

    @staticmethod
    def _advance(channel: _Channel, form: int, value: int) -> None:
        if form == 0:
            channel.time, channel.delta = value, 0
        else:
            channel.delta = value if form < 3 else channel.delta
            channel.time = channel.time + channel.delta & 0xFFFFFFFF
