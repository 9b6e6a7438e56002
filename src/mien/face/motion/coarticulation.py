"""Visemes to parameter curves: how neighbouring sounds blend into one movement of the mouth.

A dominance model after Cohen and Massaro (1993): every sound pulls each channel towards its target with a weight that
fades with distance in time, and the curve is the weighted mean. Weighted means never quite reach a target, which no
viewer forgives for m, b, p, f and v, so closures are laid over the blend as gates that hold their full value for at
least one frame. A second gate closes the mouth exactly in pauses and outside the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.timing import (
    CLOSE_LATE,
    CLOSURE_HOLD,
    CLOSURE_RAMP,
    CLOSURE_RAMP_SHORTEST,
    CLOSURES_JOIN,
    CURVE_RATE,
    NASAL_CLOSED,
    OPEN_EARLY,
    REACH_AFTER,
    REACH_BEFORE,
    REST_PAUSE,
    ROUNDING_BEFORE,
    SMOOTHING,
    STOP_CLOSED,
    TEETH_CLOSED,
)
from mien.face.motion.visemes import SHAPES, Spell, Viseme

MOUTH: Final = ("jaw", "wide", "pucker", "press", "upper_up", "lower_down", "fv", "tongue")
"""Channels a speech curve has, in the order of its columns."""

JAW, WIDE, PUCKER, PRESS, UPPER, LOWER, FV, TONGUE = range(len(MOUTH))

CLOSURES: Final = {Viseme.PP: STOP_CLOSED, Viseme.MM: NASAL_CLOSED, Viseme.FF: TEETH_CLOSED}
"""Visemes that must reach their target, and the share of their time in which they hold it."""

Curve = NDArray[np.float32]
"""Shape (n, len(MOUTH)), `CURVE_RATE` rows a second."""

_FADE = 1.5
"""Exponent of the dominance's decay: between a cusp (1) and a bell (2)."""

_REST_PULL = 0.03
"""Weight of the closed mouth where no sound is near."""


