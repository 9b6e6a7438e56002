"""Fan-out: requests and estimates on their way to the encoder, queues, time stamps, addresses, offers."""

from __future__ import annotations

import asyncio
from typing import Any

import av
import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.rtc import seams
from mien.rtc.embedded.estimate import LinkEstimate
from mien.rtc.embedded.hub import UNLIMITED, Hub, KeyframeGate, MediaClock
from mien.rtc.embedded.ice import IceSettings
from mien.rtc.embedded.listening import Ear, Hearing
from mien.rtc.embedded.offer import OfferError, read_fragment, read_offer
from mien.rtc.embedded.tracks import AUDIO_QUEUE, VIDEO_QUEUE, PacketTrack, VideoTrack
from mien.rtc.port import EncodedAudio, EncodedVideo
from tests.support import virtual_time

OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 5a07aa5c-c523-4443-a69f-5c49fe45f699.local 54121 typ host generation 0
a=candidate:2 1 udp 2113937151 127.0.0.1 54122 typ host generation 0
a=end-of-candidates
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 00:01:02
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
"""


def test_seams_fit_the_installed_version() -> None:
    seams.check()


def test_keyframe_gate_is_quick_but_patient() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        asked: list[float] = []
        gate = KeyframeGate(lambda: asked.append(loop.time()))
        for _ in range(13):
            gate.request()
            await asyncio.sleep(0.1)
        assert asked == pytest.approx([0, 0.5, 1.0], abs=1e-6)
        gate.satisfied()
        await asyncio.sleep(2)
        assert len(asked) == 3, "a key frame that went out answers the request that waited"
        gate.request()
        gate.request()
        gate.close()
        await asyncio.sleep(2)
        assert len(asked) == 4

    virtual_time.run(main)


class Outlet:
    def __init__(self) -> None:
        self.got: list[tuple[str, object]] = []
        self.link_bitrate: int | None = None

    def audio(self, packet: av.Packet[Any]) -> None:
        self.got.append(("audio", packet.pts))

    def video(self, packet: av.Packet[Any], keyframe: bool) -> None:
        self.got.append(("video", packet.pts))

    def motion(self, payload: bytes, pts: int) -> None:
        self.got.append(("motion", pts))


def test_hub_serves_all_and_tells_the_slowest_link() -> None:
    told: list[int] = []
    hub = Hub(lambda: None, told.append)
    hub.send_audio(EncodedAudio(b"x", 0))
    one, two = Outlet(), Outlet()
    hub.add(one)
    hub.add(two)
    hub.send_audio(EncodedAudio(b"x", 960))
    hub.send_video(EncodedVideo(b"x", 1800, True))
    hub.send_motion(b"m", 960)
    assert one.got == two.got == [("audio", 960), ("video", 1800), ("motion", 960)]
    one.link_bitrate, two.link_bitrate = 500_000, 900_000
    hub.link_changed()
    two.link_bitrate = 510_000
    hub.link_changed()
    hub.remove(one)
    hub.remove(two)
    assert told == [500_000, UNLIMITED]


def test_media_clock_is_one_line_for_both_tracks() -> None:
    clock = MediaClock()
    assert clock.ntp(0, 48_000) is None
    clock.start(48_000, 48_000)
    clock.start(0, 48_000)
    voice, picture = clock.ntp(96_000, 48_000), clock.ntp(180_000, 90_000)
    assert voice is not None
    assert voice == picture
    first = clock.ntp(48_000, 48_000)
    assert first is not None
    assert voice - first == 1 << 32


def packet(pts: int) -> av.Packet[Any]:
    made = av.Packet(b"x")
    made.pts = pts
    return made


def test_voice_drops_the_oldest_and_pictures_wait_for_a_key_frame() -> None:
    async def main() -> None:
        wanted: list[int] = []
        sent: list[int] = []
        audio = PacketTrack("audio", began=lambda: None, sent=sent.append)
        video = VideoTrack(
            began=lambda: wanted.append(0), sent=lambda pts: None, keyframe_wanted=lambda: wanted.append(1)
        )
        audio.push(packet(-1))
        video.push_unit(packet(-1), keyframe=True)
        pulls = [asyncio.ensure_future(audio.recv()), asyncio.ensure_future(video.recv())]
        await asyncio.sleep(0)
        assert wanted == [0], "a sender that begins asks for a picture"
        video.push_unit(packet(0), keyframe=False)
        video.push_unit(packet(1), keyframe=True)
        audio.push(packet(1))
        assert [(await pull).pts for pull in pulls] == [1, 1], "nothing from before, then a key frame first"
        for n in range(2, 2 + AUDIO_QUEUE + 5):
            audio.push(packet(n))
        assert (await audio.recv()).pts == 7
        assert sent == [1]
        for n in range(2, 2 + VIDEO_QUEUE + 3):
            video.push_unit(packet(n), keyframe=False)
        assert wanted == [0, 1], "an overflow asks once"
        video.push_unit(packet(50), keyframe=True)
        video.push_unit(packet(51), keyframe=False)
        assert [(await video.recv()).pts for _ in range(2)] == [50, 51]
        waiting = asyncio.ensure_future(video.recv())
        await asyncio.sleep(0)
        video.stop()
        with pytest.raises(MediaStreamError):
            await waiting

    virtual_time.run(main)


def test_estimate_tells_congestion_from_pictures_that_begin_to_move() -> None:
    link = LinkEstimate()

    def play(since: float, seconds: float, rate: int) -> float:
        for n in range(int(seconds * 25)):
            link.sent(rate // 200, since + n * 0.04)
        return since + seconds

    now = play(0.0, 5.0, 300_000)
    link.bandwidth(450_000, now)
    now = play(now, 2.0, 2_000_000)
    link.bandwidth(460_000, now)
    assert link.bitrate is None, "an estimate made from quiet pictures does not limit moving ones"
    link.bandwidth(400_000, now)
    assert link.bitrate == 400_000
    now = play(now, 2.0, 400_000)
    link.bandwidth(430_000, now)
    assert 430_000 <= (link.bitrate or 0) < 500_000
    for _ in range(60):
        now = play(now, 1.0, 400_000)
        link.bandwidth(500_000, now)
    assert link.bitrate is None


def test_loss_lowers_the_rate_and_its_end_raises_it() -> None:
    link = LinkEstimate()
    for n in range(50):
        link.sent(10_000, n * 0.04)
    link.loss(0.05, 2.0)
    assert link.bitrate is None
    link.loss(0.5, 2.0)
    first = link.bitrate
    assert first is not None
    assert first < 1_600_000
    link.loss(0.0, 4.0)
    assert (link.bitrate or 0) > first


def test_estimates_do_not_depend_on_how_long_the_machine_has_been_running() -> None:
    booted = 400 * 86_400.0
    link = LinkEstimate()
    for n in range(100):
        link.sent(10_000, booted + n * 0.04)
    link.loss(0.0, booted + 4.0)
    link.bandwidth(450_000, booted + 4.0)
    assert link.bitrate is None
    link.loss(0.5, booted + 4.0)
    assert (link.bitrate or 0) < 2_000_000
    link.bandwidth(450_000, booted + 100_000.0)
    assert link.bitrate is None


def test_a_listener_that_lags_loses_the_oldest() -> None:
    async def main() -> None:
        gone: list[int] = []
        hearing = Hearing(lambda: gone.append(1))
        ear = hearing.listen()
        other: Ear = hearing.listen()
        for n in range(300):
            hearing.put(n)  # type: ignore[arg-type]
        assert await ear.__anext__() == 50  # type: ignore[comparison-overlap]
        ear.close()
        assert len([block async for block in ear]) == 249
        assert gone == []
        await other.aclose()
        assert [block async for block in other] == []
        assert gone == [1]

    virtual_time.run(main)


def test_offers_are_freed_of_what_costs_time() -> None:
    offer = read_offer(OFFER)
    assert ".local" not in offer.sdp
    assert "end-of-candidates" not in offer.sdp
    assert offer.kinds == ("audio",)
    assert offer.loopback_only
    with pytest.raises(OfferError, match="ICE credentials"):
        read_offer(OFFER.replace("a=ice-ufrag:abcd\n", ""))
    with pytest.raises(OfferError, match="DTLS"):
        read_offer(OFFER.replace("a=fingerprint:sha-256 00:01:02\n", ""))
    fragment = "a=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\na=candidate:2 1 udp 1 x.local 5 typ host\r\n"
    assert [(c.ip, c.sdpMid) for c in read_fragment(fragment)] == [("10.0.0.1", "0")]
    with pytest.raises(OfferError, match="bad candidate"):
        read_fragment("a=candidate:nonsense\r\n")


@settings(deadline=None)
@given(st.data())
def test_no_offer_crashes_the_reader(data: st.DataObject) -> None:
    lines = OFFER.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[at])))
        lines[at] = lines[at][:cut] + data.draw(st.text(max_size=12))
    try:
        read_offer("\n".join(lines))
    except OfferError:
        pass


def test_ice_settings() -> None:
    ice = IceSettings(
        [
            {"urls": "stun:s.example:3478"},
            {"urls": ["turn:t.example?transport=udp"], "username": "u", "credential": "c"},
        ]
    )
    assert ice.links() == [
        '<stun:s.example:3478>; rel="ice-server"',
        '<turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="c"; credential-type="password"',
    ]
    assert IceSettings().configuration().iceServers == []
    for bad in ({"urls": "http://x"}, {"urls": []}, {"url": "stun:x"}):
        with pytest.raises(ValueError, match="ice_servers"):
            IceSettings([bad])
    assert asyncio.run(IceSettings([], "192.0.2.7").advertised()) == "192.0.2.7"
    assert asyncio.run(IceSettings([], "").advertised()) == ""
