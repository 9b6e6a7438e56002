"""Settings as people give them: environment variables are texts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mien.settings import Settings


def test_a_choice_of_numbers_reads_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_VIDEO_SIZE", "1080")
    assert Settings().video_size == 1080
    for wrong in ("500", "big"):
        monkeypatch.setenv("MIEN_VIDEO_SIZE", wrong)
        with pytest.raises(ValidationError, match="480, 720 or 1080"):
            Settings()
