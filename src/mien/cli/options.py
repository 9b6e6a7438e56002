"""What several commands share."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from mien.errors import UserError
from mien.settings import Settings


def load_settings(**given: Any) -> Settings:
    """Settings with the given flags on top. Raises UserError naming the setting that is wrong."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise UserError(f"A setting is not usable: {problems}") from error
