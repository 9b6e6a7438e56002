"""Tools in conversation: called, answered, failing, interrupted, remembered; on virtual time."""

from __future__ import annotations

import asyncio
import json

import pytest

from mien.conversation.port import WebhookError
from mien.conversation.spec import AdvancedSpec, ExtrasUpdate, HistorySpec, Priority, Status
from mien.speech.spec import LlmSpec
from tests.support.conversation import Script, Step, leave, run, spec, stage, until
from tests.support.webhooks import ScriptedWebhooks, tool

CITY = json.dumps({"city": "北京"})
CALL = Step(calls=[("weather", CITY)])


def test_a_tool_is_called_and_its_result_is_spoken() -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("北京今天下雨。记得带伞。")])
        backend = ScriptedWebhooks({"weather": '{"sky":"rain"}'})
        hand = await stage(script, webhooks=backend)
        instance = await hand.manager.create(spec(tools=(tool("weather", headers={"X-Shop": "1"}),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await until(lambda: backend.running == 1)
        assert instance.status is Status.THINKING
        await asyncio.sleep(10)
        number = hand.callbacks("ASRResult")[0][1]["Round"]
        assert backend.calls == [
            {
                "Name": "weather",
                "Arguments": {"city": "北京"},
                "AgentInstanceId": "100",
                "RoomId": "room",
                "UserId": "user",
                "Round": number,
                "url": "https://shop.test/weather?key=secret",
                "headers": {"X-Shop": "1"},
            }
        ]
        assert script.requests[0].tools == ["weather"]
        assert script.requests[1].items == ["user: 北京天气怎么样", f"call: weather {CITY}", 'result: {"sky":"rain"}']
        assert hand.told()[1:] == [
            "SPEAK_BEGIN 1",
            "LISTENING 1",
            "SPEAK_END 1",
            "UserAudioData 1",
            "ASRResult 1",
            "THINKING 1",
            "LLMResult 1",
            "LLMResult 1",
            "SPEAKING 1",
            "IDLE 1",
        ]
        assert [(m.role, m.content) for m in instance.messages()] == [
            ("user", "北京天气怎么样"),
            ("assistant", "北京今天下雨。记得带伞。"),
        ]
        timings = instance.timings[-1]
        assert timings["total"] > timings["llm_first_token"] > 1000
        await leave(hand)

    run(main)


def test_words_before_a_call_are_spoken_and_the_status_thinks_again() -> None:
    async def main() -> None:
        script = Script(steps=[Step("我来查一下。", CALL.calls), Step("今天下雨。")])
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=4.0)
        hand = await stage(script, webhooks=backend)
        instance = await hand.manager.create(spec(tools=(tool("weather"),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await until(lambda: instance.status is Status.SPEAKING)
        await until(lambda: instance.status is Status.THINKING)
        assert backend.running == 1
        await asyncio.sleep(10)
        assert [m["Data"]["Status"] for m in hand.messages(6)] == [1, 2, 3, 2, 3, 0]
        texts = [(m["Data"]["Text"], m["Data"]["StartFlag"], m["Data"]["EndFlag"]) for m in hand.messages(4)]
        assert texts == [("我来查一下。", True, False), ("今天下雨。", False, True)]
        assert script.requests[1].items == [
            "user: 北京天气怎么样",
            "assistant: 我来查一下。",
            f"call: weather {CITY}",
            "result: rain",
        ]
        assert [data["Text"] for _, data in hand.callbacks("LLMResult")] == ["我来查一下。", "今天下雨。"]
        await leave(hand)

    run(main)


def test_two_steps_and_two_calls_at_once() -> None:
    async def main() -> None:
        both = Step(calls=[("weather", CITY), ("traffic", CITY)])
        script = Script(steps=[both, Step(calls=[("weather", '{"city": "上海"}')]), Step("都好。")])
        backend = ScriptedWebhooks({"weather": "sun", "traffic": "calm"})
        hand = await stage(script, webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather"), tool("traffic"))))
        await hand.user.say("出门方便吗", 1.0)
        await asyncio.sleep(12)
        assert [call["Name"] for call in backend.calls] == ["weather", "traffic", "weather"]
        assert backend.most_running == 2
        assert sorted(script.requests[1].items[1:]) == [
            f"call: traffic {CITY}",
            f"call: weather {CITY}",
            "result: calm",
            "result: sun",
        ]
        assert script.spoken == ["都好。"]
        assert hand.told()[-1] == "IDLE 1"
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("answer", "delay_s", "words"),
    [(WebhookError("HTTP 500: out of order"), 0.5, "HTTP 500: out of order"), ("late", 60.0, "no answer within 3 s")],
)
def test_a_tool_that_fails_is_told_to_the_model_and_to_the_backend(
    answer: str | WebhookError, delay_s: float, words: str
) -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("我查不到天气。")])
        hand = await stage(script, webhooks=ScriptedWebhooks({"weather": answer}, delay_s))
        instance = await hand.manager.create(spec(tools=(tool("weather", timeout_s=3.0),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await asyncio.sleep(12)
        assert script.requests[1].items[-1] == f"failure: weather failed: {words}"
        ((_, exception),) = hand.callbacks("Exception")
        assert exception["Code"] == 2201
        assert exception["Message"] == f"the tool weather at https://shop.test/weather failed: {words}"
        assert exception["Round"] == hand.callbacks("ASRResult")[0][1]["Round"]
        assert instance.messages()[-1].content == "我查不到天气。"
        await leave(hand)

    run(main)


def test_a_function_there_is_not_and_arguments_that_are_no_json() -> None:
    async def main() -> None:
        script = Script(steps=[Step(calls=[("magic", "{}"), ("weather", "[[[")]), Step("做不到。")])
        backend = ScriptedWebhooks({"weather": "sun"})
        hand = await stage(script, webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather"),)))
        await hand.user.say("变个魔术", 1.0)
        await asyncio.sleep(10)
        assert backend.calls == []
        failures = [item for item in script.requests[1].items if item.startswith("failure")]
        assert any("magic" in failure for failure in failures)
        assert any("weather" in failure for failure in failures)
        assert script.spoken == ["做不到。"]
        await leave(hand)

    run(main)


@pytest.mark.parametrize("how", ["voice", "backend"])
def test_an_interruption_in_the_middle_of_a_call_drops_its_result(how: str) -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("好的，换个话题。")])
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=20.0)
        hand = await stage(script, webhooks=backend)
        instance = await hand.manager.create(spec(tools=(tool("weather", timeout_s=30.0),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await until(lambda: backend.running == 1)
        await asyncio.sleep(1)
        if how == "backend":
            await instance.interrupt()
            await asyncio.sleep(0.2)
            assert instance.status is Status.IDLE
        await hand.user.say("算了我们聊别的", 1.5)
        await asyncio.sleep(0.5)  # until words are recognised it could be a nod
        assert backend.cancelled == ["weather"]
        await asyncio.sleep(10)
        told = hand.told()
        assert told.index("Interrupted 1") < told.index("IDLE 1") < told.index("ASRResult 2") < told.index("SPEAKING 2")
        assert hand.callbacks("Interrupted")[0][1]["PlayedText"] == ""
        assert hand.callbacks("Exception") == []
        assert script.spoken == ["好的，换个话题。"]
        # The model learns that the call was made and that nobody knows its result.
        assert script.requests[-1].items[:3] == [
            "user: 北京天气怎么样",
            f"call: weather {CITY}",
            "result: Interrupted by the user before the result came; it may have taken effect.",
        ]
        assert [message.content for message in instance.messages()] == [
            "北京天气怎么样",
            "算了我们聊别的",
            "好的，换个话题。",
        ]
        await leave(hand)

    run(main)


def test_a_proactive_text_interrupts_a_call() -> None:
    async def main() -> None:
        script = Script(steps=[CALL])
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=20.0)
        hand = await stage(script, webhooks=backend)
        instance = await hand.manager.create(spec(tools=(tool("weather", timeout_s=30.0),)))
        await instance.ask("天气")
        await until(lambda: backend.running == 1)
        await instance.say("请注意安全。", priority=Priority.HIGH)
        await asyncio.sleep(5)
        assert backend.cancelled == ["weather"]
        assert script.spoken == ["请注意安全。"]
        assert hand.callbacks("Interrupted")[0][1]["Reason"] == 3
        assert hand.told()[-1] == "IDLE 2"
        await leave(hand)

    run(main)


def test_a_call_that_ends_with_the_instance() -> None:
    async def main() -> None:
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=20.0)
        hand = await stage(Script(steps=[CALL]), webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather", timeout_s=30.0),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await until(lambda: backend.running == 1)
        began = asyncio.get_running_loop().time()
        await leave(hand)
        assert backend.cancelled == ["weather"]
        assert asyncio.get_running_loop().time() - began < 2

    run(main)


def test_a_model_that_never_stops_calling_must_answer_in_the_end() -> None:
    async def main() -> None:
        script = Script(steps=[CALL] * 6 + [Step("就这样吧。")])
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=0.1)
        hand = await stage(script, webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather"),)))
        await hand.user.say("北京天气怎么样", 1.0)
        await asyncio.sleep(15)
        assert len(backend.calls) == 6
        assert [request.tool_choice for request in script.requests][-2:] == ["auto", "none"]
        assert script.spoken == ["就这样吧。"]
        await leave(hand)

    run(main)


def test_a_reply_begun_early_calls_nothing_before_the_turn_is_over() -> None:
    async def main() -> None:
        script = Script(steps=[CALL, CALL, Step("下雨。")], asr_s=0.05, ttft_s=0.05)
        backend = ScriptedWebhooks({"weather": "rain"}, delay_s=0.2)
        hand = await stage(script, webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather"),)))
        await hand.user.say("北京天气", 1.0)
        await asyncio.sleep(0.35)
        await hand.user.say("怎么样", 1.0)
        await asyncio.sleep(8)
        asked = hand.callbacks("ASRResult")[-1][1]["Round"]
        assert {call["Round"] for call in backend.calls} == {asked}
        await leave(hand)

    run(main)


@pytest.mark.parametrize(("window", "kept"), [(0, 0), (1, 1), (2, 4), (20, 4)])
def test_the_window_never_separates_a_call_from_its_result(window: int, kept: int) -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("北京下雨。"), Step("不客气。")])
        hand = await stage(script, webhooks=ScriptedWebhooks({"weather": "rain"}))
        history = HistorySpec(window_size=window)
        await hand.manager.create(spec(tools=(tool("weather"),), history=history))
        await hand.user.say("北京天气怎么样", 1.0)
        await asyncio.sleep(9)
        await hand.user.say("谢谢你告诉我", 1.0)
        await asyncio.sleep(6)
        everything = ["user: 北京天气怎么样", f"call: weather {CITY}", "result: rain", "assistant: 北京下雨。"]
        assert script.requests[-1].items == [*everything[len(everything) - kept :], "user: 谢谢你告诉我"]
        await leave(hand)

    run(main)


def test_an_answer_that_is_not_remembered_takes_its_calls_along() -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("北京下雨。")])
        hand = await stage(script, webhooks=ScriptedWebhooks({"weather": "rain"}))
        instance = await hand.manager.create(spec(tools=(tool("weather"),)))
        await instance.ask("天气", add_answer=False)
        await asyncio.sleep(8)
        await instance.ask("还有吗")
        await asyncio.sleep(5)
        assert script.requests[-1].items == ["user: 还有吗"]
        await leave(hand)

    run(main)


def test_a_long_result_is_cut_and_an_empty_one_is_said_to_be() -> None:
    async def main() -> None:
        script = Script(steps=[Step(calls=[("weather", "{}"), ("light", "{}")]), Step("好。")])
        backend = ScriptedWebhooks({"weather": "x" * 50_000, "light": " \n"})
        hand = await stage(script, webhooks=backend)
        await hand.manager.create(spec(tools=(tool("weather"), tool("light"))))
        await hand.user.say("开灯", 1.0)
        await asyncio.sleep(8)
        results = [item for item in script.requests[1].items if item.startswith("result")]
        assert sorted(map(len, results)) == [len("result: Done; there is no result."), 16_000 + len("result: … (cut)")]
        await leave(hand)

    run(main)


def test_tools_change_while_the_call_runs() -> None:
    async def main() -> None:
        script = Script()
        hand = await stage(script, webhooks=ScriptedWebhooks())
        instance = await hand.manager.create(spec())
        await instance.ask("一")
        await asyncio.sleep(6)
        await instance.update(extras=ExtrasUpdate(tools=(tool("weather"), tool("light"))))
        await instance.ask("二")
        await asyncio.sleep(6)
        await instance.update(extras=ExtrasUpdate(tools=()))
        await instance.ask("三")
        await asyncio.sleep(6)
        assert [request.tools for request in script.requests] == [[], ["light", "weather"], []]
        assert [message.role for message in instance.messages()] == ["assistant"] * 3
        await leave(hand)

    run(main)


def test_a_model_without_tools_is_reported_once() -> None:
    async def main() -> None:
        script = Script(model_takes_tools=False)
        hand = await stage(script, webhooks=ScriptedWebhooks())
        instance = await hand.manager.create(spec(tools=(tool("weather"),)))
        await instance.update(llm=LlmSpec())
        await instance.update(extras=ExtrasUpdate(tools=(tool("light"),)))
        await asyncio.sleep(0.1)
        ((_, exception),) = hand.callbacks("Exception")
        assert exception["Code"] == 2202
        assert "LLM.Url" in exception["Message"]
        assert hand.told()[0] == "AgentInstanceCreated"
        await leave(hand)

    run(main)


def test_without_speech_the_text_of_a_tool_round_is_shown() -> None:
    async def main() -> None:
        script = Script(steps=[CALL, Step("今天下雨。")])
        hand = await stage(script, webhooks=ScriptedWebhooks({"weather": "rain"}))
        await hand.manager.create(spec(tools=(tool("weather"),), advanced=AdvancedSpec(disable_tts=True)))
        await hand.user.say("北京天气怎么样", 1.0)
        await asyncio.sleep(6)
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == "今天下雨。"
        assert hand.told()[-1] == "IDLE 1"
        await leave(hand)

    run(main)
