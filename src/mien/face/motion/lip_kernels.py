"""Loops of the audio path of the lips: sound to mel bands, bands through the net, what the net says to a mouth.

A voice that comes just in time is heard four steps at once; as products of whole arrays such few rows cost mostly the
overhead of the calls. Each row is reckoned alike however many are given at once. Parameters are typed Any, as in
`render.kernels`.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from mien.face.compiled import kernel
from mien.face.motion.coarticulation import FV, JAW, LOWER, PRESS, TONGUE, UPPER

F = np.float32
SPEECH: Final = 8
"""Column of the net's answer behind those of the mouth: whether anybody speaks."""


class Scale(NamedTuple):
    """How bands are put on a scale: see `audio_features`, all in dB."""

    fall: float
    """By which the peak fades from one hop to the next."""
    lowest_peak: float
    range: float


class Rules(NamedTuple):
    """How a mouth follows the net: see `audio_visemes`."""

    closed_from: float
    closed_at: float
    speech_from: float
    speech_at: float
    close: float
    part: float
    settle: float
    silent: float
    voiced: float
    memory: float
    floor_db: float
    quiet_rows: float
    per_decade: float
    softest: float
    loudest: float


@kernel
def windows(sound: Any, window: Any, hop: Any, frames: Any) -> None:
    """Cuts `sound` (m,) every `hop` samples into `frames` (n, fft), without their mean and faded by `window` (size,);
    the rest of a frame stays as it is."""
    size = len(window)
    for i in range(frames.shape[0]):
        begin = i * hop
        mean = F(0)
        for k in range(size):
            mean += sound[begin + k]
        mean /= F(size)
        for k in range(size):
            frames[i, k] = (sound[begin + k] - mean) * window[k]


@kernel
def mel(spectrum: Any, filters: Any, spans: Any, scale: Any, peak: Any, bands: Any, levels: Any) -> None:
    """Fills `bands` (n, b) and `levels` (n,) from `spectrum` (n, bins): `filters` (b, bins) are 0 outside `spans`
    (b, 2). `peak` (1,) is the level followed so far and from now on."""
    for i in range(spectrum.shape[0]):
        whole = F(0)
        for b in range(filters.shape[0]):
            power = F(0)
            for k in range(spans[b, 0], spans[b, 1]):
                re, im = spectrum[i, k].real, spectrum[i, k].imag
                power += (re * re + im * im) * filters[b, k]
            bands[i, b] = power
            whole += power
        level = F(10) * F(math.log10(whole + F(1e-9)))
        levels[i] = level
        peak[0] = max(peak[0] - F(scale.fall), level, F(scale.lowest_peak))
        for b in range(filters.shape[0]):
            above = F(10) * F(math.log10(bands[i, b] + F(1e-9))) - peak[0] + F(scale.range)
            bands[i, b] = min(max(above * F(2 / scale.range) - F(1), F(-1)), F(1.2))


@kernel
def _convolve(stretch: Any, weight: Any, bias: Any, dilation: Any, answer: Any) -> None:
    """`answer` (n, outputs), rectified: `stretch` (n + 2 * dilation, inputs), `weight` (3 * inputs, outputs)."""
    rows, outputs = answer.shape
    inputs = stretch.shape[1]
    for i in range(rows):
        answer[i] = bias
    # Four lines of weights at once, read once for all rows: they are what has to come from memory.
    for tap in range(3):
        for k in range(0, inputs, 4):
            line = tap * inputs + k
            for i in range(rows):
                heard = stretch[i + tap * dilation]
                a, b, c, d = heard[k], heard[k + 1], heard[k + 2], heard[k + 3]
                for j in range(outputs):
                    total = a * weight[line, j] + b * weight[line + 1, j]
                    answer[i, j] += total + c * weight[line + 2, j] + d * weight[line + 3, j]
    for i in range(rows):
        for j in range(outputs):
            answer[i, j] = max(answer[i, j], F(0))


