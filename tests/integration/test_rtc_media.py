"""Real WebRTC on loopback: what the agent sends is what viewers get, and what a user says is what the agent hears."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest

from mien.rtc.client import Microphone, PictureDecoder
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
            assert [block async for block in ear] is not None, "the iteration ends when the agent leaves"
