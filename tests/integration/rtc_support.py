"""A server with rooms on loopback, an agent that sends, and what tests ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np
import uvicorn
from fastapi import FastAPI

from mien.rtc import token04
from mien.rtc.client import RoomClient
from mien.rtc.codec import H264Encoder, OpusEncoder, carrier_unit, sei_nal
from mien.rtc.embedded import EmbeddedRooms, build_router
from mien.rtc.port import AgentPeer, EncodedAudio, EncodedVideo, PeerEvents, VideoKind
from mien.settings import Settings

APP = 12345
SECRET = "9193cc662a4c0ec135ec71fb57194b38"
TICK = 0.02


def token(user_id: str, **claims: object) -> str:
    """A good token for `user_id`."""
    return token04.issue(APP, user_id, SECRET, now=time.time(), **claims)  # type: ignore[arg-type]


@dataclass
class Server:
    """A running server."""

    url: str
    rooms: EmbeddedRooms

    def client(self, user_id: str = "user", room_id: str = "room", **more: str) -> RoomClient:
        return RoomClient(self.url, APP, user_id, room_id, more.pop("token", token(user_id)), **more)

    async def agent(self, video: VideoKind = VideoKind.MOTION, **more: object) -> Agent:
        agent = Agent(video)
        where = {"room_id": "room", "user_id": "agent", "stream_id": "face"} | more
        room_id = str(where.pop("room_id"))
        agent.peer = await self.rooms.join(APP, room_id, video=video, events=agent.events, **where)  # type: ignore[arg-type]
        agent.start()
        return agent


@dataclass
class Agent:
    """Sends a 440 Hz tone and 25 frames a second, on one media clock, at real pace."""

    video: VideoKind
    peer: AgentPeer = None  # type: ignore[assignment]
    events: PeerEvents = field(default_factory=PeerEvents)
    video_late: float = 0.0
    """Seconds a picture leaves later than the voice of its time."""
    noise: bool = False
    """Whether pictures are hard to compress, so that the whole bitrate is used."""
    keyframes: int = 0
    wanted: list[float] = field(default_factory=list)
    bitrates: list[int] = field(default_factory=list)
    size: tuple[int, int] = (320, 240)
    _task: asyncio.Task[None] | None = None
    _force: bool = False

    def __post_init__(self) -> None:
        self.events.keyframe_wanted = self._wanted
        self.events.bitrate = self.bitrates.append

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.peer.leave()

    def _wanted(self) -> None:
        self._force = True
        self.wanted.append(asyncio.get_running_loop().time())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        opus = OpusEncoder()
        width, height = self.size
        encoder = H264Encoder(width, height, 25, 400_000) if self.video is VideoKind.PICTURE else None
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        t = np.arange(960)
        dice = np.random.default_rng(0)
        began = loop.time()
        late: set[asyncio.TimerHandle] = set()
        for n in range(1_000_000):
            tone = (8000 * np.sin(2 * np.pi * 440 * (t + n * 960) / 48000)).astype(np.int16)
            self.peer.send_audio(EncodedAudio(opus.encode(tone), n * 960))
            if n % 2 == 0 and self.video is not VideoKind.NONE:
                payload = b"\1\0" + (n // 2).to_bytes(4, "big") + (n * 960).to_bytes(4, "big") + bytes(31)
                if encoder is None:
                    unit = EncodedVideo(carrier_unit(sei_nal(payload), n // 2), n * 1800, True)
                    self.peer.send_motion(payload, n * 960)
                else:
                    picture[:height] = (n * 2) % 200 + 20
                    if self.noise:
                        picture[: height // 2] = dice.integers(0, 255, (height // 2, width), np.uint8)
                    data, keyframe = encoder.encode(picture, self._force)
                    self._force = False
                    self.keyframes += keyframe
                    unit = EncodedVideo(data, n * 1800, keyframe)
                if self.video_late:
                    late.add(loop.call_later(self.video_late, self.peer.send_video, unit))
                else:
                    self.peer.send_video(unit)
            await asyncio.sleep(began + (n + 1) * TICK - loop.time())


@contextlib.asynccontextmanager
async def serving(settings: Settings | None = None, **more: int) -> AsyncIterator[Server]:
    """A server on a free port of 127.0.0.1; everything is closed afterwards."""
    rooms = EmbeddedRooms(settings or Settings(ice_servers=[], ice_host=""), **more)

    async def secret_of(app_id: int) -> str | None:
        return SECRET if app_id == APP else None

    app = FastAPI()
    app.include_router(build_router(rooms, secret_of))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="websockets-sansio"))
    serve = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Server(f"http://127.0.0.1:{port}", rooms)
    finally:
        await rooms.close()
        server.should_exit = True
        await serve


def open_files() -> int:
    """File descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


async def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Waits until `condition()` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - what changes it has no event
            await asyncio.sleep(0.01)
