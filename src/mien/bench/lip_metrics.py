"""The columns of `mien bench lipsync`: motion frames against a voice's own timing and against its sound.

The reference is the timing a voice reports (`Phone`), or a TextGrid somebody aligned. What the mouth shows is read from
the 25 frames a second that are sent, as a viewer gets them. Columns:

- `viseme_accuracy`: frames of speech whose nearest mouth shape belongs to the class the reference names (8 classes).
- `jaw_r`, `wide_r`, `round_r`: correlation with the reference's co-articulated curves, its stops closed up to the burst
  in the sound.
- `closure_recall`: m, b, p, f, v during which (+-60 ms) some frame shows lips together or the lip on the teeth.
- `onset_ms_median`, `onset_ms_p95`: how far the parting of the lips after p and b is from the burst in the sound, which
  the reference does not know about.
- `closure_precision`: times at which the mouth closes inside speech that belong to such a sound (+-60 ms).
- `rest_rate`: frames inside pauses of 0.3 s and more that show a closed mouth.
- `envelope_r`, `envelope_lag_ms`: opening against the voice's level, shifted to where they fit best (mouth early: +).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.bench.utterances import Utterance
from mien.face.motion import bursts
from mien.face.motion.coarticulation import CLOSURES, FV, JAW, LOWER, MOUTH, PRESS, PUCKER, UPPER, WIDE, Curve, curves
from mien.face.motion.frame import FPS
from mien.face.motion.timing import CURVE_RATE
from mien.face.motion.visemes import SHAPES, Spell, Viseme, in_conversation, score
from mien.speech.phones import VOICE_RATE

LEAD: Final = 0.4
"""Seconds of silence in front of and behind every clip, with the face at rest."""

Film = NDArray[np.float32]
"""Mouth channels, shape (n, len(MOUTH)), `FPS` rows a second from `LEAD` before the clip."""

_CLASSES: Final = (
    {Viseme.PP, Viseme.MM, Viseme.SIL}, {Viseme.FF}, {Viseme.OO, Viseme.OU, Viseme.UE, Viseme.WW},
    {Viseme.EE, Viseme.IH, Viseme.YY, Viseme.XI}, {Viseme.AA, Viseme.AE}, {Viseme.EH, Viseme.UH, Viseme.OH},
    {Viseme.SS, Viseme.CH, Viseme.ZI}, {Viseme.TH, Viseme.DD, Viseme.NN, Viseme.LL, Viseme.KK, Viseme.HH,
                                        Viseme.SCHWA, Viseme.RR, Viseme.ER},
)  # fmt: skip
CLOSED: Final = 0.06
"""Opening below which a viewer sees a closed mouth."""


def frame_times(utterance: Utterance) -> NDArray[np.float64]:
    """Times of the frames, counted from the clip's first sample."""
    return np.arange(int((utterance.seconds + 2 * LEAD) * FPS)) / FPS - LEAD


def measure(utterances: Sequence[Utterance], film: Callable[[Utterance], Film]) -> dict[str, float]:
    """The columns of the module's docstring, over all utterances together."""
    right: list[bool] = []
    closures: list[bool] = []
    meant: list[bool] = []
    onsets: list[float] = []
    resting: list[bool] = []
    rows: list[tuple[Film, Film]] = []
    envelopes: list[tuple[float, float]] = []
    for utterance in utterances:
        shown, times = film(utterance), frame_times(utterance)
        spells = score(utterance.phones).spells
        right += _viseme_hits(shown, times, spells)
        closures += _closure_hits(shown, times, spells)
        meant += _meant_closures(shown, times, spells)
        onsets += _onset_errors(shown, times, utterance)
        resting += _rests(shown, times, spells)
        speaking = (times >= 0) & (times < utterance.seconds)
        rows.append((shown[speaking], _reference(utterance, spells, times)[speaking]))
        envelopes.append(_envelope_fit(shown, times, utterance))
    got, wanted = (np.concatenate([pair[i] for pair in rows]) for i in (0, 1))
    errors = np.abs(onsets) if onsets else np.array([np.nan])
    return {
        "viseme_accuracy": _round(np.mean(right)),
        "jaw_r": _r(got[:, JAW], wanted[:, JAW]),
        "wide_r": _r(got[:, WIDE], wanted[:, WIDE]),
        "round_r": _r(got[:, PUCKER], wanted[:, PUCKER]),
        "closure_recall": _round(np.mean(closures)),
        "closure_precision": _round(np.mean(meant)) if meant else 0.0,
        "onset_ms_median": _round(np.median(errors) * 1000, 1),
        "onset_ms_p95": _round(np.percentile(errors, 95) * 1000, 1),
        "rest_rate": _round(np.mean(resting)) if resting else 1.0,
        "envelope_r": _round(np.mean([r for r, _ in envelopes])),
        "envelope_lag_ms": _round(np.mean([lag for _, lag in envelopes]) * 1000, 1),
    }


