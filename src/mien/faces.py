"""The digital humans of this server, and the media (voice and face on one clock) of each instance and stream task.

Part of the composition: joins `face/` (packages, renderer) to what conversation and HTTP layer ask for.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from mien.conversation.port import UnknownDigitalHumanError
from mien.conversation.spec import DigitalHumanSpec
from mien.errors import UserError
from mien.face.background import before
from mien.face.create.canvas import CanvasSize
from mien.face.create.edit import Edits, export_points
from mien.face.media import StagedMedia
from mien.face.motion.audio_visemes import compile_lips
from mien.face.motion.gestures import GESTURES
from mien.face.package import Package, PackageStore, default_humans
from mien.face.render import Renderer, compile_for, height_for
from mien.rtc.port import VideoKind
from mien.settings import Settings
from mien.store import OwnedHumans
from mien.streams.port import UnknownHumanError
from mien.streams.spec import Look


@dataclass(frozen=True, slots=True)
class DigitalHuman:
    """A digital human without its package. `name` by language, "en" and "zh"; `voices` likewise, may be empty."""

    id: str
    name: Mapping[str, str]
    voices: Mapping[str, str]
    default: bool
    gestures: Sequence[str] = GESTURES
    """Names of what `Media.gestures` of its face has; every face can make the same."""


class FaceLibrary:
    """The digital humans of this server, found by id or alias; the default ones are made on first use."""

    def __init__(self, settings: Settings) -> None:
        self._packages = PackageStore(settings.avatars_dir, models_dir=settings.models_dir)
        self._making = asyncio.Lock()
        self._editing = asyncio.Lock()
        self.ready = False

    async def warm(self) -> None:
        """Makes the default digital humans if they are not there yet, and compiles what moves and draws them."""
        await asyncio.get_running_loop().run_in_executor(None, self._make_defaults)
        self.ready = True

    def _make_defaults(self) -> None:
        compile_lips()
        for human in default_humans():
            compile_for(self._packages.get(human.id))

    def get(self, digital_human_id: str) -> DigitalHuman | None:
        if digital_human_id not in self._packages:
            return None
        real_id = self._packages.resolve(digital_human_id)
        return next((human for human in self.list() if human.id == real_id), None)

    def list(self) -> Sequence[DigitalHuman]:
        defaults = {human.id: human for human in default_humans()}
        return [
            DigitalHuman(entry.id, defaults[entry.id].names, defaults[entry.id].voices, default=True)
            if entry.id in defaults
            else DigitalHuman(entry.id, {"en": entry.name or entry.id, "zh": entry.name or entry.id}, {}, default=False)
            for entry in self._packages.list()
        ]

    def path(self, digital_human_id: str) -> Path:
        return self._packages.path(digital_human_id)

    def preview(self, digital_human_id: str) -> bytes:
        return self._packages.preview(digital_human_id, height=1080)

    def package_url(self, digital_human_id: str) -> str:
        content_hash = self._packages.content_hash(self._packages.path(digital_human_id))
        return f"/avatars/{digital_human_id}/{content_hash}.zip"

    def version(self, digital_human_id: str, content_hash: str) -> Path | None:
        return self._packages.version(digital_human_id, content_hash)

    def open(self, digital_human_id: str) -> Package:
        return self._packages.get(digital_human_id)

    async def create(
        self,
        digital_human_id: str,
        picture: bytes,
        *,
        name: str,
        style: Literal["auto", "photo", "illustration"],
        size: CanvasSize,
    ) -> Sequence[str]:
        """Makes a digital human of a picture, one at a time: it takes all the machine has for seconds.

        Returns what there is to say about the picture. Raises PictureError, UserError when it cannot be kept.
        """
        make = partial(self._packages.create, picture, name=name, style=style, size=size, avatar_id=digital_human_id)
        async with self._making:
            try:
                _, info = await asyncio.get_running_loop().run_in_executor(None, make)
            except OSError as error:
                raise self._not_kept(error) from error
        return info.notes

    async def points(self, digital_human_id: str) -> Edits:
        """What was found in its picture. Raises UnknownAvatar, PictureError."""
        package = await asyncio.get_running_loop().run_in_executor(None, self._packages.get, digital_human_id)
        return export_points(package)

    async def edit(self, digital_human_id: str, edits: Edits, *, keep_all: bool) -> Sequence[str]:
        """Rigs it again with corrected points, under a second; what runs keeps the package it has.

        Clients can go on fetching the version before, and with `keep_all` every earlier one. Returns what there is to
        say about the result. Raises PictureError, UserError when it cannot be kept.
        """
        edit = partial(self._packages.edit, digital_human_id, edits, keep_all=keep_all)
        async with self._editing:
            try:
                _, notes = await asyncio.get_running_loop().run_in_executor(None, edit)
            except OSError as error:
                raise self._not_kept(error) from error
        return notes

    def _not_kept(self, error: OSError) -> UserError:
        return UserError(
            f"The digital human cannot be kept in {self._packages.root}: {error.strerror or error}. "
            "Check the folder's permissions and free space."
        )

    async def delete(self, digital_human_id: str) -> None:
        """Removes one that does not come with Mien. Raises UnknownAvatar."""
        await asyncio.get_running_loop().run_in_executor(None, self._packages.delete, digital_human_id)


class Faces:
    """Makes the media of instances and stream tasks; see `conversation.parts.Faces` and `streams.port.Faces`."""

    def __init__(self, settings: Settings, library: FaceLibrary, owned: OwnedHumans) -> None:
        self._settings = settings
        self._library = library
        self._owned = owned

    async def open(self, digital_human: DigitalHumanSpec | None) -> StagedMedia:
        """Loads the face. Raises UnknownDigitalHumanError."""
        if digital_human is None:
            return StagedMedia(VideoKind.NONE)
        media = await self._media(digital_human.digital_human_id, Look(digital_human.config_id))
        if media is None:
            raise UnknownDigitalHumanError(_unknown(digital_human.digital_human_id))
        return media

    async def show(self, digital_human_id: str, look: Look) -> StagedMedia:
        """Loads the face. Raises UnknownHumanError."""
        media = await self._media(digital_human_id, look)
        if media is None:
            raise UnknownHumanError(_unknown(digital_human_id))
        return media

    async def _media(self, digital_human_id: str, look: Look) -> StagedMedia | None:
        known = self._library.get(digital_human_id)
        if known is None:
            return None
        owned = await self._owned.find(known.id)
        loop = asyncio.get_running_loop()
        renderer = None
        if look.video is VideoKind.PICTURE:
            renderer = await loop.run_in_executor(None, self._make_renderer, known.id, look)
        return StagedMedia(
            look.video,
            package_url=await loop.run_in_executor(None, self._library.package_url, known.id),
            renderer=renderer,
            fps=self._settings.video_fps,
            max_bitrate=min(look.bitrate or self._settings.video_bitrate, self._settings.video_bitrate),
            seed=zlib.crc32(known.id.encode()),
            voices=owned.voices if owned is not None else known.voices,
        )

    def _make_renderer(self, digital_human_id: str, look: Look) -> Renderer:
        package = self._library.open(digital_human_id)
        if look.background is not None:
            package = before(package, look.background)
        return Renderer(package, height=height_for(package, look.short_side or self._settings.video_size))


def _unknown(digital_human_id: str) -> str:
    return f"There is no digital human {digital_human_id}; `mien avatar list` shows those there are"
