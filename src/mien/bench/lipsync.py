"""How well the lips fit the voice: motion frames against the voice's own timing and against its sound.

The reference is the timing a voice reports (`Phone`), or a TextGrid somebody aligned. What the mouth shows is read from
the 25 frames a second that are sent, as a viewer gets them. Columns:

- `viseme_accuracy`: frames of speech whose nearest mouth shape belongs to the class the reference names (8 classes).
- `jaw_r`, `wide_r`, `round_r`: correlation with the reference's co-articulated curves.
- `closure_recall`: m, b, p, f, v during which (+-60 ms) some frame shows lips together or the lip on the teeth.
- `onset_ms_median`, `onset_ms_p95`: how far the parting of the lips after p and b is from the burst in the sound, which
  the reference does not know about.
- `rest_rate`: frames inside pauses of 0.3 s and more that show a closed mouth.
- `envelope_r`, `envelope_lag_ms`: opening against the voice's level, shifted to where they fit best (mouth early: +).
"""

from __future__ import annotations

import itertools
import re
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.coarticulation import CLOSURES, FV, JAW, LOWER, MOUTH, PRESS, PUCKER, UPPER, WIDE, Curve, curves
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, INDEX
from mien.face.motion.timing import CURVE_RATE
from mien.face.motion.visemes import SHAPES, Spell, Viseme, score
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE, Phone, SpokenText

SENTENCES: Final = {
    "zh": (
        ("zf_xiaoxiao", "今天北京晴，气温二十度左右，适合出门。"),
        ("zm_yunxi", "你好，我是你的数字人助手，很高兴见到你。"),
        ("zf_xiaoyi", "我们明天一起去买苹果和葡萄吧，妈妈不怕风大。"),
        ("zm_yunjian", "发布会半天办完，你放心，票都买好了。"),
    ),
    "en": (
        ("af_heart", "The weather today is sunny, with a light breeze in the afternoon."),
        ("am_michael", "Sure, I can help with that. What would you like to know?"),
        ("bf_emma", "People usually open their mouths wider when they speak loudly."),
        ("bm_george", "Maybe Bob's family bought five more maps, but my pump is broken."),
    ),
}
"""What the local voice says when nothing else is given: every mouth shape of both languages, and many closures."""

_LEAD = 0.4
"""Seconds of silence in front of and behind every clip, with the face at rest."""

_CLASSES: Final = (
    {Viseme.PP, Viseme.MM, Viseme.SIL}, {Viseme.FF}, {Viseme.OO, Viseme.OU, Viseme.UE, Viseme.WW},
    {Viseme.EE, Viseme.IH, Viseme.YY, Viseme.XI}, {Viseme.AA, Viseme.AE}, {Viseme.EH, Viseme.UH, Viseme.OH},
    {Viseme.SS, Viseme.CH, Viseme.ZI}, {Viseme.TH, Viseme.DD, Viseme.NN, Viseme.LL, Viseme.KK, Viseme.HH,
                                        Viseme.SCHWA, Viseme.RR, Viseme.ER},
)  # fmt: skip
_CLOSED = 0.06
"""Opening below which a viewer sees a closed mouth."""

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


Film = NDArray[np.float32]
"""Mouth channels, shape (n, len(MOUTH)), `FPS` rows a second from `_LEAD` before the clip."""


def run(audio: Path | None = None, textgrid: Path | None = None, language: str = "en") -> dict[str, dict[str, object]]:
    """`{"phoneme": {"zh": {…}, "en": {…}}, "audio": {…}, "baselines": {"amplitude": {…}}}`; one language with a file.

    Raises ValueError when only one of `audio` and `textgrid` is given or either cannot be read.
    """
    if (audio is None) != (textgrid is None):
        raise ValueError("a recording is measured against a TextGrid: give both --audio and --textgrid, or neither")
    utterances = local_voice() if audio is None or textgrid is None else [recorded(audio, textgrid, language)]
    by_language = {u.language: [x for x in utterances if x.language == u.language] for u in utterances}

    def each(film: Callable[[Utterance], Film]) -> dict[str, object]:
        return {name: measure(group, film) for name, group in by_language.items()}

    return {
        "phoneme": each(phoneme_film),
        "audio": each(audio_film),
        "baselines": {"amplitude": each(amplitude_film)},
    }


