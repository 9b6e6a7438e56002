"""The actions as values: what is sent, and how the answer is read. Clients run them; see `mien.client.Client`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from mien.client.extras import Extras

JsonObject = dict[str, Any]
Priority = Literal["Low", "Medium", "High"]
SamePriority = Literal["ClearAndInterrupt", "Enqueue"]
StatusName = Literal["IDLE", "LISTENING", "THINKING", "SPEAKING"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One action with its body; `read` turns its Data into the result."""

    action: str
    body: JsonObject
    read: Callable[[JsonObject], T]
    files: Mapping[str, bytes] | None = None
    """Files by member; with them the request is multipart/form-data."""

    def request(self) -> JsonObject:
        """The keyword arguments of an HTTP client's `post`."""
        if self.files is None:
            return {"json": self.body}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in self.body.items()}
        return {"data": texts, "files": {name: (name, data) for name, data in self.files.items()}}


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent, its objects as they were sent; `extras` is its member `Mien`, None if there is none."""

    agent_id: str
    name: str
    llm: JsonObject
    tts: JsonObject
    asr: JsonObject
    extras: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AgentPage:
    """A page of agents; an empty `cursor` means it is the last."""

    total: int
    agents: Sequence[Agent]
    cursor: str


@dataclass(frozen=True, slots=True)
class DigitalHumanInstance:
    """A running digital human; `config` is what a drawing SDK takes."""

    instance_id: str
    config: str


@dataclass(frozen=True, slots=True)
class Rtc:
    """Where the agent sits and whom it hears."""

    room_id: str
    agent_stream_id: str
    agent_user_id: str
    user_stream_id: str
    stream_extra_info: str = ""

    def wire(self) -> JsonObject:
        return {
            "RoomId": self.room_id,
            "AgentStreamId": self.agent_stream_id,
            "AgentUserId": self.agent_user_id,
            "UserStreamId": self.user_stream_id,
            "StreamExtraInfo": self.stream_extra_info,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the memory; `role` is "user" or "assistant"."""

    role: str
    content: str


def call(
    action: str, body: Mapping[str, Any] | None = None, *, files: Mapping[str, bytes] | None = None
) -> Operation[JsonObject]:
    """Any action by name, with its body as on the wire; `files` by member, for actions that take some."""
    return Operation(action, dict(body or {}), lambda data: data, files or None)


def register_agent(
    agent_id: str,
    *,
    name: str = "",
    llm: JsonObject | None = None,
    tts: JsonObject | None = None,
    asr: JsonObject | None = None,
    extras: Extras | None = None,
) -> Operation[None]:
    """RegisterAgent."""
    body = given(AgentId=agent_id, Name=name, LLM=llm, TTS=tts, ASR=asr, Mien=_wire(extras))
    return Operation("RegisterAgent", body, nothing)


def update_agent(
    agent_id: str,
    *,
    name: str | None = None,
    llm: JsonObject | None = None,
    tts: JsonObject | None = None,
    asr: JsonObject | None = None,
    extras: Extras | None = None,
) -> Operation[None]:
    """UpdateAgent: an object that is given replaces the stored one as a whole."""
    body = given(AgentId=agent_id, Name=name, LLM=llm, TTS=tts, ASR=asr, Mien=_wire(extras))
    return Operation("UpdateAgent", body, nothing)


def unregister_agent(agent_id: str) -> Operation[None]:
    """UnregisterAgent."""
    return Operation("UnregisterAgent", {"AgentId": agent_id}, nothing)


def list_agents(*, limit: int = 5, cursor: str = "") -> Operation[AgentPage]:
    """ListAgents: a page of at most 10 agents."""
    return Operation(
        "ListAgents",
        {"Limit": limit, "Cursor": cursor},
        lambda data: AgentPage(data["Total"], _agents(data), data["Cursor"]),
    )


def query_agents(agent_ids: Sequence[str]) -> Operation[Sequence[Agent]]:
    """QueryAgents: those of at most 10 agents that are registered."""
    return Operation("QueryAgents", {"AgentIds": list(agent_ids)}, _agents)


