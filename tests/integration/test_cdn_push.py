"""A talking face pushed to a real RTMP server and played from there: the real stage, renderer, encoders and network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.bench.recordings import clip
from mien.conversation.manager import Manager
from mien.conversation.port import ConversationError
from mien.conversation.spec import AdvancedSpec, CallbackSpec, DigitalHumanSpec, InstanceSpec, RtcSpec
from mien.face.media import StagedMedia
from mien.face.motion.audio_visemes import compile_lips
from mien.face.render import Renderer, compile_for
from mien.rtc.cdn import CdnOutput
from mien.rtc.port import AUDIO_CLOCK, VideoKind
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE
from tests.support.conversation import FakeRooms, Microphone, Script, spec
from tests.support.face_package import tiny_package

from .rtc_support import until
from .rtmp_server import RtmpServer, Seen, Viewer, free_port

pytestmark = pytest.mark.integration

MOUTH = (slice(70, 80), slice(38, 58))
"""Where the lower lip of the tiny face is, rows and columns."""
GIVE_UP_S = 5.0
WORDS = "一二三四五六七八。"
SPEECH_AT = 50_400
"""Where a stretch without a pause begins in the recording."""


def human_voice(samples: int) -> NDArray[np.int16]:
    """Speech without a pause: lips made for speech stay still at a tone."""
    return clip("en", "monologue")[SPEECH_AT :: AUDIO_CLOCK // VOICE_RATE][:samples]


class Faces:
    """The tiny face, drawn by the real renderer."""

    def __init__(self) -> None:
        compile_for(tiny_package())
        compile_lips()
        self._renderer = Renderer(tiny_package(), height=128)

    async def open(self, digital_human: DigitalHumanSpec | None) -> StagedMedia:
        return StagedMedia(VideoKind.PICTURE, renderer=self._renderer, max_bitrate=1_000_000, seed=1)


@pytest.fixture
def rtmp(tmp_path: Path) -> Iterator[RtmpServer]:
    with RtmpServer(tmp_path) as server:
        yield server


class Broadcast:
    """A manager whose instances go to a CDN, and what it told the business backend."""

    def __init__(self) -> None:
        self.sink = FakeRooms(Microphone())
        settings = Settings(min_free_memory_mb=0, max_load=100)
        cdn = partial(CdnOutput, give_up_s=GIVE_UP_S)
        self.manager = Manager(settings, self.sink, Script(voice=human_voice), Faces(), self.sink, cdn=cdn)

    def told(self, name: str) -> list[dict[str, Any]]:
        return [event.data for _, event in self.sink.log if event.event == name]


@asynccontextmanager
async def broadcast() -> AsyncIterator[Broadcast]:
    running = Broadcast()
    try:
        yield running
    finally:
        await running.manager.close()


def on_cdn(url: str, instance_id: str = "100") -> InstanceSpec:
    return spec(
        instance_id=instance_id,
        live=True,
        user_id="",
        rtc=RtcSpec("", "", ""),
        cdn_url=url,
        digital_human=DigitalHumanSpec("somebody", VideoKind.PICTURE),
        advanced=AdvancedSpec(max_idle_s=900),
        callbacks=CallbackSpec(interrupted=True, agent_instance_status=True),
    )


def mouth_moves(seen: Seen, at_rest_until: float) -> list[float]:
    """Times of pictures whose mouth differs from every mouth before `at_rest_until`."""
    mouths = [(at, picture[MOUTH].astype(float)) for at, picture in seen.pictures]
    still = np.mean([mouth for at, mouth in mouths if at < at_rest_until], axis=0)
    distance = [(at, float(np.abs(mouth - still).mean())) for at, mouth in mouths]
    limit = 2 * max(d for at, d in distance if at < at_rest_until) + 2
    return [at for at, d in distance if d > limit]


async def test_a_face_speaks_on_the_cdn(rtmp: RtmpServer) -> None:
    async with broadcast() as on:
        instance = await on.manager.create(on_cdn(rtmp.url()))
        assert on.told("AgentInstanceCreated")
        viewer = Viewer(rtmp.url())
        await asyncio.to_thread(viewer.until, lambda seen: len(seen.pictures) > 40, 20)
        await instance.say(WORDS)
        await asyncio.to_thread(viewer.until, lambda seen: len(seen.loud()) > 60, 20)
        await until(lambda: {"Status": "IDLE"}.items() <= (on.told("AgentInstanceStatus") or [{}])[-1].items(), 10)
        heard = viewer.seen.audio[-1]
        await asyncio.to_thread(viewer.until, lambda seen: seen.video[-1] > heard + 0.5, 20)
        seen = await asyncio.to_thread(viewer.stop)

    assert seen.codecs == {"video": "h264", "audio": "aac"}
    steps = np.diff(seen.video)
    assert np.median(steps) == pytest.approx(0.04, abs=0.0015)
    # Pictures that a busy machine skips leave a hole, never an odd time.
    assert np.abs(steps / 0.04 - np.round(steps / 0.04)).max() < 0.06
    assert max(np.diff(seen.keys)) < 2.5
    assert set(np.round(np.diff(seen.audio) * 1000)) <= {21, 22}
    spoken = seen.loud()
    quiet = [level for at, level in seen.loudness() if at < spoken[0] - 0.1 or at > spoken[-1] + 0.1]
    assert max(quiet) < 0.005
    assert spoken[-1] - spoken[0] == pytest.approx(len(WORDS) * 0.2, abs=0.3)
    opened = mouth_moves(seen, spoken[0] - 0.3)
    assert opened[0] == pytest.approx(spoken[0], abs=0.25)
    assert opened[-1] == pytest.approx(spoken[-1], abs=0.4)
    assert abs(seen.video[-1] - seen.audio[-1]) < 1.0
    assert [data["Code"] for data in on.told("AgentInstanceDeleted")] == [0]
    assert on.told("Exception") == []


async def test_it_comes_back_with_the_server_and_ends_when_that_stays_away(rtmp: RtmpServer) -> None:
    async with broadcast() as on:
        await on.manager.create(on_cdn(rtmp.url()))
        first = Viewer(rtmp.url())
        await asyncio.to_thread(first.until, lambda seen: len(seen.pictures) > 5, 20)
        await asyncio.to_thread(rtmp.kill)
        await until(lambda: bool(on.told("Exception")), 10)
        await asyncio.to_thread(rtmp.start)
        second = Viewer(rtmp.url())
        await asyncio.to_thread(second.until, lambda seen: len(seen.pictures) > 5 and len(seen.sounds) > 20, 20)
        assert on.told("AgentInstanceDeleted") == []
        await asyncio.to_thread(rtmp.kill)
        await until(lambda: bool(on.told("AgentInstanceDeleted")), 20)
        assert on.manager.running == []
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.stop)
    codes = [data["Code"] for data in on.told("Exception")]
    assert (codes[0], codes[-1]) == (1205, 1205)
    assert f"trying again for up to {GIVE_UP_S:g} s" in on.told("Exception")[0]["Message"]
    assert "gave up" in on.told("Exception")[-1]["Message"]
    assert all("key-1234" not in data["Message"] for data in on.told("Exception"))
    assert [data["Code"] for data in on.told("AgentInstanceDeleted")] == [1205]


async def test_a_push_that_is_refused_says_what_to_check(rtmp: RtmpServer) -> None:
    async with broadcast() as on:
        await on.manager.create(on_cdn(rtmp.url()))
        for url, words in (
            (rtmp.url(), "BadName.*somebody publishes with it already"),
            (rtmp.url(app="nowhere"), "check the application and the stream key"),
            (rtmp.url(app="closed"), "that the server lets this machine publish"),
            (f"rtmp://127.0.0.1:{free_port()}/live/key-1234", "refused the connection: check host and port"),
            ("rtmp://no-such-host.invalid/live/key-1234", "check its name and the DNS"),
            ("http://127.0.0.1/live/key-1234", "expected rtmp://host/application/stream-key"),
        ):
            with pytest.raises(ConversationError, match=words) as refused:
                await on.manager.create(on_cdn(url, "101"))
            assert "key-1234" not in str(refused.value)
            assert [instance.spec.instance_id for instance in on.manager.running] == ["100"]


async def test_a_server_that_says_nothing_holds_nothing_up() -> None:
    """The loop goes on while the other side, which only takes the connection, is waited for; then it is given up."""
    turns = 0
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with broadcast() as on:
            spec_ = on_cdn(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/key-1234")
            creating = asyncio.create_task(on.manager.create(spec_))
            while not creating.done():
                await asyncio.sleep(0.01)
                turns += 1
            with pytest.raises(ConversationError, match="did not answer within"):
                await creating
    assert turns > 20
