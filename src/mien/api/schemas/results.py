"""What actions answer with: the `Data` member of the envelope."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mien.api.schemas.base import JsonObject, Wire
from mien.api.schemas.instances import HistoryMessage


class AgentInfo(Wire):
    """A registered agent; LLM, TTS and ASR exactly as they were sent, `{}` where nothing was; Mien only if it was."""

    AgentId: str
    Name: str
    LLM: JsonObject
    TTS: JsonObject
    ASR: JsonObject
    Mien: JsonObject | None = None


class AgentList(Wire):
    """Agents that were found."""

    Agents: list[AgentInfo]


class AgentPage(Wire):
    """A page of agents."""

    Total: int
    Agents: list[AgentInfo]
    Cursor: str = Field(description="Send it to get the next page; empty when everything has been returned")


class InstanceCreated(Wire):
    """A new instance."""

    AgentInstanceId: str = Field(pattern="^[0-9]+$")
    RequestId: str = Field(pattern="^[0-9]{19}$", description="That of the envelope; some backends look for it here")


class DigitalHumanInstanceCreated(InstanceCreated):
    """A new instance with a face."""

    DigitalHumanConfig: str = Field(description="Base64 of the JSON that the drawing SDK takes")


class Round(Wire):
    """The round an action began or ended."""

    Round: int


class InstanceStatus(Wire):
    """What the agent is doing."""

    Status: Literal["IDLE", "LISTENING", "THINKING", "SPEAKING"]


class MessageList(Wire):
    """The memory, oldest message first."""

    Total: int
    MessageList: list[HistoryMessage]


class RoundTimings(Wire):
    """One round's stages, in ms after the user's last sound (or after the request that caused it)."""

    round: int
    origin: str = Field(description="user, ask or say: who began it")
    turn_end: int | None
    end_of_speech_to_text: int | None
    llm_first_token: int | None
    first_clause: int | None
    tts_first_audio: int | None
    drive: int | None = Field(description="Voice handed to the face → its first motion frame sent")
    total: int | None
    text: str
    answer: str
    interrupted: bool


class RoundList(Wire):
    """The latest rounds, oldest first."""

    Rounds: list[RoundTimings]
