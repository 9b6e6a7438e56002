"""Digital humans driven from outside: the whole server, the real voice, real WebRTC and real callbacks on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray
from starlette.responses import FileResponse
from websockets.asyncio.client import connect

from mien.callbacks import sign
from mien.client import AsyncClient, DriveStatus, MienError, TaskStatus
from mien.face.package import default_humans
from mien.face.store import DEFAULTS_DIR
from mien.rtc import token04
from mien.rtc.client import Microphone, Playback, RoomClient
from mien.server import MienServer
from mien.settings import Settings

from .rtc_support import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

APP = 12345
SECRET = "9193cc662a4c0ec135ec71fb57194b38"
RATE = 48_000


@contextlib.asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """Serves `app` on a free port of 127.0.0.1."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws_max_size=1 << 20)
    server = uvicorn.Server(config)
    serve = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serve


@dataclass
class Backend:
    """A business backend: takes callbacks, and has a sound file."""

    events: list[dict[str, Any]] = field(default_factory=list)
    file: Path = Path()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/callback")
        async def callback(request: Request) -> Response:
            self.events.append(await request.json())
            return Response(status_code=204)

        @app.get("/speech.wav")
        async def speech() -> Response:
            return FileResponse(self.file)

        return app

    def told(self, event_type: int, task_id: str) -> list[dict[str, Any]]:
        return [e["Detail"] for e in self.events if e["EventType"] == event_type and e["TaskId"] == task_id]


@dataclass
class House:
    """Everything that runs."""

    mien: MienServer
    url: str
    client: AsyncClient
    backend: Backend
    backend_url: str
    callback_secret: str

    def viewer(self, user_id: str = "viewer", room_id: str = "room") -> RoomClient:
        token = token04.issue(APP, user_id, SECRET, now=time.time())
        return RoomClient(self.url, APP, user_id, room_id, token)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    backend = Backend()
    sockets_before = len(psutil.Process().net_connections("inet"))
    async with listening(backend.app()) as backend_url:
        settings = Settings(
            data_dir=tmp_path,
            app_id=APP,
            server_secret=SECRET,
            callback_url=f"{backend_url}/callback",
            min_free_memory_mb=0,
            rate_limit=0,
            max_load=4,
        )
        mien = await MienServer.build(settings, local_url="http://127.0.0.1")
        app = await mien._store.apps.get(APP)
        await mien._callbacks.start()
        async with listening(mien.app) as url, AsyncClient(url, APP, SECRET, timeout_s=60) as client:
            yield House(mien, url, client, backend, backend_url, app.callback_secret)
            await mien.close()
    assert mien._rooms.members == mien._rooms.sessions == 0
    left = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not {name for name in left if name.startswith(("streams", "stage", "face", "capacity", "callback"))}
    await until(lambda: len(psutil.Process().net_connections("inet")) <= sockets_before)


class Listener:
    """What a viewer hears."""

    def __init__(self, playback: Playback) -> None:
        self.blocks: list[NDArray[np.int16]] = []
        self._task = asyncio.create_task(self._run(playback))

    async def _run(self, playback: Playback) -> None:
        async for block in playback.audio:
            self.blocks.append(block.pcm)

    def loud_s(self) -> float:
        """Seconds with sound since the last `forget`."""
        return sum(len(block) for block in self.blocks if np.abs(block).max() > 500) / RATE

    def hertz(self) -> float:
        """The strongest frequency since the last `forget`."""
        samples = np.concatenate(self.blocks)
        return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))

    def forget(self) -> None:
        self.blocks.clear()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def tone(hertz: float, seconds: float, rate: int) -> NDArray[np.int16]:
    t = np.arange(round(seconds * rate)) / rate
    return (9000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


async def ended(house: House, task: str, drive: str) -> DriveStatus:
    """Waits for the end of a drive."""
    async with asyncio.timeout(90):
        while True:
            (found,) = await house.client.drives(task, drive)
            if found.status not in (DriveStatus.QUEUED, DriveStatus.DRIVING):
                return found.status
            await asyncio.sleep(0.1)


async def streaming(house: House, task: str) -> None:
    async with asyncio.timeout(60):
        while (await house.client.stream_task(task)).status is not TaskStatus.STREAMING:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.05)


