"""What the HTTP layer is built upon; the composition root fills it in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from starlette.requests import Request
from starlette.responses import Response

from mien.api.ids import IdSource
from mien.conversation.port import InstanceManager
from mien.face.create.edit import Edits
from mien.settings import Settings
from mien.store import Store
from mien.streams.port import TaskManager

Style = Literal["auto", "photo", "illustration"]
Size = Literal["portrait", "landscape", "square"]


class DigitalHumanInfo(Protocol):
    """What is known of a digital human without opening its package."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> Mapping[str, str]:
        """Its name by language, "en" and "zh"."""

    @property
    def voices(self) -> Mapping[str, str]:
        """Its own voices by language; may be empty."""

    @property
    def default(self) -> bool:
        """Whether it comes with Mien."""

    @property
    def gestures(self) -> Sequence[str]:
        """Names of the gestures it can make."""


class DigitalHumans(Protocol):
    """The digital humans of this server."""

    def get(self, digital_human_id: str) -> DigitalHumanInfo | None: ...
    def list(self) -> Sequence[DigitalHumanInfo]:
        """All of them, the default one first."""

    def package_url(self, digital_human_id: str) -> str:
        """Path of its package, `/avatars/<id>/<sha256>.zip`; it changes with the package's content."""

    def version(self, digital_human_id: str, content_hash: str) -> Path | None:
        """The file of its package with this SHA-256, the current one or an earlier one that is still kept."""

    def preview(self, digital_human_id: str) -> bytes:
        """A small JPEG of its face."""

    async def create(
        self, digital_human_id: str, picture: bytes, *, name: str, style: Style, size: Size
    ) -> Sequence[str]:
        """Makes one of a picture; returns what there is to say about it. Raises PictureError."""

    async def points(self, digital_human_id: str) -> Edits:
        """What was found in its picture, everything set. Raises PictureError if it was made before that was kept."""

    async def edit(self, digital_human_id: str, edits: Edits, *, keep_all: bool) -> Sequence[str]:
        """Rigs one that does not come with Mien again; `keep_all`: every earlier version can still be fetched.

        Returns what there is to say about the result. Raises PictureError for points that make no face, UserError.
        """

    async def delete(self, digital_human_id: str) -> None:
        """Removes one that does not come with Mien. Raises UserError."""


class TokenIssuer(Protocol):
    """Makes a Token04; `mien.rtc.token04.issue`."""

    def __call__(
        self, app_id: int, user_id: str, secret: str, *, now: float, seconds: int = 3600, payload: str = ""
    ) -> str: ...


def url_of_request(request: Request) -> str:
    """The address the caller reached this server at, without a slash at the end."""
    return str(request.base_url).rstrip("/")


@dataclass(slots=True)
class ApiDeps:
    """Everything the routes need."""

    settings: Settings
    store: Store
    instances: InstanceManager
    streams: TaskManager
    digital_humans: DigitalHumans
    timbres: Callable[[], Sequence[str]]
    """Ids of the local voices."""
    shown: Callable[[str], bool]
    """Whether a digital human is shown somewhere now."""
    issue_token: TokenIssuer
    base_url: Callable[[Request], str] = url_of_request
    home: Callable[[Request], Awaitable[Response]] | None = None
    """Answers a GET of `/` that carries none of the API's parameters: a person's browser."""
    wall: Callable[[], float] = time.time
    ids: IdSource = field(default_factory=IdSource)
