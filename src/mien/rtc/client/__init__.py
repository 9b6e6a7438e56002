"""A client of the embedded transport in Python: for `mien call`, benchmarks and tests."""

from mien.rtc.client.inbox import Inbox
from mien.rtc.client.microphone import Microphone, PcmSource
from mien.rtc.client.pictures import Picture, PictureDecoder
from mien.rtc.client.playback import MotionMessage, Playback
from mien.rtc.client.room import RoomClient, RoomEvent
from mien.rtc.client.units import VideoUnit

__all__ = [
    "Inbox",
    "Microphone",
    "MotionMessage",
    "PcmSource",
    "Picture",
    "PictureDecoder",
    "Playback",
    "RoomClient",
    "RoomEvent",
    "VideoUnit",
]
