"""A small typed client of the control API, synchronous and asynchronous."""

from mien.client.clients import AsyncClient, Client
from mien.client.errors import MienError, UnreachableError
from mien.client.extras import Extras, McpServer, Tool, Welcome
from mien.client.operations import Agent, AgentPage, DigitalHumanInstance, Message, Operation, Rtc

__all__ = [
    "Agent",
    "AgentPage",
    "AsyncClient",
    "Client",
    "DigitalHumanInstance",
    "Extras",
    "McpServer",
    "Message",
    "MienError",
    "Operation",
    "Rtc",
    "Tool",
    "UnreachableError",
    "Welcome",
]
