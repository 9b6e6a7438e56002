"""Lips of a whole call: a question is asked, the answer recorded as a viewer gets it, and its pictures are measured."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

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
CONFIG_IDS: Final = ("web", "mobile")
_LIMIT_S: Final = 300.0


def end_to_end(settings: Settings, languages: Sequence[str] = ("zh", "en")) -> dict[str, Any]:
    """Lip opening in the decoded frames of calls, one for each ConfigId and language, with a server of its own.

    `{"web": {"r": …, "lag_ms": …, "reference_r": …, "reference_lag_ms": …, "languages": {"zh": {the same}, …}},
    "mobile": {…}}`: against the level of the voice that arrived, and against the motion that the server planned for
    it. A row's r is the mean of its languages, its lag the worst. Lags > 0: lips after the voice, and after the plan.
    Raises UserError when no call comes about.
    """
    found: dict[str, Any] = {}
    for config_id in CONFIG_IDS:
        each = {language: _measured(settings, config_id, language) for language in languages}
        found[config_id] = {
            "r": round(sum(row["r"] for row in each.values()) / len(each), 3),
            "lag_ms": max((row["lag_ms"] for row in each.values()), key=abs),
            "reference_r": round(sum(row["reference_r"] for row in each.values()) / len(each), 3),
            "reference_lag_ms": max((row["reference_lag_ms"] for row in each.values()), key=abs),
            "languages": each,
        }
    return found


def _measured(settings: Settings, config_id: str, language: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="mien-lips-") as folder:
        video, motion = (Path(folder) / name for name in ("answer.mp4", "motion.csv"))
        command = [sys.executable, "-m", "mien.cli.main", "call", "--say", QUESTIONS[language], "--lang", language]
        command += ["--config-id", config_id, "--output", str(video), "--motion", str(motion)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if not motion.is_file():
            raise UserError(f"The {config_id} call failed:\n{ran.stderr.strip()[-2000:]}")
        try:
            lips = lipsync_of_mp4(video, settings.models_dir)
            planned = correlate(lips.opening, planned_opening(motion)[lips.first :], FPS)
        except ValueError as error:
            raise UserError(f"The recording of the {config_id} call cannot be measured: {error}") from error
    return {
        "r": round(lips.r, 3),
        "lag_ms": round(lips.lag_ms, 1),
        "reference_r": round(planned.r, 3),
        "reference_lag_ms": round(planned.lag_ms, 1),
    }


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
