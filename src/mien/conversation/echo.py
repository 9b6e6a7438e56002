"""The agent's own voice, taken out of what the user's microphone sends.

Browsers and phones do this themselves; a client that does not (a player on loudspeakers, a kiosk) sends the agent's
voice back, and the agent would hear itself, fall silent and answer itself. Whether there is an echo is told from how
alike the loudness of eight frequency bands goes in what was played and in what comes back, over one second and all
delays up to 0.6 s: recordings in rooms were alike to 0.68 and more, two people who talk at once to 0.54 at most. Only
then WebRTC's echo canceller, which comes with LiveKit, takes it out; that costs 2 % of a core while the agent speaks,
and would swallow the first words of a user who has no echo.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from mien.conversation.spec import EchoGuardMode
from mien.rtc.port import AUDIO_CLOCK, LISTEN_RATE

TAIL_S: Final = 0.6
"""An echo is heard this long after the voice: the way there and back, jitter buffers, and the room."""
WARM_UP_S: Final = 1.2
"""The agent has spoken this long before an echo is known for sure."""
SUSPECT_S: Final = 0.4
"""What is heard this soon after the agent's very first words is held back until it is known to be no echo. What is none
is then passed on, late but whole."""
UNLIKE: Final = 0.4
"""What is less like the agent's voice over `WINDOW_TO_CLEAR` blocks is no echo."""
WINDOW_TO_CLEAR: Final = 20
CLEAR: Final = 0.55
"""What was held back to the end and is no more like the agent's voice than two people who talk at once is no echo."""
RISE_DB: Final = 6.0
"""Something is heard when the microphone is this much louder than its own noise."""
SETTLE_S: Final = 0.8
"""The canceller has to hear the agent this long before it knows its echo; until then the user is not heard over it."""
REMEMBER_S: Final = 60.0
"""After its last sign an echo is expected for this long."""
ALIKE: Final = 0.62
WINDOW: Final = 50
LAGS: Final = 30
"""Blocks of 20 ms: one second is compared, at delays up to 0.6 s."""
HEARD_DBFS: Final = -60.0
"""A microphone quieter than this through most of the window has no echo worth removing."""
RESIDUE_DB: Final = 20.0
RESIDUE_DBFS: Final = -48.0
"""What is left of a block that lost this much and is this quiet is residue, and becomes silence."""

_BLOCK = 0.02
_MIC, _VOICE = int(LISTEN_RATE * _BLOCK), int(AUDIO_CLOCK * _BLOCK)
_BANDS = np.array([2, 5, 8, 12, 18, 27, 40, 60, 90])
"""Edges in bins of 50 Hz, the same at both rates: 100 Hz to 4.5 kHz."""
_FLOOR = 1e4
_EVERY = 5
_MIC_WINDOW: Final = np.hanning(_MIC)
_VOICE_WINDOW: Final = np.hanning(_VOICE) / 3

Bands = NDArray[np.float64]


