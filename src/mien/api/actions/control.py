"""Actions that steer a running instance: speak, ask, interrupt, listen, remember."""

from __future__ import annotations

from mien.api.actions.instances import find
from mien.api.actions.registry import Call, action
from mien.api.errors import ApiError, ReturnCode
from mien.api.schemas import results
from mien.api.schemas.base import JsonObject
from mien.api.schemas.control import (
    AddAgentInstanceMsg,
    Listening,
    OneInstance,
    SendAgentInstanceLLM,
    SendAgentInstanceTTS,
    StopListening,
)
from mien.conversation.port import Instance
from mien.conversation.spec import Message, Priority, SamePriority

GROUP = "Control"


@action(GROUP, SendAgentInstanceTTS, failure=ReturnCode.TTS_CALL_FAILED, result=results.Round)
async def send_agent_instance_tts(call: Call, body: SendAgentInstanceTTS) -> JsonObject:
    """Makes the agent speak a text as given; answers at once, also when the text is queued."""
    older_spelling = "High" if body.InterruptMode else "Medium"
    number = await find(call, body.AgentInstanceId).say(
        body.Text,
        add_history=body.AddHistory,
        priority=Priority(body.Priority or older_spelling),
        same_priority=SamePriority(body.SamePriorityOption),
        enqueue_user_speech=body.EnqueueUserSpeech,
    )
    return {"Round": number}


@action(GROUP, SendAgentInstanceLLM, failure=ReturnCode.LLM_CALL_FAILED, result=results.Round)
async def send_agent_instance_llm(call: Call, body: SendAgentInstanceLLM) -> JsonObject:
    """Asks the model and makes the agent speak the answer."""
    number = await _talking(call, body.AgentInstanceId).ask(
        body.Text,
        system_prompt=body.SystemPrompt or None,
        add_question=body.AddQuestionToHistory,
        add_answer=body.AddAnswerToHistory,
        priority=Priority(body.Priority),
        same_priority=SamePriority(body.SamePriorityOption),
        enqueue_user_speech=body.EnqueueUserSpeech,
    )
    return {"Round": number}


@action(GROUP, OneInstance, name="InterruptAgentInstance", failure=ReturnCode.INTERRUPT_FAILED, result=results.Round)
async def interrupt_agent_instance(call: Call, body: OneInstance) -> JsonObject:
    """Stops what the agent is thinking or saying."""
    return {"Round": await find(call, body.AgentInstanceId).interrupt()}


@action(
    GROUP,
    OneInstance,
    name="QueryAgentInstanceStatus",
    failure=ReturnCode.CONTEXT_FAILED,
    result=results.InstanceStatus,
)
async def query_agent_instance_status(call: Call, body: OneInstance) -> JsonObject:
    """Tells what the agent is doing."""
    return {"Status": find(call, body.AgentInstanceId).status.name}


@action(
    GROUP, OneInstance, name="GetAgentInstanceMsgList", failure=ReturnCode.CONTEXT_FAILED, result=results.MessageList
)
async def get_agent_instance_msg_list(call: Call, body: OneInstance) -> JsonObject:
    """Gives the conversation's memory, oldest message first."""
    messages = _talking(call, body.AgentInstanceId).messages()
    return {
        "Total": len(messages),
        "MessageList": [{"Role": message.role, "Content": message.content} for message in messages],
    }


@action(GROUP, OneInstance, name="ResetAgentInstanceMsgList", failure=ReturnCode.RESET_FAILED)
async def reset_agent_instance_msg_list(call: Call, body: OneInstance) -> None:
    """Empties the conversation's memory."""
    _talking(call, body.AgentInstanceId).reset_messages()


@action(GROUP, AddAgentInstanceMsg, failure=ReturnCode.HISTORY_FAILED)
async def add_agent_instance_msg(call: Call, body: AddAgentInstanceMsg) -> None:
    """Appends messages to the conversation's memory, without a round, a subtitle or a callback."""
    messages = [Message(message.Role, message.Content) for message in body.Messages]
    _talking(call, body.AgentInstanceId).add_messages(messages)


@action(GROUP, Listening, name="StartListening", failure=ReturnCode.START_LISTENING_FAILED, result=results.Round)
async def start_listening(call: Call, body: Listening) -> JsonObject:
    """Walkie-talkie mode: the user begins to speak."""
    return {"Round": await _talking(call, body.AgentInstanceId).start_listening(body.UserId, body.Sequence)}


@action(GROUP, StopListening, failure=ReturnCode.STOP_LISTENING_FAILED, result=results.Round)
async def stop_listening(call: Call, body: StopListening) -> JsonObject:
    """Walkie-talkie mode: the user has finished; the agent answers."""
    instance = _talking(call, body.AgentInstanceId)
    return {"Round": await instance.stop_listening(body.UserId, body.Sequence, cancel=body.CancelFlag)}


def _talking(call: Call, instance_id: str) -> Instance:
    """An instance that converses. Raises InstanceNotFoundError, or ApiError 410001049 for one that only broadcasts."""
    instance = find(call, instance_id)
    if instance.spec.live:
        raise ApiError(ReturnCode.LIVE_INSTANCE)
    return instance
