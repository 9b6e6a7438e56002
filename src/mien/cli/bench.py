"""`mien bench`: measurements, each as a table for people or JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from mien.bench.utterances import ENGINES
from mien.cli.options import load_settings
from mien.errors import UserError

_ENGINES = ", ".join(ENGINES)

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measures this machine and this version. Compare two versions in one sitting: machines are noisy."""


@app.command()
def render(as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table")) -> None:
    """How fast the face is drawn and encoded in real time, at 720p and 1080p."""
    from mien.bench.render import run

    show(run(), as_json, "rendering")


@app.command()
def lipsync(
    audio: Path | None = typer.Option(None, help="A recording to measure, with --textgrid"),
    textgrid: Path | None = typer.Option(None, help="Its phones as a Praat TextGrid"),
    lang: str | None = typer.Option(None, help="zh or en: of the recording (en if not given), or of the calls (both)"),
    engine: list[str] = typer.Option(
        ["kokoro"],
        help=f"Whose speech to measure on ({_ENGINES}), may be repeated; the last two were never trained on",
    ),
    calls: bool = typer.Option(True, help="Also make a call of each kind in each language and measure what arrives"),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table"),
) -> None:
    """How well the mouth follows the sounds, against reference timing and beside other people's mouths."""
    from mien.bench.lipsync import run

    if lang not in ("zh", "en", None):
        raise UserError(f"--lang is zh or en, not {lang!r}.")
    engines = [name for name in ENGINES if name in engine]
    if unknown := sorted(set(engine) - set(engines)):
        raise UserError(f"--engine is {_ENGINES}, not {unknown[0]!r}.")
    try:
        result: dict[str, Any] = dict(run(audio, textgrid, lang or "en", engines))
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error
    if calls and audio is None:
        from mien.bench.lips_of_calls import end_to_end

        result["end_to_end"] = end_to_end(load_settings(), (lang,) if lang else ("zh", "en"))
    if as_json:
        show(result, True, "lipsync")
        return
    rows: dict[str, Any] = {}
    for path, languages in ({k: v for k, v in result.items() if k != "baselines"} | result["baselines"]).items():
        if path != "end_to_end":
            rows |= {f"{path} {language}": columns for language, columns in languages.items()}
    show(rows, False, "lipsync")
    if "end_to_end" in result:
        calls_made = {
            f"{config_id} {language}": row
            for config_id, both in result["end_to_end"].items()
            for language, row in both["languages"].items()
        }
        show(calls_made, False, "whole calls")


@app.command()
def latency(
    lang: str = typer.Option("both", help="zh, en or both"),
    turns: int = typer.Option(8, min=1, help="Questions for each language"),
    engines: str = typer.Option("local", help="local, or scripted: engines of known delay show Mien's own overhead"),
    url: str | None = typer.Option(None, help="A running server; without it one is started on loopback"),
    app_id: int | None = typer.Option(None, help="AppId of the project, with --url", envvar="MIEN_APP_ID"),
    server_secret: str | None = typer.Option(None, help="Its ServerSecret", envvar="MIEN_SERVER_SECRET"),
    avatar: str = typer.Option("", help="DigitalHumanId; the first of the server if not given"),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table"),
) -> None:
    """How long an answer and an interruption take in real calls, stage by stage."""
    if lang not in ("zh", "en", "both"):
        raise UserError(f"--lang is zh, en or both, not {lang!r}.")
    if engines not in ("local", "scripted"):
        raise UserError(f"--engines is local or scripted, not {engines!r}.")
    if url is not None and (app_id is None or not server_secret):
        raise UserError("With --url, give the project's --app-id and --server-secret (`mien app list` shows them).")
    if url is not None and engines == "scripted":
        raise UserError("Scripted engines need a server of their own: leave out --url.")
    from mien.bench.latency import run

    with Console(stderr=True).status("starting") as status:
        result = run(
            langs=("zh", "en") if lang == "both" else (lang,),  # type: ignore[arg-type]
            turns=turns,
            engines=engines,  # type: ignore[arg-type]
            url=url,
            credentials=(app_id, server_secret) if app_id is not None and server_secret else None,
            human=avatar,
            progress=status.update,
        )
    if as_json:
        show(result, True, "latency")
        return
    rows: dict[str, dict[str, Any]] = {}
    for language in ("zh", "en"):
        rows |= {f"{language} {name}": value for name, value in result.get(language, {}).items() if name != "turns"}
    rows |= {name: result[name] for name in ("barge_in_ms", "overhead_ms", "loop_delay_ms")}
    show(rows, False, "latency, ms")
    print(f"false interruptions: {result['false_interruptions']}")
    for problem in result["not_answered"]:
        print(f"not answered: {problem}")


@app.command()
def situations(
    names: list[str] = typer.Argument(None, help="Parts of the situations' names; all of them if not given"),
    lang: str = typer.Option("both", help="zh, en or both"),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table"),
) -> None:
    """What happens in real calls beside a question and an answer: pauses, coughs, noise, music, echo, interruptions.

    Ends with 1 when something came otherwise than expected.
    """
    if lang not in ("zh", "en", "both"):
        raise UserError(f"--lang is zh, en or both, not {lang!r}.")
    from mien.bench.situation_calls import chosen, run

    wanted = chosen(names or [], ("zh", "en") if lang == "both" else (lang,))
    with Console(stderr=True).status("starting") as status:
        result = run(wanted, progress=status.update)
    if as_json:
        show(result, True, "situations")
    else:
        table = Table(title="situations", box=None)
        for column in ("", "lang", "expected", "got", "ok"):
            table.add_column(column)
        for row in result["situations"]:
            verdict = "yes" if row["ok"] else f"NO: {', '.join(row['problems'])}"
            table.add_row(row["situation"], row["lang"], row["expected"], row["got"], verdict)
        Console().print(table)
        print(f"{result['passed']} as expected, {result['failed']} not")
    if result["failed"]:
        raise typer.Exit(1)


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
