"""A small typed client of the control API, synchronous and asynchronous."""

from mien.client.clients import AsyncClient, Client
from mien.client.errors import MienError, UnreachableError
from mien.client.extras import Apology, Extras, McpServer, Tool, Welcome
from mien.client.humans import (
    DigitalHuman,
    DigitalHumanPage,
    EditedDigitalHuman,
    FacePoints,
    Iris,
    NewDigitalHuman,
    RenderInfo,
    Timbre,
    TimbrePage,
)
from mien.client.operations import Agent, AgentPage, DigitalHumanInstance, Message, Operation, Rtc
from mien.client.streams import Drive, DriveStatus, SocketDrive, StreamTask, TaskStatus

__all__ = [
    "Agent",
    "AgentPage",
    "Apology",
    "AsyncClient",
    "Client",
    "DigitalHuman",
    "DigitalHumanInstance",
    "DigitalHumanPage",
    "Drive",
    "DriveStatus",
    "EditedDigitalHuman",
    "Extras",
    "FacePoints",
    "Iris",
    "McpServer",
    "Message",
    "MienError",
    "NewDigitalHuman",
    "Operation",
    "RenderInfo",
    "Rtc",
    "SocketDrive",
    "StreamTask",
    "TaskStatus",
    "Timbre",
    "TimbrePage",
    "Tool",
    "UnreachableError",
    "Welcome",
]