async def test_every_way_to_drive_a_digital_human_is_heard(house: House, tmp_path: Path) -> None:
    mien, backend = house.client, house.backend
    backend.file = tmp_path / "speech.wav"
    with wave.open(str(backend.file), "wb") as out:
        out.setparams((1, 2, 44_100, 0, "NONE", ""))
        out.writeframes(tone(660, 1.0, 44_100).tobytes())
    human = (await mien.list_digital_humans()).digital_humans[0]
    task = await mien.create_stream_task(human.id, "room", "face", small_picture=True)
    await streaming(house, task)
    drives: list[str] = []
    async with house.viewer() as viewer:
        await viewer.wait_for(lambda room: "face" in room.streams)
        assert viewer.streams["face"].package_url.startswith("/avatars/")
        playback = await viewer.play("face")
        listener = Listener(playback)
        await until(lambda: len(playback.motion) > 10)

        drives.append(await mien.drive_by_text(task, "Hello, how are you today?", "af_heart"))
        assert await ended(house, task, drives[-1]) is DriveStatus.ENDED
        await until(lambda: listener.loud_s() > 0.7)
        await asyncio.sleep(0.3)

        listener.forget()
        drives.append(await mien.drive_by_audio(task, f"{house.backend_url}/speech.wav"))
        assert await ended(house, task, drives[-1]) is DriveStatus.ENDED
        await until(lambda: listener.loud_s() > 0.9)
        assert listener.hertz() == pytest.approx(660, abs=3)
        await asyncio.sleep(0.3)

        for hertz in (440.0, 550.0):  # two drives on one connection
            socket = await mien.drive_by_socket(task)
            drives.append(socket.drive_id)
            if hertz == 440.0:
                connection = await connect(socket.address)
            listener.forget()
            payload = {"DriveId": socket.drive_id, "SampleRate": 16_000, "Channel": 1, "VoiceChannel": 0}
            await connection.send(json.dumps({"SequenceID": "s", "Action": "Start", "Payload": payload}))
            assert json.loads(await connection.recv())["Code"] == 0
            data = tone(hertz, 1.0, 16_000).tobytes()
            for at in range(0, len(data), 3200):
                await connection.send(data[at : at + 3200])
            await connection.send(json.dumps({"Action": "Stop", "Payload": {"DriveId": socket.drive_id}}))
            assert await ended(house, task, socket.drive_id) is DriveStatus.ENDED
            await until(lambda: listener.loud_s() > 0.9)
            assert listener.hertz() == pytest.approx(hertz, abs=3)
            await asyncio.sleep(0.3)
        await connection.close()

        microphone = Microphone()
        await viewer.publish("mic", microphone)
        drives.append(await mien.drive_by_stream(task, "room", "mic"))
        await asyncio.sleep(0.3)
        listener.forget()
        await microphone.say(tone(330, 1.0, RATE))
        await until(lambda: listener.loud_s() > 0.8)
        assert listener.hertz() == pytest.approx(330, abs=3)
        await viewer.unpublish("mic")
        assert await ended(house, task, drives[-1]) is DriveStatus.ENDED

        async with house.viewer("host", "elsewhere") as host:
            await host.publish("far", microphone)
            drives.append(await mien.drive_by_stream(task, "elsewhere", "far"))
            await host.wait_for(lambda room: f"digitalhuman_{task}" in room.users)
            assert list(host.streams) == [], "who listens publishes nothing"
            listener.forget()
            await microphone.say(tone(380, 1.0, RATE))
            await until(lambda: listener.loud_s() > 0.8)
            assert listener.hertz() == pytest.approx(380, abs=3)
        assert await ended(house, task, drives[-1]) is DriveStatus.ENDED

        drives.append(await mien.drive_by_text(task, "This will be cut short. " * 20, "af_heart"))
        await until(lambda: {"DriveId": drives[-1], "Status": 2} in backend.told(4, task), 60)
        await mien.interrupt_drives(task)
        assert await ended(house, task, drives[-1]) is DriveStatus.INTERRUPTED
        await asyncio.sleep(0.4)
        listener.forget()
        await asyncio.sleep(0.6)
        assert listener.loud_s() == 0.0

        await mien.stop_stream_task(task)
        await viewer.wait_for(lambda room: "face" not in room.streams)
        said = [json.loads(message.content) for message in viewer.messages.take()]
        await listener.close()

    assert {(m["Product"], m["Cmd"]) for m in said} == {("digitalhuman", 1001)}
    assert [(m["Data"]["Status"], m["Data"]["DriveId"]) for m in said] == [(s, d) for d in drives for s in (2, 4)]
    await until(lambda: backend.told(3, task)[-1]["Status"] == 5)
    await until(lambda: len(backend.told(4, task)) == 3 * len(drives))
    assert [detail["Status"] for detail in backend.told(3, task)] == [1, 3, 4, 5]
    ends = {drives[-1]: 5}
    wanted = [(d, s) for d in drives for s in (1, 2, ends.get(d, 4))]
    assert [(detail["DriveId"], detail["Status"]) for detail in backend.told(4, task)] == wanted
    for event in backend.events:
        assert event["AppId"] == APP
        assert event["Signature"] == sign(house.callback_secret, event["Timestamp"], event["Nonce"])
        assert abs(event["EventTime"] / 1000 - int(event["Timestamp"])) < 5
    with pytest.raises(MienError, match="400000007"):
        await mien.drive_by_text(task, "Hello", "af_heart")


async def test_an_uploaded_picture_is_shown_in_a_drawn_stream(house: House) -> None:
    mien = house.client
    made = await mien.create_digital_human(DEFAULTS_DIR / "mia.jpg", "Ming", voices={"en": "af_bella"})
    assert made.warnings == []
    task = await mien.create_stream_task(made.id, "room", "face", size=(240, 426), bitrate=400_000)
    await streaming(house, task)
    async with house.viewer() as viewer:
        await viewer.wait_for(lambda room: "face" in room.streams)
        playback = await viewer.play("face", motion=False)
        await until(lambda: len(playback.video) > 5, 20)
    with pytest.raises(MienError, match="is being shown"):
        await mien.delete_digital_human(made.id)
    await mien.stop_stream_task(task)
    await mien.delete_digital_human(made.id)
    assert (await mien.list_digital_humans(fetch="own")).total == 0
    assert not list(house.mien.settings.avatars_dir.glob("*.zip"))
    with pytest.raises(MienError, match="410000014"):
        await mien.create_digital_human(b"no picture", "Nobody")
    assert (await mien.list_digital_humans()).total == len(default_humans())


async def test_closing_the_server_ends_what_runs(house: House) -> None:
    mien = house.client
    task = await mien.create_stream_task(
        (await mien.list_digital_humans()).digital_humans[0].id, "room", "face", small_picture=True
    )
    await streaming(house, task)
    await mien.drive_by_text(task, "This will be cut short. " * 20, "af_heart")
    await mien.drive_by_audio(task, f"{house.backend_url}/nothing.wav")
    speaking: Callable[[], bool] = lambda: 2 in [detail["Status"] for detail in house.backend.told(4, task)]  # noqa: E731
    await until(speaking, 60)
    await house.mien.close()
    assert [detail["Status"] for detail in house.backend.told(3, task)] == [1, 3, 4, 5]
