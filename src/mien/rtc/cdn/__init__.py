"""Out to a CDN: one stream pushed as H.264 and AAC to an RTMP server, in place of a room."""

from mien.rtc.cdn.address import AddressError, RtmpAddress
from mien.rtc.cdn.peer import CdnOutput

__all__ = ["AddressError", "CdnOutput", "RtmpAddress"]
