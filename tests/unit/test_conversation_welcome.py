"""The welcome and the language of an instance, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mien.conversation.spec import ExtrasUpdate, Priority, WelcomeSpec
from mien.speech.spec import AsrSpec
from tests.support.conversation import Script, leave, run, spec, stage


def test_the_welcome_waits_for_the_user_and_for_somebody_who_plays_the_stream() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(welcome=WelcomeSpec(text="欢迎光临。", delay_s=1.0)))
        hand.peer.part("user")
        hand.peer.viewers = 0
        await asyncio.sleep(5)
        hand.peer.join("user")
        await asyncio.sleep(5)
        assert hand.script.spoken == []
        hand.peer.viewers = 1
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        assert hand.script.spoken == ["欢迎光临。"]
        assert hand.sounded[0] - began == pytest.approx(1.2, abs=0.15)
        assert hand.told()[1:] == ["SPEAKING 1", "IDLE 1"]
        assert hand.shown() == ["Cmd4:欢迎光临。 1", "Cmd6:3 1", "Cmd6:0 1"]
        assert [(m.role, m.content) for m in instance.messages()] == [("assistant", "欢迎光临。")]
        # Once: not again when the user comes back.
        hand.peer.part("user")
        await asyncio.sleep(2)
        hand.peer.join("user")
        await asyncio.sleep(5)
        assert hand.script.spoken == ["欢迎光临。"]
        await leave(hand)

    run(main)


def test_a_user_who_leaves_again_at_once_is_welcomed_when_they_come_back() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(welcome=WelcomeSpec(text="欢迎光临。", delay_s=1.0)))
        await asyncio.sleep(0.5)
        hand.peer.part("user")
        await asyncio.sleep(3)
        assert hand.script.spoken == []
        hand.peer.join("user")
        await asyncio.sleep(3)
        assert hand.script.spoken == ["欢迎光临。"]
        await leave(hand)

    run(main)


def test_the_model_can_word_the_welcome() -> None:
    async def main() -> None:
        script = Script(reply=lambda prompt: f"按你说的{len(prompt)}。")
        hand = await stage(script)
        instance = await hand.manager.create(spec(welcome=WelcomeSpec(prompt="用一句话欢迎用户")))
        await asyncio.sleep(6)
        assert script.requests[0].messages == [("user", "用一句话欢迎用户")]
        assert script.spoken == ["按你说的8。"]
        assert hand.told()[1:] == ["THINKING 1", "LLMResult 1", "SPEAKING 1", "IDLE 1"]
        assert [(m.role, m.content) for m in instance.messages()] == [("assistant", "按你说的8。")]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(("priority", "spoken"), [(Priority.HIGH, True), (Priority.MEDIUM, False)])
def test_a_user_who_speaks_first_hears_only_an_important_welcome(priority: Priority, spoken: bool) -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(welcome=WelcomeSpec(text="欢迎光临。", priority=priority, delay_s=0.5)))
        await hand.user.say("我先说话了", 1.5)
        await asyncio.sleep(8)
        assert ("欢迎光临。" in hand.script.spoken) == spoken
        assert hand.told()[-1].startswith("IDLE")
        await leave(hand)

    run(main)


def test_an_instance_that_ends_before_anybody_came_leaves_nothing_behind() -> None:
    async def main() -> None:
        hand = await stage()
        await hand.manager.create(spec(welcome=WelcomeSpec(text="欢迎光临。")))
        hand.peer.viewers = 0
        await asyncio.sleep(1)
        await leave(hand)
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("conversation")] == []

    run(main)


def test_recogniser_and_voice_follow_the_language() -> None:
    async def main() -> None:
        script = Script()
        hand = await stage(script)
        asr = AsrSpec(params={"language": "zh"}, language="en")
        instance = await hand.manager.create(spec(asr=asr))
        assert script.recognisers[-1].language == "en"
        assert script.languages[-1] == "en"
        await instance.update(extras=ExtrasUpdate(language="zh"))
        assert script.recognisers[-1] == AsrSpec(params={"language": "zh"}, language="zh")
        assert script.languages[-1] == "zh"
        # Another recogniser keeps the language, and the voice follows the text where it is open.
        await instance.update(asr=AsrSpec(hot_word="Mien"))
        assert script.recognisers[-1] == AsrSpec(hot_word="Mien", language="zh")
        await instance.update(extras=ExtrasUpdate(language="auto"))
        assert script.recognisers[-1] == AsrSpec(hot_word="Mien", language="auto")
        assert script.languages[-1] == ""
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(6)
        assert instance.messages()[-1].content == "你问的是你好吗对吧。我来回答你。"
        await leave(hand)

    run(main)
