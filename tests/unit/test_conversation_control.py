"""Control by room message: every action, every refusal, and what the published clients need. Virtual time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.conversation.control import alias
from mien.conversation.spec import AdvancedSpec, DigitalHumanSpec, RtcSpec, Status
from mien.rtc.messages import ActionRequest, RequestError
from mien.rtc.port import RoomMessage, VideoKind
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage

ACTIONS = {"SendAgentInstanceTTS", "SendAgentInstanceLLM", "InterruptAgentInstance", "StartListening", "StopListening"}


def send(hand: Stagehand, content: str, *, sender: str = "user", msg_type: int = 20) -> None:
    assert hand.peer.events.message
    hand.peer.events.message(RoomMessage("room", sender, msg_type, content))


async def ask(hand: Stagehand, action: Any, params: Any = None, *, wait_s: float = 0.1) -> dict[str, Any]:
    """Sends one request and returns its answer, which has the shape every client needs."""
    seq = f"user:web:{len(hand.peer.sent)}"
    send(hand, json.dumps({"Action": action, "Seq": seq, "Params": params}))
    await asyncio.sleep(wait_s)
    answer = hand.peer.answers()[-1]
    assert list(answer) == ["Action", "Seq", "Code", "Message", "RequestId", "Data"]
    assert (answer["Action"], answer["Seq"]) == (action, seq)
    assert type(answer["Code"]) is int
    assert answer["RequestId"].isdigit()
    assert answer["Message"] == "success" if answer["Code"] == 0 else answer["Data"] == {}
    return answer


def test_each_action() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        said = await ask(hand, "SendAgentInstanceTTS", {"Text": "你好朋友。", "AddHistory": False})
        assert said["Data"] == {"Round": said["Data"]["Round"]}
        await asyncio.sleep(4)
        assert instance.messages() == []
        asked = await ask(
            hand,
            "SendAgentInstanceLLM",
            {
                "Text": "讲个笑话",
                "SystemPrompt": "你很幽默",
                "AddQuestionToHistory": True,
                "AddAnswerToHistory": False,
                "Priority": "Medium",
                "SamePriorityOption": "ClearAndInterrupt",
            },
        )
        assert asked["Data"]["Round"] > said["Data"]["Round"]
        await asyncio.sleep(1.5)
        cut = await ask(hand, "InterruptAgentInstance", {})
        assert cut["Data"] == asked["Data"]
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 4
        assert hand.script.requests[-1].messages == [("system", "你很幽默"), ("user", "讲个笑话")]
        assert [message.content for message in instance.messages()] == ["讲个笑话"]
        begun = await ask(hand, "StartListening", {"UserId": "user", "Sequence": 1})
        await hand.user.say("你好吗", 1.0)
        assert (await ask(hand, "StopListening", {"Sequence": 2}))["Data"] == begun["Data"]
        await asyncio.sleep(8)
        assert hand.callbacks("ASRResult")[0][1]["Round"] == begun["Data"]["Round"]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("action", "params", "code", "words"),
    [
        ("SendAgentInstanceTTS", {}, 410000003, "Text is required"),
        ("SendAgentInstanceTTS", None, 410000003, "Text is required"),
        ("SendAgentInstanceTTS", {"Text": " \n"}, 410000003, "Text is required"),
        ("SendAgentInstanceTTS", {"Text": 5}, 410000003, "Text is invalid: expected a text"),
        ("SendAgentInstanceTTS", {"Text": "x" * 301}, 410000003, "Text is invalid: expected a text of 1 to 300"),
        ("SendAgentInstanceTTS", {"Text": "x", "Priority": ""}, 410000003, "Priority is invalid"),
        ("SendAgentInstanceTTS", {"Text": "x", "Priority": "Top"}, 410000003, "Priority is invalid: expected one of"),
        ("SendAgentInstanceTTS", {"Text": "x", "SamePriorityOption": 1}, 410000003, "SamePriorityOption is invalid"),
        ("SendAgentInstanceTTS", {"Text": "x", "AddHistory": 1}, 410000003, "AddHistory is invalid"),
        ("SendAgentInstanceTTS", {"Text": "x", "InterruptMode": 2}, 410000003, "InterruptMode is invalid"),
        ("SendAgentInstanceLLM", {"Text": ""}, 410000003, "Text is required"),
        ("SendAgentInstanceLLM", {"Text": "x", "AddAnswerToHistory": "no"}, 410000003, "AddAnswerToHistory is invalid"),
        ("SendAgentInstanceLLM", {"Text": "x", "SystemPrompt": []}, 410000003, "SystemPrompt is invalid"),
        ("StartListening", {"UserId": 1}, 410000003, "UserId is invalid"),
        ("StartListening", {"Sequence": "1"}, 410000003, "Sequence is invalid"),
        ("StartListening", {"Sequence": -1}, 410000003, "Sequence is invalid"),
        ("StartListening", {"Sequence": 2**63}, 410000003, "Sequence is invalid"),
        ("StartListening", {"UserId": "other"}, 410001016, "not in the room"),
        ("StopListening", {"CancelFlag": "yes"}, 410000003, "CancelFlag is invalid"),
        ("DeleteAgentInstance", {}, 410000003, "expected one of SendAgentInstanceTTS"),
        ("sendAgentInstanceTTS", {"Text": "x"}, 410000003, "Action 'sendAgentInstanceTTS' is invalid"),
    ],
)
def test_refusals(action: str, params: Any, code: int, words: str) -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        answer = await ask(hand, action, params)
        assert (answer["Code"], words in answer["Message"]) == (code, True), answer
        assert hand.script.spoken == []
        await leave(hand)

    run(main)


def test_states_that_forbid_have_the_codes_of_the_http_api() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        assert (await ask(hand, "StartListening"))["Code"] == 410001042
        speaking = asyncio.create_task(hand.user.say("我正在说话呢你听着", 2.0))
        await asyncio.sleep(1.0)
        assert instance.status is Status.LISTENING
        assert (await ask(hand, "SendAgentInstanceTTS", {"Text": "不行。"}))["Code"] == 410001013
        assert (await ask(hand, "SendAgentInstanceTTS", {"Text": "可以。", "Priority": "High"}))["Code"] == 0
        await speaking
        await asyncio.sleep(8)
        for number in range(6):
            params = {"Text": f"第{number}句话。", "SamePriorityOption": "Enqueue"}
            assert (await ask(hand, "SendAgentInstanceTTS", params))["Code"] == 0
        assert (await ask(hand, "SendAgentInstanceTTS", params))["Code"] == 410001007
        assert (await ask(hand, "SendAgentInstanceLLM", params))["Code"] == 410001006
        await hand.manager.delete(1, "100", graceful=True)
        assert (await ask(hand, "InterruptAgentInstance"))["Code"] == 410001041
        await leave(hand)

    run(main)


def test_listening_codes() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(advanced=AdvancedSpec(walkie_talkie=True)))
        assert (await ask(hand, "StartListening", {"Sequence": 7}))["Code"] == 0
        assert (await ask(hand, "StartListening", {"Sequence": 7}))["Code"] == 410001043
        assert (await ask(hand, "StopListening", {"Sequence": 6}))["Code"] == 410001043
        assert (await ask(hand, "StopListening", {"Sequence": 7}))["Code"] == 0
        hand.peer.present.add("guest")
        assert (await ask(hand, "StartListening", {"Sequence": 1, "UserId": "guest"}))["Code"] == 0, "counts for itself"
        assert (await ask(hand, "StopListening", {"Sequence": 2, "UserId": "guest"}))["Code"] == 0
        hand.user.published = False
        assert (await ask(hand, "StartListening", {"Sequence": 8}))["Code"] == 410001046
        hand.peer.present.clear()
        assert (await ask(hand, "StartListening", {"Sequence": 8}))["Code"] == 410001016
        await leave(hand)

    run(main)


def test_a_live_digital_human_only_speaks() -> None:
    async def main() -> None:
        hand = await stage()
        face, where = DigitalHumanSpec("somebody", VideoKind.MOTION), RtcSpec("room", "agent_user", "agent_stream")
        await hand.manager.create(spec(live=True, digital_human=face, user_id="", rtc=where))
        for action in ("SendAgentInstanceLLM", "StartListening", "StopListening"):
            assert (await ask(hand, action, {"Text": "x"}))["Code"] == 410001049
        assert (await ask(hand, "SendAgentInstanceTTS", {"Text": "欢迎光临。"}))["Code"] == 0
        await leave(hand)

    run(main)


def test_a_voice_that_is_switched_off() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(advanced=AdvancedSpec(disable_tts=True)))
        assert (await ask(hand, "SendAgentInstanceTTS", {"Text": "x"}))["Code"] == 410001007
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", 410000004, "not JSON"),
        ("{", 410000004, "not JSON"),
        ("[" * 3000, 410000004, "not JSON"),
        ('{"Action":"InterruptAgentInstance","Seq":"1","Params":{"x":NaN}}', 410000004, "not JSON"),
        ('{"Action":"InterruptAgentInstance","Seq":"\\ud800"}', 410000004, "not JSON"),
        ("[]", 410000004, "JSON object"),
        ("{}", 410000003, "Action is required"),
        ('{"Action":5,"Seq":"1"}', 410000003, "Action is required"),
        ('{"Action":"InterruptAgentInstance"}', 410000003, "Seq is required"),
        ('{"Action":"InterruptAgentInstance","Seq":7}', 410000003, "Seq is required"),
        ('{"Action":"InterruptAgentInstance","Seq":""}', 410000003, "Seq is required"),
        ('{"Action":"InterruptAgentInstance","Seq":"1","Params":[]}', 410000003, "Params is invalid"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_and_not_done(content: str, code: int, words: str) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say("一二三四五六七八九十。")
        await asyncio.sleep(1)
        send(hand, content)
        await asyncio.sleep(0.2)
        (answer,) = hand.peer.answers()
        assert (answer["Code"], words in answer["Message"]) == (code, True), answer
        assert hand.callbacks("Interrupted") == []
        await leave(hand)

    run(main)


def test_names_in_any_case_and_null_is_absent() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        send(hand, '{"action":"SendAgentInstanceTTS","seq":"1","params":{"text":"你好朋友。","Priority":null}}')
        await asyncio.sleep(3)
        assert hand.peer.answers()[0]["Code"] == 0
        assert hand.script.spoken == ["你好朋友。"]
        await leave(hand)

    run(main)


def test_the_older_interrupt_mode() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await ask(hand, "SendAgentInstanceTTS", {"Text": "一二三四五六七八九十。", "InterruptMode": 1})
        await asyncio.sleep(1)
        await ask(hand, "SendAgentInstanceTTS", {"Text": "要等。", "InterruptMode": 0})
        await asyncio.sleep(6)
        assert hand.callbacks("Interrupted") == []
        assert hand.script.spoken[-1] == "要等。"
        assert instance.status is Status.IDLE
        await leave(hand)

    run(main)


def test_a_request_counts_once_for_each_sender_and_seq() -> None:
    async def main() -> None:
        hand = await stage(Script(char_s=0.05))
        await hand.manager.create(spec())
        request = '{"Action":"SendAgentInstanceTTS","Seq":"s","Params":{"Text":"你好朋友。"}}'
        for _ in range(5):
            send(hand, request)
        await asyncio.sleep(2)
        send(hand, request)
        send(hand, request, sender="somebody else")
        await asyncio.sleep(2)
        assert hand.script.spoken == ["你好朋友。"] * 2
        to = [(to, message["Data"]["Round"]) for kind, message, to in hand.peer.sent if kind == 22]
        assert [receiver for receiver, _ in to] == [("user",), ("user",), ("somebody else",)]
        assert to[0] == to[1]
        assert to[2][1] > to[0][1]
        await leave(hand)

    run(main)


def test_other_message_types_are_no_requests() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        for msg_type in (1, 2, 22):
            send(hand, '{"Action":"InterruptAgentInstance","Seq":"1"}', msg_type=msg_type)
        await asyncio.sleep(1)
        assert hand.peer.answers() == []
        await leave(hand)

    run(main)


def test_the_agent_is_also_called_by_its_instance() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        assert hand.rooms.aliases == {"ai_agent_100"} == {alias("100")}
        await leave(hand)

    run(main)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["Text", "Priority", "SamePriorityOption", "AddHistory", "InterruptMode", "UserId", "Sequence", "CancelFlag"]
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "Action": st.sampled_from(sorted(ACTIONS)) | VALUES,
        "Seq": st.text(max_size=5) | VALUES,
        "Params": st.dictionaries(st.sampled_from(MEMBERS), VALUES) | VALUES,
    },
)


@settings(max_examples=25, deadline=None)
@given(requests=st.lists(REQUESTS.map(json.dumps) | st.text(max_size=30), min_size=1, max_size=12))
def test_no_request_makes_it_fail(requests: list[str]) -> None:
    async def main() -> None:
        hand = await stage(Script(char_s=0.02))
        await hand.manager.create(spec())
        for request in requests:
            send(hand, request)
        await asyncio.sleep(3)
        known = {
            410000003, 410000004, 410001006, 410001007, 410001013, 410001042,
        }  # fmt: skip
        assert {answer["Code"] for answer in hand.peer.answers()} <= known | {0}
        await leave(hand)

    run(main)


@given(st.text())
def test_any_content_is_read_or_refused(content: str) -> None:
    try:
        request = ActionRequest.parse(content)
    except RequestError:
        return
    assert ActionRequest.parse(request.content()) == request
