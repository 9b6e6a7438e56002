"""A Mien server of our own: a child process on loopback that ends with us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import httpx

from mien.errors import UserError

START_LIMIT_S = 120.0
"""Generous: a loaded 2-core machine warms the models in 25 s."""


class OwnServer:
    """`mien serve` on a free loopback port, as a context manager. `env` adds MIEN_* variables.

    `program` runs instead: a module that takes --port and --data-dir, with its leading arguments.
    """

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        env: dict[str, str] | None = None,
        program: tuple[str, ...] = ("mien.cli.main", "serve", "--host", "127.0.0.1"),
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.NamedTemporaryFile(prefix="mien-serve-", suffix=".log", delete=False)  # noqa: SIM115
        self.log_path = Path(self._log.name)
        command = [sys.executable, "-m", *program, "--port", str(self.port)]
        if data_dir is not None:
            command += ["--data-dir", str(data_dir)]
        # Dying with us even when we are killed: the kernel closes the pipe, the server sees end of file.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"MIEN_STOP_AT_EOF": "1"} | (env or {}),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, progress: Callable[[str], None] | None = None) -> None:
        """Waits until the models are warm. Raises UserError with the end of the server's log if it stops."""
        deadline = time.monotonic() + START_LIMIT_S
        last = ""
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UserError(f"The server stopped while starting:\n{self.log_tail()}")
            try:
                answer = httpx.get(f"{self.url}/readyz", timeout=2.0)
            except httpx.TransportError:
                text = "starting the server"
            else:
                if answer.status_code == 200:
                    return
                text = f"warming up: {', '.join(answer.json().get('waiting_for', []))}"
            if progress is not None and text != last:
                progress(text)
                last = text
            time.sleep(0.2)
        raise UserError(f"The server was not ready after {START_LIMIT_S:.0f} s:\n{self.log_tail()}")

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends the server and waits for it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._process.stdin:
            self._process.stdin.close()
        self._log.close()

    def __enter__(self) -> OwnServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.log_path.unlink(missing_ok=True)
