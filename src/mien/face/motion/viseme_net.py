"""The small network that sees a mouth in a voice: causal dilated convolutions.

`visemes.npz` holds its weights (training/visemes/README.md is its model card). Layers keep the last inputs they still
need, so a stream may be pushed in pieces of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.audio_features import BANDS
from mien.face.motion.coarticulation import MOUTH
from mien.face.motion.lip_kernels import net

_WEIGHTS: Final = "visemes.npz"
_TAPS: Final = 3

OUTPUTS: Final = (*MOUTH, "speech")
"""What the net says, in the order of its columns."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained net: convolutions of 3 taps over time, all but the first added to what they hear.

    `first` (3 * bands, channels), `blocks` (n, 3 * channels, channels), oldest input first; `head` (outputs, channels),
    its `outputs` in the order of MOUTH and then speech; `lookahead` in hops.
    """

    first: Rows
    first_bias: Rows
    blocks: Rows
    biases: Rows
    dilations: NDArray[np.int64]
    head: Rows
    head_bias: Rows
    lookahead: int

    @property
    def arrays(self) -> tuple[Rows, ...]:
        return self.first, self.first_bias, self.blocks, self.biases, self.head, self.head_bias

    @property
    def count(self) -> int:
        """Numbers in it."""
        return sum(x.size for x in self.arrays)


@cache
def packaged() -> Weights:
    """The weights that come with Mien."""
    with files(__package__).joinpath(_WEIGHTS).open("rb") as file, np.load(file) as saved:
        return load(saved)


def load(saved: Mapping[str, NDArray[Any]]) -> Weights:
    """Weights as training/visemes/train.py writes them."""
    wide = {name: saved[name].astype(np.float32) for name in saved if name.endswith(("_w", "_b"))}
    dilations = saved["dilations"].astype(np.int64)
    outputs = saved["outputs"].tolist()
    order = [outputs.index(name) for name in OUTPUTS]
    return Weights(
        wide["first_w"],
        wide["first_b"],
        np.stack([wide[f"block{i}_w"] for i in range(len(dilations))]),
        np.stack([wide[f"block{i}_b"] for i in range(len(dilations))]),
        dilations,
        np.ascontiguousarray(wide["head_w"].T[order]),
        wide["head_b"][order],
        int(saved["lookahead"]),
    )


class VisemeNet:
    """One stream through a net. Begins as if silence had gone before."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        memory = (_TAPS - 1) * int(weights.dilations.sum())
        self._heard = np.full((_TAPS - 1, BANDS), -1, np.float32)
        self._history = np.zeros((memory, weights.blocks.shape[2]), np.float32)
        self.push(np.full((memory, BANDS), -1, np.float32))

    def push(self, bands: Rows) -> Rows:
        """Values 0..1, shape (n, len(OUTPUTS)), for `bands` (n, BANDS): row i tells of hop `i - lookahead`."""
        answer = np.empty((len(bands), len(OUTPUTS)), np.float32)
        w = self._weights
        net(
            bands,
            w.first,
            w.first_bias,
            w.blocks,
            w.biases,
            w.dilations,
            w.head,
            w.head_bias,
            self._heard,
            self._history,
            answer,
        )
        return answer
