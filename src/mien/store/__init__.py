"""What Mien remembers: projects ("apps"), registered agents and callbacks waiting to be delivered."""

from mien.store.agents import AgentExistsError, AgentRecord, Agents, UnknownAgentError
from mien.store.apps import App, Apps, UnknownAppError
from mien.store.database import StoreError
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
    "Store",
    "StoreError",
    "UnknownAgentError",
    "UnknownAppError",
    "open",
    "open_store",
]
