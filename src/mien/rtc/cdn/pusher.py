"""Keeps one stream published on an RTMP server: sends what is encoded, connects again when the connection breaks."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from mien import __version__
from mien.rtc.cdn.address import RtmpAddress
from mien.rtc.cdn.flv import AUDIO_CONFIG, audio_tag, metadata, picture_size, video_config, video_tag
from mien.rtc.cdn.link import LinkError, Open, RtmpLink, open_link
from mien.rtc.cdn.outgoing import VOICE_LIMIT, Outgoing, Unit
from mien.rtc.cdn.pace import Pace
from mien.rtc.handlers import tell
from mien.rtc.port import EncodedAudio, EncodedVideo, PeerEvents, PeerFailure

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 8.0
"""Seconds before the connection is tried again; they double from the first to the longest."""
STEADY: Final = 10.0
"""Seconds a new connection must hold for the trouble to be over."""
LAST_WORDS: Final = 1.0
"""Seconds in which what is still queued may leave when the stream ends."""

log = structlog.get_logger(__name__)


class Pusher:
    """Publishes to `address`. `start` it, hand it packets, `aclose` it.

    A broken connection is reported to `events.interrupted` and tried again for `give_up_s`, then `events.lost` hears of
    the end. `open_` makes connections.
    """

    def __init__(self, address: RtmpAddress, events: PeerEvents, *, give_up_s: float, open_: Open = open_link) -> None:
        self._address = address
        self._events = events
        self._give_up_s = give_up_s
        self._open = open_
        self._outgoing: Outgoing | None = None
        self._pace = Pace()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._troubled_since: float | None = None
        self._pause = FIRST_PAUSE
        self._told: set[PeerFailure] = set()

    @property
    def connected(self) -> bool:
        """Whether the server takes the stream now."""
        return self._outgoing is not None

    async def start(self) -> None:
        """Connects. Raises LinkError."""
        link = await self._open(self._address)
        self._begin()
        self._task = asyncio.create_task(self._run(link), name="cdn.push")
        self._task.add_done_callback(self._ended)
        log.info("pushing", to=str(self._address))

    def audio(self, packet: EncodedAudio) -> None:
        """Sends a packet of AAC; without a connection it is lost."""
        if self._outgoing is not None:
            self._outgoing.put_audio(packet)

    def video(self, unit: EncodedVideo) -> None:
        """Sends an access unit of H.264; without a connection it is lost."""
        if self._outgoing is not None:
            self._outgoing.put_video(unit)

    async def aclose(self) -> None:
        """Sends what is left, for at most a second, and disconnects. Safe to call twice."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._outgoing is not None:
            self._outgoing.finish()
            await asyncio.wait([task], timeout=LAST_WORDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._outgoing = None

    # The connection

    def _begin(self) -> None:
        self._outgoing = Outgoing(self._on_dropped)
        self._pace = Pace()

    async def _run(self, first: RtmpLink) -> None:
        link: RtmpLink | None = first
        while link is not None:
            since = self._loop.time()
            try:
                await self._send_all(link)
                return
            except LinkError as error:
                failure = error
            finally:
                self._outgoing = None
                await link.aclose()
            if self._loop.time() - since >= STEADY:
                self._troubled_since, self._pause = None, FIRST_PAUSE
                self._told.clear()
            link = await self._connect_again(failure)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("pushing failed", to=str(self._address), exc_info=error)
            tell(self._events.lost, PeerFailure.DISCONNECTED, "pushing failed; the server's log says why")

    async def _connect_again(self, failure: LinkError) -> RtmpLink | None:
        """A new connection; None when it was tried for long enough, which has been told then."""
        now = self._loop.time()
        if self._troubled_since is None:
            self._troubled_since = now
        give_up_at = self._troubled_since + self._give_up_s
        while (left := give_up_at - self._loop.time()) > 0:
            self._report(failure)
            await asyncio.sleep(min(self._pause, left))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            try:
                link = await self._open(self._address)
            except LinkError as error:
                failure = error
                continue
            log.info("pushing again", to=str(self._address), after_s=round(self._loop.time() - now, 1))
            self._begin()
            tell(self._events.keyframe_wanted)
            return link
        log.error("gave up pushing", to=str(self._address), reason=str(failure))
        tell(self._events.lost, failure.failure, f"{failure}; tried again for {self._give_up_s:g} s and gave up")
        return None

    def _report(self, failure: LinkError) -> None:
        """Tells of trouble, once for each kind until it is over."""
        log.warning("the stream is interrupted", to=str(self._address), reason=str(failure), again_in_s=self._pause)
        if failure.failure not in self._told:
            self._told.add(failure.failure)
            words = f"{failure}; trying again for up to {self._give_up_s:g} s"
            tell(self._events.interrupted, failure.failure, words)

    # The stream

    async def _send_all(self, link: RtmpLink) -> None:
        """Sends until there is nothing more to come. Raises LinkError."""
        outgoing = self._outgoing
        assert outgoing is not None
        config: bytes | None = None
        origin: float | None = None
        while (unit := await outgoing.next()) is not None:
            if outgoing.choked:
                raise LinkError(
                    PeerFailure.DISCONNECTED,
                    f"the connection to {self._address} is too slow even for the voice: it is {VOICE_LIMIT:.0f} s late",
                )
            if origin is None:
                origin = unit.time
                await link.metadata(metadata(f"Mien {__version__}", *picture_size(unit.data)))
                await link.audio(AUDIO_CONFIG, 0)
            milliseconds = max(round((unit.time - origin) * 1000), 0)
            if unit.keyframe and (new := video_config(unit.data)) is not None and new != config:
                config = new
                await link.video(config, milliseconds)
            await self._send(link, unit, milliseconds)

    async def _send(self, link: RtmpLink, unit: Unit, milliseconds: int) -> None:
        if unit.video:
            await link.video(video_tag(unit.data, unit.keyframe), milliseconds)
        else:
            await link.audio(audio_tag(unit.data), milliseconds)
        if (bitrate := self._pace.sent(len(unit.data), self._loop.time())) is not None:
            tell(self._events.bitrate, bitrate)

    def _on_dropped(self, count: int) -> None:
        bitrate = self._pace.too_fast(self._loop.time())
        log.warning(
            "the connection is too slow: pictures dropped", to=str(self._address), pictures=count, bitrate=bitrate
        )
        tell(self._events.bitrate, bitrate)
        tell(self._events.keyframe_wanted)
