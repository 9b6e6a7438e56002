"""The one file that reaches behind the public names of aiortc and aioice.

aiortc is made for tracks of raw frames that it encodes itself, once per connection. We send packets that were encoded
once for everybody, and receive packets before its jitter buffer, so a few things it keeps to itself are needed:

* feedback about a packet track (PLI, FIR, REMB, loss) reaches only its own encoder, which packet tracks do not use;
* a sender's RTP time stamps start at a random number that is a local variable, known only from the last one sent;
* sender reports pair that time stamp with the moment of sending, so that a picture that took longer to encode than
  the voice would be played that much later; they must state the media clock instead;
* received audio passes a jitter buffer of 80 to 320 ms made for playing, and a decoder thread per track;
* a connection that is closed while it comes about leaves a task and a thread behind;
* aioice never offers the loopback address, nor another address than those of the interfaces.

All of it is done on single objects, by replacing a method of that object, never for a whole class or module. Names of
the form `_RTCRtpSender__x` are Python's spelling of a class-private attribute. `check()` says in words when a new
version no longer has them; it runs once when the transport starts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import aiortc
from aioice import Candidate, Connection
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, clock
from aiortc.codecs import is_rtx
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unpack_remb_fci,
    unwrap_rtx,
)

LOOPBACK: Final = "127.0.0.1"

_KNOWN_VERSION: Final = "1.16."
_MASK: Final = 0xFFFFFFFF


class Feedback:
    """What a viewer's RTCP says about one track. Override what matters; calls come on the loop."""

    def keyframe_wanted(self) -> None:
        """PLI or FIR: the viewer has lost its picture."""

    def bandwidth(self, bits_per_second: int) -> None:
        """REMB: the viewer's estimate of what its link carries."""

    def loss(self, fraction: float) -> None:
        """Receiver report: share of packets lost since the one before."""


def check() -> None:
    """Raises RuntimeError when the installed aiortc lacks something this file needs."""
    sender = vars(RTCRtpSender)
    missing = [name for name in ("_handle_rtcp_packet", "_send_rtcp", "_run_rtp") if name not in sender]
    missing += [name for name in ("_handle_rtp_packet", "_send_rtcp_nack") if name not in vars(RTCRtpReceiver)]
    missing += [name for name in ("get_component_candidates",) if name not in vars(Connection)]
    used = RTCRtpSender.__init__.__code__.co_names
    missing += [name for name in ("_RTCRtpSender__rtp_timestamp", "_RTCRtpSender__packet_count") if name not in used]
    if missing or not aiortc.__version__.startswith(_KNOWN_VERSION):
        raise RuntimeError(
            f"aiortc {aiortc.__version__} is not the version this transport was made for ({_KNOWN_VERSION}x)"
            + (f"; it lacks {', '.join(missing)}" if missing else "")
            + ": install the pinned requirements, or adapt mien/rtc/seams.py"
        )


# Sending


def observe(sender: RTCRtpSender, feedback: Feedback) -> None:
    """Reports the RTCP feedback about `sender` to `feedback`; retransmission and statistics go on as before."""
    original = sender._handle_rtcp_packet

    async def handle(packet: AnyRtcpPacket) -> None:
        await original(packet)
        if isinstance(packet, RtcpPsfbPacket):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                feedback.keyframe_wanted()
            elif packet.fmt == RTCP_PSFB_APP:
                try:
                    bitrate, ssrcs = unpack_remb_fci(packet.fci)
                except ValueError:
                    return
                if sender._ssrc in ssrcs:
                    feedback.bandwidth(bitrate)
        elif isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    feedback.loss(report.fraction_lost / 256)

    _replace(sender, "_handle_rtcp_packet", handle)


def last_timestamp(sender: RTCRtpSender) -> int:
    """RTP time stamp of the last packet sent."""
    return int(_private(sender, RTCRtpSender, "rtp_timestamp"))


def report_media_time(sender: RTCRtpSender, ntp_of: Callable[[int], int | None]) -> None:
    """Makes sender reports state the NTP time `ntp_of` gives for the RTP time stamp of the last packet.

    Until it gives one, and before the first packet, nothing is reported at all.
    """
    original = sender._send_rtcp

    async def send(packets: list[AnyRtcpPacket]) -> None:
        if packets and isinstance(packets[0], RtcpSrPacket):
            info = packets[0].sender_info
            ntp = ntp_of(info.rtp_timestamp) if info.packet_count else None
            if ntp is None:
                return
            info.ntp_timestamp = ntp
            # The round trip is told from the viewer's echo of these bits.
            _set_private(sender, RTCRtpSender, "lsr", (ntp >> 16) & _MASK)
            _set_private(sender, RTCRtpSender, "lsr_time", clock.current_datetime().timestamp())
        await original(packets)

    _replace(sender, "_send_rtcp", send)


async def send_report(sender: RTCRtpSender) -> None:
    """Sends a sender report now. Browsers align voice and picture only after two of each."""
    await sender._send_rtcp(
        [
            RtcpSrPacket(
                ssrc=sender._ssrc,
                sender_info=RtcpSenderInfo(
                    ntp_timestamp=0,
                    rtp_timestamp=last_timestamp(sender),
                    packet_count=int(_private(sender, RTCRtpSender, "packet_count")) & _MASK,
                    octet_count=int(_private(sender, RTCRtpSender, "octet_count")) & _MASK,
                ),
            )
        ]
    )


# Receiving