def local_voice() -> list[Utterance]:
    """`SENTENCES` said by the local voice. Raises FileNotFoundError with the remedy when its model is missing."""
    from mien.speech.local.g2p import G2P
    from mien.speech.local.kokoro import Kokoro

    settings = Settings()
    folder = settings.models_dir / "kokoro"
    voice = Kokoro(
        folder / "text.onnx", folder / "vocoder.onnx", folder / "vocab.json", folder / "voices", settings.model_threads
    )
    pronounce = G2P()
    said: list[Utterance] = []
    for language, sentences in SENTENCES.items():
        for name, text in sentences:
            clause = voice.begin(pronounce(text), name)
            if clause is not None:
                pcm = np.concatenate(list(voice.slices(clause)))
                said.append(Utterance(text, language, pcm, clause.timing.phones))
    return said


def recorded(audio: Path, textgrid: Path, language: str) -> Utterance:
    """A WAV file (16 bit) with the "phones" tier of a TextGrid; IPA or ARPABET. Raises ValueError."""
    with wave.open(str(audio)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{audio} has {8 * file.getsampwidth()} bits a sample; 16 are read here")
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)[:, 0]
    at = np.arange(int(len(samples) * VOICE_RATE / rate)) * rate / VOICE_RATE
    pcm = np.interp(at, np.arange(len(samples)), samples).astype(np.int16)
    return Utterance(audio.stem, language, pcm, parse_textgrid(textgrid.read_text("utf-8")))


def parse_textgrid(text: str) -> tuple[Phone, ...]:
    """The intervals of the tier called "phones" (long TextGrid format). Raises ValueError when there is none."""
    for tier in re.split(r"item\s*\[\d+\]:", text)[1:]:
        if re.search(r'name\s*=\s*"phones?"', tier):
            found = re.findall(
                r'xmin\s*=\s*([\d.]+)\s+xmax\s*=\s*([\d.]+)\s+text\s*=\s*"((?:[^"]|"")*)"', tier, re.DOTALL
            )
            return tuple(Phone(_symbol(label), float(begin), float(end)) for begin, end, label in found)
    raise ValueError('the TextGrid has no tier called "phones"')


def _symbol(label: str) -> str:
    label = label.strip()
    if label.lower() in ("", "sil", "sp", "spn", "<eps>"):
        return ""
    return _ARPABET.get(re.sub(r"\d$", "", label), label)


def phoneme_film(utterance: Utterance) -> Film:
    """What is sent for a voice that knows its phones."""
    engine = MotionEngine(seed=1)
    spoken = SpokenText(utterance.text, utterance.language, utterance.seconds, utterance.phones)
    engine.speak(_LEAD, spoken)
    engine.voice(utterance.pcm, VOICE_RATE)
    return _film(engine, utterance)


def audio_film(utterance: Utterance) -> Film:
    """What is sent for a voice that does not."""
    engine = MotionEngine(seed=1)
    engine.hear(_LEAD, utterance.pcm, VOICE_RATE)
    engine.hear_end()
    return _film(engine, utterance)


def amplitude_film(utterance: Utterance) -> Film:
    """Baseline: a jaw that follows the level and nothing else, the way most talking heads began."""
    level = _level(utterance.pcm)
    usual = level[level > 0.1 * level.max()].mean()
    times = _times(utterance)
    film = np.zeros((len(times), len(MOUTH)), np.float32)
    film[:, JAW] = np.clip(0.35 * _at(level, times) / usual, 0, 1)
    return film


def _film(engine: MotionEngine, utterance: Utterance) -> Film:
    columns = [INDEX[name] for name in MOUTH]
    return np.array([engine.frame(t + _LEAD)[columns] for t in _times(utterance)])


def _times(utterance: Utterance) -> NDArray[np.float64]:
    """Times of the frames, counted from the clip's first sample."""
    return np.arange(int((utterance.seconds + 2 * _LEAD) * FPS)) / FPS - _LEAD


