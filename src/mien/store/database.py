"""Opening the database, bringing it up to date, and saying in words what went wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from mien.errors import UserError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_MS = 3000
"""How long a write waits for another program that holds the SQLite file."""


class StoreError(UserError):
    """The database cannot do what was asked; the text says why and what to do."""


class Database:
    """An engine and its sessions. Everything SQLAlchemy raises leaves as StoreError, integrity errors excepted."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that is committed at the end."""
        place = self._engine.url.database or ""
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise explain(error, place) from error
        except OSError as error:
            raise StoreError(f"The database server cannot be reached: {error}. Check MIEN_DATABASE_URL.") from error

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


def explain(error: SQLAlchemyError, place: str) -> StoreError:
    """Turns a database error into a sentence; `place` is the database file or name."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    low = text.lower()
    if "disk is full" in low or "no space left" in low or "disk full" in low:
        return StoreError(f"The disk holding the database {place} is full. Free some space and try again.")
    if "locked" in low or "busy" in low:
        return StoreError(f"The database {place} is locked by another program. Close that program or try again.")
    if "readonly" in low or "read-only" in low:
        return StoreError(f"The database {place} cannot be written. Check the permissions of the file and its folder.")
    if "unable to open" in low:
        return StoreError(
            f"The database {place} cannot be opened. Check that its folder exists, may be written and has free space."
        )
    if "not a database" in low or "malformed" in low:
        return StoreError(f"{place} is damaged or not a database. Restore a copy, or move it away to begin anew.")
    if "disk i/o" in low:
        return StoreError(
            f"Reading or writing the database {place} failed ({text}). Check the disk and its free space."
        )
    return StoreError(f"The database {place} answered: {text}")


async def connect(url: str) -> Database:
    """Opens `url` (a SQLAlchemy async URL), creates or migrates the tables.

    Raises StoreError if that cannot be done.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"MIEN_DATABASE_URL is not a database URL: {error}") from error
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and parsed.database and parsed.database != ":memory:":
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The data folder {folder} cannot be made: {error.strerror}.") from error
    try:
        engine = create_async_engine(parsed)
    except (ImportError, SQLAlchemyError) as error:
        raise StoreError(f"MIEN_DATABASE_URL cannot be used: {error}") from error
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
    except SQLAlchemyError as error:
        await engine.dispose()
        raise explain(error, parsed.database or "") from error
    except OSError as error:
        await engine.dispose()
        raise StoreError(f"The database server cannot be reached: {error}. Check MIEN_DATABASE_URL.") from error
    return Database(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # The wait comes first: switching to WAL itself needs the lock.
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    head = ScriptDirectory.from_config(config).get_current_head()
    if MigrationContext.configure(connection).get_current_revision() == head:
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
