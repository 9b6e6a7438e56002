"""Named movements of head and brows: short, slight, and never twice quite the same.

A gesture is a few knots in time joined by half cosines, so that speed is zero at every knot and nothing jerks. Size,
tempo and, where it makes no difference to the meaning, the side are varied by the caller's random numbers.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Final, Literal, NamedTuple, get_args

GestureName = Literal["nod", "shake", "tilt", "greet", "think"]
GESTURES: Final[tuple[GestureName, ...]] = get_args(GestureName)

Knots = tuple[tuple[float, float], ...]
"""Seconds from the beginning and the value there; 0 before the first and behind the last."""


class Offsets(NamedTuple):
    """What gestures add to a face at one moment; units of `frame.CHANNELS`."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    brow: float = 0.0
    smile: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


_SHAPES: Final[dict[GestureName, dict[str, Knots]]] = {
    # Yes: down, up a little, down again less far.
    "nod": {
        "pitch": ((0, 0), (0.26, 3.8), (0.52, -0.6), (0.78, 2.4), (1.12, 0)),
        "brow": ((0, 0), (0.3, 0.10), (1.1, 0)),
    },
    # No: twice to each side, dying away.
    "shake": {
        "yaw": ((0, 0), (0.24, 3.2), (0.54, -3.4), (0.84, 2.6), (1.12, -1.4), (1.42, 0)),
        "brow": ((0, 0), (0.4, -0.10), (1.4, 0)),
    },
    "tilt": {"roll": ((0, 0), (0.5, 3.4), (1.3, 3.0), (2.0, 0)), "brow": ((0, 0), (0.5, 0.14), (1.9, 0))},
    # A small bow with raised brows and a smile that outlasts it.
    "greet": {
        "pitch": ((0, 0), (0.2, -0.8), (0.62, 4.2), (1.2, 0)),
        "brow": ((0, 0), (0.25, 0.28), (1.0, 0.06), (1.6, 0)),
        "smile": ((0, 0), (0.4, 0.34), (1.6, 0.26), (2.6, 0)),
    },
    # Eyes go up and aside, the head follows.
    "think": {
        "yaw": ((0, 0), (0.6, 2.6), (1.8, 2.2), (2.5, 0)),
        "pitch": ((0, 0), (0.6, -1.8), (1.8, -1.4), (2.5, 0)),
        "gaze_x": ((0, 0), (0.14, 0.22), (1.7, 0.20), (1.85, 0)),
        "gaze_y": ((0, 0), (0.14, -0.24), (1.7, -0.20), (1.85, 0)),
        "brow": ((0, 0), (0.5, 0.14), (2.3, 0)),
    },
}  # fmt: skip
_SIDED: Final = frozenset({"yaw", "roll", "gaze_x"})
_LEAST: Final = 0.75
"""Smallest variation of size and tempo; the largest is its mirror image above 1."""


class Gestures:
    """The gestures of one face that are under way. Times must not go back."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._under_way: list[tuple[float, float, float, float, GestureName]] = []

    def begin(self, name: GestureName, at: float, strength: float = 1.0) -> float:
        """Starts one at `at` seconds, `strength` 0..1.5, and returns how long it lasts. Raises ValueError."""
        if name not in _SHAPES:
            raise ValueError(f"there is no gesture {name[:40]!r}; there are {', '.join(GESTURES)}")
        size = min(max(strength, 0.0), 1.5) * self._rng.uniform(_LEAST, 2 - _LEAST)
        tempo = self._rng.uniform(1.0, 2 - _LEAST)
        side = self._rng.choice((-1.0, 1.0))
        self._under_way.append((at, size, tempo, side, name))
        return tempo * _length(name)

    def at(self, t: float) -> Offsets:
        """What they add at `t`."""
        self._under_way = [g for g in self._under_way if t < g[0] + g[2] * _length(g[4])]
        total = dict.fromkeys(Offsets._fields, 0.0)
        for begin, size, tempo, side, name in self._under_way:
            for channel, knots in _SHAPES[name].items():
                value = size * _between(knots, (t - begin) / tempo)
                total[channel] += value * side if channel in _SIDED else value
        return Offsets(**total)


def _length(name: GestureName) -> float:
    return max(knots[-1][0] for knots in _SHAPES[name].values())


def _between(knots: Knots, time: float) -> float:
    if time <= knots[0][0] or time >= knots[-1][0]:
        return 0.0
    for (begin, low), (end, high) in itertools.pairwise(knots):
        if time < end:
            part = (1 - math.cos(math.pi * (time - begin) / (end - begin))) / 2
            return low + (high - low) * part
    return 0.0
