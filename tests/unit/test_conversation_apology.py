"""What is said when an answer fails: once, not often, in the user's language, nowhere as an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIStatusError

from mien.conversation import apology
from mien.conversation.spec import AdvancedSpec, ApologySpec, ExtrasUpdate, Priority, SamePriority, Status
from mien.speech.phones import VOICE_RATE
from mien.speech.spec import AsrSpec, TtsSpec
from tests.support.conversation import Script, Stagehand, Step, leave, run, spec, stage, until

ZH, EN = apology.TEXTS["zh"], apology.TEXTS["en"]
ANSWER_S = {"zh": 3.0, "en": 2.6}
"""The recordings are at least this long."""


def broken() -> Exception:
    return APIStatusError("out of order", status_code=400)


def seconds_heard(hand: Stagehand, since: float = 0.0) -> float:
    return sum(1 for at in hand.sounded if at >= since) * 0.02


def check_untold(hand: Stagehand, instance: Any) -> None:
    """Nobody is told the apology as the agent's answer."""
    told = repr([*hand.callbacks("LLMResult"), *hand.messages(4), *instance.messages()])
    assert ZH not in told
    assert EN not in told


async def prepared(hand: Stagehand) -> None:
    """The instance's own voice has spoken its apology."""
    await until(lambda: bool(hand.script.spoken))
    await asyncio.sleep(1)


def test_a_failed_model_is_excused_and_the_next_question_answered() -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[broken(), broken()]), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        assert hand.script.spoken == [ZH], "made once, while nothing goes on"
        await hand.user.say("你好吗", 1.0)
        await until(lambda: bool(hand.sounded))
        assert instance.status is Status.SPEAKING
        await asyncio.sleep(6)
        assert seconds_heard(hand) == pytest.approx(len(ZH) * 0.2, abs=0.1)
        assert hand.script.spoken == [ZH], "from memory"
        told = hand.told()[hand.told().index("ASRResult 1") :]
        assert told == ["ASRResult 1", "THINKING 1", "Exception 1", "SPEAKING 1", "IDLE 1"]
        assert hand.messages(4) == []
        check_untold(hand, instance)
        assert instance.timings[0]["total"] is None, "it is no answer that could be fast"
        hand.script.llm_failures.clear()
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(8)
        assert hand.script.spoken[-1] == "我来回答你。"
        assert hand.script.requests[-1].messages == [("user", "你好吗"), ("user", "还在吗朋友")]
        await leave(hand)

    run(main)


def test_a_failed_voice_is_excused_with_a_recording_in_the_language_of_the_turn() -> None:
    async def main() -> None:
        script = Script(reply=lambda question: "你问得好。" if question[0] > "z" else "Delighted.")
        hand = await stage(script, apology=True)
        # "" is in every text: whatever is to be spoken fails.
        script.tts_failures += [("", broken()) for _ in range(9)]
        instance = await hand.manager.create(spec())
        await asyncio.sleep(4)
        for words, language in (("你好吗朋友", "zh"), ("how are you", "en")):
            began = asyncio.get_running_loop().time()
            await hand.user.say(words, 1.0)
            await asyncio.sleep(14)
            heard = seconds_heard(hand, began)
            clip = apology._recorded(language, "female")  # type: ignore[arg-type]
            length = sum(len(piece.pcm) for piece in clip) / VOICE_RATE
            assert ANSWER_S[language] < length
            assert 0.6 * length < heard < length + 0.1
        assert [data["Code"] for _, data in hand.callbacks("Exception")] == [2302, 2302]
        check_untold(hand, instance)
        await leave(hand)

    run(main)


