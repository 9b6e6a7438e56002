"""A call survives whatever is asked of it by HTTP, by room message, and by a user who talks meanwhile. Virtual time."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mien.rtc.port import RoomMessage
from tests.support.conversation import Microphone, Script, run
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
