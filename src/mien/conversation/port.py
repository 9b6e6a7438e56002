"""How the rest of Mien drives a conversation, and where a conversation reports to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mien.conversation.spec import ExtrasUpdate, InstanceSpec, Message, Priority, SamePriority, Status, VadSpec
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec


class ConversationError(Exception):
    """Something an instance cannot do; the text says why and what to do."""


class InstanceNotFoundError(ConversationError):
    """No running instance has this id (in this app)."""


class InstanceLimitError(ConversationError):
    """The app already runs as many instances of this kind as it may."""


class NoCapacityError(ConversationError):
    """The machine has no headroom for another instance."""


class StreamTakenError(ConversationError):
    """Another stream has this AgentStreamId."""


class UserListeningError(ConversationError):
    """The user is speaking; proactive speech of this priority must wait."""


class QueueFullError(ConversationError):
    """Five rounds are already queued."""


class ShuttingDownError(ConversationError):
    """The instance is being shut down gracefully."""


class NotWalkieTalkieError(ConversationError):
    """Start/StopListening on an instance that listens all the time."""


class OutdatedSequenceError(ConversationError):
    """A newer Start/StopListening was already processed."""


class UserAbsentError(ConversationError):
    """The user who shall speak is not in the instance's room."""


class UserNotPublishingError(ConversationError):
    """The user's stream is not there yet, so listening to it cannot begin."""


class TtsDisabledError(ConversationError):
    """AdvancedConfig.DisableTTS is set: the instance cannot speak."""


class LiveInstanceError(ConversationError):
    """A live digital human only speaks what it is sent; it has no model, no ears and no memory."""


class UnknownDigitalHumanError(ConversationError):
    """No digital human has this id."""


@dataclass(frozen=True, slots=True)
class CallbackEvent:
    """A server callback before it is signed. `data` is the wire object of `event`."""

    app_id: int
    event: str
    agent_instance_id: str
    agent_user_id: str
    agent_id: str
    agent_name: str
    room_id: str
    sequence: int
    data: dict[str, Any]
    host_tag: str = ""


class CallbackSink(Protocol):
    """Where callbacks go. Never blocks and never raises; delivery is the sink's business."""

    def emit(self, event: CallbackEvent) -> None: ...


class WebhookError(Exception):
    """The business backend gave no answer that can be used; the text says why."""


class Webhooks(Protocol):
    """Asks the business backend something and waits for the answer."""

    async def call(
        self, app_id: int, url: str, body: dict[str, Any], *, headers: Mapping[str, str], timeout_s: float
    ) -> str:
        """Posts `body`, signed, and returns the text of the answer. Raises WebhookError."""


class Instance(Protocol):
    """One running agent."""

    @property
    def spec(self) -> InstanceSpec: ...
    @property
    def status(self) -> Status: ...
    @property
    def shutting_down(self) -> bool:
        """Whether it is being shut down gracefully and takes no more requests."""

    @property
    def timings(self) -> list[dict[str, Any]]:
        """The stages of its latest rounds in ms, oldest first; see `rounds.RoundTimings.milliseconds`."""

    async def say(
        self,
        text: str,
        *,
        add_history: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        """Speaks `text` as given (SendAgentInstanceTTS) and returns its round at once, also when it is queued.

        With `enqueue_user_speech`, what the user says over it is answered afterwards, if they cannot interrupt it.
        """

    async def ask(
        self,
        text: str,
        *,
        system_prompt: str | None = None,
        add_question: bool = False,
        add_answer: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        """Asks the model and speaks its answer (SendAgentInstanceLLM); returns the round at once. See `say`."""

    async def interrupt(self) -> int:
        """Stops what is being thought or said; returns the interrupted round (the latest one when nothing was)."""

    async def update(
        self,
        *,
        llm: LlmSpec | None = None,
        tts: TtsSpec | None = None,
        asr: AsrSpec | None = None,
        vad: VadSpec | None = None,
        user_stream_id: str | None = None,
        listen_only: bool | None = None,
        extras: ExtrasUpdate | None = None,
    ) -> None:
        """Replaces engines, the stream it listens to, tools, language, or whether it answers at all, from the next turn
        on."""

    async def start_listening(self, user_id: str | None = None, sequence: int | None = None) -> int: ...
    async def stop_listening(
        self, user_id: str | None = None, sequence: int | None = None, *, cancel: bool = False
    ) -> int:
        """Ends the user's turn; with `cancel` it gets no answer and is forgotten."""

    def messages(self) -> Sequence[Message]:
        """The conversation's memory, oldest first."""

    def add_messages(self, messages: Sequence[Message]) -> None: ...
    def reset_messages(self) -> None: ...


class InstanceManager(Protocol):
    """Creates, finds and ends instances."""

    async def create(self, spec: InstanceSpec) -> Instance:
        """Joins the room and starts publishing; `AgentInstanceCreated` follows.

        Raises InstanceLimitError, NoCapacityError, UnknownDigitalHumanError, StreamTakenError, TtsDisabledError, and
        ConversationError when the room or the CDN cannot be reached.
        """

    def get(self, app_id: int, instance_id: str) -> Instance:
        """Raises InstanceNotFoundError."""

    async def delete(self, app_id: int, instance_id: str, *, graceful: bool = False, timeout_s: float = 30.0) -> None:
        """Ends the instance; with `graceful` it first finishes speaking. Returns at once when graceful."""

    async def close(self) -> None:
        """Ends every instance."""
