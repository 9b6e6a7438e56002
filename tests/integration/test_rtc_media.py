"""Real WebRTC on loopback: what the agent sends is what viewers get, and what a user says is what the agent hears."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from mien.rtc import seams
from mien.rtc.client import Microphone, PictureDecoder, Playback
from mien.rtc.codec import sei_payloads
from mien.rtc.port import VideoKind

from .rtc_support import serving, until

pytestmark = pytest.mark.integration


async def test_two_viewers_get_voice_motion_and_sei() -> None:
    async with serving() as server:
        agent = await server.agent()
        async with server.client("u1") as one, server.client("u2") as two:
            plays = [await one.play("face"), await two.play("face")]
            await until(lambda: agent.peer.viewers == 2)
            for play in plays:
                blocks = [await play.audio.next(5) for _ in range(50)]
                assert all(a.rtp + 960 == b.rtp for a, b in itertools.pairwise(blocks))
                assert not any(block.concealed for block in blocks)
                pcm = np.concatenate([block.pcm for block in blocks[10:]]).astype(float)
                assert abs(np.argmax(abs(np.fft.rfft(pcm))) * 48000 / len(pcm) - 440) < 5
                units = [await play.video.next(5) for _ in range(20)]
                assert all(unit.keyframe for unit in units)
                assert all(b.rtp - a.rtp == 3600 for a, b in itertools.pairwise(units))
                seqs = [int.from_bytes(sei_payloads(unit.data)[0][2:6], "big") for unit in units]
                assert seqs == list(range(seqs[0], seqs[0] + 20))
                motions = [await play.motion.next(5) for _ in range(20)]
                await until(lambda play=play: play.clocks_known)
                # The same frame by three ways is at the same time: SEI on the video clock, its stamp on this
                # viewer's audio clock.
                by_seq = dict(zip(seqs, units, strict=True))
                common = [m for m in motions if int.from_bytes(m.payload[2:6], "big") in by_seq]
                assert common
                for message in common:
                    unit = by_seq[int.from_bytes(message.payload[2:6], "big")]
                    voice = play.audio_seconds(int.from_bytes(message.payload[6:10], "big"))
                    picture = play.video_seconds(unit.rtp)
                    assert voice is not None
                    assert picture is not None
                    assert abs(voice - picture) < 0.001
        await until(lambda: agent.peer.viewers == 0)
        await agent.stop()


async def test_late_joiner_sees_a_picture_at_once() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        await asyncio.sleep(0.5)
        async with server.client() as client:
            play = await client.play("face", motion=False)
            unit = await play.video.next(2)
            assert unit.keyframe
            pictures = PictureDecoder().decode(unit)
            assert [(p.width, p.height) for p in pictures] == [(320, 240)]
            following = [await play.video.next(2) for _ in range(10)]
            assert not any(u.keyframe for u in following)
        await agent.stop()


async def test_agent_hears_the_user_and_hears_again_after_republishing() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.NONE)
        ear = agent.peer.listen("mic")
        t = np.arange(48000) / 48000
        tone = (8000 * np.sin(2 * np.pi * 700 * t)).astype(np.int16)
        async with server.client() as client:
            for _ in range(2):
                microphone = Microphone()
                await client.publish("mic", microphone)
                said = microphone.say(tone)
                heard = []
                async with asyncio.timeout(5):
                    async for block in ear:
                        assert block.shape == (320,)
                        assert block.dtype == np.int16
                        heard.append(block)
                        if said.done() and len(heard) > 50:
                            break
                pcm = np.concatenate(heard).astype(float)
                loud = pcm[abs(pcm) > 1000]
                assert len(loud) > 8000
                assert abs(np.argmax(abs(np.fft.rfft(pcm))) * 16000 / len(pcm) - 700) < 5
                await client.unpublish("mic")
        await agent.stop()
        async with asyncio.timeout(1):
            rest = [block async for block in ear]
        assert len(rest) < 50, "the iteration ends when the agent leaves"


def shim(play: Playback, lose: Callable[[int], bool]) -> None:
    """Drops arriving RTP packets for whose SSRC `lose` says so, before anything has seen them."""
    transport = play.pc.getReceivers()[0].transport
    original = transport._handle_rtp_data

    async def handle(data: bytes, arrival_time_ms: int) -> None:
        if not lose(int.from_bytes(data[8:12], "big")):
            await original(data, arrival_time_ms=arrival_time_ms)

    transport._handle_rtp_data = handle  # type: ignore[method-assign]


async def test_retransmission_repairs_a_lossy_link() -> None:
    dice = random.Random(1)
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        async with server.client() as client:
            play = await client.play("face", motion=False)
            await play.video.next(2)
            asked = play.keyframe_requests
            shim(play, lambda _: dice.random() < 0.1)
            units = [await play.video.next(3) for _ in range(60)]
            assert play.naks > 3
            assert play.keyframe_requests == asked
            assert all(b.rtp - a.rtp == 3600 for a, b in itertools.pairwise(units)), "nothing is missing"
            blocks = play.audio.take()
            assert any(block.concealed for block in blocks)
            assert all(a.rtp + len(a.pcm) == b.rtp for a, b in itertools.pairwise(blocks)), "gaps are filled"
        await agent.stop()


async def test_picture_returns_within_a_second_when_retransmission_fails() -> None:
    loop = asyncio.get_running_loop()
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        async with server.client() as client:
            play = await client.play("face", motion=False)
            await play.video.next(2)
            lost: list[float] = []

            def lose(ssrc: int) -> bool:
                if ssrc == play.video_ssrc and not lost:
                    lost.append(loop.time())
                    return True
                return ssrc not in (play.video_ssrc, play.audio_ssrc)

            shim(play, lose)
            await until(lambda: lost)
            play.video.take()
            asked = len(agent.wanted)
            async with asyncio.timeout(3):
                async for unit in play.video:
                    if unit.keyframe:
                        break
            assert loop.time() - lost[0] < 1
            assert len(agent.wanted) == asked + 1
            assert play.packets_lost == 1
        await agent.stop()


async def test_an_outage_ends_with_current_voice_and_picture() -> None:
    loop = asyncio.get_running_loop()
    dark = False
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        async with server.client() as client:
            play = await client.play("face", motion=False)
            unit = await play.video.next(2)
            shim(play, lambda _: dark)
            dark = True
            await asyncio.sleep(1.5)
            play.video.take()
            play.audio.take()
            dark, light = False, loop.time()
            expected = unit.rtp + int((light - unit.arrival) * 90_000)
            async with asyncio.timeout(3):
                async for later in play.video:
                    if later.rtp >= expected:
                        break
            assert loop.time() - light < 1
            blocks = [await play.audio.next(1) for _ in range(20)]
            assert sum(len(block.pcm) for block in blocks if block.concealed) <= 9600, "an outage is not filled in"
        await agent.stop()


async def test_keyframe_requests_reach_the_encoder_at_most_twice_a_second() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        async with server.client() as client:
            play = await client.play("face", motion=False)
            unit = await play.video.next(2)
            receiver, ssrc = play.pc.getReceivers()[1], play.video_ssrc
            assert unit.keyframe
            assert ssrc is not None
            began, before = asyncio.get_running_loop().time(), len(agent.wanted)
            while asyncio.get_running_loop().time() - began < 1.6:
                await seams.request_keyframe(receiver, ssrc)
                await asyncio.sleep(0.05)
            asked = agent.wanted[before:]
            assert 2 <= len(asked) <= 4
            assert all(b - a > 0.49 for a, b in itertools.pairwise(asked))
        await agent.stop()


async def test_voice_and_late_pictures_stay_on_one_time_line() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        agent.video_late = 0.15
        async with server.client() as client:
            play = await client.play("face", motion=False)
            await until(lambda: play.clocks_known)
            first_voice = await play.audio.next(2)
            unit = await play.video.next(2)
            voice, picture = play.audio_seconds(first_voice.rtp), play.video_seconds(unit.rtp)
            assert voice is not None
            assert picture is not None
            # Sent 0.15 s after its voice, the picture's report must still place it at the voice's time.
            sent_apart = (unit.arrival - first_voice.arrival) - (picture - voice)
            assert 0.1 < sent_apart < 0.25
        await agent.stop()


async def test_bandwidth_estimate_reaches_the_encoder() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.PICTURE)
        agent.noise = True
        async with server.client() as client:
            play = await client.play("face", motion=False)
            await play.video.next(2)
            await asyncio.sleep(3.2)
            assert play.video_ssrc is not None
            assert not agent.bitrates, "a healthy link limits nothing"
            for estimate in (900_000, 90_000):
                await seams.report_bandwidth(play.pc.getReceivers()[1], estimate, [play.video_ssrc])
            await until(lambda: agent.bitrates)
            assert agent.bitrates[0] == pytest.approx(90_000, rel=0.02)
        await until(lambda: agent.bitrates[-1] > 1_000_000, 3)
        await agent.stop()
