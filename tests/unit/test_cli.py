"""Every command can be asked what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mien.cli.main import app


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the tree, groups too."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=lambda path: " ".join(path) or "mien")
def test_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert "--help" in result.output


def test_an_unknown_engine_of_the_lip_benchmark_is_named() -> None:
    result = CliRunner().invoke(app, ["bench", "lipsync", "--engine", "parrot"])
    assert result.exit_code != 0
    assert "parrot" in str(result.exception)
