"""`mien doctor`: checks this machine for everything a call needs and says what to mend."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psutil
import typer
from rich.console import Console
from rich.table import Table

from mien.cli.options import load_settings
from mien.settings import Settings

MINIMUM_DISK_GB = 1.0
MINIMUM_MEMORY_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    verdict: Literal["ok", "warn", "fail"]
    detail: str


def check_python(_: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("Python", "ok" if sys.version_info >= (3, 11) else "fail", version)


def check_machine(_: Settings) -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    yield Finding(
        "Cores", "ok" if cores >= 2 else "warn", f"{cores}" if cores >= 2 else f"{cores}; 2 keep a call smooth"
    )
    free = psutil.virtual_memory().available / 1e9
    enough = free >= MINIMUM_MEMORY_GB
    yield Finding(
        "Free memory", "ok" if enough else "warn", f"{free:.1f} GB" + ("" if enough else "; the models need about 2 GB")
    )


def check_disk(settings: Settings) -> Iterator[Finding]:
    path = settings.data_dir
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / 1e9
    writable = os.access(path, os.W_OK)
    if not writable:
        yield Finding("Data directory", "fail", f"{path} is not writable: choose another with --data-dir")
    else:
        enough = free >= MINIMUM_DISK_GB
        yield Finding("Data directory", "ok" if enough else "warn", f"{settings.data_dir}, {free:.1f} GB free")


def check_models(settings: Settings) -> Iterator[Finding]:
    from mien.models.registry import missing

    absent = missing(settings.models_dir)
    if absent:
        yield Finding("Models", "fail", f"{len(absent)} not fetched ({', '.join(absent)}): run make setup")
    else:
        yield Finding("Models", "ok", str(settings.models_dir))


def check_page(_: Settings) -> Iterator[Finding]:
    from mien.api.web import page_dir

    found = page_dir()
    yield Finding("Web page", "ok" if found else "warn", str(found) if found else "not built: run make setup")


def check_codecs(_: Settings) -> Iterator[Finding]:
    import av

    for codec, what in (("libx264", "H.264 encoder"), ("libopus", "Opus encoder")):
        known = codec in av.codecs_available
        yield Finding(what, "ok" if known else "fail", codec if known else f"PyAV has no {codec}: run make setup")


def check_port(settings: Settings) -> Iterator[Finding]:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            yield Finding("Port", "warn", f"{settings.port}: {error.strerror}; another Mien may be running")
        else:
            yield Finding("Port", "ok", f"{settings.host}:{settings.port} is free")


def check_gpu(_: Settings) -> Iterator[Finding]:
    found = importlib.util.find_spec("torch") is not None
    yield Finding("GPU", "ok", "not needed" + (" (PyTorch is installed but not used)" if found else ""))


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    check_python,
    check_machine,
    check_disk,
    check_models,
    check_page,
    check_codecs,
    check_port,
    check_gpu,
)


def doctor() -> None:
    """Checks this machine; exit code 1 if a call cannot work."""
    settings = load_settings()
    table = Table(box=None, pad_edge=False)
    for column in ("", "Check", "Found"):
        table.add_column(column, overflow="fold")
    failed = False
    for check in CHECKS:
        for finding in check(settings):
            mark = {"ok": "[green]ok[/]", "warn": "[yellow]look[/]", "fail": "[red]mend[/]"}[finding.verdict]
            table.add_row(mark, finding.what, finding.detail)
            failed |= finding.verdict == "fail"
    Console(highlight=False).print(table)
    raise typer.Exit(1 if failed else 0)
