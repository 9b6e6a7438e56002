"""A mouth from the sound alone, for voices that do not say what they pronounce.

A small causal network (`viseme_net`) reads the same co-articulated curves from mel bands that phones would give. What
it finds likely is then made clear to the eye: closures reach their full value, and silence is exactly rest. Rows come
75 ms after their sound, which costs nothing where the voice arrives ahead of its time, as synthesised voices do.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.audio_features import FLOOR_DB, MelBands
from mien.face.motion.coarticulation import MOUTH
from mien.face.motion.lip_kernels import Rules, mouth
from mien.face.motion.timing import (
    AUDIO_CLOSE,
    AUDIO_HOP,
    AUDIO_PART,
    AUDIO_QUIET,
    AUDIO_SETTLE,
    AUDIO_WINDOW,
    CURVE_RATE,
)
from mien.face.motion.viseme_net import OUTPUTS, VisemeNet, packaged

_CLOSED_FROM, _CLOSED_AT = 0.5, 0.85
"""Probabilities of a closure that begin to close the mouth and that close it fully."""

_SPEECH_FROM, _SPEECH_AT = 0.15, 0.5
"""The same of speech: the mouth rests below the first and moves as the net says above the second."""

_LATE: Final = 0.0075
"""Seconds by which smoothing and gates are behind what the net says, made up for with the rest of the look-ahead of
80 ms."""

_PER_DECADE: Final = 0.3
_SOFTEST, _LOUDEST = 0.2, 1.2
"""How far the jaw goes with the level: as usual at the usual one, so much more for 20 dB, and its limits. In decibels
as the eye compares it: in proportion to the sound pressure, the jaw strays farther from its reference on espeak's and
the local voice, and the opening fits their level in decibels no better."""

_RECENT: Final = np.array([0.2, 0.5, 0.3], np.float32)
"""Shares of the last rows in the one shown: what the net says trembles a little from one to the next. This comes 9 ms
late."""

_SYLLABLE: Final = np.array([0.1, 0.25, 0.3, 0.25, 0.1], np.float32)
_AROUND: Final = len(_SYLLABLE) // 2
"""Smoothing of the level over 50 ms, a syllable and not a pitch period, and how far it looks to both sides."""

_SILENT: Final = 10 ** (FLOOR_DB / 20)
_VOICED: Final = 0.1
_MEMORY: Final = 200
"""Share of the usual level below which a moment does not count towards it, and over how many (of 10 ms) it is taken."""

_RULES: Final = Rules(
    closed_from=_CLOSED_FROM,
    closed_at=_CLOSED_AT,
    speech_from=_SPEECH_FROM,
    speech_at=_SPEECH_AT,
    close=AUDIO_HOP / AUDIO_CLOSE,
    part=AUDIO_HOP / AUDIO_PART,
    settle=AUDIO_HOP / AUDIO_SETTLE,
    silent=_SILENT,
    voiced=_VOICED,
    memory=float(_MEMORY),
    floor_db=FLOOR_DB,
    quiet_rows=AUDIO_QUIET / AUDIO_HOP,
    per_decade=_PER_DECADE,
    softest=_SOFTEST,
    loudest=_LOUDEST,
)

_STRETCH: Final = 0.08
"""Seconds analysed at once at most, so that no frame waits for a long piece that arrived."""

_FLUSH: Final = 0.3
"""Seconds of silence behind a clip in which the mouth closes."""


class AudioMouth:
    """Estimates the mouth from PCM pushed in order. One object per clip; times are seconds from its start."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, at least 4000. Raises ValueError."""
        self._bands = MelBands(rate)
        self._rate = rate
        weights = packaged()
        self._net = VisemeNet(weights)
        # Time of the first row: the middle of the hop it tells of, less what holding and following gates add.
        self._begin = AUDIO_HOP - AUDIO_WINDOW / 2 - weights.lookahead * AUDIO_HOP - _LATE
        self._levels = np.full(weights.lookahead + _AROUND, FLOOR_DB - 1, np.float32)
        self._gates = np.zeros(3)
        self._before = np.zeros((2, len(OUTPUTS)), np.float32)
        self._usual = np.zeros(3)
        self._waiting: deque[NDArray[np.int16]] = deque()
        self._rows: list[NDArray[np.float32]] = []
        self._finished = False

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Takes mono audio; any length. Float input in int16 range is taken too, NaN as silence.

        It is analysed when a pose needs it, as much of it at once as is sensible.
        """
        if len(pcm):
            self._waiting.append(pcm)

    def finish(self) -> None:
        """No more audio follows: lets the mouth close."""
        if not self._finished:
            self._finished = True
            self._waiting.append(np.zeros(int(self._rate * _FLUSH), np.int16))

    def pose(self, time: float) -> NDArray[np.float32]:
        """The mouth at `time`, shape (len(MOUTH),); closed before and after the clip.

        Where the audio for it has not come yet, the mouth stays behind instead of closing.
        """
        at = (time - self._begin) * CURVE_RATE
        i = int(at)
        while self._waiting and i + 1 >= len(self._rows):
            self._analyse_some()
        if not self._rows or at < 0:
            return np.zeros(len(MOUTH), np.float32)
        if i + 1 >= len(self._rows):
            return np.zeros(len(MOUTH), np.float32) if self._finished else self._rows[-1].copy()
        part = np.float32(at - i)
        return self._rows[i] * (1 - part) + self._rows[i + 1] * part

    def _analyse_some(self) -> None:
        """Analyses what waits, `_STRETCH` seconds at most."""
        most = int(self._rate * _STRETCH)
        taken, size = [], 0
        while self._waiting and size < most:
            piece = self._waiting.popleft()
            if len(piece) > most - size:
                self._waiting.appendleft(piece[most - size :])
                piece = piece[: most - size]
            taken.append(piece)
            size += len(piece)
        self._analyse(np.concatenate(taken))
        if self._finished and not self._waiting:
            # The net never quite arrives; silence means exactly closed.
            last = min(len(self._rows), 10)
            for i, row in enumerate(self._rows[len(self._rows) - last :]):
                row *= np.float32(last - 1 - i) / last

    def _analyse(self, pcm: NDArray[np.int16]) -> None:
        bands, levels = self._bands.push(pcm)
        if not len(bands):
            return
        seen = self._net.push(bands)
        levels = np.concatenate([self._levels, levels])
        self._levels = levels[len(seen) :]
        rows = np.empty((len(seen), len(MOUTH)), np.float32)
        mouth(seen, levels, _SYLLABLE, _RECENT, _RULES, self._gates, self._before, self._usual, rows)
        self._rows.extend(rows)


def compile_lips() -> None:
    """Compiles every loop the audio path needs, so that no call waits for it: seconds on a new machine, milliseconds
    once the machine code lies on disk."""
    lips = AudioMouth(8000)
    lips.push(np.zeros(1600, np.int16))
    lips.pose(0.0)
