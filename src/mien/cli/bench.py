"""`mien bench`: measurements, each as a table for people or JSON for machines."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measures this machine and this version. Compare two versions in one sitting: machines are noisy."""


@app.command()
def render(as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table")) -> None:
    """How fast the face is drawn and encoded in real time, at 720p and 1080p."""
    from mien.bench.render import run

    show(run(), as_json, "rendering")


def show(result: dict[str, Any], as_json: bool, title: str) -> None:
    """Prints {row: {column: value}} as a table, or anything as JSON."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
        return
    columns = list(dict.fromkeys(key for row in result.values() for key in row))
    table = Table(title=title, box=None)
    for column in ("", *columns):
        table.add_column(column, justify="right" if column else "left")
    for name, row in result.items():
        table.add_row(
            name, *(f"{row[c]:.2f}" if isinstance(row.get(c), float) else str(row.get(c, "")) for c in columns)
        )
    Console().print(table)
