"""A call survives whatever is asked of it by HTTP, by room message, and by a user who talks meanwhile. Virtual time."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc
from livekit.agents.voice import SpeechHandle
from structlog.testing import capture_logs

from mien.conversation.rounds import Round
from mien.conversation.spec import HistorySpec, Status
from mien.conversation.utterance import Utterance
from mien.rtc.port import RoomMessage
from tests.support.conversation import Microphone, Script, leave, run, spec, stage, until
from tests.support.whole_api import WholeApi, whole_api

WORDS = ["你好吗", "", "嗯", "再讲一个故事", "等一下我想问别的"]
TEXTS = [
    "说一句话吧。",
    "说一句话吧。" * 3,
    "（心里想）好的。",
    '[[{"action":"nod"}]]好的朋友。',
    "🙂",
    "…",
    "x" * 301,
    "",
]
PRIORITIES = ["Low", "Medium", "High", "Medium", None, ""]
OPTIONS = ["ClearAndInterrupt", "Enqueue", None, "Nonsense"]
JUNK = ["", "{", "[]", '"x"', '{"Action":"InterruptAgentInstance"}', '{"Action":"Nonsense","Seq":"1"}', "\ud800"]
EXPECTED = {
    0, 100000007, 410000003, 410000004, 410001002, 410001006, 410001007, 410001013, 410001042, 410001043, 410001049,
}  # fmt: skip


class Stranger:
    """Sends random requests; the same seed sends the same ones."""

    def __init__(self, api: WholeApi, instance_id: str, seed: int) -> None:
        self.api, self.hand, self.instance_id = api, api.hand, instance_id
        self.dice = random.Random(seed)
        self.codes: set[int] = set()
        self.talking: set[asyncio.Task[None]] = set()
        self.sequence = 0

    def body(self, action: str) -> dict[str, Any]:
        pick = self.dice.choice
        match action:
            case "SendAgentInstanceTTS":
                return {"Text": pick(TEXTS), "AddHistory": pick([True, False, None]), **self.priorities()}
            case "SendAgentInstanceLLM":
                flags = {"AddQuestionToHistory": pick([True, False]), "AddAnswerToHistory": pick([True, False])}
                return {"Text": pick(TEXTS), "SystemPrompt": pick(["简短", "", None]), **flags, **self.priorities()}
            case "UpdateAgentInstance":
                llm = {"Vendor": "Local", "SystemPrompt": str(self.dice.random())}
                return pick(
                    [
                        {"LLM": llm},
                        {"TTS": {"Vendor": "Local"}},
                        {"ASR": {"Params": {"language": "zh"}}},
                        {"VAD": {"TurnDetectConfig": {"SilenceSegmentation": pick([300, 500, 800])}}},
                        {"RTC": {"UserStreamId": pick(["mic", "mic", "other"])}},
                        {"AdvancedConfig": {"CommunicationMode": pick([0, 1])}},
                        {"LLM": llm, "TTS": {"Vendor": "Local"}, "RTC": {"UserStreamId": "mic"}},
                        {"LLM": {}},
                    ]
                )
            case "AddAgentInstanceMsg":
                return {"Messages": [{"Role": pick(["user", "assistant"]), "Content": "补充"}] * pick([1, 2])}
            case "StartListening" | "StopListening":
                self.sequence += pick([-1, 0, 1, 1, 2])
                return {"Sequence": pick([self.sequence, None]), "UserId": pick(["user", None])}
            case _:
                return {}

    def priorities(self) -> dict[str, Any]:
        return {"Priority": self.dice.choice(PRIORITIES), "SamePriorityOption": self.dice.choice(OPTIONS)}

    async def by_http(self) -> None:
        action = self.dice.choice(
            [
                *["SendAgentInstanceTTS", "SendAgentInstanceLLM", "UpdateAgentInstance"] * 2,
                *["InterruptAgentInstance", "QueryAgentInstanceStatus", "GetAgentInstanceMsgList"],
                *["ResetAgentInstanceMsgList", "AddAgentInstanceMsg", "StartListening", "StopListening"],
                *["MienListRounds", "Nonsense"],
            ]
        )
        one = self.dice.choice([self.instance_id] * 9 + ["404"])
        body: Any = {"AgentInstanceId": one} | self.body(action)
        self.codes.add((await self.api.call(action, self.dice.choice([body] * 15 + [b"{"])))["Code"])

    def by_message(self) -> None:
        actions = ["SendAgentInstanceTTS", "SendAgentInstanceLLM", "InterruptAgentInstance", "StartListening"]
        action = self.dice.choice([*actions, "StopListening", "DeleteEverything"])
        seq = f"user:web:{self.dice.randrange(300)}"
        content = json.dumps({"Action": action, "Seq": seq, "Params": self.body(action)})
        content = self.dice.choice([content] * 9 + [self.dice.choice(JUNK)])
        assert self.hand.peer.events.message
        self.hand.peer.events.message(RoomMessage("room", self.dice.choice(["user", "guest"]), 20, content))

    def talk(self) -> None:
        if self.talking:
            return

        async def speak(words: str, seconds: float) -> None:
            await self.hand.user.say(words, seconds)

        task = asyncio.create_task(speak(self.dice.choice(WORDS), self.dice.uniform(0.2, 1.5)))
        self.talking.add(task)
        task.add_done_callback(self.talking.discard)

    async def act(self, times: int) -> None:
        for _ in range(times):
            kind = self.dice.randrange(10)
            if kind < 5:
                await self.by_http()
            elif kind < 8:
                self.by_message()
            else:
                self.talk()
            await asyncio.sleep(self.dice.choice([0.0, 0.01, 0.1, 0.5, 1.0]))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("mode", "times"), [(0, 1000), (2, 300)], ids=["full duplex", "walkie-talkie"])
def test_a_call_survives_random_requests(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, times: int
) -> None:
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        before = len(asyncio.all_tasks())
        async with whole_api(tmp_path, Script(partials=True, char_s=0.05)) as api:
            hand = api.hand
            other = hand.rooms.microphones["other"] = Microphone()
            other.start()
            instance_id = await api.create(AdvancedConfig={"CommunicationMode": mode})
            one = {"AgentInstanceId": instance_id}
            stranger = Stranger(api, instance_id, seed=7 + mode)
            await stranger.act(times)
            assert stranger.codes <= EXPECTED
            assert {answer["Code"] for answer in hand.peer.answers()} <= EXPECTED

            # It comes to rest, and is as it was.
            await api.ok("UpdateAgentInstance", one | {"RTC": {"UserStreamId": "mic"}})
            if mode == 0:
                await api.ok("UpdateAgentInstance", one | {"AdvancedConfig": {"CommunicationMode": 0}})
            else:
                await api.call("StopListening", one)
            await asyncio.sleep(60)
            assert (await api.ok("QueryAgentInstanceStatus", one)) == {"Status": "IDLE"}
            hand.script.spoken.clear()
            if mode == 2:
                await api.ok("StartListening", one)
            await hand.user.say("还在吗朋友", 1.0)
            if mode == 2:
                await api.ok("StopListening", one)
            await asyncio.sleep(8)
            assert hand.script.spoken == ["你问的是还在吗朋友对吧。", "我来回答你。"]
            assert (await api.ok("QueryAgentInstanceStatus", one)) == {"Status": "IDLE"}

            # What clients rely on held all the time.
            seq_ids = [message["SeqId"] for message in hand.messages()]
            assert seq_ids == sorted(set(seq_ids))
            starts = [m["Round"] for m in hand.messages(4) if m["Data"]["StartFlag"]]
            ends = [m["Round"] for m in hand.messages(4) if m["Data"]["EndFlag"]]
            assert starts == ends
            assert len(starts) == len(set(starts))
            results = [data["Round"] for _, data in hand.callbacks("ASRResult")]
            assert results == sorted(set(results))
            assert {data["Code"] for _, data in hand.callbacks("Exception")} <= {1004, 2201, 2301}
            await api.ok("DeleteAgentInstance", one)
            await other.close()
        assert len(asyncio.all_tasks()) == before

    with capture_logs() as lines:
        run(main)
    assert problems == []
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def kept() -> Counter[str]:
    """What a call makes again and again, and must let go of."""
    gc.collect()
    kinds = (Round, Utterance, SpeechHandle, rtc.AudioFrame, asyncio.TimerHandle)
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds))


@pytest.mark.timeout(600)
def test_an_hour_of_talk_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    """Every 90 s a question; it is let answer, interrupted, nodded or coughed at in turn, then the user is silent."""
    window = 6
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        hand = await stage(Script(char_s=0.1), echo_guard="auto")
        instance = await hand.manager.create(spec(history=HistorySpec(window_size=window)))
        began = loop.time()
        tasks, early = 0, Counter[str]()
        for turn in range(40):
            hand.user.published = True
            await hand.user.say(f"这是第{turn}个问题", 0.8)
            await until(lambda: instance.status is Status.SPEAKING)
            await asyncio.sleep(0.8)
            match turn % 5:
                case 1:
                    await hand.user.say("等一下我想问别的", 1.2)
                case 2:
                    await hand.user.say("嗯", 0.3)
                case 3:
                    await hand.user.say("", 0.3)
                case 4:
                    await instance.interrupt()
            await until(lambda: instance.status is Status.IDLE)
            await asyncio.sleep(1)
            # In most silences the microphone is off.
            hand.user.published = turn % 12 == 0
            await asyncio.sleep(began + 90 * (turn + 1) - loop.time())
            if turn == 10:
                tasks, early = len(asyncio.all_tasks()), kept()
            hand.faces.opened[-1].sounded.clear()
            hand.peer.audio.clear()
        assert loop.time() - began == pytest.approx(3600)
        assert len(asyncio.all_tasks()) == tasks
        assert all(count <= early[name] + 3 for name, count in kept().items()), (kept(), early)
        assert max(len(request.messages) for request in hand.script.requests) == window + 1

        # Every round is told whole, in its order.
        results = [data["Round"] for _, data in hand.callbacks("ASRResult")]
        assert len(results) == 40 + 8
        assert results == sorted(set(results))
        assert [m["Round"] for m in hand.messages(3) if m["Data"]["EndFlag"]] == results
        assert [m["Round"] for m in hand.messages(4) if m["Data"]["StartFlag"]] == results
        assert [m["Round"] for m in hand.messages(4) if m["Data"]["EndFlag"]] == results
        seq_ids = [message["SeqId"] for message in hand.messages()]
        assert seq_ids == sorted(set(seq_ids))
        told = Counter(name for name, _ in hand.callbacks())
        assert told["Interrupted"] == 16
        assert {data["Code"] for _, data in hand.callbacks("Exception")} == {1004}
        statuses = [(d["Round"], d["Status"]) for _, d in hand.callbacks("AgentInstanceStatus")]
        for number in results:
            wanted = ["LISTENING", "THINKING", "SPEAKING", "IDLE"]
            assert [status for round_, status in statuses if round_ == number] == wanted
        whole = [timing["total"] for timing in instance.timings if not timing["interrupted"]]
        assert len(instance.timings) == 48
        assert max(whole) - min(whole) <= 60, "the last answer comes as soon as the first"
        await leave(hand)
        assert len(asyncio.all_tasks()) == 1

    run(main)
    assert problems == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
