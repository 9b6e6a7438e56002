"""Makes the training speech: clips with the times of their sounds, from several synthesisers, zh and en.

    python training/visemes/synthesise.py kokoro --out DATA --voices KOKORO_JS/voices --minutes 60
    python training/visemes/synthesise.py espeak --out DATA --minutes 60
    python training/visemes/synthesise.py flite --out DATA --minutes 40

Runs in Mien's own environment. May be stopped and started again: it goes on where it was. Each clip is one NPZ file:
`pcm` (int16), `rate` (Hz), `symbols`, `times` (n, 2) in seconds, `language`, `voice`, `text`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable
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


def kokoro(voices: Path, out: Path) -> Callable[[str, str, random.Random], Clip | None]:
    """The local voice: every style of its language as it is, and mixtures of two, at speeds from 0.75 to 1.35."""
    from mien.speech.local.g2p import G2P
    from mien.speech.local.kokoro import Kokoro

    folder = Settings().models_dir / "kokoro"
    mixed = out / "voices"
    mixed.mkdir(parents=True, exist_ok=True)
    engine = Kokoro(folder / "text.onnx", folder / "vocoder.onnx", folder / "vocab.json", mixed, 1)
    pronounce = G2P()

    def say(text: str, language: str, rng: random.Random) -> Clip | None:
        styles = sorted(voices.glob("z*.bin" if language == "zh" else "[ab]*.bin"))
        first = rng.choice(styles)
        # Foreign styles keep their colour of voice; mixed with a native one they still pronounce well.
        second = rng.choice(sorted(voices.glob("*.bin")) if rng.random() < 0.3 else styles)
        share = rng.choice((1.0, 1.0, rng.uniform(0.5, 0.9)))
        style = share * np.fromfile(first, np.float32) + (1 - share) * np.fromfile(second, np.float32)
        style.astype(np.float32).tofile(mixed / "now.bin")
        engine._voices.clear()
        british = language == "en" and first.name.startswith("b")
        clause = engine.begin(pronounce(text, british=british), "now", rng.uniform(0.75, 1.35))
        if clause is None or clause.timing.end - clause.timing.start > 900:
            return None
        sound = engine.sound(clause, clause.timing.start, clause.timing.end)
        sound = sound[: (clause.timing.end - clause.timing.start) * 300]
        pcm = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
        return pcm, VOICE_RATE, clause.timing.phones, first.stem

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=("kokoro", "espeak", "flite"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--voices", type=Path, help="kokoro: folder with its style files (npm package kokoro-js)")
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    folder = options.out / options.engine
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"kokoro": lambda: kokoro(options.voices, options.out), "espeak": espeak, "flite": flite}
    say = makers[options.engine]()
    languages = ("en",) if options.engine == "flite" else ("zh", "en")
    lines = {language: sentences(language, SEED) for language in languages}
    seconds, number = 0.0, 0
    while seconds < options.minutes * 60:
        language = languages[number % len(languages)]
        text = speakable(next(lines[language]), "zh" if language == "zh" else "en")
        path = folder / f"{number:05d}.npz"
        number += 1
        if not path.exists():
            clip = say(text, language, random.Random(f"{SEED}{options.engine}{number}"))
            if clip is None:
                continue
            pcm, rate, phones, voice = clip
            times = np.array([(p.start, p.end) for p in phones], np.float32)
            fields = {"language": language, "voice": voice, "text": text}
            np.savez(path, pcm=pcm, rate=rate, symbols=[p.symbol for p in phones], times=times, **fields)
        with np.load(path) as saved:
            seconds += len(saved["pcm"]) / int(saved["rate"])
        if number % 50 == 0:
            print(f"{number} clips, {seconds / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
