"""One stream as a viewer gets it: voice, access units, motion frames, and the clock that joins them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rtp import RtpPacket

from mien.rtc import seams
from mien.rtc.client.inbox import Inbox
from mien.rtc.client.units import NACK_INTERVAL, UnitAssembler, VideoUnit
from mien.rtc.port import AUDIO_CLOCK, VIDEO_CLOCK
from mien.rtc.voice import VoiceBlock, VoiceReceiver, unwrap

_MINUTES: Final = 10
"""How much each inbox holds."""


@dataclass(frozen=True, slots=True)
class MotionMessage:
    """One message of the motion data channel, and loop seconds when it came."""

    payload: bytes
    arrival: float


class TrackClock:
    """Relates one track's RTP times to the sender's NTP clock, from its sender reports."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._report: tuple[int, int] | None = None

    @property
    def known(self) -> bool:
        """Whether a sender report has come."""
        return self._report is not None

    def report(self, ntp: int, rtp: int) -> None:
        """A sender report: 64-bit NTP and 32-bit RTP time of the same moment."""
        near = self._report[1] if self._report else rtp
        self._report = (ntp, unwrap(rtp, near, 32))

    def seconds(self, rtp: int) -> float | None:
        """NTP seconds (since 1900) of an RTP time; None before the first report."""
        if self._report is None:
            return None
        ntp, at = self._report
        return ntp / 2**32 + (unwrap(rtp, at, 32) - at) / self._rate


class Playback:
    """A playing stream. Read the inboxes while it plays; after `close()` they end.

    `audio_seconds` and `video_seconds` put both tracks on one time line, so that the offset of voice and picture can
    be told; they are the sender's NTP clock and known from the first sender reports on.
    """

    def __init__(self, pc: RTCPeerConnection, stream_id: str) -> None:
        self.pc = pc
        self.stream_id = stream_id
        self.audio: Inbox[VoiceBlock] = Inbox(_MINUTES * 60 * 60)
        self.video: Inbox[VideoUnit] = Inbox(_MINUTES * 60 * 30)
        self.motion: Inbox[MotionMessage] = Inbox(_MINUTES * 60 * 30)
        self.keyframe_requests = 0
        """PLIs sent."""
        self.naks = 0
        """Packets asked for again."""
        self._voice = VoiceReceiver(self.audio.put)
        self._units = UnitAssembler()
        self._audio_clock = TrackClock(AUDIO_CLOCK)
        self._video_clock = TrackClock(VIDEO_CLOCK)
        self._ssrc: int | None = None
        self._audio_ssrc: int | None = None
        self._repair: asyncio.Task[None] | None = None

    @property
    def packets_lost(self) -> int:
        """Packets that never came, voice and video."""
        return self._voice.lost + self._units.lost

    @property
    def clocks_known(self) -> bool:
        """Whether voice and video are on one time line yet."""
        return self._audio_clock.known and self._video_clock.known

    @property
    def audio_ssrc(self) -> int | None:
        """SSRC of the voice packets; None before the first."""
        return self._audio_ssrc

    @property
    def video_ssrc(self) -> int | None:
        """SSRC of the video packets; None before the first. Retransmissions have another."""
        return self._ssrc

    def audio_seconds(self, rtp: int) -> float | None:
        """Sender's time of an audio (or motion) time stamp, s."""
        return self._audio_clock.seconds(rtp)

    def video_seconds(self, rtp: int) -> float | None:
        """Sender's time of a video time stamp, s."""
        return self._video_clock.seconds(rtp)

    def receive_audio(self, receiver: RTCRtpReceiver) -> None:
        """Takes voice from this receiver, from before it starts."""

        async def take(packet: RtpPacket) -> None:
            self._audio_ssrc = packet.ssrc
            now = asyncio.get_running_loop().time()
            self._voice.push(packet.sequence_number, packet.timestamp, packet.payload, now)

        seams.take_packets(receiver, take)
        seams.take_reports(receiver, self._audio_clock.report)

    def receive_video(self, receiver: RTCRtpReceiver) -> None:
        """Takes access units from this receiver, from before it starts."""

        async def take(packet: RtpPacket) -> None:
            self._ssrc = packet.ssrc
            now = asyncio.get_running_loop().time()
            for unit in self._units.push(
                packet.sequence_number, packet.timestamp, bool(packet.marker), packet.payload, now
            ):
                self.video.put(unit)
            await self._ask(receiver)

        seams.take_packets(receiver, take)
        seams.take_reports(receiver, self._video_clock.report)
        self._repair = asyncio.get_running_loop().create_task(self._keep_asking(receiver))

    def receive_motion(self, payload: bytes | str) -> None:
        """A message of the motion channel came."""
        if isinstance(payload, bytes):
            self.motion.put(MotionMessage(payload, asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """Ends playing; the inboxes end after what they hold."""
        if self._repair is not None:
            self._repair.cancel()
            await asyncio.gather(self._repair, return_exceptions=True)
            self._repair = None
        await self.pc.close()
        self.audio.close()
        self.video.close()
        self.motion.close()

    async def _keep_asking(self, receiver: RTCRtpReceiver) -> None:
        while True:
            await asyncio.sleep(NACK_INTERVAL)
            await self._ask(receiver)

    async def _ask(self, receiver: RTCRtpReceiver) -> None:
        if self._ssrc is None:
            return
        now = asyncio.get_running_loop().time()
        missing = self._units.missing(now)
        if missing:
            self.naks += len(missing)
            await seams.request_packets(receiver, self._ssrc, missing)
        if self._units.wants_keyframe(now):
            self.keyframe_requests += 1
            await seams.request_keyframe(receiver, self._ssrc)
