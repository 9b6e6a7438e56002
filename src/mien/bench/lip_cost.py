"""What the audio path of the lips costs: `python -m mien.bench.lip_cost`.

Processor time, not time on the clock, so that other work on the machine hardly counts. The best of several runs.
"""

from __future__ import annotations

import json
import time
from typing import Final

import numpy as np

from mien.face.motion.audio_visemes import AudioMouth
from mien.face.motion.frame import FPS
from mien.speech.phones import VOICE_RATE

SECONDS: Final = 10
RUNS: Final = 5


def share_of_a_core(piece: float, ahead: float) -> float:
    """Per cent of one core for a voice in pieces of `piece` seconds, `ahead` seconds before they are heard."""
    pcm = np.random.default_rng(0).normal(0, 3000, VOICE_RATE * SECONDS).astype(np.int16)
    size = round(piece * VOICE_RATE)
    best = float("inf")
    for _ in range(RUNS):
        mouth, pushed = AudioMouth(VOICE_RATE), 0
        began = time.process_time()
        for frame in range(SECONDS * FPS):
            while pushed < len(pcm) and pushed < ((frame + 1) / FPS + ahead) * VOICE_RATE:
                mouth.push(pcm[pushed : pushed + size])
                pushed += size
            mouth.pose(frame / FPS)
        best = min(best, time.process_time() - began)
    return round(100 * best / SECONDS, 2)


def run() -> dict[str, float]:
    """The two ends of what voices do: per cent of a core."""
    return {"20 ms, just in time": share_of_a_core(0.02, 0.0), "200 ms, 1 s ahead": share_of_a_core(0.2, 1.0)}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
