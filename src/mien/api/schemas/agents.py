"""Bodies of the actions on registered agents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mien.api.schemas.base import AgentIdText, Wire, utf8
from mien.api.schemas.engines import Asr, Llm, Tts, Vad
from mien.api.schemas.extras import Extras

NameText = Annotated[str, utf8(256)]


class RegisterAgent(Wire):
    """RegisterAgent."""

    AgentId: AgentIdText
    Name: NameText = ""
    LLM: Llm | None = None
    TTS: Tts | None = None
    ASR: Asr | None = None
    VAD: Vad | None = None
    Mien: Extras | None = None


class UpdateAgent(Wire):
    """UpdateAgent: each object that is given replaces the stored one as a whole."""

    AgentId: AgentIdText
    Name: NameText | None = None
    LLM: Llm | None = None
    TTS: Tts | None = None
    ASR: Asr | None = None
    VAD: Vad | None = None
    Mien: Extras | None = None


class UnregisterAgent(Wire):
    """UnregisterAgent."""

    AgentId: AgentIdText


class ListAgents(Wire):
    """ListAgents: pages of registered agents."""

    Limit: int = Field(default=0, ge=0, le=10, description="0: 5")
    Cursor: str = Field(default="", max_length=64, description="Empty at first, then the Cursor of the answer before")


class QueryAgents(Wire):
    """QueryAgents."""

    AgentIds: Annotated[list[AgentIdText], Field(min_length=1, max_length=10)] = Field(description="Those to look for")