def smoothstep(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below 0, 1 above 1, smooth between."""
    x = np.minimum(np.maximum(x, 0), 1)
    return x * x * (3 - 2 * x)


class Hold(NamedTuple):
    """A time in which lips are fully closed (PP) or the lip is on the teeth (FF); seconds from the clip's start."""

    kind: Viseme
    start: float
    end: float


def curves(spells: Sequence[Spell], known: Mapping[Spell, Hold] | None = None) -> tuple[Curve, float]:
    """The mouth's curves for a clip and the time of their first row, in seconds from the clip's start (at most 0).

    `known`: when lips are closed for some of the sounds, where that is known better than from their times.
    """
    sounds = [s for s in spells if s.viseme is not Viseme.SIL]
    if not sounds:
        return np.zeros((1, len(MOUTH)), np.float32), 0.0
    begin = min(0.0, sounds[0].start) - OPEN_EARLY - 0.02
    rows = int(np.ceil((sounds[-1].end + CLOSE_LATE + 0.04 - begin) * CURVE_RATE)) + 1
    times = (begin + np.arange(rows) / CURVE_RATE).astype(np.float32)
    curve = _smooth(_blend(spells, times))
    _close(curve, holds(sounds, known), times)
    curve *= _activity(spells, times)[:, None]
    return np.clip(curve, 0, 1), begin


def _blend(spells: Sequence[Spell], times: NDArray[np.float32]) -> Curve:
    shapes = [SHAPES[s.viseme] for s in spells]
    start = np.array([s.start for s in spells], np.float32)[:, None]
    end = np.array([s.end for s in spells], np.float32)[:, None]
    # A sound is fully itself in its middle half; its first and last quarters are transitions.
    edge = np.minimum(0.25 * (end - start), 0.04)
    before, after = (start + edge) - times, times - (end - edge)

    def dominance(reach_before: float) -> NDArray[np.float32]:
        away = np.maximum(before / reach_before, 0) + np.maximum(after / REACH_AFTER, 0)
        result: NDArray[np.float32] = np.exp(-(np.minimum(away, 20) ** _FADE)).astype(np.float32)
        return result

    near, rounding = dominance(REACH_BEFORE), dominance(ROUNDING_BEFORE)
    jaw = np.array([s.jaw_weight for s in shapes], np.float32)
    lip = np.array([s.lip_weight for s in shapes], np.float32)

    def mean(targets: list[float], weight: NDArray[np.float32], pull: NDArray[np.float32]) -> NDArray[np.float32]:
        target = np.array(targets, np.float32)
        result: NDArray[np.float32] = ((weight * target) @ pull) / (weight @ pull + _REST_PULL)
        return result

    curve = np.zeros((len(times), len(MOUTH)), np.float32)
    curve[:, JAW] = mean([s.jaw for s in shapes], jaw, near)
    curve[:, WIDE] = mean([s.wide for s in shapes], lip, near)
    curve[:, PUCKER] = mean([s.pucker for s in shapes], lip, rounding)
    curve[:, UPPER] = mean([s.upper_up for s in shapes], lip + 0.2, near)
    curve[:, LOWER] = mean([s.lower_down for s in shapes], lip + 0.2, near)
    curve[:, TONGUE] = mean([s.tongue for s in shapes], np.ones_like(lip), near)
    # Lips cannot be drawn apart and rounded at once; rounding wins, as it does in speech.
    curve[:, WIDE] *= 1 - 0.85 * np.clip(curve[:, PUCKER], 0, 1)
    return curve


def _smooth(curve: Curve) -> Curve:
    taps = int(SMOOTHING * CURVE_RATE) | 1
    window = np.hanning(taps + 2)[1:-1].astype(np.float32)
    window /= window.sum()
    padded = np.pad(curve, ((taps // 2, taps // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, c], window, "valid") for c in range(curve.shape[1])], axis=1)


def holds(sounds: Sequence[Spell], known: Mapping[Spell, Hold] | None = None) -> list[Hold]:
    """When lips are closed for these sounds, as their own times tell or as is `known`; in order, never overlapping."""
    found = [
        (known or {}).get(sound)
        or Hold(sound.viseme, *(sound.start + share * (sound.end - sound.start) for share in CLOSURES[sound.viseme]))
        for sound in sounds
        if sound.viseme in CLOSURES
    ]
    return separate(sorted(found, key=lambda hold: hold.start))


def separate(closed: Iterable[Hold]) -> list[Hold]:
    """Makes closures long enough to be seen, joins those too close together, and moves those apart that overlap."""
    found: list[Hold] = []
    for viseme, begin, finish in closed:
        kind = Viseme.FF if viseme is Viseme.FF else Viseme.PP
        lacking = CLOSURE_HOLD - (finish - begin)
        if lacking > 0:
            begin, finish = begin - lacking / 2, finish + lacking / 2
        if found:
            last_kind, earlier, until = found[-1]
            if last_kind is kind and begin - until < CLOSURES_JOIN:
                found[-1] = Hold(kind, earlier, max(finish, until))
                continue
            if begin < until + 0.01:
                finish += until + 0.01 - begin
                begin = until + 0.01
        found.append(Hold(kind, begin, finish))
    return found


def _close(curve: Curve, closed: Sequence[Hold], times: NDArray[np.float32]) -> None:
    """Lays the closures over the blended curve."""
    gates = {Viseme.PP: np.zeros_like(times), Viseme.FF: np.zeros_like(times)}
    for i, (kind, begin, finish) in enumerate(closed):
        closing = _ramp(begin - closed[i - 1][2], closed[i - 1][0] is kind) if i else CLOSURE_RAMP
        opening = _ramp(closed[i + 1][1] - finish, closed[i + 1][0] is kind) if i + 1 < len(closed) else CLOSURE_RAMP
        # The row next to each end of the hold is inside it, so that a frame between two rows sees the full value.
        first, last = begin - 1 / CURVE_RATE, finish + 1 / CURVE_RATE
        gate = np.minimum(smoothstep((times - first) / closing + 1), smoothstep((last - times) / opening + 1))
        gates[kind] = np.maximum(gates[kind], gate)
    lay_closures(curve, gates[Viseme.PP], gates[Viseme.FF])


def lay_closures(curve: Curve, lips: NDArray[np.float32], teeth: NDArray[np.float32]) -> None:
    """Closes the mouth of `curve` (n, len(MOUTH)) in place: `lips` together, lip on the `teeth`, 0..1, shape (n,)."""
    teeth = teeth * (1 - lips)
    shut = np.clip(lips + teeth, 0, 1)
    curve[:, JAW] = curve[:, JAW] * (1 - shut) + 0.10 * teeth
    curve[:, UPPER] = curve[:, UPPER] * (1 - shut) + 0.25 * teeth
    curve[:, LOWER] *= 1 - shut
    curve[:, TONGUE] *= 1 - shut
    curve[:, WIDE] *= 1 - 0.6 * shut
    curve[:, PUCKER] *= 1 - 0.45 * lips - 0.7 * teeth
    curve[:, PRESS] = lips
    curve[:, FV] = teeth


def _ramp(gap: float, alike: bool) -> float:
    """Seconds to move into or out of a closure that is `gap` from the next one, of the same kind or the other."""
    if alike:
        return min(CLOSURE_RAMP, max(0.5 * gap, CLOSURE_RAMP_SHORTEST))
    # Lips cannot be on the teeth and together: one must be over when the other begins.
    return min(CLOSURE_RAMP, max(gap, 0.005))


def _activity(spells: Sequence[Spell], times: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 while something is said, exactly 0 in pauses and outside, smooth between."""
    runs: list[tuple[float, float]] = []
    for spell in spells:
        if spell.viseme is Viseme.SIL:
            continue
        if runs and spell.start - runs[-1][1] < REST_PAUSE:
            runs[-1] = (runs[-1][0], max(spell.end, runs[-1][1]))
        else:
            runs.append((spell.start, spell.end))
    gate = np.zeros_like(times)
    for begin, finish in runs:
        rising = smoothstep((times - begin + OPEN_EARLY) / OPEN_EARLY)
        falling = smoothstep((finish + CLOSE_LATE - times) / CLOSE_LATE)
        gate = np.maximum(gate, np.minimum(rising, falling))
    return gate