def measure(utterances: Sequence[Utterance], film: Callable[[Utterance], Film]) -> dict[str, float]:
    """The columns of the module's docstring, over all utterances together."""
    right: list[bool] = []
    closures: list[bool] = []
    onsets: list[float] = []
    resting: list[bool] = []
    rows: list[tuple[Film, Film]] = []
    envelopes: list[tuple[float, float]] = []
    for utterance in utterances:
        shown, times = film(utterance), _times(utterance)
        spells = score(utterance.phones).spells
        right += _viseme_hits(shown, times, spells)
        closures += _closure_hits(shown, times, spells)
        onsets += _onset_errors(shown, times, utterance)
        resting += _rests(shown, times, spells)
        speaking = (times >= 0) & (times < utterance.seconds)
        rows.append((shown[speaking], _reference(spells, times)[speaking]))
        envelopes.append(_envelope_fit(shown, times, utterance))
    got, wanted = (np.concatenate([pair[i] for pair in rows]) for i in (0, 1))
    errors = np.abs(onsets) if onsets else np.array([np.nan])
    return {
        "viseme_accuracy": _round(np.mean(right)),
        "jaw_r": _r(got[:, JAW], wanted[:, JAW]),
        "wide_r": _r(got[:, WIDE], wanted[:, WIDE]),
        "round_r": _r(got[:, PUCKER], wanted[:, PUCKER]),
        "closure_recall": _round(np.mean(closures)),
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


def _reference(spells: Sequence[Spell], times: NDArray[np.float64]) -> Curve:
    curve, begin = curves(spells)
    at = begin + np.arange(len(curve)) / CURVE_RATE
    columns = [np.interp(times, at, curve[:, c], left=0, right=0) for c in range(len(MOUTH))]
    return np.stack(columns, axis=1).astype(np.float32)


def _viseme_hits(film: Film, times: NDArray[np.float64], spells: Sequence[Spell]) -> list[bool]:
    names = list(SHAPES)
    targets = np.zeros((len(names), len(MOUTH)), np.float32)
    for row, name in enumerate(names):
        shape = SHAPES[name]
        targets[row] = (shape.jaw, shape.wide, shape.pucker, 0, shape.upper_up, shape.lower_down, 0, shape.tongue)
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
    closed = (film[:, PRESS] > 0.7) | (opening(film) < _CLOSED)
    hits: list[bool] = []
    for spell in spells:
        if spell.viseme in CLOSURES:
            around = (times >= spell.start - 0.06) & (times <= spell.end + 0.06)
            seen = closed | (film[:, FV] > 0.7) if spell.viseme is Viseme.FF else closed
            hits.append(bool(seen[around].any()))
    return hits


def _onset_errors(film: Film, times: NDArray[np.float64], utterance: Utterance) -> list[float]:
    """Seconds by which lips part after (+) or before (-) the burst of each p and b that is followed by a vowel."""
    level = 20 * np.log10(_level(utterance.pcm, window=0.01) + 1e-5)
    fine = np.arange(times[0], times[-1], 0.002)
    apart = np.interp(fine, times, opening(film))
    errors: list[float] = []
    for stop, after in itertools.pairwise(p for p in utterance.phones if p.symbol not in ("ˈ", "ˌ")):
        if stop.symbol not in ("p", "b") or not after.symbol:
            continue
        low, high = int((stop.start - 0.02) * 100), int((stop.end + 0.06) * 100)
        rise = np.diff(level[max(low, 0) : high + 1])
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
    level, apart = _level(utterance.pcm), opening(film)
    lags = np.arange(-0.16, 0.161, 0.01)
    fits = [_r(apart, _at(level, times + lag)) for lag in lags]
    best = int(np.argmax(fits))
    return fits[best], float(lags[best])


def _level(pcm: NDArray[np.int16], window: float = 0.06) -> NDArray[np.float64]:
    """Root mean square every 10 ms, smoothed over `window` seconds."""
    hop = VOICE_RATE // 100
    count = len(pcm) // hop
    power = (pcm[: count * hop].reshape(count, hop).astype(np.float64) / 32768) ** 2
    size = max(round(window * 100), 1)
    return np.sqrt(np.convolve(power.mean(1), np.ones(size) / size, "same"))


def _at(level: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(times, np.arange(len(level)) / 100 + 0.005, level, left=0, right=0)


def _r(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return _round(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-9 and b.std() > 1e-9 else 0.0


def _round(value: float | np.floating, digits: int = 3) -> float:
    return round(float(value), digits)
