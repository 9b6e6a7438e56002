"""Lips of a whole call: a question is asked, the answer recorded as a viewer gets it, and its pictures are measured."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mien.bench.lip_metrics import opening
from mien.errors import UserError
from mien.face.motion.coarticulation import MOUTH
from mien.face.motion.frame import FPS
from mien.settings import Settings
from mien.viewer.lips import correlate, lipsync_of_mp4

QUESTIONS: Final = {
    "zh": "请用八句话讲一讲你眼中的春天、夏天、秋天和冬天。",
    "en": "Please tell me in eight sentences what you like about spring, summer, autumn and winter.",
}
"""A single sentence moves the correlation by 0.1: this asks for many."""
CONFIG_IDS: Final[tuple[Literal["web", "mobile"], ...]] = ("web", "mobile")
_LIMIT_S: Final = 300.0


def end_to_end(settings: Settings, language: str = "en") -> dict[str, dict[str, float]]:
    """Lip opening in the decoded frames of a call with each ConfigId, with a server of its own.

    `{"web": {"r": …, "lag_ms": …, "reference_r": …, "reference_lag_ms": …}, "mobile": {…}}`: against the level of the
    voice that arrived, and against the motion that the server planned for it. Lags > 0: lips after the voice, and after
    the plan. Raises UserError when no call comes about.
    """
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="mien-lips-") as folder:
        for config_id in CONFIG_IDS:
            video, motion = (Path(folder) / f"{config_id}{suffix}" for suffix in (".mp4", ".csv"))
            command = [sys.executable, "-m", "mien.cli.main", "call", "--say", QUESTIONS[language], "--lang", language]
            command += ["--config-id", config_id, "--output", str(video), "--motion", str(motion)]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
            if not video.is_file():
                raise UserError(f"The {config_id} call failed:\n{ran.stderr.strip()[-2000:]}")
            try:
                lips = lipsync_of_mp4(video, settings.models_dir)
            except ValueError as error:
                raise UserError(f"The recording of the {config_id} call cannot be measured: {error}") from error
            planned = correlate(lips.opening, planned_opening(motion)[lips.first :], FPS)
            found[config_id] = {
                "r": round(lips.r, 3),
                "lag_ms": round(lips.lag_ms, 1),
                "reference_r": round(planned.r, 3),
                "reference_lag_ms": round(planned.lag_ms, 1),
            }
    return found


def planned_opening(motion: Path) -> NDArray[np.float64]:
    """How far the lips should be apart in each frame of a recording, from the motion file of `mien call`.

    Raises ValueError when no motion arrived.
    """
    names = motion.read_text("utf-8").partition("\n")[0].split(",")
    rows = np.loadtxt(motion, delimiter=",", skiprows=1, ndmin=2)
    if not rows.size:
        raise ValueError(f"{motion} has no motion")
    film = rows[:, [names.index(channel) for channel in MOUTH]].astype(np.float32)
    time = rows[:, names.index("time")]
    return np.interp(np.arange(int(time[-1] * FPS) + 1) / FPS, time, opening(film))
