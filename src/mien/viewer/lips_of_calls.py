"""Lips of a whole call: a question is asked, the answer recorded as a viewer gets it, and its pictures are measured."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from mien.errors import UserError
from mien.settings import Settings
from mien.viewer.lips import lipsync_of_mp4

QUESTIONS: Final = {
    "zh": "请用八句话讲一讲你眼中的春天、夏天、秋天和冬天。",
    "en": "Please tell me in eight sentences what you like about spring, summer, autumn and winter.",
}
"""A single sentence moves the correlation by 0.1: this asks for many."""
CONFIG_IDS: Final[tuple[Literal["web", "mobile"], ...]] = ("web", "mobile")
_LIMIT_S: Final = 300.0


def end_to_end(settings: Settings, language: str = "en") -> dict[str, dict[str, float]]:
    """`{"web": {"r": …, "lag_ms": …}, "mobile": {…}}`: lip opening in the decoded frames against the voice's level.

    Makes a call for each with a server of its own. `lag_ms` > 0: lips after the voice. Raises UserError when no call
    comes about.
    """
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="mien-lips-") as folder:
        for config_id in CONFIG_IDS:
            video = Path(folder) / f"{config_id}.mp4"
            command = [sys.executable, "-m", "mien.cli.main", "call", "--say", QUESTIONS[language], "--lang", language]
            command += ["--config-id", config_id, "--output", str(video)]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
            if not video.is_file():
                raise UserError(f"The {config_id} call failed:\n{ran.stderr.strip()[-2000:]}")
            try:
                lips = lipsync_of_mp4(video, settings.models_dir)
            except ValueError as error:
                raise UserError(f"The recording of the {config_id} call cannot be measured: {error}") from error
            found[config_id] = {"r": round(lips.r, 3), "lag_ms": round(lips.lag_ms, 1)}
    return found
