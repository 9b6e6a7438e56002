"""What a receiver gets: events of agent instances and of stream tasks as signed JSON."""

from __future__ import annotations

import json
import secrets
from typing import Any

from mien.callbacks.signature import sign
from mien.conversation.port import CallbackEvent
from mien.streams.port import TaskEvent

Event = CallbackEvent | TaskEvent


def subject(event: Event) -> str:
    """Whose event it is: those of one subject arrive in order."""
    return event.task_id if isinstance(event, TaskEvent) else event.agent_instance_id


def name(event: Event) -> str:
    """What is called what, in the log."""
    return f"EventType {event.event_type}" if isinstance(event, TaskEvent) else event.event


def envelope(event: Event, callback_secret: str, timestamp_ms: int) -> str:
    """The JSON body of a callback, signed at `timestamp_ms` (unix time)."""
    nonce = str(secrets.randbelow(9 * 10**18) + 10**18)
    if isinstance(event, TaskEvent):
        body = _of_task(event, callback_secret, timestamp_ms, nonce)
    else:
        body = _of_instance(event, callback_secret, timestamp_ms, nonce)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    # Half a surrogate pair from a model's broken token must not stop the event.
    return text.encode(errors="replace").decode()


def _of_instance(event: CallbackEvent, callback_secret: str, timestamp_ms: int, nonce: str) -> dict[str, Any]:
    return {
        "AppId": event.app_id,
        "AgentInstanceId": event.agent_instance_id,
        "AgentUserId": event.agent_user_id,
        "AgentId": event.agent_id,
        "Name": event.agent_name,
        "RoomId": event.room_id,
        "Sequence": event.sequence,
        "Data": event.data,
        "Event": event.event,
        "Nonce": nonce,
        "Signature": sign(callback_secret, timestamp_ms, nonce),
        "Timestamp": timestamp_ms,
    }


def _of_task(event: TaskEvent, callback_secret: str, timestamp_ms: int, nonce: str) -> dict[str, Any]:
    # Here the time stamp is a text, in seconds; the time of the event itself is in milliseconds.
    timestamp = str(timestamp_ms // 1000)
    return {
        "AppId": event.app_id,
        "TaskId": event.task_id,
        "EventType": event.event_type,
        "Nonce": nonce,
        "Timestamp": timestamp,
        "Signature": sign(callback_secret, timestamp, nonce),
        "EventTime": event.time_ms,
        "Detail": dict(event.detail),
    }
