"""The WebSocket of DriveByWsStream: sound for a digital human, one drive after the other on one connection.

A client sends `{"Action": "Start", "SequenceID": …, "Payload": {"DriveId": …, "SampleRate": …}}`, then PCM in binary
frames, then the same with `Stop`. Each text frame is answered with its Action and SequenceID, a `Code` and a `Message`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import APIRouter
from pydantic import Field
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mien.api.actions.streams import SOCKET_PATH
from mien.api.deps import ApiDeps
from mien.api.errors import ApiError, ReturnCode, from_exception
from mien.api.products import STREAMS
from mien.api.schemas.base import Wire
from mien.streams.port import DriveError, Feed, StoppedError, StreamError
from mien.streams.spec import VoiceChannel

BAD_TOKEN: Final = 1008
"""Close code "policy violation": the token opens nothing."""

log = structlog.get_logger(__name__)


class StartPayload(Wire):
    """What follows is sound of a drive."""

    DriveId: Annotated[str, Field(min_length=1, max_length=128)]
    SampleRate: int = Field(ge=8000, le=48_000)
    Channel: int = Field(default=1, ge=1, le=2)
    VoiceChannel: int = Field(default=0, ge=0, le=2)


class StopPayload(Wire):
    """No more sound of a drive follows."""

    DriveId: Annotated[str, Field(min_length=1, max_length=128)]


class Frame(Wire):
    """A text frame."""

    Action: Literal["Start", "Stop"]


class StartFrame(Frame):
    """A text frame that starts."""

    Payload: StartPayload


class StopFrame(Frame):
    """A text frame that stops."""

    Payload: StopPayload


def drive_socket_router(deps: ApiDeps) -> APIRouter:
    """The route `/ws`."""
    router = APIRouter()

    @router.websocket(SOCKET_PATH)
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        connection = _Connection(ws, deps, ws.query_params.get("Token", ""))
        try:
            await connection.serve()
            if ws.client_state is WebSocketState.CONNECTED:
                await ws.close(BAD_TOKEN, "the Token is wrong or its task has ended")
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises a plain RuntimeError when it sends to a client that has gone.
            log.debug("drive connection lost", reason=str(error))
        finally:
            connection.end()

    return router


class _Connection:
    """One client's connection. It holds on to no task: a client may stay longer."""

    def __init__(self, ws: WebSocket, deps: ApiDeps, token: str) -> None:
        self._ws = ws
        self._deps = deps
        self._token = token
        self._drive_id = ""
        self._feed: Feed | None = None
        self._complained = False

    async def serve(self) -> None:
        """Returns when the client has gone, or there is no task."""
        while self._deps.streams.by_token(self._token) is not None:
            frame = await self._ws.receive()
            if frame["type"] == "websocket.disconnect":
                return
            text, data = frame.get("text"), frame.get("bytes")
            if text is not None:
                await self._command(text)
            elif data is not None:
                await self._sound(data)

    def end(self) -> None:
        """The sound of the drive ends where the connection does."""
        if self._feed is not None:
            self._feed.end()
            self._feed = None

    async def _sound(self, data: bytes) -> None:
        if self._feed is not None:
            await self._feed.push(data)
        elif not self._complained:
            self._complained = True
            await self._answer({}, ReturnCode.STREAM_PARAMETER, "sound came before a Start; it is ignored")

    async def _command(self, text: str) -> None:
        wire: dict[str, Any] = {}
        try:
            wire = _object(text)
            if Frame.parse(wire).Action == "Stop":
                self._stop(StopFrame.parse(wire).Payload)
            else:
                self._start(StartFrame.parse(wire).Payload)
        except (ApiError, StreamError) as error:
            known = error if isinstance(error, ApiError) else from_exception(error, ReturnCode.STREAM_PARAMETER)
            await self._answer(wire, STREAMS.code(known.code), known.message)
        else:
            await self._answer(wire, ReturnCode.SUCCESS, "success")

    def _start(self, wanted: StartPayload) -> None:
        task = self._deps.streams.by_token(self._token)
        if task is None:
            raise StoppedError("the task has ended")
        feed = task.feed(wanted.DriveId, wanted.SampleRate, wanted.Channel, VoiceChannel(wanted.VoiceChannel))
        self.end()
        self._drive_id, self._feed, self._complained = wanted.DriveId, feed, False

    def _stop(self, wanted: StopPayload) -> None:
        if self._feed is None or wanted.DriveId != self._drive_id:
            raise DriveError(f"the drive {wanted.DriveId!r} was not started on this connection")
        self.end()

    async def _answer(self, wire: dict[str, Any], code: ReturnCode, message: str) -> None:
        answer = {
            "SequenceID": wire.get("SequenceID"),
            "Action": wire.get("Action"),
            "Code": int(code),
            "Message": message,
        }
        await self._ws.send_text(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def _object(text: str) -> dict[str, Any]:
    try:
        wire = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(ReturnCode.JSON, "the text frame is not JSON") from None
    if not isinstance(wire, dict):
        raise ApiError(ReturnCode.JSON, "the text frame must be a JSON object, {…}")
    return wire
