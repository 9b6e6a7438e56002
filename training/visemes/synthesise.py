"""Makes the training speech: clips with the times of their sounds, from several synthesisers, zh and en.

    python training/visemes/synthesise.py kokoro --out DATA --voices KOKORO_JS/voices --minutes 60 --jobs 16
    python training/visemes/synthesise.py espeak --out DATA --minutes 60
    python training/visemes/synthesise.py flite --out DATA --minutes 40

Runs in Mien's own environment. May be stopped and started again: it goes on where it was. Each clip is one NPZ file:
`pcm` (int16), `rate` (Hz), `symbols`, `times` (n, 2) in seconds, `language`, `voice`, `text`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from texts import sentences

from mien.settings import Settings
from mien.speech.normalise import speakable
from mien.speech.phones import VOICE_RATE, Phone

Clip = tuple[np.ndarray, int, tuple[Phone, ...], str]
"""Samples, rate, phones and the name of the voice."""

SEED = 20261126

LANGUAGES = {"kokoro": ("zh", "en", "zh"), "espeak": ("zh", "en"), "flite": ("en",)}
"""Whose turn it is. Nobody else speaks natural-sounding Chinese."""

KOKORO = Settings().models_dir / "kokoro"


@dataclass(frozen=True, slots=True)
class Line:
    """What the local voice is to say: its symbols and how it sounds."""

    language: str
    text: str
    voice: str
    symbols: list[str]
    style: np.ndarray
    speed: float


def kokoro_lines(voices: Path) -> Callable[[str, str, random.Random], Line]:
    """Draws a style of the language, as it is or mixed with another of the `voices`, at a speed from 0.75 to 1.35."""
    from mien.speech.local.g2p import G2P

    known = json.loads((KOKORO / "vocab.json").read_text("utf-8"))["vocab"]
    pronounce = G2P()

    def line(text: str, language: str, rng: random.Random) -> Line:
        styles = sorted(voices.glob("z*.bin" if language == "zh" else "[ab]*.bin"))
        first = rng.choice(styles)
        # Foreign styles keep their colour of voice; mixed with a native one they still pronounce well.
        second = rng.choice(sorted(voices.glob("*.bin")) if rng.random() < 0.4 else styles)
        share = rng.choice((1.0, rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.9)))
        british = language == "en" and first.name.startswith("b")
        symbols = [symbol for symbol in pronounce(text, british=british) if symbol in known]
        both = (np.fromfile(path, np.float32).reshape(-1, 1, 256)[len(symbols)] for path in (first, second))
        style = share * next(both) + (1 - share) * next(both)
        return Line(language, text, first.stem, symbols, style.astype(np.float32), rng.uniform(0.75, 1.35))

    return line


def kokoro_voice(folder: Path) -> Callable[[Line], Clip | None]:
    """The local voice with the graphs in `folder`."""
    from mien.speech.local.kokoro import Kokoro

    engine = Kokoro(folder / "text.onnx", folder / "vocoder.onnx", folder / "vocab.json", folder, 1)

    def say(line: Line) -> Clip | None:
        engine._voices["drawn"] = np.broadcast_to(line.style, (len(line.symbols) + 1, 1, 256))
        clause = engine.begin(line.symbols, "drawn", line.speed)
        if clause is None or clause.timing.end - clause.timing.start > 900:
            return None
        sound = engine.sound(clause, clause.timing.start, clause.timing.end)
        sound = sound[: (clause.timing.end - clause.timing.start) * 300]
        return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16), VOICE_RATE, clause.timing.phones, line.voice

    return say


def espeak() -> Callable[[str, str, random.Random], Clip | None]:
    """espeak-ng's formant synthesiser with its voice variants, at 130 to 230 words a minute."""
    from mien.bench.voices.espeak import Espeak

    engine = Espeak()
    variants = [f"m{i}" for i in range(1, 9)] + [f"f{i}" for i in range(1, 6)] + ["Annie", "Andrea", "Gene", "steph"]

    def say(text: str, language: str, rng: random.Random) -> Clip | None:
        base = "cmn" if language == "zh" else rng.choice(("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029"))
        voice = f"{base}+{rng.choice(variants)}"
        pcm, phones = engine.say(text, voice, rng.randint(120, 230), rng.randint(25, 75))
        return (pcm, engine.rate, phones, voice) if len(pcm) else None

    return say


