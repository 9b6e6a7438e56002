"""A connection to an RTMP server over which one stream is published (Adobe RTMP 1.0, 5 to 7).

FFmpeg can do this too, and PyAV with it; but PyAV opens, ends and waits for a network output while it holds Python's
interpreter lock, without a limit of time, so that one server that does not answer would stop every call of the process
(PyAV issue 2400). Here everything is awaited, every wait has a limit, certificates are checked, and the server's own
reason for a refusal reaches the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mien import __version__
from mien.rtc.cdn import amf
from mien.rtc.cdn.address import RtmpAddress
from mien.rtc.cdn.chunks import DEFAULT_CHUNK, ChunkError, ChunkReader, Message, MessageType, chunks_of
from mien.rtc.port import PeerFailure

OPEN_LIMIT: Final = 6.0
"""Seconds from the first packet to the server's consent to publish."""
WRITE_LIMIT: Final = 8.0
"""Seconds in which the server must take what waits. A connection so slow does not even carry the voice."""
CLOSE_LIMIT: Final = 1.0
SECOND_THOUGHTS: Final = 0.25
"""Seconds after its consent in which a server may still hang up. nginx consents before it reads its access list."""

CHUNK: Final = 4096
"""Bytes of the chunks we send: pictures in few pieces, voice not held up for long behind one."""
UNSENT: Final = 64 * 1024
"""Bytes that may wait in the system's socket buffer. What waits there can no longer be dropped."""

_VERSION: Final = 3
_HANDSHAKE: Final = 1536
_CONTROL, _COMMANDS, _AUDIO, _DATA, _VIDEO = 2, 3, 4, 5, 6
"""Chunk streams of what we send."""
_PING, _PONG = 6, 7
_CONNECT, _RELEASE, _FC_PUBLISH, _CREATE, _PUBLISH, _UNPUBLISH, _DELETE = range(1, 8)
"""Transaction ids."""


