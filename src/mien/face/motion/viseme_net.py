"""The small network that sees a mouth in a voice: causal dilated convolutions, run with numpy.

`visemes.npz` holds its weights (training/visemes/README.md is its model card). Layers keep the last inputs they still
need, so a stream may be pushed in pieces of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.audio_features import BANDS

_WEIGHTS: Final = "visemes.npz"
_KERNEL: Final = 3

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution over time: `weight` (3 * inputs, outputs), oldest input first."""

    weight: Rows
    bias: Rows
    dilation: int


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained net. `outputs` names the columns of its answer, which comes `lookahead` hops after the sound."""

    first: Layer
    blocks: tuple[Layer, ...]
    head: tuple[Rows, Rows]
    outputs: tuple[str, ...]
    lookahead: int

    @property
    def count(self) -> int:
        """Numbers in it."""
        layers = (self.first, *self.blocks)
        return sum(x.size for layer in layers for x in (layer.weight, layer.bias)) + sum(x.size for x in self.head)


@cache
def packaged() -> Weights:
    """The weights that come with Mien."""
    with files(__package__).joinpath(_WEIGHTS).open("rb") as file, np.load(file) as saved:
        wide = {name: saved[name].astype(np.float32) for name in saved if name.endswith(("_w", "_b"))}
        blocks = tuple(
            Layer(wide[f"block{i}_w"], wide[f"block{i}_b"], int(d)) for i, d in enumerate(saved["dilations"])
        )
        return Weights(
            Layer(wide["first_w"], wide["first_b"], 1),
            blocks,
            (wide["head_w"], wide["head_b"]),
            tuple(saved["outputs"].tolist()),
            int(saved["lookahead"]),
        )


class VisemeNet:
    """One stream through a net. Begins as if silence had gone before."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        layers = (weights.first, *weights.blocks)
        self._history = [
            np.zeros(((_KERNEL - 1) * layer.dilation, len(layer.weight) // _KERNEL), np.float32) for layer in layers
        ]
        memory = sum((_KERNEL - 1) * layer.dilation for layer in layers)
        self.push(np.full((memory, BANDS), -1, np.float32))

    def push(self, bands: Rows) -> Rows:
        """Values 0..1, shape (n, len(outputs)), for `bands` (n, BANDS): row i tells of hop `i - lookahead`."""
        layers = (self._weights.first, *self._weights.blocks)
        hidden = bands
        for number, layer in enumerate(layers):
            stretch = np.concatenate([self._history[number], hidden])
            self._history[number] = stretch[len(stretch) - (_KERNEL - 1) * layer.dilation :]
            n, d = len(hidden), layer.dilation
            taps = np.concatenate([stretch[:n], stretch[d : d + n], stretch[2 * d :]], axis=1)
            answer = taps @ layer.weight
            # In place: for a few rows what these steps cost is their overhead.
            answer += layer.bias
            np.maximum(answer, 0, out=answer)
            if number:
                answer += hidden
            hidden = answer
        weight, bias = self._weights.head
        answer = hidden @ weight
        answer += bias
        # A logistic function that cannot overflow.
        answer *= np.float32(0.5)
        np.tanh(answer, out=answer)
        answer += np.float32(1)
        answer *= np.float32(0.5)
        result: Rows = answer
        return result
