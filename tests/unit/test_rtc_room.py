"""Rooms: presence, streams, messages, and the rule that a user id is in a room once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from mien.rtc.messages import (
    ActionRequest,
    ActionResponse,
    AgentStatus,
    AgentText,
    RequestError,
    SpeakStatus,
    StatusCode,
    UserSpeech,
    agent_content,
)
from mien.rtc.port import DuplicateStreamError, RoomMessage, RtcError, StreamInfo
from mien.rtc.room import MAX_CONTENT, MessageError, Rooms


@dataclass
class Notes:
    """Ears that write down what they hear."""

    heard: list[tuple[str, object]] = field(default_factory=list)

    def user_joined(self, user_id: str, user_name: str) -> None:
        self.heard.append(("joined", user_id))

    def user_left(self, user_id: str, user_name: str) -> None:
        self.heard.append(("left", user_id))

    def stream_added(self, stream: StreamInfo) -> None:
        self.heard.append(("added", stream.stream_id))

    def stream_removed(self, stream: StreamInfo) -> None:
        self.heard.append(("removed", stream.stream_id))

    def message(self, message: RoomMessage) -> None:
        self.heard.append(("message", message.content))

    def kicked(self, reason: str) -> None:
        self.heard.append(("kicked", reason))


def test_events_reach_the_others_only() -> None:
    rooms = Rooms()
    ann, bob = Notes(), Notes()
    first = rooms.enter(1, "r", "ann", "Ann", ann)
    second = rooms.enter(1, "r", "bob", "", bob)
    elsewhere = Notes()
    rooms.enter(2, "r", "eve", "", elsewhere)
    assert second.users() == [("ann", "Ann")]
    first.publish(StreamInfo("s", "ann"))
    assert [s.stream_id for s in second.streams()] == ["s"]
    assert first.streams() == []
    first.send("hi")
    assert first.send("you", to=["bob", "nobody", "bob"]) == ["nobody"]
    first.leave()
    first.leave()
    assert ann.heard == [("joined", "bob")]
    assert bob.heard == [("added", "s"), ("message", "hi"), ("message", "you"), ("removed", "s"), ("left", "ann")]
    assert elsewhere.heard == []
    second.leave()
    assert len(rooms) == 1


def test_a_later_login_kicks_and_the_streams_go() -> None:
    rooms = Rooms()
    earlier, other = Notes(), Notes()
    rooms.enter(1, "r", "bob", "", other)
    first = rooms.enter(1, "r", "ann", "", earlier)
    first.publish(StreamInfo("s", "ann"))
    second = rooms.enter(1, "r", "ann", "", Notes())
    assert earlier.heard[-1][0] == "kicked"
    assert other.heard[-3:] == [("removed", "s"), ("left", "ann"), ("joined", "ann")]
    assert (first.present, second.present) == (False, True)
    with pytest.raises(RtcError, match="log in again"):
        first.send("x")
    first.unpublish("s")
    second.publish(StreamInfo("s", "ann"))
    assert rooms.stream(1, "r", "s") is not None


def test_stream_ids_are_unique_in_an_app_but_not_beyond() -> None:
    rooms = Rooms()
    ann = rooms.enter(1, "r", "ann", "", Notes())
    ann.publish(StreamInfo("s", "ann"))
    ann.publish(StreamInfo("s", "ann", extra_info="again"))
    with pytest.raises(DuplicateStreamError, match='user "ann" in room "r"'):
        rooms.enter(1, "q", "bob", "", Notes()).publish(StreamInfo("s", "bob"))
    rooms.enter(2, "r", "bob", "", Notes()).publish(StreamInfo("s", "bob"))
    with pytest.raises(RtcError, match="cannot publish as"):
        ann.publish(StreamInfo("t", "bob"))


@pytest.mark.parametrize("bad", ["", "x" * 200, "a\nb", "\ud800"])
def test_bad_ids_are_refused(bad: str) -> None:
    rooms = Rooms()
    with pytest.raises(RtcError):
        rooms.enter(1, bad, "u", "", Notes())
    with pytest.raises(RtcError):
        rooms.enter(1, "r", bad, "", Notes())
    assert len(rooms) == 0
    rooms.enter(1, "房间", "@RBT#1", "", Notes())


def test_long_messages_are_refused() -> None:
    participant = Rooms().enter(1, "r", "u", "", Notes())
    participant.send("x" * MAX_CONTENT)
    participant.send("\ud800")
    with pytest.raises(MessageError, match="at most"):
        participant.send("面" * MAX_CONTENT)


def test_messages_to_an_alias_reach_its_owner_until_it_leaves() -> None:
    rooms = Rooms()
    agent, user = Notes(), Notes()
    first = rooms.enter(1, "r", "agent", "", agent, alias="ai_agent_7")
    sender = rooms.enter(1, "r", "user", "", user)
    assert sender.users() == [("agent", "")]
    assert sender.send("a", to=["ai_agent_7"]) == []
    assert sender.send("b", to=["agent", "ai_agent_8"]) == ["ai_agent_8"]
    assert [content for kind, content in agent.heard if kind == "message"] == ["a", "b"]
    somebody = rooms.enter(1, "r", "ai_agent_7", "", Notes())
    assert sender.send("c", to=["ai_agent_7"]) == []
    assert ("message", "c") not in agent.heard
    somebody.leave()
    first.leave()
    assert sender.send("d", to=["ai_agent_7"]) == ["ai_agent_7"]


def test_agent_messages_look_as_documented() -> None:
    def of(message: object) -> object:
        return json.loads(agent_content(message, seq_id=558853066, round_id=790411001, now=1765790413.102))  # type: ignore[arg-type]

    assert of(UserSpeech("38597", SpeakStatus.START)) == {
        "Timestamp": 1765790413,
        "TimestampMs": 1765790413102,
        "SeqId": 558853066,
        "Round": 790411001,
        "Cmd": 1,
        "Legacy": False,
        "Data": {"SpeakStatus": 1, "UserId": "38597"},
    }
    text = of(AgentText("1", "agent", "你好呀！", start=True))
    assert text["Cmd"] == 4  # type: ignore[index]
    assert text["Data"] == {  # type: ignore[index]
        "MessageId": "1",
        "UserId": "agent",
        "Text": "你好呀！",
        "StartFlag": True,
        "EndFlag": False,
    }
    status = of(AgentStatus(StatusCode.LISTENING, StatusCode.THINKING, "llm_begin"))
    assert status["Data"] == {"OldStatus": 1, "Status": 2, "Reason": "llm_begin"}  # type: ignore[index]


def test_requests_to_the_agent() -> None:
    request = ActionRequest("SendAgentInstanceTTS", "a:b:1", {"Text": "Hello"})
    assert ActionRequest.parse(request.content()) == request
    assert ActionRequest.parse('{"Action":"X","Seq":"1"}').params == {}
    for bad in (
        "",
        "[]",
        "{}",
        '{"Action":"","Seq":"1"}',
        '{"Action":"X","Seq":1}',
        '{"Action":"X","Seq":"1","Params":[]}',
    ):
        with pytest.raises(RequestError):
            ActionRequest.parse(bad)
    answer = json.loads(ActionResponse("X", "1", 0, "success", "9", {"Round": 1}).content())
    assert answer == {
        "Action": "X",
        "Seq": "1",
        "Code": 0,
        "Message": "success",
        "RequestId": "9",
        "Data": {"Round": 1},
    }
