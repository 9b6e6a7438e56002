"""`mien call`: a complete call without a browser."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from mien.cli.options import load_settings
from mien.errors import UserError
from mien.settings import Settings


def call(
    audio: Path | None = typer.Option(None, help="A recorded question (any audio file)"),
    say: str | None = typer.Option(None, help="A question to speak with the local voice"),
    lang: str = typer.Option("en", help="zh or en"),
    avatar: str | None = typer.Option(None, help="DigitalHumanId; the first of the server if not given"),
    config_id: str = typer.Option("web", help="web: the server draws the picture; mobile: motion, drawn here"),
    url: str | None = typer.Option(None, help="A running server; without it one is started on loopback"),
    app_id: int | None = typer.Option(None, help="AppId of the project, with --url", envvar="MIEN_APP_ID"),
    server_secret: str | None = typer.Option(None, help="Its ServerSecret", envvar="MIEN_SERVER_SECRET"),
    output: Path | None = typer.Option(None, help="Write what was seen and heard as MP4"),
    motion: Path | None = typer.Option(
        None, help="Write the face's motion as CSV: a row per frame, a column per channel"
    ),
    report: Path | None = typer.Option(None, help="Write the measurements as JSON"),
) -> None:
    """Asks a question in a real call, records the answer and reports how long each step took.

    Exit code 0 only if a spoken, visible answer arrived.
    """
    if (audio is None) == (say is None):
        raise UserError("Give the question as --audio FILE or as --say TEXT (one of them).")
    if lang not in ("zh", "en"):
        raise UserError(f"--lang is zh or en, not {lang!r}.")
    if config_id not in ("web", "mobile"):
        raise UserError(f"--config-id is web or mobile, not {config_id!r}.")
    if say is not None and not say.strip():
        raise UserError("The text of --say is empty.")
    from mien.viewer.own_server import OwnServer

    console = Console(stderr=True, highlight=False)
    settings = load_settings()
    question = _read(audio) if audio is not None else _speak(say or "", lang, settings, console)  # type: ignore[arg-type]
    with OwnServer() if url is None else nullcontext() as own:
        address = own.url if own is not None else str(url)
        if own is not None:
            with console.status("starting the server") as status:
                own.wait_ready(lambda text: status.update(text))
        credentials = asyncio.run(_credentials(settings, app_id, server_secret))
        human = avatar or _first_digital_human(address)
        missing, found = asyncio.run(
            _call(address, credentials, question, lang, config_id, human, output, motion, console)  # type: ignore[arg-type]
        )
    if report is not None:
        _write(report, json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    _show(found, output, console)
    if missing:
        console.print(f"No full answer: {'; '.join(missing)}.", style="red")
        raise typer.Exit(1)


async def _call(
    url: str,
    credentials: tuple[int, str],
    question: NDArray[np.int16],
    lang: Literal["zh", "en"],
    config_id: Literal["web", "mobile"],
    human: str,
    output: Path | None,
    motion: Path | None,
    console: Console,
) -> tuple[list[str], dict[str, Any]]:
    from mien.viewer.call import make_call
    from mien.viewer.report import make_report, what_is_missing

    with console.status("calling") as status:
        result = await make_call(
            url,
            *credentials,
            question,
            lang=lang,
            config_id=config_id,
            digital_human_id=human,
            progress=lambda text: status.update(text),
        )
        status.update("writing the recording")
        package = None
        if config_id == "mobile":
            async with httpx.AsyncClient(trust_env=False) as http:
                answer = await http.get(
                    f"{url}{result.package_url}" if "://" not in result.package_url else result.package_url
                )
                answer.raise_for_status()
                package = answer.content
        size = await asyncio.to_thread(_record, result, package, output)
        if motion is not None:
            _write(motion, result.recording.motion_csv())
    found = make_report(result, config_id, size)
    return what_is_missing(found, result, config_id), found


def _record(result: Any, package: bytes | None, output: Path | None) -> tuple[int, int]:
    """Writes the MP4 if wanted; returns the picture's size."""
    from mien.face.format import read_package
    from mien.face.render import Renderer, height_for

    if package is not None:
        if output is not None:
            result.recording.write_drawn(output, package)
        face = read_package(package)
        drawn = Renderer(face, height=height_for(face, 720))
        return drawn.width, drawn.height
    first = next(result.recording.pictures(), None)
    if first is None:
        return 0, 0
    if output is not None:
        result.recording.write_pictures(output)
    return first[1].width, first[1].height


def _read(path: Path) -> NDArray[np.int16]:
    from mien.viewer.mp4 import read_audio

    try:
        return read_audio(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def _speak(text: str, lang: Literal["zh", "en"], settings: Settings, console: Console) -> NDArray[np.int16]:
    """The question in the local voice, another one than the digital human's."""
    from mien.speech.say import say

    with console.status("speaking the question"):
        return asyncio.run(say(text, lang, settings, rate=48_000))


async def _credentials(settings: Settings, app_id: int | None, server_secret: str | None) -> tuple[int, str]:
    """Those given, else the demo project's in this machine's database."""
    if app_id is not None and server_secret:
        return app_id, server_secret
    from mien.store import open_store

    store = await open_store(settings)
    try:
        demo = await store.apps.ensure_demo(settings)
    finally:
        await store.close()
    return demo.app_id, demo.server_secret


def _first_digital_human(url: str) -> str:
    try:
        options = httpx.get(f"{url}/api/demo/options", timeout=10.0, trust_env=False).json()
        return str(options["digital_humans"][0]["id"])
    except httpx.TransportError as error:
        raise UserError(f"No Mien server answers at {url}: {error}") from error
    except (ValueError, LookupError) as error:
        raise UserError("The server names no digital human: give one with --avatar ID.") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error


def _show(found: dict[str, Any], output: Path | None, console: Console) -> None:
    console.print(f"Question  {found['question']}")
    console.print(f"Answer    {found['answer']}")
    stages = ", ".join(f"{name} {value}" for name, value in found["latency_ms"].items() if value is not None)
    console.print(f"ms        {stages}")
    video = found["video"]
    console.print(
        f"Seen      {video['width']}x{video['height']}, {video['frames']} frames, {video['fps']} a second"
        f"   Heard  {found['audio']['seconds']} s"
    )
    if output is not None:
        console.print(f"Saved     {output}")
