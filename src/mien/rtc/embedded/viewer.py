"""A client that plays a stream (WHEP): voice, picture, and motion frames on a data channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import av
from aiortc import RTCDataChannel, RTCRtpSender, RTCRtpTransceiver

from mien.rtc import seams
from mien.rtc.embedded.estimate import LinkEstimate
from mien.rtc.embedded.hub import Hub
from mien.rtc.embedded.ice import IceSettings
from mien.rtc.embedded.offer import Offer, OfferError
from mien.rtc.embedded.session import MediaSession, codec_capabilities
from mien.rtc.embedded.tracks import PacketTrack, VideoTrack
from mien.rtc.port import AUDIO_CLOCK, VIDEO_CLOCK
from mien.rtc.voice import unwrap

MOTION_LABEL: Final = "motion"
STAMP_OFFSET: Final = 6
"""Where a motion frame has its time stamp, 32 bits in network order (`docs/motion-format.md`)."""
_MAX_BUFFERED: Final = 512
"""Bytes waiting in the data channel, a dozen frames, above which new ones are dropped: late motion is worthless."""
_EARLY_REPORTS: Final = (1, 12, 40)
"""Packets after which a sender report goes out without waiting for aiortc's timer."""

H264_ADVICE: Final = "the video section needs H.264 baseline with packetization-mode=1, the audio section Opus"


class Viewer(MediaSession):
    """Sends one hub's stream to one client."""

    def __init__(
        self,
        ice: IceSettings,
        hub: Hub,
        ended: Callable[[MediaSession], None],
        *,
        has_video: bool,
        stamp_offset: int = STAMP_OFFSET,
    ) -> None:
        super().__init__(ice, ended)
        self._hub = hub
        self._has_video = has_video
        self._stamp_offset = stamp_offset
        self._audio: _Line | None = None
        self._video: _Line | None = None
        self._video_track: VideoTrack | None = None
        self._channel: RTCDataChannel | None = None
        self._link = LinkEstimate()
        self.pc.on("datachannel", self._channel_opened)

    @property
    def link_bitrate(self) -> int | None:
        """What this viewer's link carries, bit/s; None while nothing speaks against any rate."""
        return self._link.bitrate

    def audio(self, packet: av.Packet[Any]) -> None:
        """Queues an Opus packet."""
        if self._audio is not None:
            self._audio.track.push(packet)

    def video(self, packet: av.Packet[Any], keyframe: bool) -> None:
        """Queues an access unit."""
        if self._video_track is not None and self._video_track.flowing:
            self._link.sent(packet.size, asyncio.get_running_loop().time())
            self._video_track.push_unit(packet, keyframe)

    def motion(self, payload: bytes, pts: int) -> None:
        """Sends a motion frame stamped with this viewer's audio time, if its channel is open and not congested."""
        channel, line = self._channel, self._audio
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > _MAX_BUFFERED:
            return
        if line is None or line.origin is None or channel.transport.transport.state != "connected":
            return
        stamp = (line.origin + pts) & 0xFFFFFFFF
        at = self._stamp_offset
        channel.send(payload[:at] + stamp.to_bytes(4, "big") + payload[at + 4 :])

    def _transceivers(self, offer: Offer) -> list[RTCRtpTransceiver]:
        if "audio" not in offer.kinds and not ("video" in offer.kinds and self._has_video):
            raise OfferError("the offer asks for nothing this stream has: add an audio or video section (recvonly)")
        mine: list[RTCRtpTransceiver] = []
        for kind in dict.fromkeys(offer.kinds):
            if kind == "audio":
                mine.append(self._add_audio())
            elif kind == "video" and self._has_video:
                mine.append(self._add_video())
        return mine

    def _add_audio(self) -> RTCRtpTransceiver:
        track = PacketTrack("audio", began=lambda: None, sent=lambda pts: line.packet_sent(pts))
        transceiver = self.pc.addTransceiver(track, "sendonly")
        transceiver.setCodecPreferences(codec_capabilities("audio", "audio/opus"))
        line = self._audio = _Line(transceiver.sender, track, AUDIO_CLOCK, self._hub)
        return transceiver

    def _add_video(self) -> RTCRtpTransceiver:
        track = VideoTrack(
            began=self._hub.gate.request,
            sent=lambda pts: line.packet_sent(pts),
            keyframe_wanted=self._hub.gate.request,
        )
        transceiver = self.pc.addTransceiver(track, "sendonly")
        transceiver.setCodecPreferences(codec_capabilities("video", "video/h264", "video/rtx"))
        line = self._video = _Line(transceiver.sender, track, VIDEO_CLOCK, self._hub)
        self._video_track = track
        seams.observe(transceiver.sender, _VideoFeedback(self._hub, self._link))
        return transceiver

    def _codec_advice(self) -> str:
        return H264_ADVICE

    def _connected(self) -> None:
        self._hub.add(self)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if channel.label == MOTION_LABEL:
            self._channel = channel

    def _stopped(self) -> None:
        self._hub.remove(self)
        for line in (self._audio, self._video):
            if line is not None:
                line.close()


class _Line:
    """One of a viewer's tracks on its way out: relates its RTP time stamps to the stream's media time."""

    def __init__(self, sender: RTCRtpSender, track: PacketTrack, rate: int, hub: Hub) -> None:
        self.track = track
        self.origin: int | None = None
        """RTP time stamp of media time 0, known from the first packet on."""
        self._sender = sender
        self._rate = rate
        self._hub = hub
        self._count = 0
        self._pts = 0
        self._reports: set[asyncio.Task[None]] = set()
        seams.report_media_time(sender, self._ntp)

    def packet_sent(self, pts: int) -> None:
        """The sender has sent the packet of media time `pts`."""
        self._pts = pts
        if self.origin is None:
            self.origin = (seams.last_timestamp(self._sender) - pts) & 0xFFFFFFFF
        if self._count <= _EARLY_REPORTS[-1]:
            self._count += 1
            if self._count in _EARLY_REPORTS:
                task = asyncio.get_running_loop().create_task(seams.send_report(self._sender))
                self._reports.add(task)
                task.add_done_callback(self._report_done)

    def close(self) -> None:
        """Stops the track."""
        self.track.stop()
        for task in self._reports:
            task.cancel()

    def _report_done(self, task: asyncio.Task[None]) -> None:
        self._reports.discard(task)
        if not task.cancelled():
            task.exception()

    def _ntp(self, rtp: int) -> int | None:
        if self.origin is None:
            return None
        return self._hub.clock.ntp(unwrap(rtp - self.origin, self._pts, 32), self._rate)


class _VideoFeedback(seams.Feedback):
    """A viewer's wishes, on their way to the encoder."""

    def __init__(self, hub: Hub, link: LinkEstimate) -> None:
        self._hub = hub
        self._link = link

    def keyframe_wanted(self) -> None:
        self._hub.gate.request()

    def bandwidth(self, bits_per_second: int) -> None:
        self._link.bandwidth(bits_per_second, asyncio.get_running_loop().time())
        self._hub.link_changed()

    def loss(self, fraction: float) -> None:
        self._link.loss(fraction, asyncio.get_running_loop().time())
        self._hub.link_changed()
