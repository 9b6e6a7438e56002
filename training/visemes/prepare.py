"""From clips to what the net is trained on: features of the spoiled sound beside the curves of the clean one.

    python training/visemes/prepare.py --data DATA --out DATA/train.npz

Runs in Mien's own environment, with the code that makes features and curves when Mien runs. Every clip is used as it
is and `--copies` times spoiled (`augment.py`). One clip in fourteen is kept for validation; babble comes from others.
"""

from __future__ import annotations

import argparse
import os
import random
from multiprocessing import Pool
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from augment import augment

from mien.face.motion import bursts
from mien.face.motion.audio_features import BANDS, MelBands
from mien.face.motion.coarticulation import MOUTH, Curve, curves
from mien.face.motion.timing import AUDIO_HOP, AUDIO_WINDOW, CURVE_RATE
from mien.face.motion.visemes import Spell, Viseme, score
from mien.speech.phones import Phone

SEED = 20261126
VISEMES = list(Viseme)
LEAD = 0.25
"""Seconds of (noisy) silence in front of and behind each clip."""


def load(path: Path) -> tuple[np.ndarray, int, tuple[Phone, ...]]:
    with np.load(path) as saved:
        times = saved["times"].reshape(-1, 2).tolist()
        phones = tuple(Phone(s, a, b) for s, (a, b) in zip(saved["symbols"].tolist(), times, strict=True))
        return saved["pcm"], int(saved["rate"]), phones


def targets(pcm: np.ndarray, rate: int, phones: tuple[Phone, ...]) -> tuple[Curve, float, tuple[Spell, ...]]:
    """The curves of a clean clip, the time of their first row, and what they were made from."""
    spells = score(phones).spells
    level = bursts.levels(pcm, rate)
    known = {spell: hold for spell in spells if (hold := bursts.closure(level, spell)) is not None}
    return *curves(spells, known), spells


def example(
    pcm: np.ndarray,
    rate: int,
    made: tuple[Curve, float, tuple[Spell, ...]],
    rng: random.Random | None,
    babble: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, BANDS), curves (n, len(MOUTH)) and viseme numbers (n,) of one rendering of a clip."""
    sound = pcm / 32768.0
    if len(sound) and np.abs(sound).max() > 0:
        sound = sound / np.abs(sound).max() * 0.5
    quiet = np.zeros(int(LEAD * rate))
    sound = np.concatenate([quiet, sound, quiet])
    stretch = 1.0
    if rng is not None:
        sound, rate, stretch = augment(sound, rate, rng, babble)
    bands, _ = MelBands(rate).push(np.clip(sound * 32767, -32768, 32767).astype(np.int16))
    curve, begin, spells = made
    # Hop i is about the middle of its window.
    times = (np.arange(len(bands)) * AUDIO_HOP + AUDIO_HOP - AUDIO_WINDOW / 2) / stretch - LEAD
    at = begin + np.arange(len(curve)) / CURVE_RATE
    wanted = np.stack([np.interp(times, at, curve[:, c], left=0, right=0) for c in range(len(MOUTH))], axis=1)
    names = np.zeros(len(times), np.int64)
    for spell in spells:
        names[(times >= spell.start) & (times < spell.end)] = VISEMES.index(spell.viseme)
    return bands.astype(np.float16), wanted.astype(np.float16), names.astype(np.uint8)


def _work(job: tuple[int, Path, Path | None, int]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    number, path, other, copies = job
    pcm, rate, phones = load(path)
    if not phones or len(pcm) < rate // 2:
        return []
    rng = random.Random(f"{SEED}{path.parent.name}{number}")
    babble = None
    if other is not None:
        voice, other_rate, _ = load(other)
        babble = np.interp(np.arange(0, len(voice), other_rate / rate), np.arange(len(voice)), voice / 32768.0)
    made = targets(pcm, rate, phones)
    plain = [example(pcm, rate, made, None)]
    return plain + [example(pcm, rate, made, rng, babble) for _ in range(copies)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engines", nargs="+", default=["kokoro", "espeak", "flite"])
    parser.add_argument("--copies", type=int, default=2, help="Kokoro's few clips are spoiled twice as often")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    parts: dict[str, list[np.ndarray]] = {}
    for engine in options.engines:
        paths = sorted((options.data / engine).glob("*.npz"))
        rng = random.Random(f"{SEED}{engine}")
        jobs = [
            (i, path, rng.choice(paths), options.copies * (2 if engine == "kokoro" else 1))
            for i, path in enumerate(paths)
        ]
        with Pool(options.jobs) as pool:
            for (number, *_), made in zip(jobs, pool.imap(_work, jobs, chunksize=8), strict=True):
                kept = "valid" if number % 14 == 0 else "train"
                for bands, wanted, names in made:
                    for field, value in (("x", bands), ("y", wanted), ("v", names)):
                        parts.setdefault(f"{engine}_{kept}_{field}", []).append(value)
                    parts.setdefault(f"{engine}_{kept}_n", []).append(np.array([len(bands)]))
        minutes = sum(len(x) for x in parts[f"{engine}_train_v"]) / 6000
        print(f"{engine}: {len(paths)} clips, {minutes:.0f} minutes with copies", flush=True)
    np.savez(options.out, bands=BANDS, **{name: np.concatenate(values) for name, values in parts.items()})


if __name__ == "__main__":
    main()
