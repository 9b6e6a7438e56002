"""SDP as clients send it: offers (WHIP, WHEP) and trickled candidates (RFC 8840 fragments)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp

MAX_SDP: Final = 64 * 1024
"""Bytes of an offer or a fragment; a browser's have a few thousand."""

_PARSER_ERRORS: Final = (ValueError, IndexError, KeyError, AttributeError, AssertionError, TypeError)
"""What aiortc's parser raises on text that is no SDP."""


class OfferError(ValueError):
    """The SDP cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An SDP offer made ready for aiortc, with the media kinds it has, in order."""

    sdp: str
    kinds: tuple[str, ...]
    loopback_only: bool


def read_offer(text: str) -> Offer:
    """Checks an offer and takes out what would only cost time. Raises OfferError.

    Candidates hidden behind mDNS names are dropped: resolving one takes up to a second and needs multicast, while the
    browser's own check reaches us from its real address anyway. The end-of-candidates mark goes too, because after it
    no such check would be accepted; a connection that never comes about has its own deadline.
    """
    if not text.strip():
        raise OfferError("the body is empty: send an SDP offer")
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line and not _useless(line)]
    sdp = "\r\n".join(lines) + "\r\n"
    try:
        description = SessionDescription.parse(sdp)
        kinds = tuple(media.kind for media in description.media)
        hosts = [candidate.ip for media in description.media for candidate in media.ice_candidates]
        complete = all(m.ice and m.ice.usernameFragment and m.ice.password for m in description.media)
        secured = all(media.dtls is not None and media.dtls.fingerprints for media in description.media)
    except _PARSER_ERRORS as error:
        raise OfferError(f"the body is not an SDP offer: {error or type(error).__name__}") from error
    if not kinds:
        raise OfferError("the SDP offer has no media section")
    if not complete or not secured:
        raise OfferError("the SDP offer lacks ICE credentials or a DTLS fingerprint: only WebRTC is answered")
    return Offer(sdp, kinds, bool(hosts) and all(map(_is_loopback, hosts)))


def read_fragment(text: str) -> list[RTCIceCandidate]:
    """The candidates of an SDP fragment. Raises OfferError."""
    candidates: list[RTCIceCandidate] = []
    mid: str | None = None
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("a=mid:"):
            mid = line[len("a=mid:") :].strip()
        elif line.startswith("a=candidate:") and not _useless(line):
            try:
                candidate = candidate_from_sdp(line[len("a=candidate:") :])
            except _PARSER_ERRORS as error:
                raise OfferError(f"bad candidate: {line}") from error
            candidate.sdpMid, candidate.sdpMLineIndex = mid, None if mid is not None else 0
            candidates.append(candidate)
    return candidates


def fragment_user(text: str) -> str | None:
    """The ICE user name fragment in an SDP fragment, if it has one."""
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("a=ice-ufrag:"):
            return line[len("a=ice-ufrag:") :].strip()
    return None


def _useless(line: str) -> bool:
    if line.startswith("a=end-of-candidates"):
        return True
    if not line.startswith("a=candidate:"):
        return False
    fields = line.split()
    return len(fields) > 4 and fields[4].endswith(".local")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
