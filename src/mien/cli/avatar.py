"""`mien avatar`: make digital humans from pictures, list them, look at them."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien.errors import UserError
from mien.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Digital humans: make, list, look, delete.")
_out = Console()
_err = Console(stderr=True)


class Style(StrEnum):
    """How a picture is rigged."""

    auto = "auto"
    photo = "photo"
    illustration = "illustration"


class Size(StrEnum):
    """The canvas."""

    portrait = "portrait"
    landscape = "landscape"
    square = "square"


@app.command()
def create(
    picture: Annotated[
        Path, typer.Argument(help="A photograph or illustration of one person, upper body, face to the camera")
    ],
    name: Annotated[str, typer.Option(help="Name shown in lists")] = "",
    style: Annotated[Style, typer.Option(help="Photograph or illustration; auto decides")] = Style.auto,
    size: Annotated[Size, typer.Option(help="1080x1920, 1920x1080 or 1080x1080")] = Size.portrait,
    background: Annotated[
        str, typer.Option(help="keep, transparent, #rrggbb, white, black, grey, green, or the path of a picture")
    ] = "keep",
    avatar_id: Annotated[str, typer.Option("--id", help="Id to keep it under; a new one by default")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write the package here")] = None,
) -> None:
    """Make a digital human from one picture."""
    from mien.face.package import PackageStore

    if not picture.is_file():
        raise UserError(f"There is no file {picture}.")
    settings = Settings()
    store = PackageStore(settings.avatars_dir, models_dir=settings.models_dir)
    with _err.status("making the digital human…") as status:
        new_id, info = store.create(
            picture,
            name=name or picture.stem,
            style=style.value,
            size=size.value,
            background=background,
            avatar_id=avatar_id or None,
            progress=lambda step: status.update(f"{step}…"),
        )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(info.path, output)
    for note in info.notes:
        _err.print(f"[yellow]{note}[/yellow]")
    teeth = "the picture's own teeth" if info.own_teeth else "synthesised teeth"
    _err.print(
        f"{info.style}, {info.canvas[0]}x{info.canvas[1]}, face {info.face_px:.0f} px between the eyes, {teeth}, "
        f"{info.bytes / 1e6:.2f} MB, made in {info.seconds:.1f} s"
    )
    _out.print(new_id, highlight=False)


@app.command("list")
def list_() -> None:
    """List the digital humans of this server."""
    from mien.face.package import PackageStore

    table = Table("id", "name", "kind", "size")
    for entry in PackageStore(Settings().avatars_dir).list():
        size = f"{entry.path.stat().st_size / 1e6:.2f} MB" if entry.made else "made on first use"
        table.add_row(entry.id, entry.name, "default" if entry.default else "own", size)
    _out.print(table)


@app.command()
def show(avatar_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show what a package holds."""
    from mien.face.package import PackageStore

    settings = Settings()
    store = PackageStore(settings.avatars_dir, models_dir=settings.models_dir)
    package = store.get(avatar_id)
    path = store.path(avatar_id)
    table = Table(show_header=False, box=None)
    table.add_row("id", store.resolve(avatar_id))
    table.add_row("name", package.name)
    table.add_row("style", package.style)
    table.add_row("canvas", f"{package.size[0]} x {package.size[1]}")
    table.add_row("face", f"{package.frame.sc:.0f} px between the outer eye corners")
    table.add_row(
        "mesh", f"{len(package.rest)} points, {len(package.triangles)} triangles, {len(package.keys)} key shapes"
    )
    layers = "one" if package.matte is None else "person and background apart"
    table.add_row("layers", layers + (", background transparent" if package.transparent else ""))
    limits = package.limits
    table.add_row("head turns", f"yaw {limits.yaw:.0f}°, pitch {limits.pitch:.0f}°, roll {limits.roll:.0f}°")
    table.add_row("points", "kept, can be edited" if package.rig is not None else "not kept")
    table.add_row("file", f"{path} ({path.stat().st_size / 1e6:.2f} MB)")
    table.add_row("hash", package.content_hash)
    _out.print(table)


@app.command()
def sheet(
    avatar_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or the path of a package")],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG to write")] = Path("sheet.png"),
    limits: Annotated[bool, typer.Option("--limits", help="Every parameter at its ends instead")] = False,
) -> None:
    """Draw a contact sheet: visemes, blink, gaze, brows, smile, head turns, close-ups."""
    from mien.face.format import encode_image
    from mien.face.package import PackageStore, read_package
    from mien.face.render.sheet import contact_sheet, limits_sheet

    settings = Settings()
    path = Path(avatar_id)
    if path.suffix == ".zip" and path.is_file():
        package = read_package(path)
    else:
        package = PackageStore(settings.avatars_dir, models_dir=settings.models_dir).get(avatar_id)
    output.parent.mkdir(parents=True, exist_ok=True)
    drawn = limits_sheet(package) if limits else contact_sheet(package)
    output.write_bytes(encode_image(drawn, "PNG"))
    _out.print(str(output), highlight=False)


@app.command()
def edit(
    avatar_id: Annotated[str, typer.Argument(metavar="ID")],
    points: Annotated[
        Path | None, typer.Option(help="JSON with corrected points; without it the found points are written out")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the found points go")] = Path("edit.json"),
    new_id: Annotated[str, typer.Option("--as", help="Keep the result under this id instead of replacing")] = "",
) -> None:
    """Correct what was found in the picture: write the points out, or read corrected ones and rig again."""
    from mien.face.package import PackageStore

    settings = Settings()
    store = PackageStore(settings.avatars_dir, models_dir=settings.models_dir)
    if points is None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(store.points(avatar_id), "utf-8")
        _out.print(str(output), highlight=False)
        return
    try:
        edits = points.read_bytes()
    except OSError as error:
        raise UserError(f"Could not read {points}: {error.strerror or error}.") from error
    kept, notes = store.edit(avatar_id, edits, new_id=new_id or None)
    for note in notes:
        _err.print(f"[yellow]{note}[/yellow]")
    _out.print(kept, highlight=False)


@app.command()
def delete(avatar_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Delete a digital human that was made here."""
    from mien.face.package import PackageStore

    PackageStore(Settings().avatars_dir).delete(avatar_id)
    _out.print(f"deleted {avatar_id}", highlight=False)