def create_agent_instance(
    agent_id: str,
    user_id: str,
    rtc: Rtc,
    *,
    llm: JsonObject | None = None,
    tts: JsonObject | None = None,
    asr: JsonObject | None = None,
    vad: JsonObject | None = None,
    message_history: JsonObject | None = None,
    callback_config: JsonObject | None = None,
    advanced_config: JsonObject | None = None,
    extras: Extras | None = None,
) -> Operation[str]:
    """CreateAgentInstance; returns the AgentInstanceId."""
    body = given(
        AgentId=agent_id,
        UserId=user_id,
        RTC=rtc.wire(),
        LLM=llm,
        TTS=tts,
        ASR=asr,
        VAD=vad,
        MessageHistory=message_history,
        CallbackConfig=callback_config,
        AdvancedConfig=advanced_config,
        Mien=_wire(extras),
    )
    return Operation("CreateAgentInstance", body, lambda data: str(data["AgentInstanceId"]))


def create_digital_human_agent_instance(
    agent_id: str,
    user_id: str,
    rtc: Rtc,
    digital_human_id: str,
    *,
    config_id: Literal["mobile", "web"] = "mobile",
    llm: JsonObject | None = None,
    tts: JsonObject | None = None,
    asr: JsonObject | None = None,
    vad: JsonObject | None = None,
    message_history: JsonObject | None = None,
    callback_config: JsonObject | None = None,
    advanced_config: JsonObject | None = None,
    extras: Extras | None = None,
) -> Operation[DigitalHumanInstance]:
    """CreateDigitalHumanAgentInstance."""
    voice = create_agent_instance(
        agent_id,
        user_id,
        rtc,
        llm=llm,
        tts=tts,
        asr=asr,
        vad=vad,
        message_history=message_history,
        callback_config=callback_config,
        advanced_config=advanced_config,
        extras=extras,
    )
    human = {"DigitalHumanId": digital_human_id, "ConfigId": config_id}
    return Operation(
        "CreateDigitalHumanAgentInstance",
        voice.body | {"DigitalHuman": human},
        lambda data: DigitalHumanInstance(data["AgentInstanceId"], data["DigitalHumanConfig"]),
    )


def create_live_digital_human_agent_instance(
    agent_id: str,
    room_id: str,
    agent_stream_id: str,
    agent_user_id: str,
    digital_human_id: str,
    *,
    config_id: Literal["mobile", "web"] = "mobile",
    tts: JsonObject | None = None,
    callback_config: JsonObject | None = None,
    advanced_config: JsonObject | None = None,
) -> Operation[DigitalHumanInstance]:
    """CreateLiveDigitalHumanAgentInstance: a face in a room that speaks what `say` sends."""
    return _live(
        AgentId=agent_id,
        DigitalHuman={"DigitalHumanId": digital_human_id, "ConfigId": config_id},
        RTC={"RoomId": room_id, "AgentStreamId": agent_stream_id, "AgentUserId": agent_user_id},
        TTS=tts,
        CallbackConfig=callback_config,
        AdvancedConfig=advanced_config,
    )


def push_live_digital_human_agent_instance(
    agent_id: str,
    cdn_url: str,
    digital_human_id: str,
    *,
    tts: JsonObject | None = None,
    callback_config: JsonObject | None = None,
    advanced_config: JsonObject | None = None,
) -> Operation[DigitalHumanInstance]:
    """CreateLiveDigitalHumanAgentInstance with CDN: a face pushed to an RTMP server, that speaks what `say` sends."""
    return _live(
        AgentId=agent_id,
        DigitalHuman={"DigitalHumanId": digital_human_id, "ConfigId": "web"},
        CDN={"Url": cdn_url},
        TTS=tts,
        CallbackConfig=callback_config,
        AdvancedConfig=advanced_config,
    )


def _live(**members: Any) -> Operation[DigitalHumanInstance]:
    body = given(**members)
    return Operation(
        "CreateLiveDigitalHumanAgentInstance",
        body,
        lambda data: DigitalHumanInstance(data["AgentInstanceId"], data["DigitalHumanConfig"]),
    )


def update_agent_instance(
    instance_id: str,
    *,
    llm: JsonObject | None = None,
    tts: JsonObject | None = None,
    asr: JsonObject | None = None,
    vad: JsonObject | None = None,
    user_stream_id: str | None = None,
    advanced_config: JsonObject | None = None,
    extras: Extras | None = None,
) -> Operation[None]:
    """UpdateAgentInstance; of `extras` everything but the welcome can change."""
    rtc = {"UserStreamId": user_stream_id} if user_stream_id is not None else None
    body = given(
        AgentInstanceId=instance_id,
        LLM=llm,
        TTS=tts,
        ASR=asr,
        VAD=vad,
        RTC=rtc,
        AdvancedConfig=advanced_config,
        Mien=_wire(extras),
    )
    return Operation("UpdateAgentInstance", body, nothing)