def test_a_voice_that_dies_in_mid_answer_ends_the_subtitle_before_the_excuse() -> None:
    async def main() -> None:
        hand = await stage(Script(tts_failures=[("回答", broken()), ("回答", broken())]), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(12)
        assert [m["Data"]["Text"] for m in hand.messages(4)] == ["你问的是你好吗对吧。", ""]
        assert hand.shown()[-2:] == ["Cmd4: 1", "Cmd6:0 1"], "it speaks on"
        assert seconds_heard(hand) == pytest.approx((10 + len(ZH)) * 0.2, abs=0.2)
        assert instance.messages()[-1].content.startswith("你问的是你好吗对吧。")
        check_untold(hand, instance)
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (
            Step("从前有一座山。山里有一座庙。", failure=APIConnectionError("reset by peer", retryable=False)),
            "山里有一座庙。",
        ),
        (Step("从前有一座山。山里有一座庙。庙里有个老", failure=ValueError("broken")), "山里有一座庙。庙里有个老"),
        (Step("从前有一座山。山里有一座庙。", hangs_s=10_000), "山里有一座庙。"),
    ],
    ids=["line lost", "in mid-clause", "hangs"],
)
def test_a_model_that_dies_in_mid_answer_is_excused_and_only_what_was_heard_is_remembered(
    breaks: Step, said: str
) -> None:
    async def main() -> None:
        hand = await stage(Script(steps=[breaks]), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        tasks = len(asyncio.all_tasks())
        await hand.user.say("讲个故事", 1.0)
        await until(lambda: bool(hand.callbacks("Exception")), 60)
        await until(lambda: instance.status is Status.IDLE)
        # Not asked again: the caller would hear the beginning twice.
        assert len(hand.script.requests) == 1
        assert "".join(hand.script.spoken) == ZH + "从前有一座山。" + said
        assert [data["Code"] for _, data in hand.callbacks("Exception")] == [2201]
        heard = "从前有一座山。" + said
        assert "".join(m["Data"]["Text"] for m in hand.messages(4)) == heard
        assert [m["Data"]["EndFlag"] for m in hand.messages(4)][-1]
        assert seconds_heard(hand) == pytest.approx((len(heard) + len(ZH)) * 0.2, abs=0.2)
        assert [message.content for message in instance.messages()] == ["讲个故事", heard]
        check_untold(hand, instance)
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(8)
        assert hand.script.spoken[-1] == "我来回答你。"
        assert hand.script.requests[-1].messages == [
            ("user", "讲个故事"),
            ("assistant", heard),
            ("user", "还在吗朋友"),
        ]
        assert hand.told()[-1] == "IDLE 2"
        assert len(asyncio.all_tasks()) == tasks
        await leave(hand)

    run(main)


def test_who_interrupts_an_answer_that_has_died_meanwhile_hears_no_excuse() -> None:
    async def main() -> None:
        script = Script(steps=[Step("从前有一座山。山里有一座庙。庙里有一个老和尚。", failure=ValueError("broken"))])
        hand = await stage(script, apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        await hand.user.say("讲个故事", 1.0)
        await until(lambda: bool(hand.sounded))
        await asyncio.sleep(0.5)
        await hand.user.say("等一下我想问别的", 1.5)
        await asyncio.sleep(10)
        assert [data["Code"] for _, data in hand.callbacks("Exception")] == [2201]
        played = hand.callbacks("Interrupted")[0][1]["PlayedText"]
        assert "从前有一座山。".startswith(played)
        memory = [message.content for message in instance.messages()]
        assert memory == ["讲个故事", played, "等一下我想问别的", "你问的是等一下我想问别的对吧。我来回答你。"]
        check_untold(hand, instance)
        assert seconds_heard(hand) < (len(memory[3]) + len(played) + 4) * 0.2
        await leave(hand)

    run(main)


def test_a_model_that_never_answers_is_excused() -> None:
    async def main() -> None:
        hand = await stage(Script(ttft_s=10_000), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(25)
        assert seconds_heard(hand) == pytest.approx(len(ZH) * 0.2, abs=0.1)
        assert hand.told()[-3:] == ["Exception 1", "SPEAKING 1", "IDLE 1"]
        check_untold(hand, instance)
        await leave(hand)

    run(main)


def test_an_empty_answer_is_excused_too() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: ""), apology=True)
        await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert seconds_heard(hand) == pytest.approx(len(ZH) * 0.2, abs=0.1)
        await leave(hand)

    run(main)


def test_failures_in_a_row_do_not_chatter() -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[broken() for _ in range(40)]), apology=True)
        await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        excused: list[float] = []
        for _ in range(4):
            began = asyncio.get_running_loop().time()
            await hand.user.say("你好吗", 0.8)
            await asyncio.sleep(5.2)
            excused.append(seconds_heard(hand, began))
        assert [round(seconds) > 0 for seconds in excused] == [True, False, True, False]
        assert len(hand.callbacks("Exception")) == 4
        await leave(hand)

    run(main)


@pytest.mark.parametrize("who", ["user", "backend", "more important text"])
def test_it_can_be_interrupted(who: str) -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[broken(), broken()]), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        await hand.user.say("你好吗", 1.0)
        await until(lambda: bool(hand.sounded))
        hand.script.llm_failures.clear()
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        if who == "user":
            await hand.user.say("等一下我想问别的", 1.5)
        elif who == "backend":
            await instance.interrupt()
        else:
            await instance.say("请看这里。")
        await asyncio.sleep(8)
        # Its own voice was cut off: of 3.6 s no more than the first second was heard.
        first = [at for at in hand.sounded if at < began + 0.3]
        assert len(first) * 0.02 < 1.0
        _, data = hand.callbacks("Interrupted")[0]
        assert (data["Reason"], data["PlayedText"]) == ({"user": 1, "backend": 4}.get(who, 3), "")
        assert hand.script.spoken[1:] == {
            "user": ["你问的是等一下我想问别的对吧。", "我来回答你。"],
            "backend": [],
        }.get(who, ["请看这里。"])
        assert instance.status is Status.IDLE
        check_untold(hand, instance)
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    "changes",
    [
        {"apology": ApologySpec(enabled=False)},
        {"advanced": AdvancedSpec(disable_tts=True)},
    ],
    ids=["off", "text only"],
)
def test_where_it_is_off_nothing_is_prepared_or_said(changes: dict[str, Any]) -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[broken(), broken()]), apology=True)
        await hand.manager.create(spec(**changes))
        await asyncio.sleep(10)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert hand.script.spoken == []
        assert hand.sounded == []
        assert hand.told()[-3:] == ["THINKING 1", "Exception 1", "IDLE 1"]
        await leave(hand)

    run(main)


