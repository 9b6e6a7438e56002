"""`mien serve`: one process with everything in it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import uvicorn
from rich.console import Console

from mien.cli.options import load_settings
from mien.errors import UserError
from mien.logs import configure_logging
from mien.settings import Settings

if TYPE_CHECKING:
    from mien.server import ServerEngines
WS_MAX_BYTES = 1 << 20
"""Of one WebSocket frame: sound for a stream task may come seconds at a time."""


def serve(
    host: str | None = typer.Option(None, help="Address to listen on; 0.0.0.0 for all. Default 127.0.0.1"),
    port: int | None = typer.Option(None, help="Port to listen on; 0 picks a free one. Default 8700"),
    data_dir: Path | None = typer.Option(None, help="Where the database and digital humans are kept"),
    llm_url: str | None = typer.Option(None, help="OpenAI-compatible chat completions URL of the default model"),
    llm_api_key: str | None = typer.Option(None, help="API key for --llm-url"),
    llm_name: str | None = typer.Option(None, help="Model name for --llm-url"),
    log_level: str | None = typer.Option(None, help="debug, info, warning or error"),
) -> None:
    """Starts the server and prints its address and the demo project's credentials."""
    settings = load_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        llm_url=llm_url,
        llm_api_key=llm_api_key,
        llm_name=llm_name,
        log_level=log_level,
    )
    configure_logging(settings)
    prepare_data_dir(settings.data_dir)
    listener = bind(settings.host, settings.port)
    asyncio.run(run(settings, listener))


def prepare_data_dir(path: Path) -> None:
    """Makes the data directory and proves that it can be written to. Raises UserError."""
    probe = path / f".write-test-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
    except OSError as error:
        advice = (
            "Free some space there"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "Choose another directory with --data-dir, or make this one writable"
        )
        raise UserError(f"The data directory {path} cannot be written to: {error.strerror}. {advice}.") from error
    finally:
        probe.unlink(missing_ok=True)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UserError when the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is already in use. Stop the program that uses it, or choose another port: "
                f"mien serve --port {port + 1}"
            ) from error
        raise UserError(f"Cannot listen on {host}:{port}: {error}") from error
    listener.setblocking(False)
    return listener


async def run(settings: Settings, listener: socket.socket, engines: ServerEngines | None = None) -> None:
    """Serves until SIGINT or SIGTERM; `engines` take the place of the local ones."""
    from mien.server import MienServer

    port = listener.getsockname()[1]
    shown_host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host
    mien = await MienServer.build(settings, local_url=f"http://{shown_host}:{port}", engines=engines)
    config = uvicorn.Config(
        mien.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        ws_max_size=WS_MAX_BYTES,
    )
    server = uvicorn.Server(config)
    if os.environ.get("MIEN_STOP_AT_EOF"):
        stop_at_end_of_input(server)
    try:
        await mien.start()
        banner(mien.local_url, mien.demo_credentials, settings)
        await server.serve(sockets=[listener])
    finally:
        await mien.close()
        listener.close()


def stop_at_end_of_input(server: uvicorn.Server) -> None:
    """Ends the server when standard input ends: whoever started it as a child process is gone, however it went."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            server.should_exit = True

    loop.add_reader(sys.stdin.fileno(), readable)


def banner(url: str, credentials: tuple[int, str], settings: Settings) -> None:
    """Tells a person where to go and a developer what to use."""
    app_id, secret = credentials
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n  Mien is running at [bold]{url}[/]  (models are loading; {url}/readyz says when they are warm)")
    console.print(f"  Demo project   AppId {app_id}   ServerSecret {secret}")
    if settings.demo:
        console.print(f"  Open {url} in a browser, allow the microphone and start the call.")
    console.print("  Ctrl-C stops it.\n")
