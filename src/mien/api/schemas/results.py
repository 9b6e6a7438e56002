"""What actions answer with: the `Data` member of the envelope."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mien.api.schemas.base import JsonObject, Wire
from mien.api.schemas.instances import HistoryMessage


class AgentInfo(Wire):
    """A registered agent; LLM, TTS and ASR exactly as they were sent, `{}` where nothing was; Mien only if it was."""

    AgentId: str = Field(description="The name it is registered under")
    Name: str = Field(description="As registered")
    LLM: JsonObject = Field(description="As registered")
    TTS: JsonObject = Field(description="As registered")
    ASR: JsonObject = Field(description="As registered")
    Mien: JsonObject | None = Field(default=None, description="As registered")


class AgentList(Wire):
    """Agents that were found."""

    Agents: list[AgentInfo] = Field(description="In the order of AgentIds; those that are not registered are missing")


class AgentPage(Wire):
    """A page of agents."""

    Total: int = Field(description="How many are registered")
    Agents: list[AgentInfo] = Field(description="Those of this page")
    Cursor: str = Field(description="Send it to get the next page; empty when everything has been returned")


class InstanceCreated(Wire):
    """A new instance."""

    AgentInstanceId: str = Field(
        pattern="^[0-9]+$", description="Names the instance in all other actions and in callbacks"
    )
    RequestId: str = Field(pattern="^[0-9]{19}$", description="That of the envelope; some backends look for it here")


class DigitalHumanInstanceCreated(InstanceCreated):
    """A new instance with a face."""

    DigitalHumanConfig: str = Field(description="Base64 of the JSON that the drawing SDK takes")


class Round(Wire):
    """The round an action began or ended."""

    Round: int = Field(description="Its number, in callbacks and room messages too")


class InstanceStatus(Wire):
    """What the agent is doing."""

    Status: Literal["IDLE", "LISTENING", "THINKING", "SPEAKING"] = Field(description="What it does now")


class MessageList(Wire):
    """The memory, oldest message first."""

    Total: int = Field(description="How many there are")
    MessageList: list[HistoryMessage] = Field(description="Oldest first")


class RoundTimings(Wire):
    """One round's stages, in ms after the user's last sound (or after the request that caused it)."""

    round: int = Field(description="Its number")
    origin: str = Field(description="user, ask or say: who began it")
    turn_end: int | None = Field(description="ms after the beginning; null where the round had no such stage")
    end_of_speech_to_text: int | None = Field(
        description="ms after the beginning; null where the round had no such stage"
    )
    llm_first_token: int | None = Field(description="ms after the beginning; null where the round had no such stage")
    first_clause: int | None = Field(description="ms after the beginning; null where the round had no such stage")
    tts_first_audio: int | None = Field(description="ms after the beginning; null where the round had no such stage")
    drive: int | None = Field(description="Voice handed to the face → its first motion frame sent")
    total: int | None = Field(description="ms after the beginning; null where the round had no such stage")
    text: str = Field(description="What the user said, or the request")
    answer: str = Field(description="What the agent said")
    interrupted: bool = Field(description="Whether it was cut short")


class RoundList(Wire):
    """The latest rounds, oldest first."""

    Rounds: list[RoundTimings] = Field(description="Those of this instance")