def test_the_server_can_leave_it_out() -> None:
    async def main() -> None:
        hand = await stage(Script(llm_failures=[broken(), broken()]), apology=False)
        await hand.manager.create(spec())
        await asyncio.sleep(10)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert hand.sounded == []
        await leave(hand)

    run(main)


def test_words_of_the_agents_own_and_a_change_of_them() -> None:
    async def main() -> None:
        hand = await stage(apology=True)
        instance = await hand.manager.create(spec(apology=ApologySpec(text="线路不好。")))
        await prepared(hand)
        await instance.update(extras=ExtrasUpdate(apology=ApologySpec(text="请稍等再问一次。")))
        await asyncio.sleep(8)
        assert hand.script.spoken == ["线路不好。", "请稍等再问一次。"]
        hand.script.llm_failures += [broken(), broken()]
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(8)
        assert seconds_heard(hand) == pytest.approx(8 * 0.2, abs=0.1)
        await leave(hand)

    run(main)


def test_instances_with_one_voice_share_it_and_another_voice_makes_its_own() -> None:
    async def main() -> None:
        hand = await stage(apology=True)
        chinese = AsrSpec(language="zh")
        first = await hand.manager.create(spec(asr=chinese))
        await prepared(hand)
        await first.update(tts=TtsSpec(params={"voice": "zm_yunxi"}))
        await asyncio.sleep(8)
        assert hand.script.spoken == [ZH, ZH]
        await first.update(tts=TtsSpec())
        await asyncio.sleep(8)
        await hand.manager.delete(1, "100")
        await hand.manager.create(spec(asr=AsrSpec(language="auto")))
        await asyncio.sleep(8)
        assert hand.script.spoken == [ZH, ZH, EN]
        await leave(hand)

    run(main)


def test_it_is_not_prepared_while_somebody_talks() -> None:
    async def main() -> None:
        hand = await stage(apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await instance.say("一二三四五六七八九十" * 4)
        await asyncio.sleep(6)
        assert ZH not in hand.script.spoken
        await asyncio.sleep(8)
        assert hand.script.spoken[-1] == ZH
        await leave(hand)

    run(main)


def test_who_waits_is_not_kept_waiting_by_an_excuse() -> None:
    """A proactive text that fails needs none, and one that is next in line comes at once."""

    async def main() -> None:
        hand = await stage(Script(ttft_s=10_000), apology=True)
        instance = await hand.manager.create(spec(asr=AsrSpec(language="zh")))
        await prepared(hand)
        hand.script.tts_failures += [("欢迎", broken()), ("欢迎", broken())]
        await instance.say("欢迎光临。")
        await asyncio.sleep(3)
        assert hand.sounded == []
        await hand.user.say("你好吗", 1.0)
        await until(lambda: instance.status is Status.THINKING)
        await instance.say("请看这里。", priority=Priority.LOW, same_priority=SamePriority.ENQUEUE)
        await asyncio.sleep(25)
        assert seconds_heard(hand) == pytest.approx(5 * 0.2, abs=0.1)
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("你好吗", "zh"),
        ("how are you", "en"),
        ("帮我 book 一个 room", "zh"),
        ("play 我 the next song", "en"),
        ("42", "zh"),
    ],
)
def test_the_language_of_a_turn(text: str, language: str) -> None:
    assert apology.language_of(text, "zh") == language


@pytest.mark.parametrize(
    ("voice", "gender"), [("zm_yunxi", "male"), ("am_adam", "male"), ("zf_xiaoyi", "female"), ("", "female")]
)
def test_whose_recording_fits(voice: str, gender: str) -> None:
    assert apology.gender_of(TtsSpec(params={"voice": voice}), {}) == gender


def test_every_recording_is_there() -> None:
    pairs: list[tuple[Callable[..., Any], str, str]] = [
        (apology._recorded, language, gender) for language in ("zh", "en") for gender in ("female", "male")
    ]
    for read, language, gender in pairs:
        clip = read(language, gender)
        assert clip[0].spoken is not None
        assert clip[0].spoken.text == apology.TEXTS[language]  # type: ignore[index]
        assert max(int(abs(piece.pcm.astype(int)).max()) for piece in clip) > 3000
