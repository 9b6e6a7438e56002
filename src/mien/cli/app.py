"""`mien app`: the projects that may call this server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from mien.cli.options import load_settings
from mien.errors import UserError
from mien.settings import Settings

if TYPE_CHECKING:
    from mien.store import App, Store

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

T = TypeVar("T")

DATA_DIR = typer.Option(None, help="Where the database is kept")
AS_JSON = typer.Option(False, "--json", help="Print JSON instead of a table")
APP_ID = typer.Argument(help="The project's AppId")


@app.callback()
def root() -> None:
    """Projects: AppId, ServerSecret and CallbackSecret. A running server sees changes at once."""


@app.command()
def create(
    name: str = typer.Argument(help="What you call it"),
    callback_url: list[str] = typer.Option(
        [], help="Where callbacks go; TAG=URL for the address of a HostTag. May be repeated"
    ),
    data_dir: Path | None = DATA_DIR,
    as_json: bool = AS_JSON,
) -> None:
    """Makes a project and prints its AppId and secrets."""
    urls = dict(_tagged(value) for value in callback_url)

    async def work(opened: Store, _: Settings) -> App:
        return await opened.apps.create(name, callback_urls=urls)

    _show([_run(data_dir, work)], as_json)


@app.command("list")
def list_apps(data_dir: Path | None = DATA_DIR, as_json: bool = AS_JSON) -> None:
    """Lists the projects; `mien app show` prints secrets."""

    async def work(opened: Store, _: Settings) -> Sequence[App]:
        return await opened.apps.list()

    apps = _run(data_dir, work)
    if as_json:
        print(json.dumps([{"app_id": a.app_id, "name": a.name, "demo": a.demo} for a in apps], ensure_ascii=False))
        return
    if not apps:
        print(
            "There are no projects yet. The first `mien serve` makes a demo one; `mien app create NAME` makes others."
        )
        return
    table = Table(box=None, pad_edge=False)
    for column in ("AppId", "Name", "Created", "Callback"):
        table.add_column(column, overflow="fold")
    for each in apps:
        table.add_row(str(each.app_id), each.name, f"{each.created:%Y-%m-%d %H:%M}", each.callback_url())
    Console(highlight=False).print(table)


@app.command()
def show(app_id: int = APP_ID, data_dir: Path | None = DATA_DIR, as_json: bool = AS_JSON) -> None:
    """Prints a project with its secrets."""

    async def work(opened: Store, _: Settings) -> App:
        return await opened.apps.get(app_id)

    _show([_run(data_dir, work)], as_json)


@app.command("set-callback")
def set_callback(
    app_id: int = APP_ID,
    url: str = typer.Argument(help="Where callbacks go; empty: nowhere"),
    host_tag: str = typer.Option("", help="Only those of instances created with this HostTag"),
    data_dir: Path | None = DATA_DIR,
) -> None:
    """Sets where a project's callbacks go."""
    _check_url(url)

    async def work(opened: Store, _: Settings) -> App:
        return await opened.apps.set_callback(app_id, url, host_tag)

    _show([_run(data_dir, work)], False)


@app.command()
def delete(
    app_id: int = APP_ID,
    yes: bool = typer.Option(False, "--yes", help="Do not ask"),
    data_dir: Path | None = DATA_DIR,
) -> None:
    """Removes a project with its registered agents."""
    if not yes:
        typer.confirm(f"Remove app {app_id} and the agents registered in it?", abort=True)

    async def work(opened: Store, _: Settings) -> None:
        await opened.apps.delete(app_id)

    _run(data_dir, work)
    print(f"App {app_id} is removed.")


def _run(data_dir: Path | None, work: Callable[[Store, Settings], Awaitable[T]]) -> T:
    from mien.store import open_store

    settings = load_settings(data_dir=data_dir)

    async def main() -> T:
        opened = await open_store(settings)
        try:
            return await work(opened, settings)
        finally:
            await opened.close()

    return asyncio.run(main())


def _show(apps: Sequence[App], as_json: bool) -> None:
    for each in apps:
        values = {
            "app_id": each.app_id,
            "name": each.name,
            "server_secret": each.server_secret,
            "callback_secret": each.callback_secret,
            "callback_urls": dict(each.callback_urls),
        }
        if as_json:
            print(json.dumps(values, ensure_ascii=False, indent=2))
            continue
        print(f"AppId           {each.app_id}")
        print(f"Name            {each.name}")
        print(f"ServerSecret    {each.server_secret}")
        print(f"CallbackSecret  {each.callback_secret}")
        for tag, url in each.callback_urls.items():
            print(f"Callback        {url}" + (f"  (HostTag {tag})" if tag else ""))


def _tagged(value: str) -> tuple[str, str]:
    tag, separator, url = value.partition("=")
    if not separator or "://" in tag:
        tag, url = "", value
    _check_url(url)
    return tag, url


def _check_url(url: str) -> None:
    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        raise UserError(f"{url} is not an address callbacks can be sent to. Write it like https://host/path.")