def take_packets(receiver: RTCRtpReceiver, handle: Callable[[RtpPacket], Awaitable[None]]) -> None:
    """Hands `handle` every RTP packet of `receiver` as it arrives, retransmissions unwrapped.

    aiortc no longer buffers or decodes them; receiver reports and the bitrate estimate are still sent.
    """
    streams: dict[int, StreamStatistics] = _private(receiver, RTCRtpReceiver, "remote_streams")
    codecs = _private(receiver, RTCRtpReceiver, "codecs")
    rtx_ssrc = _private(receiver, RTCRtpReceiver, "rtx_ssrc")
    estimator = _private(receiver, RTCRtpReceiver, "remote_bitrate_estimator")

    async def take(packet: RtpPacket, arrival_time_ms: int) -> None:
        if estimator is not None and packet.extensions.abs_send_time is not None:
            remb = estimator.add(
                abs_send_time=packet.extensions.abs_send_time,
                arrival_time_ms=arrival_time_ms,
                payload_size=len(packet.payload) + packet.padding_size,
                ssrc=packet.ssrc,
            )
            if remb is not None:
                await report_bandwidth(receiver, *remb)
        codec = codecs.get(packet.payload_type)
        if codec is None:
            return
        if packet.ssrc not in streams:
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if is_rtx(codec):
            original = rtx_ssrc.get(packet.ssrc)
            if original is None or len(packet.payload) < 2:
                return
            packet = unwrap_rtx(packet, payload_type=int(codec.parameters["apt"]), ssrc=original)
        await handle(packet)

    _replace(receiver, "_handle_rtp_packet", take)


def take_reports(receiver: RTCRtpReceiver, handle: Callable[[int, int], None]) -> None:
    """Hands `handle` the NTP and RTP time stamps of every sender report about `receiver`."""
    original = receiver._handle_rtcp_packet

    async def take(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            handle(packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp)
        await original(packet)

    _replace(receiver, "_handle_rtcp_packet", take)


async def request_packets(receiver: RTCRtpReceiver, ssrc: int, lost: list[int]) -> None:
    """NACK: asks for lost packets again."""
    await receiver._send_rtcp_nack(ssrc, lost)


async def request_keyframe(receiver: RTCRtpReceiver, ssrc: int) -> None:
    """PLI: asks for a new picture."""
    await receiver._send_rtcp_pli(ssrc)


async def report_bandwidth(receiver: RTCRtpReceiver, bits_per_second: int, ssrcs: list[int]) -> None:
    """REMB: tells the sender what this end's link carries."""
    ssrc = _private(receiver, RTCRtpReceiver, "rtcp_ssrc")
    if ssrc is not None:
        fci = pack_remb_fci(bits_per_second, ssrcs)
        await receiver._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=fci))


# Closing


def guard_closing(pc: RTCPeerConnection) -> None:
    """Keeps `pc` from starting senders, receivers and channels after it was closed.

    aiortc connects in a task of its own, which goes on when the connection is closed meanwhile; what it starts then
    is never stopped, and a receiver's decoder thread even keeps the process from ending. Call it once the transceivers
    exist and before the connection can come about.
    """
    for transceiver in pc.getTransceivers():
        _guard(pc, transceiver.sender, "send")
        _guard(pc, transceiver.receiver, "receive")
    if pc.sctp is not None:
        _guard(pc, pc.sctp, "start")


def _guard(pc: RTCPeerConnection, thing: object, name: str) -> None:
    original: Callable[..., Awaitable[None]] = getattr(thing, name)

    async def start(*args: Any) -> None:
        if pc.signalingState != "closed":
            await original(*args)

    _replace(thing, name, start)


# Addresses


def arrange_addresses(pc: RTCPeerConnection, *, loopback: bool, advertise: str = "") -> None:
    """Decides what `pc` will gather; call it between setting the first description and setLocalDescription.

    `loopback` adds 127.0.0.1, which is also taken when there is no other address. `advertise` is offered in front of
    every IPv4 host candidate, for a machine behind one-to-one NAT.
    """
    for connection in _connections(pc):
        _arrange(connection, loopback, advertise)


def _arrange(connection: Connection, loopback: bool, advertise: str) -> None:
    original = connection.get_component_candidates

    async def get(component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        wanted = list(addresses)
        if (loopback or not wanted) and LOOPBACK not in wanted:
            wanted.append(LOOPBACK)
        candidates = await original(component=component, addresses=wanted, timeout=timeout)
        return [*_advertised(candidates, advertise), *candidates] if advertise else candidates

    _replace(connection, "get_component_candidates", get)


def _advertised(candidates: list[Candidate], address: str) -> Iterator[Candidate]:
    for candidate in candidates:
        if candidate.type == "host" and "." in candidate.host and candidate.host != LOOPBACK:
            yield Candidate(
                foundation=f"{candidate.foundation}a",
                component=candidate.component,
                transport=candidate.transport,
                priority=candidate.priority + 1,
                host=address,
                port=candidate.port,
                type="host",
            )


def _connections(pc: RTCPeerConnection) -> list[Connection]:
    transports = [transceiver.receiver.transport for transceiver in pc.getTransceivers()]
    if pc.sctp is not None:
        transports.append(pc.sctp.transport)
    return list({id(t.transport): t.transport._connection for t in transports}.values())


def _private(thing: object, owner: type, name: str) -> Any:
    return getattr(thing, f"_{owner.__name__}__{name}")


def _set_private(thing: object, owner: type, name: str, value: object) -> None:
    setattr(thing, f"_{owner.__name__}__{name}", value)


def _replace(thing: object, name: str, method: object) -> None:
    setattr(thing, name, method)