@kernel
def net(
    bands: Any,
    first: Any,
    first_bias: Any,
    blocks: Any,
    biases: Any,
    dilations: Any,
    head: Any,
    head_bias: Any,
    heard: Any,
    history: Any,
    answer: Any,
) -> None:
    """`answer` (n, outputs), 0..1, of `bands` (n, inputs). `heard` (2, inputs) are the bands before them, `history`
    (2 * dilations.sum(), channels) what each of the `blocks` (b, 3 * channels, channels) still needs; both are brought
    up to date."""
    rows = bands.shape[0]
    channels = first.shape[1]
    hidden = np.empty((rows, channels), F)
    _convolve(np.concatenate((heard, bands)), first, first_bias, 1, hidden)
    heard[:] = np.concatenate((heard, bands))[rows:]
    made = np.empty((rows, channels), F)
    begin = 0
    for number in range(blocks.shape[0]):
        past = history[begin : begin + 2 * dilations[number]]
        stretch = np.concatenate((past, hidden))
        _convolve(stretch, blocks[number], biases[number], dilations[number], made)
        past[:] = stretch[rows:]
        begin += 2 * dilations[number]
        for i in range(rows):
            for j in range(channels):
                hidden[i, j] += made[i, j]
    for i in range(rows):
        for j in range(answer.shape[1]):
            total = head_bias[j]
            for k in range(channels):
                total += hidden[i, k] * head[j, k]
            answer[i, j] = F(0.5) * F(math.tanh(F(0.5) * total)) + F(0.5)


@kernel
def _between(value: Any, low: Any, high: Any) -> Any:
    """`value` stretched so that `low` is 0 and `high` is 1, smooth at both ends."""
    x = min(max((value - low) / (high - low), 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


@kernel
def mouth(
    seen: Any,
    levels: Any,
    syllable: Any,
    recent: Any,
    rules: Any,
    gates: Any,
    before: Any,
    usual: Any,
    rows: Any,
) -> None:
    """Fills `rows` (n, channels of a mouth) from what the net says, `seen` (n, channels and speech).

    `levels` in dBFS reach half the length of `syllable`, their smoothing, beyond `seen` at both ends; `recent` (3,) are
    the shares of the last two rows and this one in what is shown. Kept from one call to the next: `gates` (3,) of lips,
    teeth and speech, `before` (2, channels and speech) what was seen last, `usual` (3,) the usual level, of how many
    moments, and for how many rows nothing has sounded.
    """
    around = len(syllable) // 2
    for i in range(seen.shape[0]):
        power = 0.0
        for k in range(len(syllable)):
            power += syllable[k] * 10.0 ** (levels[i + k] / 10.0)
        moment = math.sqrt(power)
        if moment > rules.voiced * usual[0] and moment > rules.silent:
            usual[1] = min(usual[1] + 1.0, rules.memory)
            usual[0] += (moment - usual[0]) / usual[1]
        swing = rules.softest
        if usual[0] > 0.0 and moment > 0.0:
            swing = 1.0 + rules.per_decade * math.log10(moment / usual[0])
            swing = min(max(swing, rules.softest), rules.loudest)

        usual[2] = usual[2] + 1.0 if levels[i + around] < rules.floor_db else 0.0
        # A closure is held for two rows at least, so that one of 25 frames a second meets it nearly at its deepest.
        to_lips = _between(max(seen[i, PRESS], before[1, PRESS]), rules.closed_from, rules.closed_at)
        to_teeth = _between(max(seen[i, FV], before[1, FV]), rules.closed_from, rules.closed_at)
        to_speech = _between(seen[i, SPEECH], rules.speech_from, rules.speech_at)
        if usual[2] > rules.quiet_rows:
            to_speech = 0.0
        # No faster than a mouth moves.
        gates[0] = min(max(to_lips, gates[0] - rules.part), gates[0] + rules.close)
        gates[1] = min(max(to_teeth, gates[1] - rules.part), gates[1] + rules.close)
        gates[2] = min(max(to_speech, gates[2] - rules.settle), gates[2] + rules.settle)

        for c in range(rows.shape[1]):
            rows[i, c] = recent[0] * before[0, c] + recent[1] * before[1, c] + recent[2] * seen[i, c]
        rows[i, JAW] *= swing
        # The net has closures in its curves already; here they are only seen through.
        lips = gates[0]
        teeth = gates[1] * (1.0 - lips)
        room = max(1.0 - lips - teeth, 0.0)
        rows[i, JAW] = min(max(rows[i, JAW], 0.10 * teeth), room + 0.10 * teeth)
        rows[i, UPPER] = min(max(rows[i, UPPER], 0.25 * teeth), room + 0.25 * teeth)
        rows[i, LOWER] = min(rows[i, LOWER], room)
        rows[i, TONGUE] = min(rows[i, TONGUE], room)
        rows[i, PRESS], rows[i, FV] = lips, teeth
        awake = gates[2] * gates[2] * (3.0 - 2.0 * gates[2])
        for c in range(rows.shape[1]):
            rows[i, c] *= awake
        before[0], before[1] = before[1], seen[i]