class LinkError(Exception):
    """The stream cannot be published, or not any more. `failure` says whose doing it is; the text quotes no key."""

    def __init__(self, failure: PeerFailure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class RtmpLink:
    """An open connection that publishes. Made by `open_link`."""

    def __init__(
        self, address: RtmpAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunk_size: int
    ) -> None:
        self._address = address
        self._reader = reader
        self._writer = writer
        self._chunks = ChunkReader()
        self._chunk_size = chunk_size
        self._stream_id = 0
        self._received = 0
        self._acknowledged = 0
        self._window = 0
        self._failed: LinkError | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> int:
        """Bytes that were sent and have not left this process."""
        return self._writer.transport.get_write_buffer_size()

    async def audio(self, body: bytes, milliseconds: int) -> None:
        """Sends the body of an audio tag. Raises LinkError."""
        await self._media(Message(MessageType.AUDIO, body, milliseconds, self._stream_id), _AUDIO)

    async def video(self, body: bytes, milliseconds: int) -> None:
        """Sends the body of a video tag. Raises LinkError."""
        await self._media(Message(MessageType.VIDEO, body, milliseconds, self._stream_id), _VIDEO)

    async def metadata(self, body: bytes) -> None:
        """Sends the description of the streams, before anything of them. Raises LinkError."""
        await self._media(Message(MessageType.DATA, body, 0, self._stream_id), _DATA)

    async def aclose(self) -> None:
        """Says goodbye, if the connection still stands, and closes it."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            if self._stream_id and self._failed is None:
                async with asyncio.timeout(CLOSE_LIMIT):
                    self._command("FCUnpublish", _UNPUBLISH, None, self._address.key)
                    self._command("deleteStream", _DELETE, None, float(self._stream_id))
                    await self._writer.drain()
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._writer.wait_closed()
        except (OSError, TimeoutError, ssl.SSLError):
            self._writer.transport.abort()

    # Opening

    async def publish(self) -> None:
        """Shakes hands, opens the application and begins to publish. Raises LinkError."""
        address = self._address
        await self._shake_hands()
        self._send(Message(MessageType.SET_CHUNK_SIZE, CHUNK.to_bytes(4, "big")), _CONTROL)
        self._chunk_size = CHUNK
        about: dict[str, amf.Value] = {
            "app": address.app,
            "type": "nonprivate",
            "flashVer": f"FMLE/3.0 (compatible; Mien {__version__})",
            "tcUrl": address.application_url,
        }
        self._command("connect", _CONNECT, about)
        await self._answer(_CONNECT, f"open the application {address.app.split('/')[0]!r}")
        # Two steps of older servers; some want them and none minds them, so nobody waits for an answer.
        self._command("releaseStream", _RELEASE, None, address.key)
        self._command("FCPublish", _FC_PUBLISH, None, address.key)
        self._command("createStream", _CREATE, None)
        created = await self._answer(_CREATE, "create a stream")
        number = created[-1] if created else None
        if not isinstance(number, float) or not 0 < number < 2**32:
            raise LinkError(PeerFailure.REFUSED, f"{address} created no stream: is it an RTMP server?")
        self._stream_id = int(number)
        self._command("publish", _PUBLISH, None, address.key, "live", stream_id=self._stream_id)
        await self._consent()
        self._listening = asyncio.create_task(self._listen(), name="cdn.listen")
        await asyncio.wait((self._listening,), timeout=SECOND_THOUGHTS)
        if self._failed is not None:
            raise self._failed if self._failed.failure is PeerFailure.REFUSED else EOFError from self._failed

    async def _shake_hands(self) -> None:
        # A plain handshake: the digest of Flash players is only needed for what we do not use.
        ours = bytes(8) + os.urandom(_HANDSHAKE - 8)
        self._writer.write(bytes([_VERSION]) + ours)
        await self._drain()
        theirs = await self._reader.readexactly(1 + _HANDSHAKE)
        if theirs[0] != _VERSION:
            raise LinkError(
                PeerFailure.REFUSED, f"{self._address.server} does not speak RTMP: check scheme, host and port"
            )
        self._writer.write(theirs[1:])
        await self._reader.readexactly(_HANDSHAKE)

    async def _answer(self, transaction: int, what: str) -> list[amf.Value]:
        """The values after the transaction id of the server's answer. Raises LinkError when it says no."""
        while True:
            name, values = await self._next_command()
            number = values[0] if values else None
            if name == "onStatus" and _level(values) == "error":
                raise self._refused(what, values)
            if number != transaction:
                continue
            if name == "_result":
                return values[1:]
            if name == "_error":
                raise self._refused(what, values)

    async def _consent(self) -> None:
        while True:
            name, values = await self._next_command()
            if name == "onStatus" and _member(values, "code") == "NetStream.Publish.Start":
                return
            if (name == "onStatus" and _level(values) == "error") or (name == "_error" and values[:1] == [_PUBLISH]):
                raise self._refused("publish this stream key", values)

    def _refused(self, what: str, values: list[amf.Value]) -> LinkError:
        reason = ": ".join(filter(None, (_member(values, "code"), _member(values, "description"))))
        advice = "check the application and the stream key"
        if "BadName" in reason:
            advice = "the stream key is wrong, or somebody publishes with it already"
        said = self._address.redacted(reason)[:200] or "it gave no reason"
        return LinkError(PeerFailure.REFUSED, f"{self._address.server} refused to {what} ({said}): {advice}")

    # What the server says

    async def _next_command(self) -> tuple[str, list[amf.Value]]:
        while True:
            message = await self._receive()
            if message.type in (MessageType.COMMAND, MessageType.COMMAND_AMF3):
                # A command of type 17 is AMF0 too, after a byte that says so.
                values = amf.decode(message.payload[message.type == MessageType.COMMAND_AMF3 :])
                if values and isinstance(values[0], str):
                    return values[0], values[1:]

    async def _receive(self) -> Message:
        """The next message that is not about the connection itself."""
        while True:
            message = self._chunks.next()
            if message is None:
                data = await self._reader.read(65536)
                if not data:
                    raise EOFError
                self._chunks.feed(data)
                self._acknowledge(len(data))
                continue
            if not self._handle(message):
                return message

    def _handle(self, message: Message) -> bool:
        payload = message.payload
        number = int.from_bytes(payload[:4], "big")
        if message.type == MessageType.SET_CHUNK_SIZE:
            self._chunks.chunk_size = min(max(number & 0x7FFFFFFF, 1), 1 << 24)
        elif message.type == MessageType.ABORT:
            self._chunks.abort(number)
        elif message.type == MessageType.WINDOW_SIZE:
            self._window = number
        elif message.type == MessageType.USER_CONTROL:
            if int.from_bytes(payload[:2], "big") == _PING:
                self._send(Message(MessageType.USER_CONTROL, _PONG.to_bytes(2, "big") + payload[2:6]), _CONTROL)
        else:
            return message.type in (MessageType.ACKNOWLEDGEMENT, MessageType.PEER_BANDWIDTH)
        return True

    def _acknowledge(self, count: int) -> None:
        self._received += count
        if self._window and self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            total = (self._received & 0xFFFFFFFF).to_bytes(4, "big")
            self._send(Message(MessageType.ACKNOWLEDGEMENT, total), _CONTROL)

    async def _listen(self) -> None:
        """While media are sent: answers the server, and notices when it ends the stream."""
        try:
            while True:
                name, values = await self._next_command()
                if name == "onStatus" and _level(values) == "error":
                    self._failed = self._refused("go on with the stream", values)
                    return
        except (OSError, EOFError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it closed the connection"
            self._failed = LinkError(PeerFailure.DISCONNECTED, f"the connection to {self._address} broke: {reason}")
        except (ChunkError, amf.AmfError) as error:
            self._failed = LinkError(PeerFailure.DISCONNECTED, f"{self._address} sent what is no RTMP: {error}")

    # Sending

    async def _media(self, message: Message, chunk_stream: int) -> None:
        if self._failed is not None:
            raise self._failed
        self._send(message, chunk_stream)
        try:
            async with asyncio.timeout(WRITE_LIMIT):
                await self._drain()
        except TimeoutError as error:
            self._failed = LinkError(
                PeerFailure.DISCONNECTED, f"{self._address} has taken next to nothing for {WRITE_LIMIT:.0f} s"
            )
            raise self._failed from error
        except OSError as error:
            reason = error.strerror or "it closed the connection"
            self._failed = LinkError(PeerFailure.DISCONNECTED, f"the connection to {self._address} broke: {reason}")
            raise self._failed from error

    def _command(self, name: str, transaction: int, *values: amf.Value, stream_id: int = 0) -> None:
        payload = amf.encode(name, float(transaction), *values)
        self._send(Message(MessageType.COMMAND, payload, 0, stream_id), _COMMANDS)

    def _send(self, message: Message, chunk_stream: int) -> None:
        self._writer.write(chunks_of(message, chunk_stream, self._chunk_size))

    async def _drain(self) -> None:
        await self._writer.drain()


Open = Callable[[RtmpAddress], Coroutine[Any, Any, RtmpLink]]


async def open_link(address: RtmpAddress) -> RtmpLink:
    """Connects and begins to publish, within `OPEN_LIMIT`. Raises LinkError."""
    link: RtmpLink | None = None
    try:
        async with asyncio.timeout(OPEN_LIMIT):
            reader, writer = await _connect(address)
            link = RtmpLink(address, reader, writer, DEFAULT_CHUNK)
            await link.publish()
            return link
    except BaseException as error:
        if link is not None:
            await link.aclose()
        if (told := _explain(address, error, connected=link is not None)) is None:
            raise
        raise told from error


async def _connect(address: RtmpAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context() if address.secure else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, happy_eyeballs_delay=0.25)
    connection = writer.get_extra_info("socket")
    if connection is not None and (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, UNSENT)
    return reader, writer


def _explain(address: RtmpAddress, error: BaseException, *, connected: bool) -> LinkError | None:
    """What went wrong and what to check; None for what is not about the connection."""
    server, disconnected = address.server, PeerFailure.DISCONNECTED
    if isinstance(error, LinkError):
        return error
    if isinstance(error, TimeoutError):
        if connected:
            return LinkError(
                disconnected, f"{server} did not answer within {OPEN_LIMIT:.0f} s: is it an RTMP server on this port?"
            )
        tls = ", and that this port speaks TLS" if address.secure else ""
        return LinkError(disconnected, f"{server} did not answer: check host, port and firewall{tls}")
    if isinstance(error, socket.gaierror):
        return LinkError(disconnected, f"the host {address.host!r} is not known: check its name and the DNS")
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkError(disconnected, f"{server} has no valid certificate for its name: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return LinkError(disconnected, f"{server} does not speak TLS on this port: check it, or use rtmp://")
    if isinstance(error, EOFError | ConnectionResetError | BrokenPipeError):
        return LinkError(
            PeerFailure.REFUSED,
            f"{server} closed the connection without a reason: check the application and the stream key, and that the "
            "server lets this machine publish",
        )
    # For a host with several addresses the failures come as one text.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return LinkError(disconnected, f"{server} refused the connection: check host and port, and that it is running")
    if isinstance(error, OSError):
        return LinkError(disconnected, f"{server} cannot be reached ({error.strerror or error}): check host and port")
    if isinstance(error, ChunkError | amf.AmfError):
        return LinkError(PeerFailure.REFUSED, f"{server} does not speak RTMP ({error}): check scheme, host and port")
    return None


def _member(values: list[amf.Value], name: str) -> str:
    """A text of the information object, which is the last value of a status or an error."""
    info = values[-1] if values else None
    found = info.get(name) if isinstance(info, dict) else None
    return found if isinstance(found, str) else ""


def _level(values: list[amf.Value]) -> str:
    return _member(values, "level")