class EchoGuard:
    """Give it what the agent plays (`played`) and what the microphone sends (`clean`), as it happens, in blocks of
    20 ms. `now` gives seconds; the loop's clock.
    """

    def __init__(self, now: Callable[[], float], *, mode: EchoGuardMode = "auto") -> None:
        self._now = now
        self._mode = mode
        self._canceller: rtc.AudioProcessingModule | None = None
        self._speaking_until = -TAIL_S
        self._echo_until = -1.0
        self._settled_at = 0.0
        self._spoken_s = 0.0
        self._began_at: float | None = None
        self._suspicious = False
        self._noise_dbfs = 0.0
        self._played: deque[Bands] = deque([np.zeros(len(_BANDS) - 1)] * (WINDOW + LAGS), maxlen=WINDOW + LAGS)
        self._heard: deque[Bands] = deque(maxlen=WINDOW)
        self._levels: deque[float] = deque(maxlen=WINDOW)
        self._until_look = _EVERY
        self._held: list[NDArray[np.int16]] = []
        self._alike = 1.0

    @property
    def echo(self) -> bool:
        """Whether an echo was found lately."""
        return self._now() < self._echo_until

    def restart(self) -> None:
        """Another microphone: what is known of the old one is forgotten."""
        self._echo_until, self._spoken_s = -1.0, 0.0
        self._began_at, self._suspicious, self._noise_dbfs = None, False, 0.0
        self._heard.clear()
        self._levels.clear()
        self._held.clear()

    def played(self, pcm: NDArray[np.int16]) -> None:
        """A block of voice that leaves now: 48 kHz mono, 960 samples."""
        if self._mode == "off":
            return
        now = self._now()
        audible = bool(pcm.any())
        if audible:
            self._speaking_until = now + TAIL_S
            self._spoken_s += _BLOCK
            self._began_at = now if self._began_at is None else self._began_at
        if now < self._speaking_until:
            self._played.append(_bands(pcm, _VOICE_WINDOW))
            if self._cancelling(now):
                for half in (pcm[: _VOICE // 2], pcm[_VOICE // 2 :]):
                    self._opened().process_reverse_stream(_frame(half, AUDIO_CLOCK))

    def clean(self, block: NDArray[np.int16]) -> list[NDArray[np.int16]]:
        """The microphone's next block (16 kHz mono, 320 samples) without the echo in it. None while it is not known
        whether this is an echo, then all that were held back."""
        now = self._now()
        if self._mode == "off" or len(block) != _MIC:
            return [block]
        level = _dbfs(block)
        self._noise_dbfs = min(level, self._noise_dbfs + 0.1)
        if now >= self._speaking_until:
            return [*self._released(), block]
        self._look(block, level, now)
        if self._cancelling(now):
            self._held.clear()
            return [self._cancelled(block)]
        if self._began_at is not None and now < self._began_at + SUSPECT_S:
            # A user's voice that happens to begin with the agent's first words cannot be told from their echo yet.
            self._suspicious |= level > max(HEARD_DBFS, self._noise_dbfs + RISE_DB)
        if self._suspicious and self._spoken_s < WARM_UP_S:
            self._held.append(block)
            return []
        return [*self._released(), block]

    def _released(self) -> list[NDArray[np.int16]]:
        """What was held back, unless it is too much like the agent's voice."""
        held, self._held = self._held, []
        return [] if self._suspicious and self._alike > CLEAR else held

    def _cancelling(self, now: float) -> bool:
        return self._mode == "on" or now < self._echo_until

    def _look(self, block: NDArray[np.int16], level: float, now: float) -> None:
        """Compares the last second now and then."""
        self._heard.append(_bands(block, _MIC_WINDOW))
        self._levels.append(level)
        self._until_look -= 1
        if self._until_look > 0 or len(self._heard) < WINDOW_TO_CLEAR:
            return
        self._until_look = _EVERY
        if np.median(self._levels) <= HEARD_DBFS:
            return
        alike = self._alike = likeness(np.array(self._heard), np.array(self._played))
        if alike < UNLIKE:
            self._suspicious = False
        elif alike > ALIKE and len(self._heard) == WINDOW:
            if now >= self._echo_until:
                self._settled_at = now + SETTLE_S
            self._echo_until = now + REMEMBER_S

    def _cancelled(self, block: NDArray[np.int16]) -> NDArray[np.int16]:
        frames = [_frame(half, LISTEN_RATE) for half in (block[: _MIC // 2], block[_MIC // 2 :])]
        for frame in frames:
            self._opened().process_stream(frame)
        cleaned: NDArray[np.int16] = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])
        after = _dbfs(cleaned)
        residue = after < RESIDUE_DBFS and _dbfs(block) - after > RESIDUE_DB
        return np.zeros_like(block) if residue or self._now() < self._settled_at else cleaned

    def _opened(self) -> rtc.AudioProcessingModule:
        if self._canceller is None:
            self._canceller = rtc.AudioProcessingModule(echo_cancellation=True)
        return self._canceller


def likeness(heard: Bands, played: Bands) -> float:
    """How alike `heard` (WINDOW blocks of bands) is to any stretch of `played` (up to LAGS blocks longer): -1 to 1."""
    heard = heard - heard.mean(axis=0)
    best = -1.0
    for lag in range(len(played) - len(heard) + 1):
        past = played[lag : lag + len(heard)]
        past = past - past.mean(axis=0)
        size = np.sqrt((heard**2).sum() * (past**2).sum())
        if size > 0:
            best = max(best, float((heard * past).sum() / size))
    return best


def _bands(pcm: NDArray[np.int16], window: NDArray[np.float64]) -> Bands:
    """Log energy of each band."""
    power = np.abs(np.fft.rfft(pcm * window)[: _BANDS[-1]]) ** 2
    bands: Bands = np.log(np.add.reduceat(power, _BANDS[:-1]) + _FLOOR)
    return bands


def _frame(samples: NDArray[np.int16], rate: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytearray(samples.tobytes()), rate, 1, len(samples))


def _dbfs(samples: NDArray[np.int16]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples.astype(np.float64)))) / 32768 + 1e-6))
