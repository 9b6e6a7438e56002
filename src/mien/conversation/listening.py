"""The user's voice as the conversation hears it: LiveKit's audio input, fed from a stream of the room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

import numpy as np
from livekit import rtc
from livekit.agents.voice import io
from numpy.typing import NDArray

from mien.conversation.echo import EchoGuard
from mien.rtc.port import LISTEN_RATE

GAP_S = 0.1
"""A stream that pauses this long is continued with silence, so that an open turn can end."""
SILENCE_AFTER_S = 4.0
"""After this much added silence nothing more is fed: an absent microphone costs nothing."""
PRE_ROLL_S = 0.3
"""What is kept from before a turn begins, for its recording."""
RECORD_MIN_S, RECORD_MAX_S = 1.0, 1.5
"""`UserAudioData` carries the first 1.5 s of a turn, and nothing of one shorter than 1 s."""

Listen = Callable[[str], AsyncIterator[NDArray[np.int16]]]


class UserVoice(io.AudioInput):
    """Feeds `listen(stream_id)` to the session as 16 kHz mono frames.

    While `closed()` is true the voice is replaced with silence: recognition and turn detection stay in step but
    hear nothing. `echo` takes the agent's own voice out of it.
    """

    def __init__(self, listen: Listen, stream_id: str, *, closed: Callable[[], bool], echo: EchoGuard) -> None:
        super().__init__(label="user voice")
        self._listen = listen
        self._stream_id = stream_id
        self._closed = closed
        self._echo = echo
        self._blocks: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue(maxsize=500)
        self._silence_fed = SILENCE_AFTER_S
        self._recent: deque[bytes] = deque(maxlen=int(PRE_ROLL_S / 0.02))
        self._recording: bytearray | None = None
        self._task: asyncio.Task[None] | None = None
        self.heard_at: float | None = None

    @property
    def stream_id(self) -> str:
        return self._stream_id

    def start(self) -> None:
        """Begins to listen."""
        self._task = asyncio.create_task(self._pull(), name="conversation.listen")

    async def listen_to(self, stream_id: str) -> None:
        """Listens to another stream from now on."""
        if stream_id == self._stream_id:
            return
        await self.aclose()
        self._stream_id = stream_id
        self._echo.restart()
        self.start()

    async def aclose(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def record(self) -> None:
        """Begins the recording of a turn, a little before now."""
        self._recording = bytearray(b"".join(self._recent))

    def recorded(self) -> bytes | None:
        """The first 1 to 1.5 s of the turn, or None when it was shorter. Ends the recording."""
        recording, self._recording = self._recording, None
        if recording is None or len(recording) < int(RECORD_MIN_S * LISTEN_RATE) * 2:
            return None
        return bytes(recording)

    async def __anext__(self) -> rtc.AudioFrame:
        if self._silence_fed < SILENCE_AFTER_S:
            try:
                async with asyncio.timeout(GAP_S):
                    block = await self._blocks.get()
            except TimeoutError:
                self._silence_fed += GAP_S
                return _frame(np.zeros(int(GAP_S * LISTEN_RATE), np.int16))
        else:
            block = await self._blocks.get()
        self._silence_fed = 0.0
        return _frame(np.zeros_like(block) if self._closed() else block)

    async def _pull(self) -> None:
        loop = asyncio.get_running_loop()
        async for block in self._listen(self._stream_id):
            self.heard_at = loop.time()
            for clean in self._echo.clean(block):
                self._take(clean)

    def _take(self, block: NDArray[np.int16]) -> None:
        data = block.tobytes()
        self._recent.append(data)
        if self._recording is not None and len(self._recording) < int(RECORD_MAX_S * LISTEN_RATE) * 2:
            self._recording += data
        if self._blocks.full():
            self._blocks.get_nowait()
        self._blocks.put_nowait(block)


def _frame(samples: NDArray[np.int16]) -> rtc.AudioFrame:
    return rtc.AudioFrame(
        data=samples.tobytes(), sample_rate=LISTEN_RATE, num_channels=1, samples_per_channel=len(samples)
    )
