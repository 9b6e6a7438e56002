"""Bodies of the actions that steer a running instance."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mien.api.schemas.base import Flag, InstanceIdText, UserIdText, Wire, not_blank
from mien.api.schemas.instances import HistoryMessage

PriorityName = Literal["Low", "Medium", "High"]
SamePriorityName = Literal["ClearAndInterrupt", "Enqueue"]
SpokenText = Annotated[str, not_blank(300)]
WAITING_USER = "What the user says over it, where that cannot interrupt it, is answered after it instead of ignored"
AskedText = Annotated[str, not_blank()]


class OneInstance(Wire):
    """The body of actions that need nothing but the instance."""

    AgentInstanceId: InstanceIdText


class SendAgentInstanceTTS(Wire):
    """SendAgentInstanceTTS: speaks a text as given."""

    AgentInstanceId: InstanceIdText
    Text: SpokenText
    AddHistory: bool = Field(default=True, description="Whether the agent remembers it")
    InterruptMode: Flag = Field(default=0, description="Older spelling of Priority: 0 Medium, 1 High")
    Priority: PriorityName | None = Field(default=None, description="Default Medium")
    SamePriorityOption: SamePriorityName = Field(
        default="ClearAndInterrupt",
        description="What happens to speech of the same Priority: it ends, or is waited for",
    )
    EnqueueUserSpeech: bool = Field(default=False, description=WAITING_USER)


class SendAgentInstanceLLM(Wire):
    """SendAgentInstanceLLM: asks the model and speaks its answer."""

    AgentInstanceId: InstanceIdText
    Text: AskedText
    SystemPrompt: str = Field(default="", description="For this turn only; empty: the instance's")
    AddQuestionToHistory: bool = Field(default=False, description="Whether Text is remembered")
    AddAnswerToHistory: bool = Field(default=True, description="Whether the answer is remembered")
    Priority: PriorityName = Field(default="Medium", description="What it may interrupt")
    SamePriorityOption: SamePriorityName = Field(
        default="ClearAndInterrupt",
        description="What happens to speech of the same Priority: it ends, or is waited for",
    )
    EnqueueUserSpeech: bool = Field(default=False, description=WAITING_USER)


class AddAgentInstanceMsg(Wire):
    """AddAgentInstanceMsg: appends messages to the memory."""

    AgentInstanceId: InstanceIdText
    Messages: Annotated[list[HistoryMessage], Field(min_length=1, max_length=500)] = Field(description="Oldest first")


class Listening(Wire):
    """StartListening: the walkie-talkie button is pressed."""

    AgentInstanceId: InstanceIdText
    UserId: UserIdText | None = None
    Sequence: int | None = Field(default=None, ge=0, le=2**63 - 1, description="Counts up; only the newest is obeyed")


class StopListening(Listening):
    """StopListening: the button is let go."""

    CancelFlag: bool = Field(default=False, description="Forget what was said and give no answer")
