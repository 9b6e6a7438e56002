"""A client that publishes its microphone (WHIP)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import RTCRtpTransceiver
from aiortc.rtp import RtpPacket

from mien.rtc import seams
from mien.rtc.embedded.hub import Hub
from mien.rtc.embedded.ice import IceSettings
from mien.rtc.embedded.listening import Hearing
from mien.rtc.embedded.offer import Offer, OfferError
from mien.rtc.embedded.session import MediaSession, codec_capabilities
from mien.rtc.port import EncodedAudio
from mien.rtc.voice import Blocks, VoiceBlock, VoiceReceiver, unwrap


class Publisher(MediaSession):
    """Receives one client's voice: decoded for agents that listen, as packets for clients that play the stream."""

    def __init__(
        self, ice: IceSettings, hearing: Callable[[], Hearing | None], ended: Callable[[MediaSession], None]
    ) -> None:
        super().__init__(ice, ended)
        self._hearing = hearing
        self._hub: Hub | None = None
        self._voice: VoiceReceiver | None = None
        self._blocks = Blocks()
        self._pts: int | None = None

    def forward_to(self, hub: Hub) -> None:
        """Sends the packets on to the viewers of `hub` as well."""
        self._hub = hub

    def _transceivers(self, offer: Offer) -> list[RTCRtpTransceiver]:
        if "audio" not in offer.kinds:
            raise OfferError("the offer publishes no audio: add the microphone's track")
        transceiver = self.pc.addTransceiver("audio", "recvonly")
        transceiver.setCodecPreferences(codec_capabilities("audio", "audio/opus"))
        seams.take_packets(transceiver.receiver, self._packet)
        return [transceiver]

    def _codec_advice(self) -> str:
        return "the audio section needs Opus"

    async def _packet(self, packet: RtpPacket) -> None:
        if self._hub is not None and len(self._hub):
            self._pts = unwrap(packet.timestamp, self._pts if self._pts is not None else packet.timestamp, 32)
            self._hub.send_audio(EncodedAudio(packet.payload, self._pts))
        hearing = self._hearing()
        if hearing is None:
            self._voice = None
            return
        if self._voice is None:
            self._voice = VoiceReceiver(self._decoded)
        now = asyncio.get_running_loop().time()
        self._voice.push(packet.sequence_number, packet.timestamp, packet.payload, now)

    def _decoded(self, block: VoiceBlock) -> None:
        hearing = self._hearing()
        for ready in self._blocks.push(block.pcm):
            if hearing is not None:
                hearing.put(ready)
