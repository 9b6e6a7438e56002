"""What Mien remembers: projects ("apps"), registered agents, owners of digital humans, callbacks to be delivered."""

from mien.store.agents import AgentExistsError, AgentRecord, Agents, UnknownAgentError
from mien.store.apps import App, Apps, UnknownAppError
from mien.store.database import StoreError
from mien.store.digital_humans import OwnedHuman, OwnedHumans
from mien.store.outbox import Outbox, OutboxRecord
from mien.store.store import Store, open_store

open = open_store

__all__ = [
    "AgentExistsError",
    "AgentRecord",
    "Agents",
    "App",
    "Apps",
    "Outbox",
    "OutboxRecord",
    "OwnedHuman",
    "OwnedHumans",
    "Store",
    "StoreError",
    "UnknownAgentError",
    "UnknownAppError",
    "open",
    "open_store",
]
