"""The store: one database, one repository for each thing kept in it."""

from __future__ import annotations

from mien.settings import Settings
from mien.store.agents import Agents
from mien.store.apps import Apps
from mien.store.database import Database, connect
from mien.store.digital_humans import OwnedHumans
from mien.store.outbox import Outbox


class Store:
    """What Mien remembers. Every method of its repositories raises StoreError when the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.apps = Apps(database)
        self.agents = Agents(database)
        self.digital_humans = OwnedHumans(database)
        self.outbox = Outbox(database)

    async def close(self) -> None:
        """Closes the database."""
        await self._database.close()


async def open_store(settings: Settings) -> Store:
    """Opens the database `settings` name and brings its tables up to date.

    Raises StoreError with a sentence for the user if that fails.
    """
    return Store(await connect(settings.resolved_database_url))
