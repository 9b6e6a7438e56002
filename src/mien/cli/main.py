"""The `mien` command. The modules of its commands import model runtimes only when a command runs."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from mien import __version__
from mien.cli import api, avatar, bench, call, doctor, models, serve
from mien.cli import app as projects
from mien.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command("serve", help="Start the server: control API, calls, local models, web page")(serve.serve)
app.command("call", help="Make a complete call without a browser, save what was seen and heard")(call.call)
app.add_typer(avatar.app, name="avatar", help="Make digital humans from pictures, list them, look at them")
app.add_typer(projects.app, name="app", help="Projects: AppId, ServerSecret, CallbackSecret")
app.command("api", help="Call an action of a running server")(api.api)
app.add_typer(models.app, name="models", help="The local models: list, check, fetch")
app.add_typer(bench.app, name="bench", help="Measure rendering, lips and latency")
app.command("doctor", help="Check this machine and say what to mend")(doctor.doctor)


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
