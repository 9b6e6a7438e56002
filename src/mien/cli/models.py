"""`mien models`: which model files there are, whether they are whole, and fetching them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien.cli.options import load_settings
from mien.models.console import ConsoleProgress
from mien.models.fetch import fetch as fetch_files
from mien.models.registry import REGISTRY
from mien.models.store import FileState, ModelStore

app = typer.Typer(help="The model files: list, check, fetch.", no_args_is_help=True, rich_markup_mode=None)

ModelsDir = Annotated[
    Path | None, typer.Option("--models-dir", help="Folder of the model files; default: the one in the settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _folder(models_dir: Path | None) -> Path:
    return models_dir or load_settings().models_dir


@app.command("list")
def list_files(models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """Shows every file with its purpose, size, licence, hash, source and how to replace it."""
    store = ModelStore(_folder(models_dir))
    if as_json:
        rows = [
            {
                "path": file.path,
                "purpose": file.purpose,
                "state": store.state(file),
                "size": file.size,
                "sha256": file.sha256,
                "licence": file.licence,
                "packages": [part.package.spec for part in file.parts],
                "replace": file.replace,
            }
            for file in REGISTRY.files
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    console = Console()
    console.print(f"Model files in {store.root}", highlight=False)
    for file in REGISTRY.files:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", width=9)
        table.add_column(overflow="fold")
        table.add_row("for", file.purpose)
        table.add_row("size", f"{file.size / 1e6:,.2f} MB, {store.state(file)}")
        table.add_row("licence", file.licence)
        table.add_row("sha256", file.sha256)
        table.add_row("from", ", ".join(part.package.spec for part in file.parts))
        table.add_row("replace", file.replace)
        console.print(f"\n[bold]{file.path}[/bold]", highlight=False)
        console.print(table, highlight=False)


@app.command()
def check(models_dir: ModelsDir = None) -> None:
    """Hashes every file again. Exit code 1 if one is missing or damaged."""
    store = ModelStore(_folder(models_dir))
    console = Console()
    bad = 0
    for file in REGISTRY.files:
        state = store.state(file, rehash=True)
        bad += state is not FileState.OK
        console.print(f"{state:8} {file.size / 1e6:9,.2f} MB  {file.path}", highlight=False)
    for derived in REGISTRY.derived:
        state = store.derived_state(derived, REGISTRY.digests)
        bad += state is not FileState.OK
        console.print(f"{state:8} {'computed':>12}  {', '.join(derived.paths)}", highlight=False)
    if bad:
        console.print("Run `mien models fetch` to get what is missing.")
        raise typer.Exit(1)


@app.command()
def fetch(models_dir: ModelsDir = None) -> None:
    """Downloads what is missing; needs the network, unlike everything else."""
    if not fetch_files(_folder(models_dir), ConsoleProgress()):
        typer.echo("Model files are complete.")
