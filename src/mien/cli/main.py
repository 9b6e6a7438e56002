"""The `mien` command. Each group of commands lives in its own module and is imported only when it is used."""

from __future__ import annotations

import importlib
import sys

import click
import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_command

from mien import __version__
from mien.errors import UserError

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("mien.cli.serve", "Start the server: control API, calls, local models, web page"),
    "call": ("mien.cli.call", "Make a complete call without a browser and save what was seen and heard"),
    "avatar": ("mien.cli.avatar", "Make digital humans from pictures, list them, look at them"),
    "app": ("mien.cli.app", "Projects: AppId, ServerSecret, CallbackSecret"),
    "models": ("mien.cli.models", "The local models: list, check, fetch"),
    "bench": ("mien.cli.bench", "Measure rendering, lips and latency"),
    "doctor": ("mien.cli.doctor", "Check this machine and say what to mend"),
}


class _Commands(TyperGroup):
    """Looks commands up by name in `COMMANDS`, so that `mien --help` imports no model runtime."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        command = get_command(importlib.import_module(module).app)
        command.name = cmd_name
        command.short_help = summary
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version"),
) -> None:
    """Real-time video calls with AI digital humans, on your own machine."""


def main() -> None:
    """Entry point of the `mien` command."""
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
