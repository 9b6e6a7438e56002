"""Projects: AppId, secrets and callback addresses."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from mien.settings import Settings
from mien.store.database import Database, StoreError
from mien.store.models import AppRow

SECRET_LENGTH = 32
"""ServerSecret is used as an AES-256 key by Token04, byte for character."""


class UnknownAppError(StoreError):
    """No project has this AppId."""


@dataclass(frozen=True, slots=True)
class App:
    """A project."""

    app_id: int
    name: str
    server_secret: str
    callback_secret: str
    callback_urls: Mapping[str, str]
    demo: bool
    created: datetime

    def callback_url(self, host_tag: str = "") -> str:
        """The callback address for `host_tag`, else the default one; "" if there is none."""
        return self.callback_urls.get(host_tag) or self.callback_urls.get("", "")


class Apps:
    """The projects in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        *,
        app_id: int | None = None,
        server_secret: str = "",
        callback_urls: Mapping[str, str] | None = None,
        demo: bool = False,
    ) -> App:
        """Makes a project; an AppId and secrets that are not given are drawn at random.

        Raises StoreError if the AppId is taken or the secret is not 32 ASCII characters.
        """
        if server_secret:
            check_secret(server_secret)
        async with self._database.transaction() as session:
            if app_id is None:
                app_id = await _free_app_id(session)
            elif await session.get(AppRow, app_id) is not None:
                raise StoreError(f"AppId {app_id} is already taken.")
            row = AppRow(
                app_id=app_id,
                name=name,
                server_secret=server_secret or secrets.token_hex(SECRET_LENGTH // 2),
                callback_secret=secrets.token_hex(SECRET_LENGTH // 2),
                callback_urls=dict(callback_urls or {}),
                demo=demo,
                created=datetime.now(UTC),
            )
            session.add(row)
        return _app(row)

    async def find(self, app_id: int) -> App | None:
        """The project with this AppId, if there is one."""
        async with self._database.transaction() as session:
            row = await session.get(AppRow, app_id)
        return _app(row) if row else None

    async def get(self, app_id: int) -> App:
        """Raises UnknownAppError."""
        app = await self.find(app_id)
        if app is None:
            raise UnknownAppError(f"There is no app with AppId {app_id}. `mien app list` shows those there are.")
        return app

    async def list(self) -> Sequence[App]:
        """All projects, oldest first."""
        async with self._database.transaction() as session:
            rows = (await session.scalars(select(AppRow).order_by(AppRow.created, AppRow.app_id))).all()
        return [_app(row) for row in rows]

    async def set_callback(self, app_id: int, url: str, host_tag: str = "") -> App:
        """Sets the callback address of `host_tag` ("" is the default one); an empty `url` removes it.

        Raises UnknownAppError.
        """
        async with self._database.transaction() as session:
            row = await session.get(AppRow, app_id)
            if row is None:
                raise UnknownAppError(f"There is no app with AppId {app_id}.")
            urls = {tag: other for tag, other in row.callback_urls.items() if tag != host_tag}
            row.callback_urls = urls | ({host_tag: url} if url else {})
        return _app(row)

    async def delete(self, app_id: int) -> None:
        """Removes a project with its agents. Raises UnknownAppError."""
        async with self._database.transaction() as session:
            found = await session.scalar(delete(AppRow).where(AppRow.app_id == app_id).returning(AppRow.app_id))
        if found is None:
            raise UnknownAppError(f"There is no app with AppId {app_id}.")

    async def ensure_demo(self, settings: Settings) -> App:
        """The demo project, made at the first call; `settings` may pin its AppId, ServerSecret and callback address.

        Raises StoreError if a pinned value cannot be used.
        """
        if settings.server_secret:
            check_secret(settings.server_secret, "MIEN_SERVER_SECRET")
        async with self._database.transaction() as session:
            wanted = AppRow.demo.is_(True) if settings.app_id is None else AppRow.app_id == settings.app_id
            row = await session.scalar(select(AppRow).where(wanted).order_by(AppRow.created).limit(1))
        if row is None:
            app = await self.create(
                "demo",
                app_id=settings.app_id,
                server_secret=settings.server_secret,
                callback_urls={"": settings.callback_url} if settings.callback_url else None,
                demo=True,
            )
        elif row.demo and _pinned(_app(row), settings):
            return _app(row)
        else:
            app = await self._pin(_app(row), settings)
        async with self._database.transaction() as session:
            others = update(AppRow).where(AppRow.demo.is_(True), AppRow.app_id != app.app_id)
            await session.execute(others.values(demo=False))
        return app

    async def _pin(self, app: App, settings: Settings) -> App:
        urls = dict(app.callback_urls) | ({"": settings.callback_url} if settings.callback_url else {})
        async with self._database.transaction() as session:
            row = await session.get_one(AppRow, app.app_id)
            row.server_secret = settings.server_secret or app.server_secret
            row.callback_urls, row.demo = urls, True
        return _app(row)


def _pinned(app: App, settings: Settings) -> bool:
    """Whether `app` already is what `settings` ask for."""
    secret = settings.server_secret in ("", app.server_secret)
    return secret and settings.callback_url in ("", app.callback_urls.get(""))


def check_secret(secret: str, name: str = "ServerSecret") -> None:
    """Raises StoreError unless `secret` can be a ServerSecret."""
    if len(secret) != SECRET_LENGTH or not secret.isascii() or not secret.isprintable():
        raise StoreError(f"{name} must be {SECRET_LENGTH} ASCII characters; this one has {len(secret)} characters.")


async def _free_app_id(session: AsyncSession) -> int:
    while True:
        # Ten digits like the AppIds people know, and within uint32.
        app_id = 1_000_000_000 + secrets.randbelow(2**32 - 1_000_000_000)
        if await session.get(AppRow, app_id) is None:
            return app_id


def _app(row: AppRow) -> App:
    created = row.created if row.created.tzinfo else row.created.replace(tzinfo=UTC)
    return App(row.app_id, row.name, row.server_secret, row.callback_secret, dict(row.callback_urls), row.demo, created)
