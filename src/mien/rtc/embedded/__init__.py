"""The default transport: aiortc inside this process, spoken to by WHIP, WHEP and a WebSocket.

`EmbeddedRooms(settings)` is the `RoomService`; `build_router(service, authenticate)` its HTTP side.
"""

from mien.rtc.embedded.login import Authenticate
from mien.rtc.embedded.router import EXPOSED_HEADERS, build_router
from mien.rtc.embedded.service import EmbeddedRooms

__all__ = ["EXPOSED_HEADERS", "Authenticate", "EmbeddedRooms", "build_router"]
