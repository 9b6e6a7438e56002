"""One WebRTC connection with a client, from its offer until whichever side ends it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from aiortc import RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from mien.rtc import seams
from mien.rtc.embedded.ice import IceSettings
from mien.rtc.embedded.offer import Offer, OfferError, fragment_user, read_fragment

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 20.0
"""A client that has not connected by then never will, and gives its ports back."""


class IceRestartError(Exception):
    """The client wants to restart ICE, which is not offered: it begins a new session instead."""


class MediaSession(ABC):
    """A publishing or playing client. `ended` is called once, on the loop, when the session is over."""

    def __init__(self, ice: IceSettings, ended: Callable[[MediaSession], None]) -> None:
        self.id = secrets.token_urlsafe(18)
        self.pc = RTCPeerConnection(ice.configuration())
        self._ice = ice
        self._ended = ended
        self._remote_user = ""
        self._closing: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.pc.on("connectionstatechange", self._state_changed)

    @property
    def open(self) -> bool:
        """Whether nobody has begun to end it."""
        return self._closing is None

    @property
    def closing(self) -> asyncio.Task[None] | None:
        """The task that closes it, once it ends."""
        return self._closing

    async def negotiate(self, offer: Offer, *, loopback: bool) -> str:
        """The SDP answer. `loopback` says that the client may be on this machine.

        Raises OfferError; the session must then be closed.
        """
        try:
            mine = self._transceivers(offer)
            await self.pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            for transceiver in self.pc.getTransceivers():
                if transceiver not in mine:
                    transceiver.direction = "inactive"
            advertise = await self._ice.advertised()
            seams.guard_closing(self.pc)
            seams.arrange_addresses(self.pc, loopback=loopback or offer.loopback_only, advertise=advertise)
            await self.pc.setLocalDescription()
        except OperationError as error:
            raise OfferError(f"no codec in common: {self._codec_advice()}") from error
        except (ValueError, InvalidStateError, InvalidAccessError) as error:
            raise OfferError(str(error) or "the offer cannot be answered") from error
        self._remote_user = fragment_user(offer.sdp) or ""
        if self.pc.connectionState != "connected":
            self._deadline = asyncio.get_running_loop().call_later(CONNECT_SECONDS, self.end, "never connected")
        return str(self.pc.localDescription.sdp)

    async def trickle(self, fragment: str) -> None:
        """Takes further candidates of the client. Raises OfferError or IceRestartError."""
        user = fragment_user(fragment)
        if user is not None and user != self._remote_user:
            raise IceRestartError("ICE cannot be restarted here: DELETE this session and POST a new offer")
        for candidate in read_fragment(fragment):
            await self.pc.addIceCandidate(candidate)

    def end(self, reason: str) -> None:
        """Begins to close; may be called from anywhere, any number of times."""
        if self._closing is None:
            logger.debug("media session %s ends: %s", self.id, reason)
            self._cancel_deadline()
            self._stopped()
            self._closing = asyncio.get_running_loop().create_task(self._close(), name=f"rtc-close-{self.id}")
            self._ended(self)

    async def close(self, reason: str = "closed") -> None:
        """Ends the session and waits until its ports are free."""
        self.end(reason)
        assert self._closing is not None
        await asyncio.shield(self._closing)

    @abstractmethod
    def _transceivers(self, offer: Offer) -> list[RTCRtpTransceiver]:
        """Adds the wanted transceivers to `pc`, in the order of the offer; all others will be inactive."""

    @abstractmethod
    def _codec_advice(self) -> str:
        """Which codecs an offer must have."""

    def _connected(self) -> None:  # noqa: B027 - optional
        """Media can flow."""

    def _stopped(self) -> None:  # noqa: B027 - optional
        """The session ends: nothing more is to be sent."""

    def _state_changed(self) -> None:
        state = self.pc.connectionState
        if state == "connected":
            self._cancel_deadline()
            if self.open:
                self._connected()
        elif state in ("failed", "closed"):
            self.end(f"connection {state}")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def _close(self) -> None:
        await self.pc.close()


def codec_capabilities(kind: str, *mime_types: str) -> list[RTCRtpCodecCapability]:
    """aiortc's codecs of these types, as preferences of a transceiver."""
    return [codec for codec in RTCRtpSender.getCapabilities(kind).codecs if codec.mimeType.lower() in mime_types]
