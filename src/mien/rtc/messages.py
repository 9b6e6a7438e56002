"""What room messages say: the JSON inside `RoomMessage.content`.

The agent tells clients about speech, text and status in messages of type 1; a client asks the agent to do something
in type 20 and is answered in type 22.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import Any, Final

AGENT_MESSAGE: Final = 1
"""msg_type of what the agent reports."""
ACTION_REQUEST: Final = 20
"""msg_type of a client's request to the agent."""
ACTION_RESPONSE: Final = 22
"""msg_type of the agent's answer to such a request."""


class Command(IntEnum):
    """Cmd of an agent's message."""

    USER_SPEECH = 1
    USER_TEXT = 3
    AGENT_TEXT = 4
    AGENT_STATUS = 6
    METADATA = 102


class SpeakStatus(IntEnum):
    """Whether the user began or stopped speaking."""

    START = 1
    END = 2


class StatusCode(IntEnum):
    """The agent's status as clients see it."""

    IDLE = 0
    LISTENING = 1
    THINKING = 2
    SPEAKING = 3


@dataclass(frozen=True, slots=True)
class UserSpeech:
    """Cmd 1: the user began or stopped speaking."""

    user_id: str
    status: SpeakStatus

    command = Command.USER_SPEECH

    def data(self) -> dict[str, Any]:
        return {"SpeakStatus": int(self.status), "UserId": self.user_id}


@dataclass(frozen=True, slots=True)
class UserText:
    """Cmd 3: what the user said, the full text so far; `message_id` stays the same within a turn."""

    message_id: str
    user_id: str
    text: str
    start: bool = False
    end: bool = False

    command = Command.USER_TEXT

    def data(self) -> dict[str, Any]:
        return _text(self)


@dataclass(frozen=True, slots=True)
class AgentText:
    """Cmd 4: what the agent says, one increment; `message_id` stays the same within a turn."""

    message_id: str
    user_id: str
    text: str
    start: bool = False
    end: bool = False

    command = Command.AGENT_TEXT

    def data(self) -> dict[str, Any]:
        return _text(self)


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """Cmd 6: the agent's status changed; `reason` is a word such as `llm_begin`."""

    old: StatusCode
    new: StatusCode
    reason: str = ""

    command = Command.AGENT_STATUS

    def data(self) -> dict[str, Any]:
        return {"OldStatus": int(self.old), "Status": int(self.new), "Reason": self.reason}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Cmd 102: metadata found in the model's text."""

    values: Mapping[str, Any]

    command = Command.METADATA

    def data(self) -> dict[str, Any]:
        return dict(self.values)


AgentMessage = UserSpeech | UserText | AgentText | AgentStatus | Metadata


def agent_content(message: AgentMessage, *, seq_id: int, round_id: int, now: float) -> str:
    """The content of an agent's message.

    `seq_id` grows over the whole call, for clients sort by it; `now` is in seconds since 1970.
    """
    return _dump(
        {
            "Timestamp": int(now),
            "TimestampMs": int(now * 1000),
            "SeqId": seq_id,
            "Round": round_id,
            "Cmd": int(message.command),
            "Legacy": False,
            "Data": message.data(),
        }
    )


class RequestError(ValueError):
    """A client's request cannot be read; the text says which member is wrong.

    `action` and `seq` are what could be read of it, for the answer; `is_object` is False when it is no JSON object.
    """

    def __init__(self, words: str, *, action: str = "", seq: str = "", is_object: bool = True) -> None:
        self.action = action
        self.seq = seq
        self.is_object = is_object
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """Type 20: a client asks the agent. `seq` is the client's own mark, echoed; the same one again is a repetition."""

    action: str
    seq: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: str) -> ActionRequest:
        """Raises RequestError."""
        try:
            wire = json.loads(content, parse_constant=_no_constant)
            # Halves of surrogate pairs are no Unicode: no model, no voice and no database takes them.
            json.dumps(wire, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise RequestError("the request is not JSON", is_object=False) from None
        if not isinstance(wire, dict):
            raise RequestError("the request must be a JSON object, {…}", is_object=False)
        given = {name.lower(): value for name, value in wire.items() if value is not None}
        action, seq = (value if isinstance(value, str) else "" for value in (given.get("action"), given.get("seq")))
        params = given.get("params", {})
        wrong = partial(RequestError, action=action, seq=seq)
        if not action:
            raise wrong("Action is required: expected the name of an action")
        if not seq:
            raise wrong("Seq is required: expected a text that the answer will carry, another one for each request")
        if not isinstance(params, dict):
            raise wrong("Params is invalid: expected an object")
        return cls(action, seq, params)

    def content(self) -> str:
        """The JSON a client sends."""
        return _dump({"Action": self.action, "Seq": self.seq, "Params": dict(self.params)})


@dataclass(frozen=True, slots=True)
class ActionResponse:
    """Type 22: the agent's answer to an `ActionRequest`. `code` is a return code of the HTTP API."""

    action: str
    seq: str
    code: int
    message: str
    request_id: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> str:
        """The JSON the agent sends."""
        return _dump(
            {
                "Action": self.action,
                "Seq": self.seq,
                "Code": self.code,
                "Message": self.message,
                "RequestId": self.request_id,
                "Data": dict(self.data),
            }
        )


def _text(message: UserText | AgentText) -> dict[str, Any]:
    return {
        "MessageId": message.message_id,
        "UserId": message.user_id,
        "Text": message.text,
        "StartFlag": message.start,
        "EndFlag": message.end,
    }


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _dump(wire: dict[str, Any]) -> str:
    return json.dumps(wire, ensure_ascii=False, separators=(",", ":"))
