"""HTTP side of the embedded transport: WHIP (RFC 9725), WHEP and the room's WebSocket, as a FastAPI router."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import JSONResponse

from mien.rtc.embedded.login import Authenticate, check_publish, identify
from mien.rtc.embedded.offer import MAX_SDP
from mien.rtc.embedded.refusal import EXPECTED, Code, Refusal, refusal_of
from mien.rtc.embedded.service import EmbeddedRooms
from mien.rtc.embedded.session import MediaSession
from mien.rtc.embedded.socket import serve_socket

PREFIX = "/rtc/v1"
EXPOSED_HEADERS = ("Location", "Link", "ETag")
"""Response headers that pages of other origins must be allowed to read (CORS)."""
_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"


def build_router(service: EmbeddedRooms, authenticate: Authenticate) -> APIRouter:
    """Routes under `/rtc/v1`. `authenticate` gives an app's ServerSecret, None for an unknown app."""
    router = APIRouter(prefix=PREFIX, tags=["rtc"])

    @router.websocket("/ws")
    async def socket(ws: WebSocket) -> None:
        await serve_socket(ws, service, authenticate)

    @router.post("/whip/{room_id}/{stream_id}", status_code=201, response_class=Response)
    async def whip(request: Request, room_id: str, stream_id: str) -> Response:
        """Publishes the microphone of the offer as this stream."""
        return await _negotiated(request, room_id, stream_id, publish=True)

    @router.post("/whep/{room_id}/{stream_id}", status_code=201, response_class=Response)
    async def whep(request: Request, room_id: str, stream_id: str) -> Response:
        """Plays this stream."""
        return await _negotiated(request, room_id, stream_id, publish=False)

    @router.patch("/sessions/{session_id}", status_code=204, response_class=Response)
    async def trickle(request: Request, session_id: str) -> Response:
        """Takes candidates that the client found after its offer."""
        try:
            session = _session(session_id)
            tag = request.headers.get("if-match", "*")
            if tag not in ("*", _etag(session_id)):
                raise Refusal(Code.BAD_REQUEST, "If-Match names another ICE session", status=412)
            await session.trickle(await _body(request, _FRAGMENT))
        except (Refusal, *EXPECTED) as error:
            return _refuse(error)
        return Response(status_code=204)

    @router.delete("/sessions/{session_id}", status_code=200, response_class=Response)
    async def end(session_id: str) -> Response:
        """Ends publishing or playing."""
        try:
            await _session(session_id).close("ended by the client")
        except (Refusal, *EXPECTED) as error:
            return _refuse(error)
        return Response(status_code=200)

    async def _negotiated(request: Request, room_id: str, stream_id: str, *, publish: bool) -> Response:
        loopback = _is_loopback(request)
        try:
            offer = await _body(request, _SDP)
            member = await identify(
                service,
                authenticate,
                authorization=request.headers.get("authorization", ""),
                query=request.query_params,
                room_id=room_id,
            )
            try:
                if publish:
                    check_publish(member, stream_id)
                    session_id, answer = await service.take(member, stream_id, offer, loopback=loopback)
                else:
                    session_id, answer = await service.play(member, stream_id, offer, loopback=loopback)
            finally:
                member.settle()
        except (Refusal, *EXPECTED) as error:
            return _refuse(error)
        response = Response(answer, 201, media_type=_SDP)
        response.headers["Location"] = f"{request.scope.get('root_path', '')}{PREFIX}/sessions/{session_id}"
        response.headers["ETag"] = _etag(session_id)
        response.headers["Accept-Patch"] = _FRAGMENT
        for link in service.ice.links():
            response.headers.append("Link", link)
        return response

    def _session(session_id: str) -> MediaSession:
        session = service.session(session_id)
        if session is None:
            raise Refusal(Code.NOT_FOUND, "the session is over or was never there")
        return session

    return router


async def _body(request: Request, expected: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != expected:
        raise Refusal(Code.BAD_REQUEST, f'send the body as "Content-Type: {expected}"', status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_SDP:
            raise Refusal(Code.BAD_REQUEST, f"the body has more than {MAX_SDP} bytes", status=413)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refusal(Code.BAD_REQUEST, "the body is not UTF-8") from None


def _refuse(error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else refusal_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return JSONResponse({"code": int(refusal.code), "message": refusal.reason}, refusal.status, headers)


def _etag(session_id: str) -> str:
    return f'"{session_id[:8]}"'


def _is_loopback(request: Request) -> bool:
    """Whether the client (or the proxy in front of us) is on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
