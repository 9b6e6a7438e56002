"""Pushing to a CDN: order of time, what a slow link loses, the bitrate it gets, and breaks that heal or do not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mien.rtc.cdn.address import RtmpAddress
from mien.rtc.cdn.link import LinkError
from mien.rtc.cdn.outgoing import Outgoing
from mien.rtc.cdn.pace import Pace
from mien.rtc.cdn.peer import CdnOutput
from mien.rtc.cdn.pusher import Pusher
from mien.rtc.codec import H264Encoder
from mien.rtc.port import AudioCodec, EncodedAudio, EncodedVideo, PeerEvents, PeerFailure, RtcError, VideoKind
from tests.support import virtual_time

ADDRESS = RtmpAddress.parse("rtmp://cdn.example/live/key-1234")
FRAME_S = 0.04
GOP = 50


def audio(seconds: float) -> EncodedAudio:
    return EncodedAudio(b"voice", round(seconds * 48_000))


def _pictures() -> tuple[bytes, bytes]:
    encoder = H264Encoder(32, 32, 25, 100_000)
    grey = np.full((48, 32), 128, np.uint8)
    return encoder.encode(grey)[0], encoder.encode(grey)[0]


KEY, DELTA = _pictures()


def video(number: int, *, keyframe: bool | None = None) -> EncodedVideo:
    """Picture `number`; every fiftieth is a key frame."""
    key = number % GOP == 0 if keyframe is None else keyframe
    return EncodedVideo(KEY if key else DELTA, round(number * FRAME_S * 90_000), key)


class Taken:
    """What comes out of a queue, as far as it does without waiting."""

    def __init__(self) -> None:
        self.dropped: list[int] = []
        self.queue = Outgoing(self.dropped.append)

    async def __call__(self) -> list[tuple[str, float]]:
        units = []
        while True:
            try:
                # One turn of the loop is enough for what is there.
                unit = await asyncio.wait_for(self.queue.next(), 0.001)
            except TimeoutError:
                return units
            if unit is None:
                return [*units, ("end", 0.0)]
            units.append(("V" if unit.keyframe else "v" if unit.video else "a", round(unit.time, 3)))


# Order


def test_voice_waits_for_its_picture_and_leaves_in_order() -> None:
    async def main() -> None:
        taken = Taken()
        for at in (-0.02, 0.0, 0.02, 0.04, 0.06):
            taken.queue.put_audio(audio(at))
        assert await taken() == []  # nothing before a key frame
        taken.queue.put_video(video(0))
        assert await taken() == [("V", 0.0), ("a", 0.0)]
        taken.queue.put_video(video(1))
        assert await taken() == [("a", 0.02), ("v", 0.04), ("a", 0.04)]
        taken.queue.put_video(video(2))
        assert await taken() == [("a", 0.06)]
        taken.queue.put_audio(audio(0.08))
        assert await taken() == [("v", 0.08), ("a", 0.08)]

    virtual_time.run(main)


def test_a_picture_that_does_not_come_holds_the_voice_up_for_half_a_second_only() -> None:
    async def main() -> None:
        taken = Taken()
        taken.queue.put_video(video(0))
        for number in range(40):
            taken.queue.put_audio(audio(number * 0.02))
        seen = await taken()
        assert seen[-1] == ("a", 0.28)
        taken.queue.put_video(video(2))
        assert (await taken())[0] == ("v", 0.08)  # late, and still shown
        taken.queue.finish()
        rest = await taken()
        assert rest[-2:] == [("a", 0.78), ("end", 0.0)]

    virtual_time.run(main)


def test_the_stream_begins_with_a_key_frame() -> None:
    async def main() -> None:
        taken = Taken()
        for number in range(3, 6):
            taken.queue.put_video(video(number))
            taken.queue.put_audio(audio(number * FRAME_S))
        assert await taken() == []
        taken.queue.put_video(video(6, keyframe=True))
        taken.queue.put_audio(audio(0.24))
        assert await taken() == [("V", 0.24), ("a", 0.24)]

    virtual_time.run(main)


def test_voice_from_before_the_first_picture_is_left_out_however_late_it_comes() -> None:
    async def main() -> None:
        taken = Taken()
        taken.queue.put_video(video(0))
        taken.queue.put_audio(audio(-0.02))
        taken.queue.put_audio(audio(0.0))
        assert await taken() == [("V", 0.0), ("a", 0.0)]

    virtual_time.run(main)


def test_a_link_that_is_slow_from_the_start_begins_with_a_later_key_frame() -> None:
    async def main() -> None:
        taken = Taken()
        for number in range(GOP + 3):
            taken.queue.put_video(video(number))
            taken.queue.put_audio(audio(number * FRAME_S))
        assert taken.dropped == [GOP]
        assert (await taken())[:3] == [("V", 2.0), ("a", 2.0), ("v", 2.04)]

    virtual_time.run(main)


# A slow link


def test_whole_groups_of_pictures_are_dropped_and_no_voice() -> None:
    async def main() -> None:
        taken = Taken()
        for number in range(GOP + 3):  # nobody takes anything for more than two seconds
            taken.queue.put_video(video(number))
            taken.queue.put_audio(audio(number * FRAME_S))
            if number == 0:
                assert await taken() == [("V", 0.0), ("a", 0.0)]
        assert taken.dropped == [GOP - 1]
        seen = await taken()
        assert [kind for kind, _ in seen].count("a") == GOP + 2
        assert [unit for unit in seen if unit[0] in "vV"] == [("V", 2.0), ("v", 2.04), ("v", 2.08)]

    virtual_time.run(main)


def test_after_a_drop_nothing_that_depends_on_it_is_sent() -> None:
    async def main() -> None:
        taken = Taken()
        for number in range(30, GOP * 2 + 10):
            taken.queue.put_video(video(number, keyframe=number == 30))
            taken.queue.put_audio(audio(number * FRAME_S))
            if number == 30:
                assert await taken() == [("V", 1.2), ("a", 1.2)]
        assert taken.dropped == [52]  # all, because there was no later key frame to go on from
        seen = await taken()
        assert not [unit for unit in seen if unit[0] != "a"]
        assert len(seen) == GOP * 2 + 10 - 31
        taken.queue.put_video(video(111))
        taken.queue.put_video(video(112, keyframe=True))
        taken.queue.put_audio(audio(112 * FRAME_S))
        assert await taken() == [("V", 4.48), ("a", 4.48)]

    virtual_time.run(main)


def test_a_link_too_slow_for_the_voice_is_noticed() -> None:
    taken = Taken()
    taken.queue.put_video(video(0))
    for number in range(500):
        taken.queue.put_audio(audio(number * 0.02))
    assert not taken.queue.choked
    taken.queue.put_audio(audio(10.02))
    assert taken.queue.choked


def test_the_bitrate_follows_what_the_link_carried() -> None:
    pace = Pace()
    assert [pace.sent(25_000, at / 10) for at in range(40)] == [None] * 40  # 2 Mbit/s
    assert pace.too_fast(4.0) == pytest.approx(1_600_000, rel=0.05)
    assert pace.sent(20_000, 10.0) is None
    assert pace.sent(20_000, 14.1) == pytest.approx(2_000_000, rel=0.05)
    assert pace.sent(20_000, 15.0) is None
    assert pace.too_fast(15.0) == 256_000
    assert pace.too_fast(20.0) == 150_000  # nothing went through
    assert pace.sent(1000, 59.9) is None  # twice wrong: it waits four times as long
    at, raised = 20.0, [150_000]
    while raised[-1] < 20_000_000:
        at += 40
        raised.append(pace.sent(1000, at) or raised[-1])
    assert all(later == int(earlier * 1.25) for earlier, later in itertools.pairwise(raised))
    assert pace.sent(1000, at + 100) is None


# The connection


@dataclass
class FakeLink:
    """A connection that keeps what it gets; `broken` is raised by the next send."""

    sent: list[tuple[str, bytes, int]] = field(default_factory=list)
    broken: LinkError | None = None
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def _send(self, kind: str, body: bytes, milliseconds: int) -> None:
        if self.broken is not None:
            raise self.broken
        await self.takes.wait()
        self.sent.append((kind, body, milliseconds))

    async def metadata(self, body: bytes) -> None:
        await self._send("m", body, 0)

    async def audio(self, body: bytes, milliseconds: int) -> None:
        await self._send("a", body, milliseconds)

    async def video(self, body: bytes, milliseconds: int) -> None:
        await self._send("v", body, milliseconds)

    async def aclose(self) -> None:
        self.closed = True


class Cdn:
    """A server that can be away or refuse; remembers when it was asked, and the links it gave."""

    def __init__(self) -> None:
        self.away: LinkError | None = None
        self.asked: list[float] = []
        self.links: list[FakeLink] = []
        self.told: list[tuple[float, str, PeerFailure, str]] = []
        self.keyframes = 0
        self.bitrates: list[int] = []

    async def open(self, address: RtmpAddress) -> Any:
        assert address.key == "key-1234"
        self.asked.append(round(asyncio.get_running_loop().time(), 3))
        if self.away is not None:
            raise self.away
        self.links.append(FakeLink())
        self.links[-1].takes.set()
        return self.links[-1]

    @property
    def events(self) -> PeerEvents:
        return PeerEvents(
            interrupted=self._note("interrupted"),
            lost=self._note("lost"),
            keyframe_wanted=self._ask,
            bitrate=self.bitrates.append,
        )

    def _ask(self) -> None:
        self.keyframes += 1

    def _note(self, what: str) -> Callable[[PeerFailure, str], None]:
        def note(failure: PeerFailure, words: str) -> None:
            self.told.append((round(asyncio.get_running_loop().time(), 3), what, failure, words))

        return note

    def pusher(self, give_up_s: float = 60.0) -> Pusher:
        return Pusher(ADDRESS, self.events, give_up_s=give_up_s, open_=self.open)


AWAY = LinkError(PeerFailure.DISCONNECTED, "refused the connection")
REFUSED = LinkError(PeerFailure.REFUSED, "the stream key is wrong")


class Face:
    """Feeds a pusher in real time, as the stage does: a picture every 40 ms, voice every 20 ms."""

    def __init__(self, pusher: Pusher) -> None:
        self.pusher = pusher
        self.number = 0

    async def play(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            for part in (0.0, FRAME_S / 2):
                self.pusher.audio(audio(self.number * FRAME_S + part))
            self.pusher.video(video(self.number))
            self.number += 1
            await asyncio.sleep(FRAME_S)


def test_the_stream_is_announced_then_sent_on_one_clock() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher()
        await pusher.start()
        face = Face(pusher)
        face.number = 100  # the stage has played before
        await face.play(4.2)
        await pusher.aclose()
        sent = cdn.links[0].sent
        assert cdn.links[0].closed
        assert [(kind, body[:2]) for kind, body, _ in sent[:5]] == [
            ("m", b"\x02\x00"),
            ("a", b"\xaf\x00"),
            ("v", b"\x17\x00"),
            ("v", b"\x17\x01"),
            ("a", b"\xaf\x01"),
        ]
        pictures = [at for kind, body, at in sent if kind == "v" and body[1] == 1]
        voice = [at for kind, body, at in sent if kind == "a" and body[1] == 1]
        assert pictures == [number * 40 for number in range(105)]
        assert voice == [number * 20 for number in range(210)]
        assert [at for _, _, at in sent] == sorted(at for _, _, at in sent)
        assert [at for kind, body, at in sent if kind == "v" and body[:2] == b"\x17\x01"] == [0, 2000, 4000]
        assert sum(body[:2] == b"\x17\x00" for kind, body, _ in sent if kind == "v") == 1
        assert cdn.told == []

    virtual_time.run(main)


def test_a_break_heals_and_the_stream_begins_anew() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher()
        await pusher.start()
        face = Face(pusher)
        await face.play(20)
        cdn.links[0].broken, cdn.away = LinkError(PeerFailure.DISCONNECTED, "the connection broke"), AWAY
        await face.play(9)
        assert not pusher.connected
        cdn.away = None
        await face.play(12)
        assert cdn.links[0].closed
        assert cdn.asked == [0.0, *(pytest.approx(20 + after, abs=0.1) for after in (1, 3, 7, 15))]
        ((_, what, failure, words),) = cdn.told
        assert (what, failure) == ("interrupted", PeerFailure.DISCONNECTED)
        assert words == "the connection broke; trying again for up to 60 s"
        assert cdn.keyframes == 1
        sent = cdn.links[1].sent
        assert [body[:2] for _, body, _ in sent[1:4]] == [b"\xaf\x00", b"\x17\x00", b"\x17\x01"]
        assert sent[3][2] == 0
        await face.play(2)
        cdn.links[1].broken = LinkError(PeerFailure.DISCONNECTED, "and again")
        await face.play(2)
        assert len(cdn.links) == 2  # it was too short a peace: the pause goes on from where it was
        await pusher.aclose()

    virtual_time.run(main)


def test_a_server_that_stays_away_is_given_up_in_time() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher(give_up_s=20)
        await pusher.start()
        face = Face(pusher)
        await face.play(15)
        cdn.links[0].broken, cdn.away = AWAY, REFUSED
        await face.play(30)
        assert [(what, failure) for _, what, failure, _ in cdn.told] == [
            ("interrupted", PeerFailure.DISCONNECTED),
            ("interrupted", PeerFailure.REFUSED),
            ("lost", PeerFailure.REFUSED),
        ]
        assert cdn.told[-1][0] == pytest.approx(35, abs=0.1)
        assert cdn.told[-1][3] == "the stream key is wrong; tried again for 20 s and gave up"
        asked = len(cdn.asked)
        await face.play(30)
        assert len(cdn.asked) == asked
        await pusher.aclose()

    virtual_time.run(main)


def test_a_server_that_takes_the_stream_and_breaks_again_and_again_is_given_up_too() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher(give_up_s=30)
        await pusher.start()
        face = Face(pusher)
        while not any(what == "lost" for _, what, _, _ in cdn.told):
            await face.play(1)
            cdn.links[-1].broken = AWAY
            assert face.number * FRAME_S < 60
        assert [what for _, what, _, _ in cdn.told] == ["interrupted", "lost"]
        await pusher.aclose()

    virtual_time.run(main)


def test_a_slow_link_asks_for_less_and_for_a_key_frame() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher()
        await pusher.start()
        face = Face(pusher)
        await face.play(3)
        cdn.links[0].takes.clear()
        await face.play(2.5)
        assert cdn.bitrates == [150_000]
        assert cdn.keyframes == 1
        cdn.links[0].takes.set()
        await face.play(1)
        voice = [at for kind, body, at in cdn.links[0].sent if kind == "a" and body[1] == 1]
        assert max(np.diff(voice)) == 20
        await pusher.aclose()

    virtual_time.run(main)


def test_a_link_that_cannot_carry_the_voice_is_opened_anew() -> None:
    async def main() -> None:
        cdn = Cdn()
        pusher = cdn.pusher()
        await pusher.start()
        face = Face(pusher)
        await face.play(1)
        cdn.links[0].takes.clear()
        await face.play(10.5)
        cdn.links[0].takes.set()
        await face.play(0.1)
        assert cdn.links[0].closed
        assert "too slow even for the voice" in cdn.told[0][3]
        await pusher.aclose()

    virtual_time.run(main)


def test_what_is_queued_leaves_before_the_goodbye_but_nobody_waits_long() -> None:
    async def main() -> None:
        cdn = Cdn()
        loop = asyncio.get_running_loop()
        pusher = cdn.pusher()
        await pusher.start()
        for number in range(5):
            pusher.audio(audio(number * 0.02))
        pusher.video(video(0))
        await pusher.aclose()
        assert [at for kind, body, at in cdn.links[0].sent if kind == "a" and body[1] == 1] == [0, 20, 40, 60, 80]
        stuck = cdn.pusher()
        await stuck.start()
        cdn.links[1].takes.clear()
        await Face(stuck).play(0.4)
        began = loop.time()
        await stuck.aclose()
        await stuck.aclose()
        assert loop.time() - began == pytest.approx(1.0, abs=0.01)
        assert cdn.links[1].closed
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("cdn")]

    virtual_time.run(main)


# In place of a room


def test_a_cdn_stands_where_a_room_does() -> None:
    async def main() -> None:
        cdn = Cdn()
        output = CdnOutput("rtmp://cdn.example/live/key-1234", open_=cdn.open)
        place: dict[str, Any] = {"user_id": "", "stream_id": "", "events": cdn.events}
        peer = await output.join(1, "", video=VideoKind.PICTURE, **place)
        assert (peer.viewers, peer.format.audio, peer.format.keyframe_s) == (1, AudioCodec.AAC, 2.0)
        assert (peer.users(), list(peer.streams()), [block async for block in peer.listen("mic")]) == (set(), [], [])
        await peer.send_message("{}")
        peer.send_motion(b"", 0)
        peer.send_audio(audio(0))
        peer.send_video(video(0))
        await peer.leave()
        await peer.leave()
        assert peer.viewers == 0
        assert cdn.links[0].sent[-1][0] == "a"
        with pytest.raises(RtcError, match="drawn"):
            await output.join(1, "", video=VideoKind.MOTION, **place)
        cdn.away = REFUSED
        with pytest.raises(RtcError, match="the stream key is wrong"):
            await output.join(1, "", video=VideoKind.PICTURE, **place)

    virtual_time.run(main)


def test_an_address_that_is_none() -> None:
    with pytest.raises(RtcError, match="expected rtmp://host/application/stream-key"):
        CdnOutput("https://cdn.example/live/key-1234")