def flite() -> Callable[[str, str, random.Random], Clip | None]:
    """Flite's English voices (CMU Arctic speakers and a diphone voice), from the Debian package `flite`."""

    def say(text: str, language: str, rng: random.Random) -> Clip | None:
        if language != "en":
            return None
        voice = rng.choice(("slt", "rms", "awb", "slt", "rms", "awb", "kal16"))
        stretch = rng.uniform(0.75, 1.3)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "-psdur"]
            printed = subprocess.run(
                [*command, "-t", text, "-o", file.name], capture_output=True, text=True, check=True
            ).stdout
            with wave.open(file.name) as sound:
                rate = sound.getframerate()
                pcm = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        phones, start = [], 0.0
        for symbol, end in re.findall(r"([a-z]+):([\d.]+)", printed):
            phones.append(Phone(_FLITE.get(symbol, symbol), start, float(end)))
            start = float(end)
        return pcm, rate, tuple(phones), voice

    return say


_FLITE = {
    "pau": "", "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ax": "ə", "axr": "ɚ", "ay": "I", "b": "b",
    "ch": "ʧ", "d": "d", "dh": "ð", "eh": "ɛ", "er": "ɚ", "ey": "A", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ",
    "iy": "i", "jh": "ʤ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "O", "oy": "Y", "p": "p",
    "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j",
    "z": "z", "zh": "ʒ",
}  # fmt: skip


def drawn(engine: str) -> Iterator[tuple[int, str, str, random.Random]]:
    """Number, text, language and dice of one clip after the other, endless."""
    languages = LANGUAGES[engine]
    lines = {language: sentences(language, SEED) for language in sorted(set(languages))}
    for number in itertools.count():
        language = languages[number % len(languages)]
        rng = random.Random(f"{SEED}{engine}{number + 1}")
        text = next(lines[language])
        if engine == "kokoro" and number % 3 == 0:
            # Two sentences in one breath, with the pause and the melody between them.
            text += ("" if language == "zh" else " ") + next(lines[language])
        yield number, speakable(text, "zh" if language == "zh" else "en"), language, rng


def keep(path: Path, clip: Clip, language: str, text: str) -> None:
    """Writes a clip whole or not at all."""
    pcm, rate, phones, voice = clip
    times = np.array([(p.start, p.end) for p in phones], np.float32)
    fields = {"language": language, "voice": voice, "text": text}
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, pcm=pcm, rate=rate, symbols=[p.symbol for p in phones], times=times, **fields)
    unfinished.rename(path)


def seconds_of(path: Path) -> float:
    """How long a clip is; 0 for one that could not be said."""
    if not path.exists():
        return 0.0
    with np.load(path) as saved:
        return len(saved["pcm"]) / int(saved["rate"])


_say: Callable[[Line], Clip | None]


def _begin() -> None:
    global _say
    os.nice(10)
    _say = kokoro_voice(KOKORO)


def _kokoro(job: tuple[Path, Line]) -> float:
    path, line = job
    if not path.exists() and (clip := _say(line)) is not None:
        keep(path, clip, line.language, line.text)
    return seconds_of(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=tuple(LANGUAGES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--voices", type=Path, help="kokoro: folder with its style files (npm package kokoro-js)")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=1, help="kokoro: processes, of one thread each")
    options = parser.parse_args()
    folder = options.out / options.engine
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    clips = drawn(options.engine)
    if options.engine == "kokoro":
        line = kokoro_lines(options.voices)
        with Pool(options.jobs, _begin) as pool:
            while seconds < options.minutes * 60:
                some = list(itertools.islice(clips, 8 * options.jobs))
                jobs = [(folder / f"{number:05d}.npz", line(*clip)) for number, *clip in some]
                seconds += sum(pool.imap_unordered(_kokoro, jobs))
                print(f"{some[-1][0] + 1} clips, {seconds / 60:.1f} min", flush=True)
        return
    say = espeak() if options.engine == "espeak" else flite()
    for number, text, language, rng in clips:
        path = folder / f"{number:05d}.npz"
        if not path.exists() and (clip := say(text, language, rng)) is not None:
            keep(path, clip, language, text)
        seconds += seconds_of(path)
        if number % 50 == 49:
            print(f"{number + 1} clips, {seconds / 60:.1f} min", flush=True)
        if seconds >= options.minutes * 60:
            return


if __name__ == "__main__":
    main()
