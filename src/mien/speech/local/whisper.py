"""Speech recognition with Whisper on CTranslate2, made quick for short questions.

Whisper encodes 30 s whatever it is given, which costs over a second on two cores. Here only the audio and a little
more is encoded: the log-mel is padded with its own minimum (what silence looks like), the text is decoded with
timestamps and cut at the first one that lies at the end of the audio. Without those two the short window makes the
decoder repeat itself.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.speech.local import phantoms

LISTEN_RATE = 16_000
"""Hz of the audio Whisper takes."""

Language = Literal["zh", "en", "auto"]

AT_ONCE = 2
"""Recognitions side by side, on half the threads each. Two threads are hardly faster than one here and much slower when
anything else wants a core: they wait for each other after every operation."""
_FRAMES_PER_S = 100
_WINDOW_FRAMES = 3000
_MARGIN_S = 2.0
"""Audio-free margin encoded behind the speech; shorter ones lose final words."""
_END_TOLERANCE_S = 0.5
"""A timestamp this close to the end of the audio is the end of the text."""
_SECONDS_PER_TIMESTAMP = 0.02
_TOKENS_PER_S = 14
_TOKENS_SPARE = 12
_NO_REPEAT = 6
_MAX_AUDIO_S = 28.0
"""Longer audio is recognised in pieces, cut where it is quietest."""

_PAUSE = re.compile(r"(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])")


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was heard. `text` is empty when nothing was said; probabilities 0..1."""

    text: str
    language: str
    confidence: float = 0.0
    no_speech: float = 0.0


class Whisper:
    """A Whisper model in memory. Not for the event loop: calls block. `AT_ONCE` calls may overlap."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads the CTranslate2 model in `folder`. Raises FileNotFoundError with the remedy."""
        if not (folder / "model.bin").is_file():
            raise FileNotFoundError(
                f"The speech recognition model is missing in {folder}. Run `make setup` (or `mien models fetch`) once."
            )
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=max(1, threads // AT_ONCE),
            num_workers=AT_ONCE,
            local_files_only=True,
        )
        self._tokenizers: dict[str, Any] = {}
        self._converter: Any = None

    def recognise(self, audio: NDArray[np.float32], language: Language = "auto") -> Recognition:
        """Recognises mono speech at 16 kHz, -1..1. `auto` chooses between Chinese and English only."""
        parts = [self._recognise(piece, language) for piece in _pieces(audio)]
        heard = [part for part in parts if part.text]
        if not heard:
            return parts[0]
        joiner = "" if heard[0].language == "zh" else " "
        return Recognition(
            joiner.join(part.text for part in heard),
            heard[0].language,
            sum(part.confidence for part in heard) / len(heard),
            min(part.no_speech for part in heard),
        )

    def _recognise(self, audio: NDArray[np.float32], language: Language) -> Recognition:
        seconds = len(audio) / LISTEN_RATE
        if seconds < 0.1:
            return Recognition("", "" if language == "auto" else language)
        encoded = self._encode(audio)
        spoken = self._detect(encoded) if language == "auto" else language
        tokenizer = self._tokenizer(spoken)
        prompt = [*tokenizer.sot_sequence, tokenizer.timestamp_begin]
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + int(_TOKENS_SPARE + seconds * _TOKENS_PER_S),
            no_repeat_ngram_size=_NO_REPEAT,
            suppress_blank=True,
            suppress_tokens=[-1],
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = _until_end(result.sequences_ids[0], tokenizer.timestamp_begin, seconds)
        text = tokenizer.decode([token for token in tokens if token < tokenizer.eot]).strip()
        if spoken == "zh":
            # Without punctuation of its own, Whisper leaves a space where a Chinese speaker pauses.
            text = _PAUSE.sub("，", self._simplified(text))
        confidence = math.exp(min(result.scores[0], 0.0))
        text = phantoms.clean(text, spoken, seconds, confidence, result.no_speech_prob)
        return Recognition(text, spoken, confidence, result.no_speech_prob)

    def _encode(self, audio: NDArray[np.float32]) -> Any:
        import ctranslate2

        mel: NDArray[np.float32] = self._model.feature_extractor(audio)
        frames = min(_WINDOW_FRAMES, int(len(audio) / LISTEN_RATE * _FRAMES_PER_S + _MARGIN_S * _FRAMES_PER_S) // 2 * 2)
        mel = mel[:, :frames]
        mel = np.pad(mel, ((0, 0), (0, frames - mel.shape[-1])), constant_values=float(mel.min()))
        features = np.ascontiguousarray(mel[None], dtype=np.float32)
        return self._model.model.encode(ctranslate2.StorageView.from_array(features), to_cpu=False)

    def _detect(self, encoded: Any) -> str:
        scores = dict(self._model.model.detect_language(encoded)[0])
        return "zh" if scores.get("<|zh|>", 0.0) >= scores.get("<|en|>", 0.0) else "en"

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _simplified(self, text: str) -> str:
        if self._converter is None:
            from opencc import OpenCC

            self._converter = OpenCC("t2s")
        return str(self._converter.convert(text))


def _until_end(tokens: list[int], timestamp_begin: int, seconds: float) -> list[int]:
    """The tokens before the first timestamp that lies at the end of the audio."""
    end = seconds - _END_TOLERANCE_S
    for index, token in enumerate(tokens):
        if token >= timestamp_begin and index and (token - timestamp_begin) * _SECONDS_PER_TIMESTAMP >= end:
            return tokens[:index]
    return tokens


def _pieces(audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Audio in pieces Whisper can take, cut at the quietest 200 ms of each piece's last five seconds."""
    pieces = []
    limit, search, block = int(_MAX_AUDIO_S * LISTEN_RATE), 5 * LISTEN_RATE, LISTEN_RATE // 5
    while len(audio) > limit:
        tail = audio[limit - search : limit]
        energy = np.square(tail[: len(tail) // block * block]).reshape(-1, block).mean(axis=1)
        cut = limit - search + int(energy.argmin()) * block + block // 2
        pieces.append(audio[:cut])
        audio = audio[cut:]
    return [*pieces, audio]
