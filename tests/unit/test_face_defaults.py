"""The pictures of the default digital humans: all there, of the right size, with names and voices that exist."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from PIL import Image

from mien.face.store import DEFAULTS_DIR, DefaultHuman, default_humans
from mien.models.speech_files import VOICES

HUMANS = pytest.mark.parametrize("human", default_humans(), ids=lambda human: human.name)


def test_they_are_known_in_this_order() -> None:
    assert [human.name for human in default_humans()] == ["Mia", "Leo", "Yuki", "Amara", "Ren", "Dev"]


def test_ids_names_and_aliases_are_unique() -> None:
    humans = default_humans()
    for values in (
        [h.id for h in humans] + [a for h in humans for a in h.aliases],
        [h.names["en"] for h in humans],
        [h.names["zh"] for h in humans],
    ):
        assert len(set(values)) == len(values)
    assert all(str(uuid.UUID(h.id)) == h.id for h in humans)


def test_every_file_in_the_folder_belongs_to_one() -> None:
    entries = json.loads((DEFAULTS_DIR / "defaults.json").read_text("utf-8"))
    there = {path.name for path in DEFAULTS_DIR.iterdir() if path.suffix in {".jpg", ".png", ".webp"}}
    assert there == {entry["picture"] for entry in entries}


@HUMANS
def test_picture_fits_the_canvas_and_the_repository(human: DefaultHuman) -> None:
    assert human.picture.stat().st_size <= 600 * 1024
    with Image.open(human.picture) as picture:
        assert picture.size == (1080, 1920)
        assert picture.mode == "RGB"


@HUMANS
def test_voices_are_fetched_ones_of_their_language_and_all_of_one_sex(human: DefaultHuman) -> None:
    assert set(human.voices) == {"zh", "en"}
    assert human.voices["zh"].startswith("z")
    assert human.voices["en"][0] in "ab"
    assert set(human.voices.values()) <= set(VOICES)
    assert len({voice[1] for voice in human.voices.values()}) == 1


@HUMANS
def test_the_credits_name_the_picture(human: DefaultHuman) -> None:
    credits = (Path(__file__).parents[2] / "docs" / "credits.md").read_text("utf-8")
    assert f"src/mien/face/defaults/{human.picture.name}" in credits
