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
from mien.face.motion.coarticulation import JAW, MOUTH, lay_closures, smoothstep
from mien.face.motion.timing import (
    AUDIO_CLOSE,
    AUDIO_HOP,
    AUDIO_PART,
    AUDIO_QUIET,
    AUDIO_SETTLE,
    AUDIO_WINDOW,
    CURVE_RATE,
)
from mien.face.motion.viseme_net import VisemeNet, packaged

_CLOSED_FROM, _CLOSED_AT = 0.5, 0.85
"""Probabilities of a closure that begin to close the mouth and that close it fully."""

_SPEECH_FROM, _SPEECH_AT = 0.15, 0.5
"""The same of speech: the mouth rests below the first and moves as the net says above the second."""

_GATES_LATE: Final = 0.0075
"""Seconds by which a gate is behind what the net says, made up for with the rest of the look-ahead of 80 ms."""

_WITH_LEVEL: Final = 0.5
"""Share of the jaw's opening that goes with the level. On espeak's voices the jaw fits its reference as well as with
none and the voice's envelope clearly better; with all of it the first suffers."""

_SOFTEST, _LOUDEST = 0.15, 1.3
"""Opening for no sound at all, and at most; 1 for the usual level."""

_SYLLABLE: Final = np.array([0.1, 0.25, 0.3, 0.25, 0.1], np.float32)
_AROUND: Final = len(_SYLLABLE) // 2
"""Smoothing of the level over 50 ms, a syllable and not a pitch period, and how far it looks to both sides."""

_CLOSE, _PART, _SETTLE = AUDIO_HOP / AUDIO_CLOSE, AUDIO_HOP / AUDIO_PART, AUDIO_HOP / AUDIO_SETTLE
"""How far a gate moves in one row at most."""

_SILENT: Final = 10 ** (FLOOR_DB / 20)
_VOICED: Final = 0.1
_MEMORY: Final = 200
"""Share of the usual level below which a moment does not count towards it, and over how many (of 10 ms) it is taken."""

_STRETCH: Final = 0.08
"""Seconds analysed at once at most: half a millisecond of work between two frames, in products so small that numpy's
library keeps them on one core. More at once is shared out to threads that spin while they wait for each other."""

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
        self._columns = np.array([weights.outputs.index(name) for name in MOUTH])
        self._gated = np.array([weights.outputs.index(name) for name in ("press", "fv", "speech")])
        # Time of the first row: the middle of the hop it tells of, less what holding and following gates add.
        self._begin = AUDIO_HOP - AUDIO_WINDOW / 2 - weights.lookahead * AUDIO_HOP - _GATES_LATE
        self._levels = np.full(weights.lookahead + _AROUND, FLOOR_DB - 1, np.float32)
        self._usual, self._voiced = 0.0, 0
        self._quiet = 0
        self._gates = 0.0, 0.0, 0.0
        self._likely = np.zeros((1, 2), np.float32)
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
        self._levels = np.concatenate([self._levels, levels])
        due, self._levels = self._levels[: len(seen) + 2 * _AROUND], self._levels[len(seen) :]
        curve = seen.take(self._columns, axis=1)
        likely = _between(seen.take(self._gated, axis=1), _FROM, _AT)
        gates = np.concatenate([self._likely, likely[:, :2]])
        self._likely = gates[-1:]
        # A closure is held for two rows at least, so that one of 25 frames a second meets it nearly at its deepest.
        np.maximum(gates[:-1], gates[1:], out=likely[:, :2])
        shown = self._follow(likely, due[_AROUND : len(seen) + _AROUND])
        curve[:, JAW] *= self._swing(due)
        lay_closures(curve, shown[:, 0], shown[:, 1])
        curve *= smoothstep(shown[:, 2])[:, None]
        self._rows.extend(curve)

    def _follow(self, wanted: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Gates (n, 3) of lips, teeth and speech that follow `wanted` no faster than a mouth moves.

        Where nothing has sounded for a moment the mouth sleeps, whatever is wanted.
        """
        shown = []
        lips, teeth, voice = self._gates
        for (to_lips, to_teeth, to_voice), level in zip(wanted.tolist(), levels.tolist(), strict=True):
            self._quiet = self._quiet + 1 if level < FLOOR_DB else 0
            if self._quiet * AUDIO_HOP > AUDIO_QUIET:
                to_voice = 0.0
            lips = min(max(to_lips, lips - _PART), lips + _CLOSE)
            teeth = min(max(to_teeth, teeth - _PART), teeth + _CLOSE)
            voice = min(max(to_voice, voice - _SETTLE), voice + _SETTLE)
            shown.append((lips, teeth, voice))
        self._gates = lips, teeth, voice
        return np.array(shown, np.float32)

    def _swing(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far the jaw goes with the voice's level, 1 as usual; for all but `_AROUND` levels at both ends."""
        loud = np.sqrt(np.convolve(10 ** (levels / 10), _SYLLABLE, "valid"))
        swing = []
        for moment in loud.tolist():
            if moment > _VOICED * self._usual and moment > _SILENT:
                self._voiced = min(self._voiced + 1, _MEMORY)
                self._usual += (moment - self._usual) / self._voiced
            opening = min(_SOFTEST + (1 - _SOFTEST) * moment / (self._usual or 1.0), _LOUDEST)
            swing.append(1 - _WITH_LEVEL + _WITH_LEVEL * opening)
        return np.array(swing, np.float32)


_FROM: Final = np.array([_CLOSED_FROM, _CLOSED_FROM, _SPEECH_FROM], np.float32)
_AT: Final = np.array([_CLOSED_AT, _CLOSED_AT, _SPEECH_AT], np.float32)


def _between(value: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """`value` stretched so that `low` is 0 and `high` is 1, smooth at both ends."""
    return smoothstep((value - low) / (high - low))
