"""The Kokoro voice in two halves: a clause's features in one step, its sound slice by slice.

`begin` runs the first half for a whole clause and knows at once how long it lasts and when each phone is heard;
`Clause.slices` then makes the sound piece by piece, each from its features and a little context on both sides, cross-
faded where pieces meet. Slices grow, so that the first is heard soon and the later ones sound as good as an unsliced
clause. Blocking; meant for a `Worker`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.kokoro_names import DURATIONS, ENERGY, FEATURES, HARMONICS, STYLE
from mien.speech.local.timing import COLUMN, EDGE, Timing, clause_timing

SLICES = (40, 56, 80, 120)
"""Columns (12.5 ms) of the first, second, … slice; the last repeats. Smaller first slices are misheard."""
_CONTEXT = 12
_SMALLEST = 24
"""A remainder shorter than this joins the slice before it."""
_FADE = 240
"""Samples over which neighbouring slices are cross-faded (10 ms)."""
MAX_TOKENS = 500
_STYLE_SIZE = 256
_HARMONICS_PER_COLUMN = 60


class UnknownVoiceError(ValueError):
    """No style file of that name."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause whose sound can be made."""

    timing: Timing
    features: NDArray[np.float32]
    harmonics: NDArray[np.float32]
    style: NDArray[np.float32]

    def spans(self) -> list[tuple[int, int]]:
        """Columns of each slice."""
        spans: list[tuple[int, int]] = []
        position, end = self.timing.start, self.timing.end
        while position < end:
            stop = min(end, position + SLICES[min(len(spans), len(SLICES) - 1)])
            if end - stop < _SMALLEST:
                stop = end
            spans.append((position, stop))
            position = stop
        return spans


def installed_voices(folder: Path) -> list[str]:
    """Names of the voices whose style files lie in `folder`."""
    return sorted(path.stem for path in folder.glob("*.bin"))


class Kokoro:
    """The model in memory; loads voices when they are first used."""

    def __init__(self, text_graph: Path, vocoder_graph: Path, vocab: Path, voices: Path, threads: int) -> None:
        """Raises FileNotFoundError with the remedy when a file is missing."""
        for path in (text_graph, vocoder_graph, vocab):
            if not path.is_file():
                raise FileNotFoundError(
                    f"The voice model file {path} is missing. Run `make setup` (or `mien models fetch`) once."
                )
        self._ids: dict[str, int] = json.loads(vocab.read_text("utf-8"))["vocab"]
        self._voices_dir = voices
        self._voices: dict[str, NDArray[np.float32]] = {}
        self._text = _session(text_graph, threads)
        self._vocoder = _session(vocoder_graph, threads)

    @property
    def symbols(self) -> frozenset[str]:
        """The phoneme symbols the model knows."""
        return frozenset(self._ids)

    def voice_names(self) -> list[str]:
        """Names of the voices that are installed."""
        return installed_voices(self._voices_dir)

    def begin(self, phonemes: Sequence[str], voice: str, speed: float = 1.0) -> Clause | None:
        """Features and timing of up to `MAX_TOKENS` phonemes; None if nothing is heard. Raises UnknownVoiceError."""
        symbols = [symbol for symbol in phonemes if symbol in self._ids][:MAX_TOKENS]
        if not symbols:
            return None
        tokens = np.array([[0, *(self._ids[symbol] for symbol in symbols), 0]], dtype=np.int64)
        features, harmonics, style, durations, energy = self._text.run(
            [FEATURES, HARMONICS, STYLE, DURATIONS, ENERGY],
            {
                "tokens": tokens,
                "style": self._style(voice)[len(symbols)],
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        timing = clause_timing([EDGE, *symbols, EDGE], durations.ravel(), energy.ravel())
        return Clause(timing, features, harmonics, style) if timing.end > timing.start else None

    def sound(self, clause: Clause, start: int, end: int) -> NDArray[np.float32]:
        """Samples of columns `start:end`, with `_FADE` more behind them when the clause goes on."""
        low, high = max(0, start - _CONTEXT), min(clause.features.shape[-1], end + _CONTEXT)
        wave: NDArray[np.float32] = self._vocoder.run(
            None,
            {
                FEATURES: np.ascontiguousarray(clause.features[:, :, low:high]),
                HARMONICS: np.ascontiguousarray(
                    clause.harmonics[:, :, low * _HARMONICS_PER_COLUMN : high * _HARMONICS_PER_COLUMN + 1]
                ),
                STYLE: clause.style,
            },
        )[0].ravel()
        more = _FADE if end < clause.timing.end else 0
        return wave[(start - low) * COLUMN : (end - low) * COLUMN + more]

    def slices(self, clause: Clause) -> Iterator[NDArray[np.int16]]:
        """The sound of a clause, slice by slice."""
        joint = Joint()
        for start, end in clause.spans():
            yield joint.add(self.sound(clause, start, end), end - start)

    def _style(self, name: str) -> NDArray[np.float32]:
        if name not in self._voices:
            path = self._voices_dir / f"{name}.bin"
            if not name.replace("_", "").isalnum() or not path.is_file():
                raise UnknownVoiceError(
                    f"This server has no voice {name!r}; it has {', '.join(self.voice_names()) or 'none'}."
                )
            self._voices[name] = np.fromfile(path, dtype=np.float32).reshape(-1, 1, _STYLE_SIZE)
        return self._voices[name]


class Joint:
    """Joins neighbouring slices with a cross-fade."""

    def __init__(self) -> None:
        self._tail: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def add(self, wave: NDArray[np.float32], columns: int) -> NDArray[np.int16]:
        """16-bit samples of a slice of `columns`; what `wave` has beyond them is kept for the next joint."""
        size = columns * COLUMN
        out = wave[:size].copy()
        fade = min(len(self._tail), len(out))
        if fade:
            rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)
            out[:fade] = out[:fade] * rise + self._tail[:fade] * (1.0 - rise)
        self._tail = wave[size:]
        samples: NDArray[np.int16] = np.rint(np.clip(out, -1.0, 1.0) * 32767.0).astype(np.int16)
        return samples


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning pool would take the cores from the media loop between two slices.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