def opening(film: Film) -> NDArray[np.float32]:
    """How far the lips are apart, about 0..1: what a viewer takes for open."""
    apart = film[:, JAW] + 0.25 * film[:, LOWER] + 0.15 * film[:, UPPER]
    result: NDArray[np.float32] = apart * (1 - film[:, PRESS])
    return result


def _reference(utterance: Utterance, spells: Sequence[Spell], times: NDArray[np.float64]) -> Curve:
    """Curves of the reported sounds, stops closed where the sound shows it: engines disagree about that part."""
    level = bursts.levels(utterance.pcm, VOICE_RATE)
    known = {spell: hold for spell in spells if (hold := bursts.closure(level, spell)) is not None}
    curve, begin = curves(spells, known)
    at = begin + np.arange(len(curve)) / CURVE_RATE
    columns = [np.interp(times, at, curve[:, c], left=0, right=0) for c in range(len(MOUTH))]
    return np.stack(columns, axis=1).astype(np.float32)


def _viseme_hits(film: Film, times: NDArray[np.float64], spells: Sequence[Spell]) -> list[bool]:
    names = list(SHAPES)
    targets = np.zeros((len(names), len(MOUTH)), np.float32)
    for row, name in enumerate(names):
        shape = SHAPES[name]
        targets[row] = (
            in_conversation(shape.jaw),
            shape.wide,
            shape.pucker,
            0,
            shape.upper_up,
            shape.lower_down,
            0,
            shape.tongue,
        )
    targets[names.index(Viseme.SIL)] = 0
    for closure in CLOSURES:
        targets[names.index(closure)] = 0
        targets[names.index(closure), FV if closure is Viseme.FF else PRESS] = 1
    nearest = [names[i] for i in ((film[:, None] - targets[None]) ** 2).sum(-1).argmin(1)]
    hits: list[bool] = []
    for t, seen in zip(times, nearest, strict=True):
        spell = next((s for s in spells if s.start <= t < s.end), None)
        if spell is not None and spell.viseme is not Viseme.SIL:
            hits.append(any(seen in group and spell.viseme in group for group in _CLASSES))
    return hits


def _closure_hits(film: Film, times: NDArray[np.float64], spells: Iterable[Spell]) -> list[bool]:
    closed = (film[:, PRESS] > 0.7) | (opening(film) < CLOSED)
    hits: list[bool] = []
    for spell in spells:
        if spell.viseme in CLOSURES:
            around = (times >= spell.start - 0.06) & (times <= spell.end + 0.06)
            seen = closed | (film[:, FV] > 0.7) if spell.viseme is Viseme.FF else closed
            hits.append(bool(seen[around].any()))
    return hits


