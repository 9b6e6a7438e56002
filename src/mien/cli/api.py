"""`mien api`: calls any action of a running server."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import typer

from mien.cli.options import load_settings
from mien.client import Client
from mien.errors import UserError
from mien.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def api(
    action: str = typer.Argument(help="The Action, for example QueryAgents; /docs of the server lists them"),
    body: str = typer.Option("{}", "--json", help="The body as JSON; @FILE reads a file, - standard input"),
    file: list[str] = typer.Option([], help="MEMBER=PATH, for actions that take a file: Picture=me.jpg"),
    url: str = typer.Option("", help="The server; default: the address this machine's settings name"),
    app_id: int | None = typer.Option(None, help="Default: the demo project"),
    server_secret: str = typer.Option("", help="Default: looked up in this machine's database"),
    data_dir: Path | None = typer.Option(None, help="Where that database is kept"),
) -> None:
    """Calls an action and prints its Data as JSON; a refusal is printed in words, with exit code 2."""
    settings = load_settings(data_dir=data_dir, app_id=app_id)
    if app_id is None or not server_secret:
        app_id, server_secret = asyncio.run(_credentials(settings, server_secret))
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = url or settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    with Client(address, app_id, server_secret) as client:
        data = client.call(action, _read(body), files=dict(map(_read_file, file)))
    print(json.dumps(data, ensure_ascii=False, indent=2))


async def _credentials(settings: Settings, secret: str) -> tuple[int, str]:
    from mien.store import open_store

    opened = await open_store(settings)
    try:
        if settings.app_id is not None:
            found = await opened.apps.get(settings.app_id)
        else:
            found = await opened.apps.ensure_demo(settings)
    finally:
        await opened.close()
    return found.app_id, secret or found.server_secret


def _read_file(given: str) -> tuple[str, bytes]:
    name, _, path = given.partition("=")
    if not name or not path:
        raise UserError(f"--file {given} is not MEMBER=PATH, for example Picture=me.jpg")
    try:
        return name, Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _read(body: str) -> dict[str, Any]:
    if body == "-":
        text = sys.stdin.read()
    elif body.startswith("@"):
        try:
            text = Path(body[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UserError(f"{body[1:]} cannot be read: {reason}") from error
    else:
        text = body
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"--json is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise UserError("--json must be a JSON object, {…}")
    return data
