"""Calls in which little happens, or too much noise: nothing is answered that was not said, nothing waited for that
does not come. On virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mien.conversation.port import UserListeningError
from mien.conversation.spec import Status
from mien.conversation.turns import WORDLESS_S
from tests.support.conversation import Script, leave, run, spec, stage, until

LONG = "一二三四五六七八九十一二三四五六七八九十。"


def test_two_minutes_of_silence_are_nothing() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await asyncio.sleep(120)
        assert hand.told() == ["AgentInstanceCreated"]
        assert hand.messages() == []
        assert hand.script.requests == []
        assert hand.sounded == []
        assert instance.status is Status.IDLE
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(8)
        assert instance.messages()[-1].content == "你问的是还在吗朋友对吧。我来回答你。"
        await leave(hand)

    run(main)


@pytest.mark.parametrize("partials", [False, True])
def test_endless_noise_is_not_answered_and_does_not_keep_the_agent_from_speaking(partials: bool) -> None:
    async def main() -> None:
        hand = await stage(Script(partials=partials))
        instance = await hand.manager.create(spec())
        noise = asyncio.create_task(hand.user.say("", 60.0))
        await asyncio.sleep(WORDLESS_S - 1)
        assert instance.status is Status.LISTENING, "somebody may be speaking"
        with pytest.raises(UserListeningError):
            await instance.say("您还在吗？")
        await asyncio.sleep(2)
        assert instance.status is Status.IDLE
        assert [data["Code"] for _, data in hand.callbacks("Exception")] == [1004]
        await noise
        await asyncio.sleep(8)
        assert len(hand.callbacks("Exception")) == 1, "once for all of it"
        assert hand.script.requests == []
        assert hand.callbacks("ASRResult") == []
        await hand.user.say("还在吗朋友", 1.0)
        await asyncio.sleep(8)
        assert instance.messages()[-1].content == "你问的是还在吗朋友对吧。我来回答你。"
        await leave(hand)

    run(main)


def test_a_text_sent_during_endless_noise_is_spoken() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        noise = asyncio.create_task(hand.user.say("", 60.0))
        await asyncio.sleep(WORDLESS_S + 1)
        await instance.say("您那边很吵。")
        await noise
        await asyncio.sleep(8)
        assert hand.callbacks("Interrupted") == []
        assert len(hand.sounded) * 0.02 == pytest.approx(6 * 0.2, abs=0.1)
        await leave(hand)

    run(main)


def test_a_long_speech_is_not_taken_for_noise_where_words_are_found_in_it() -> None:
    async def main() -> None:
        hand = await stage(Script(partials=True))
        instance = await hand.manager.create(spec())
        story = "从前有座山" * 20
        await hand.user.say(story, WORDLESS_S + 15)
        await asyncio.sleep(3)
        assert hand.callbacks("Exception") == []
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == [story]
        assert instance.status is not Status.IDLE
        await leave(hand)

    run(main)


def test_a_long_speech_without_partial_results_is_answered_all_the_same() -> None:
    """It looks like noise until its end; what was said then counts."""

    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec())
        await hand.user.say("从前有座山", WORDLESS_S + 15)
        await asyncio.sleep(10)
        assert [data["Text"] for _, data in hand.callbacks("ASRResult")] == ["从前有座山"]
        assert hand.script.spoken[0].startswith("你问的是从前有座山")
        assert hand.told()[-1].startswith("IDLE")
        await leave(hand)

    run(main)


def test_many_coughs_in_a_row_are_not_answered() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        for _ in range(20):
            await hand.user.say("", 0.3)
            await asyncio.sleep(0.7)
        await asyncio.sleep(6)
        assert hand.script.requests == []
        assert instance.status is Status.IDLE
        assert {data["Code"] for _, data in hand.callbacks("Exception")} == {1004}
        await leave(hand)

    run(main)


def test_coughs_again_and_again_over_an_answer_lose_nothing_of_it() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: LONG * 2))
        instance = await hand.manager.create(spec())
        await hand.user.say("你好吗", 1.0)
        await until(lambda: bool(hand.sounded))
        for _ in range(3):
            await asyncio.sleep(0.8)
            await hand.user.say("", 0.3)
            await asyncio.sleep(2.0)
        await asyncio.sleep(15)
        assert hand.callbacks("Interrupted") == []
        assert len(hand.sounded) * 0.02 == pytest.approx(len(LONG) * 2 * 0.2, abs=0.2)
        assert instance.messages()[-1].content == LONG * 2
        await leave(hand)

    run(main)