def _meant_closures(film: Film, times: NDArray[np.float64], spells: Sequence[Spell]) -> list[bool]:
    """For each closing of the mouth inside speech, whether a closure is pronounced there."""
    shown = (film[:, PRESS] > 0.7) | (film[:, FV] > 0.7) | (opening(film) < CLOSED)
    wanted = [(s.start - 0.06, s.end + 0.06) for s in spells if s.viseme in CLOSURES]
    rests = [(s.start - 0.08, s.end + 0.08) for s in spells if s.viseme is Viseme.SIL]
    said = [s for s in spells if s.viseme is not Viseme.SIL]
    first, last = (said[0].start + 0.04, said[-1].end - 0.04) if said else (0.0, 0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(np.int8)))
    hits: list[bool] = []
    for begin, finish in zip(times[edges[::2]], times[edges[1::2] - 1], strict=True):
        if finish < first or begin > last or any(low <= finish and begin <= high for low, high in rests):
            continue
        hits.append(any(low <= finish and begin <= high for low, high in wanted))
    return hits


def _onset_errors(film: Film, times: NDArray[np.float64], utterance: Utterance) -> list[float]:
    """Seconds by which lips part after (+) or before (-) the burst of each p and b that is followed by a vowel."""
    loud = 20 * np.log10(level(utterance.pcm, window=0.01) + 1e-5)
    fine = np.arange(times[0], times[-1], 0.002)
    apart = np.interp(fine, times, opening(film))
    errors: list[float] = []
    for stop, after in itertools.pairwise(p for p in utterance.phones if p.symbol not in ("ˈ", "ˌ")):
        if stop.symbol not in ("p", "b") or not after.symbol:
            continue
        low, high = int((stop.start - 0.02) * 100), int((stop.end + 0.06) * 100)
        rise = np.diff(loud[max(low, 0) : high + 1])
        if len(rise) < 3 or rise.max() < 4:
            continue
        burst = (max(low, 0) + int(rise.argmax()) + 1) / 100
        near = (fine > burst - 0.12) & (fine < burst + 0.16)
        if not near.any():
            continue
        window, at = apart[near], fine[near]
        bottom = int(window[: np.searchsorted(at, burst + 0.06)].argmin())
        top = window[bottom:].max()
        parted = np.flatnonzero(window[bottom:] > window[bottom] + 0.2 * (top - window[bottom]))
        if top - window[bottom] > 0.05 and len(parted):
            errors.append(float(at[bottom + int(parted[0])] - burst))
        else:
            errors.append(0.16)
    return errors


def _rests(film: Film, times: NDArray[np.float64], spells: Sequence[Spell]) -> list[bool]:
    closed = opening(film) < 0.02
    end = max((s.end for s in spells), default=0.0)
    pauses = [(s.start, s.end) for s in spells if s.viseme is Viseme.SIL and s.end - s.start >= 0.3]
    hits: list[bool] = []
    for begin, finish in [*pauses, (end, float(times[-1])), (float(times[0]), 0.0)]:
        inside = (times > begin + 0.12) & (times < finish - 0.1)
        hits += closed[inside].tolist()
    return hits


def _envelope_fit(film: Film, times: NDArray[np.float64], utterance: Utterance) -> tuple[float, float]:
    loud, apart = level(utterance.pcm), opening(film)
    lags = np.arange(-0.16, 0.161, 0.01)
    fits = [_r(apart, at_times(loud, times + lag)) for lag in lags]
    best = int(np.argmax(fits))
    return fits[best], float(lags[best])


def level(pcm: NDArray[np.int16], window: float = 0.06) -> NDArray[np.float64]:
    """Loudness of a clip: root mean square every 10 ms, smoothed over `window` seconds."""
    hop = VOICE_RATE // 100
    count = len(pcm) // hop
    power = (pcm[: count * hop].reshape(count, hop).astype(np.float64) / 32768) ** 2
    size = max(round(window * 100), 1)
    return np.sqrt(np.convolve(power.mean(1), np.ones(size) / size, "same"))


def at_times(loud: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """`level`'s values at `times`, seconds from the clip's start."""
    return np.interp(times, np.arange(len(loud)) / 100 + 0.005, loud, left=0, right=0)


def _r(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return _round(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-9 and b.std() > 1e-9 else 0.0


def _round(value: float | np.floating, digits: int = 3) -> float:
    return round(float(value), digits)
