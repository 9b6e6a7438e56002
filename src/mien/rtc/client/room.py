"""Logs in to a room, hears what happens there, publishes and plays."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from mien.rtc import seams
from mien.rtc.client.inbox import Inbox
from mien.rtc.client.microphone import MicrophoneTrack, PcmSource
from mien.rtc.client.playback import Playback
from mien.rtc.port import RoomMessage, RtcError, StreamInfo, VideoKind

PING_SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 15.0
_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something that happened in the room: `user_joined`, `user_left`, `stream_added`, `stream_removed`, `kicked`,
    `closed`, `error`. `text` is the user id or the reason."""

    kind: str
    text: str = ""
    stream: StreamInfo | None = None


class RoomClient:
    """One user in one room.

    Use it as `async with RoomClient(...) as room`, or call `login` and `close`. `events` and `messages` are inboxes;
    `streams` and `users` are kept up to date. Raises RtcError with the server's reason when something is refused.
    """

    def __init__(
        self, base_url: str, app_id: int, user_id: str, room_id: str, token: str, *, user_name: str = ""
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.app_id = app_id
        self.user_id = user_id
        self.room_id = room_id
        self.user_name = user_name
        self.session = ""
        self.streams: dict[str, StreamInfo] = {}
        self.users: set[str] = set()
        self.events: Inbox[RoomEvent] = Inbox(_EVENTS)
        self.messages: Inbox[RoomMessage] = Inbox(_EVENTS)
        self._token = token
        self._ice_servers: list[RTCIceServer] = []
        self._http = httpx.AsyncClient(timeout=CONNECT_SECONDS, trust_env=False)
        self._ws: ClientConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._published: dict[str, tuple[RTCPeerConnection, str]] = {}
        self._playing: dict[Playback, str] = {}
        self._answers: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._seq = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> RoomClient:
        try:
            await self.login()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def login(self) -> None:
        """Enters the room. Raises RtcError."""
        query = {
            "app_id": self.app_id,
            "room_id": self.room_id,
            "user_id": self.user_id,
            "user_name": self.user_name,
            "token": self._token,
        }
        url = f"ws{self.base_url.removeprefix('http')}/rtc/v1/ws?{urlencode(query)}"
        try:
            # A local call must work where a proxy is configured for the internet.
            self._ws = await connect(url, open_timeout=CONNECT_SECONDS, proxy=None)
            frame = json.loads(await asyncio.wait_for(self._ws.recv(), CONNECT_SECONDS))
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
            raise RtcError(f"{self.base_url} cannot be reached: {error or type(error).__name__}") from error
        if frame["type"] != "welcome":
            raise RtcError(f"login refused: {frame.get('reason', frame)}")
        self.session = frame["session"]
        self._ice_servers = [
            RTCIceServer(urls=s["urls"], username=s.get("username"), credential=s.get("credential"))
            for s in frame["ice_servers"]
        ]
        self.users = set(frame["users"])
        self.streams = {stream["stream_id"]: _stream(stream) for stream in frame["streams"]}
        self._start(self._read(self._ws))
        self._start(self._ping(self._ws))

    async def wait_for(self, condition: Callable[[RoomClient], bool], timeout: float = CONNECT_SECONDS) -> None:
        """Waits until `condition(self)` holds, looking whenever the room changes. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def send(self, content: str, *, msg_type: int = 1, to: list[str] | None = None) -> None:
        """Sends a room message. Raises RtcError with the reason when it was not delivered."""
        if self._ws is None:
            raise RtcError("log in first")
        self._seq += 1
        seq = self._seq
        answer: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._answers[seq] = answer
        try:
            frame = {"type": "message", "msg_type": msg_type, "content": content, "to": to, "seq": seq}
            await self._ws.send(json.dumps(frame))
            ok, reason = await asyncio.wait_for(answer, CONNECT_SECONDS)
        except (ConnectionClosed, TimeoutError) as error:
            raise RtcError("the room did not answer: the connection is lost") from error
        finally:
            del self._answers[seq]
        if not ok:
            raise RtcError(reason)

    async def publish(self, stream_id: str, source: PcmSource) -> None:
        """Publishes `source` at its real pace, returns once media flows. Raises RtcError."""
        pc = self._connection()
        pc.addTransceiver(MicrophoneTrack(source), "sendonly")
        try:
            location = await self._negotiate(pc, "whip", stream_id)
        except BaseException:
            await pc.close()
            raise
        self._published[stream_id] = (pc, location)

    async def unpublish(self, stream_id: str) -> None:
        """Stops publishing."""
        published = self._published.pop(stream_id, None)
        if published is not None:
            await self._delete(published[1])
            await published[0].close()

    async def play(self, stream_id: str, *, video: bool = True, motion: bool = True) -> Playback:
        """Plays a stream, returns once media can flow. Raises RtcError."""
        pc = self._connection()
        playback = Playback(pc, stream_id)
        playback.receive_audio(pc.addTransceiver("audio", "recvonly").receiver)
        if video:
            transceiver = pc.addTransceiver("video", "recvonly")
            codecs = RTCRtpReceiver.getCapabilities("video")
            assert codecs is not None
            transceiver.setCodecPreferences(
                [codec for codec in codecs.codecs if codec.mimeType.lower() in ("video/h264", "video/rtx")]
            )
            playback.receive_video(transceiver.receiver)
        if motion:
            channel = pc.createDataChannel("motion", ordered=False, maxRetransmits=0)
            channel.on("message", playback.receive_motion)
        try:
            location = await self._negotiate(pc, "whep", stream_id)
        except BaseException:
            await playback.close()
            raise
        self._playing[playback] = location
        return playback

    async def stop(self, playback: Playback) -> None:
        """Stops playing and tells the server."""
        location = self._playing.pop(playback, None)
        if location is not None:
            await self._delete(location)
        await playback.close()

    async def close(self) -> None:
        """Stops everything and leaves the room. Safe to call twice."""
        for playback in list(self._playing):
            await self.stop(playback)
        for stream_id in list(self._published):
            await self.unpublish(stream_id)
        if self._ws is not None:
            await self._ws.close()
            self._ws = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        self.events.close()
        self.messages.close()

    def _connection(self) -> RTCPeerConnection:
        return RTCPeerConnection(
            RTCConfiguration(iceServers=self._ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )

    async def _negotiate(self, pc: RTCPeerConnection, protocol: str, stream_id: str) -> str:
        """Exchanges SDP and waits for the connection; returns the session's location."""
        seams.guard_closing(pc)
        seams.arrange_addresses(pc, loopback=_is_loopback(self.base_url))
        await pc.setLocalDescription()
        connected = asyncio.get_running_loop().create_future()

        def state_changed() -> None:
            if pc.connectionState in ("connected", "failed", "closed") and not connected.done():
                connected.set_result(pc.connectionState)

        pc.on("connectionstatechange", state_changed)
        path = f"{self.base_url}/rtc/v1/{protocol}/{quote(self.room_id, safe='')}/{quote(stream_id, safe='')}"
        headers = {"Authorization": f"Bearer {self.session}", "Content-Type": "application/sdp"}
        try:
            response = await self._http.post(path, content=pc.localDescription.sdp, headers=headers)
        except httpx.HTTPError as error:
            raise RtcError(f"{self.base_url} cannot be reached: {error or type(error).__name__}") from error
        if response.status_code != 201:
            raise RtcError(_reason(response))
        location = urljoin(path, response.headers["Location"])
        await pc.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        try:
            state = await asyncio.wait_for(connected, CONNECT_SECONDS)
        except TimeoutError:
            state = f"still {pc.connectionState}"
        if state != "connected":
            await self._delete(location)
            raise RtcError(f"no media connection with {self.base_url} ({state}): is UDP blocked?")
        return location

    async def _delete(self, location: str) -> None:
        try:
            await self._http.delete(location, headers={"Authorization": f"Bearer {self.session}"})
        except httpx.HTTPError:
            # The server is gone, and the session with it.
            pass

    async def _ping(self, ws: ClientConnection) -> None:
        try:
            while True:
                await asyncio.sleep(PING_SECONDS)
                await ws.send('{"type":"ping"}')
        except ConnectionClosed:
            pass

    async def _read(self, ws: ClientConnection) -> None:
        try:
            async for text in ws:
                self._handle(json.loads(text))
        except ConnectionClosed:
            pass
        self.events.put(RoomEvent("closed", ws.close_reason or ""))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result((False, "the connection to the room is closed"))
        self._changed.set()

    def _handle(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "message":
            self.messages.put(RoomMessage(self.room_id, frame["from"], frame["msg_type"], frame["content"]))
        elif kind == "sent":
            answer = self._answers.get(frame["seq"])
            if answer is not None and not answer.done():
                answer.set_result((frame["ok"], frame["reason"]))
        elif kind in ("stream_added", "stream_removed"):
            for stream in map(_stream, frame["streams"]):
                if kind == "stream_added":
                    self.streams[stream.stream_id] = stream
                else:
                    self.streams.pop(stream.stream_id, None)
                self.events.put(RoomEvent(kind, stream.user_id, stream))
        elif kind in ("user_joined", "user_left"):
            (self.users.add if kind == "user_joined" else self.users.discard)(frame["user_id"])
            self.events.put(RoomEvent(kind, frame["user_id"]))
        elif kind in ("kicked", "error"):
            self.events.put(RoomEvent(kind, frame["reason"]))
        self._changed.set()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _stream(wire: dict[str, Any]) -> StreamInfo:
    return StreamInfo(
        wire["stream_id"],
        wire["user_id"],
        wire["user_name"],
        wire["extra_info"],
        VideoKind(wire["video"]),
        wire["package_url"],
    )


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {response.status_code}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
