"""The WebSocket of a logged-in client: room events and messages (`docs/rtc-protocol.md`)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mien.rtc.embedded.login import Authenticate, read_token
from mien.rtc.embedded.member import Member
from mien.rtc.embedded.refusal import EXPECTED, Code, Refusal, refusal_of
from mien.rtc.embedded.service import SHUTDOWN, EmbeddedRooms
from mien.rtc.port import RoomMessage, RtcError, StreamInfo

SILENCE_SECONDS: Final = 60.0
"""A client pings every 30 s; one that says nothing for this long is gone."""
_MAX_FRAME: Final = 64 * 1024
_MAX_WAITING: Final = 1000
"""Frames queued for a client that does not read, before it is closed."""
_MAX_RECEIVERS: Final = 100


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class _Outbox:
    """What the client is to hear: room events as frames, sent by one writer."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | _Close] = asyncio.Queue()
        self._closed = False

    def put(self, **frame: Any) -> None:
        """Queues a frame. A client that lags too far behind is closed."""
        if self._closed:
            return
        if self._queue.qsize() >= _MAX_WAITING:
            self.close(4010, "the client does not read its messages")
            return
        self._queue.put_nowait(json.dumps(frame, separators=(",", ":")))

    def close(self, code: int, reason: str) -> None:
        """Queues the end."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(_Close(code, reason))

    async def write(self, ws: WebSocket) -> None:
        """Sends until the end is reached."""
        while True:
            item = await self._queue.get()
            if isinstance(item, _Close):
                # A close frame has room for 123 bytes of reason.
                await ws.close(item.code, item.reason.encode()[:120].decode(errors="ignore"))
                return
            await ws.send_text(item)

    # Ears

    def user_joined(self, user_id: str, user_name: str) -> None:
        self.put(type="user_joined", user_id=user_id, user_name=user_name)

    def user_left(self, user_id: str, user_name: str) -> None:
        self.put(type="user_left", user_id=user_id, user_name=user_name)

    def stream_added(self, stream: StreamInfo) -> None:
        self.put(type="stream_added", streams=[asdict(stream)])

    def stream_removed(self, stream: StreamInfo) -> None:
        self.put(type="stream_removed", streams=[asdict(stream)])

    def message(self, message: RoomMessage) -> None:
        self.put(type="message", **{"from": message.sender}, msg_type=message.msg_type, content=message.content)

    def kicked(self, reason: str) -> None:
        if reason == SHUTDOWN:
            self.close(1001, reason)
        else:
            self.put(type="kicked", code=int(Code.KICKED), reason=reason)
            self.close(4009, reason)


async def serve_socket(ws: WebSocket, service: EmbeddedRooms, authenticate: Authenticate) -> None:
    """Logs a client in, carries its messages, and logs it out when the socket ends."""
    await ws.accept()
    outbox = _Outbox()
    try:
        member = await _log_in(ws, service, authenticate, outbox)
    except (Refusal, *EXPECTED) as error:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        outbox.put(type="error", code=int(refusal.code), reason=refusal.reason)
        outbox.close(refusal.close_code, refusal.reason)
        try:
            await outbox.write(ws)
        except (WebSocketDisconnect, RuntimeError):
            pass
        return
    writer = asyncio.create_task(outbox.write(ws))
    reader = asyncio.create_task(_read(ws, member, outbox))
    try:
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and not writer.done() and ws.client_state is WebSocketState.CONNECTED:
            outbox.close(4000, "no word from the client for 60 s")
            await asyncio.wait({writer}, timeout=5)
    finally:
        member.leave()
        for task in (reader, writer):
            task.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)


async def _log_in(ws: WebSocket, service: EmbeddedRooms, authenticate: Authenticate, outbox: _Outbox) -> Member:
    query = ws.query_params
    room_id = query.get("room_id", "")
    claims = await read_token(authenticate, query, query.get("token", ""), room_id)
    name = query.get("user_name", "")
    member = service.enter(claims.app_id, room_id, claims.user_id, user_name=name, ears=outbox, claims=claims)
    participant = member.participant
    outbox.put(
        type="welcome",
        session=member.key,
        room_id=room_id,
        user_id=claims.user_id,
        ice_servers=service.ice.servers,
        users=[user_id for user_id, _ in participant.users()],
        streams=[asdict(stream) for stream in participant.streams()],
    )
    return member


async def _read(ws: WebSocket, member: Member, outbox: _Outbox) -> None:
    """Handles the client's frames; returns when it is gone or silent for too long."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                event = await ws.receive()
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return
        if event["type"] != "websocket.receive":
            return
        text = event.get("text")
        if text is None:
            outbox.put(type="error", code=int(Code.BAD_REQUEST), reason="binary frames have no meaning here")
            continue
        _handle(text, member, outbox)


def _handle(text: str, member: Member, outbox: _Outbox) -> None:
    try:
        if len(text) > _MAX_FRAME:
            raise ValueError(f"the frame has more than {_MAX_FRAME} characters")
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        outbox.put(type="error", code=int(Code.BAD_REQUEST), reason=f"not a JSON frame: {error}")
        return
    kind = frame.get("type") if isinstance(frame, dict) else None
    if kind == "ping":
        outbox.put(type="pong")
    elif kind == "message":
        problem = _send(frame, member)
        outbox.put(type="sent", seq=frame.get("seq"), ok=problem is None, reason=problem or "")
    else:
        reason = f'frame of unknown type {json.dumps(kind)}; known are "message" and "ping"'
        outbox.put(type="error", code=int(Code.BAD_REQUEST), reason=reason)


def _send(frame: dict[str, Any], member: Member) -> str | None:
    """Sends a client's room message; returns what was wrong."""
    content, msg_type, to = frame.get("content"), frame.get("msg_type", 1), frame.get("to")
    if not isinstance(content, str):
        return "content is missing or no text"
    if type(msg_type) is not int:
        return "msg_type is no integer"
    if to is not None and not (isinstance(to, list) and all(isinstance(user, str) for user in to)):
        return "to is neither null nor a list of user ids"
    if to is not None and len(to) > _MAX_RECEIVERS:
        return f"to has more than {_MAX_RECEIVERS} users: leave it null to reach everybody"
    try:
        missing = member.participant.send(content, msg_type=msg_type, to=to)
    except RtcError as error:
        return str(error)
    return f"not in the room: {', '.join(missing)}" if missing else None