def delete_agent_instance(instance_id: str, *, graceful: bool = False, timeout_s: int = 30) -> Operation[None]:
    """DeleteAgentInstance; with `graceful` the agent finishes what it says, for at most `timeout_s`."""
    body = {"AgentInstanceId": instance_id, "GracefulShutdown": graceful, "GracefulShutdownTimeout": timeout_s}
    return Operation("DeleteAgentInstance", body, nothing)


def say(
    instance_id: str,
    text: str,
    *,
    add_history: bool = True,
    priority: Priority = "Medium",
    same_priority: SamePriority = "ClearAndInterrupt",
    enqueue_user_speech: bool = False,
) -> Operation[int]:
    """SendAgentInstanceTTS; returns the round. With `enqueue_user_speech`, what the user says over it is answered
    afterwards, where it cannot interrupt."""
    body = {
        "AgentInstanceId": instance_id,
        "Text": text,
        "AddHistory": add_history,
        "Priority": priority,
        "SamePriorityOption": same_priority,
        "EnqueueUserSpeech": enqueue_user_speech,
    }
    return Operation("SendAgentInstanceTTS", body, _round)


def ask(
    instance_id: str,
    text: str,
    *,
    system_prompt: str | None = None,
    add_question: bool = False,
    add_answer: bool = True,
    priority: Priority = "Medium",
    same_priority: SamePriority = "ClearAndInterrupt",
    enqueue_user_speech: bool = False,
) -> Operation[int]:
    """SendAgentInstanceLLM; returns the round. See `say`."""
    body = given(
        AgentInstanceId=instance_id,
        Text=text,
        SystemPrompt=system_prompt,
        AddQuestionToHistory=add_question,
        AddAnswerToHistory=add_answer,
        Priority=priority,
        SamePriorityOption=same_priority,
        EnqueueUserSpeech=enqueue_user_speech,
    )
    return Operation("SendAgentInstanceLLM", body, _round)


def interrupt(instance_id: str) -> Operation[int]:
    """InterruptAgentInstance; returns the round that was cut short."""
    return Operation("InterruptAgentInstance", {"AgentInstanceId": instance_id}, _round)


def status(instance_id: str) -> Operation[StatusName]:
    """QueryAgentInstanceStatus."""

    def read(data: JsonObject) -> StatusName:
        name: StatusName = data["Status"]
        return name

    return Operation("QueryAgentInstanceStatus", {"AgentInstanceId": instance_id}, read)


def messages(instance_id: str) -> Operation[Sequence[Message]]:
    """GetAgentInstanceMsgList."""
    return Operation(
        "GetAgentInstanceMsgList",
        {"AgentInstanceId": instance_id},
        lambda data: [Message(message["Role"], message["Content"]) for message in data["MessageList"]],
    )


def add_messages(instance_id: str, added: Sequence[Message]) -> Operation[None]:
    """AddAgentInstanceMsg."""
    wire = [{"Role": message.role, "Content": message.content} for message in added]
    return Operation("AddAgentInstanceMsg", {"AgentInstanceId": instance_id, "Messages": wire}, nothing)


def reset_messages(instance_id: str) -> Operation[None]:
    """ResetAgentInstanceMsgList."""
    return Operation("ResetAgentInstanceMsgList", {"AgentInstanceId": instance_id}, nothing)


def start_listening(instance_id: str, *, user_id: str | None = None, sequence: int | None = None) -> Operation[int]:
    """StartListening; returns the round."""
    return Operation("StartListening", given(AgentInstanceId=instance_id, UserId=user_id, Sequence=sequence), _round)


def stop_listening(
    instance_id: str, *, user_id: str | None = None, sequence: int | None = None, cancel: bool = False
) -> Operation[int]:
    """StopListening; returns the round. With `cancel` what was said is forgotten and gets no answer."""
    body = given(AgentInstanceId=instance_id, UserId=user_id, Sequence=sequence, CancelFlag=cancel or None)
    return Operation("StopListening", body, _round)


def given(**members: Any) -> JsonObject:
    """Those members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def _wire(extras: Extras | None) -> JsonObject | None:
    return None if extras is None else extras.wire()


def nothing(_: JsonObject) -> None:
    """Reads an answer without Data."""
    return


def _round(data: JsonObject) -> int:
    return int(data["Round"])


def _agents(data: JsonObject) -> Sequence[Agent]:
    return [Agent(a["AgentId"], a["Name"], a["LLM"], a["TTS"], a["ASR"], a.get("Mien")) for a in data["Agents"]]
