"""Priority and SamePriorityOption of proactive speech against everything that can be going on. Virtual time."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from mien.conversation.instance import LiveInstance
from mien.conversation.port import QueueFullError, UserListeningError
from mien.conversation.spec import InstanceSpec, Priority, SamePriority, Status
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage, until

LOW, MEDIUM, HIGH = Priority
CLEAR, ENQUEUE = SamePriority
FIRST, SECOND = "第一段话要说好几秒钟呢。", "第二段话。"
LEVEL = {LOW: 0, MEDIUM: 1, HIGH: 2}

# What is going on → the level it counts as. The user's own rounds count as Medium.
ONGOING = {"saying Low": LOW, "saying Medium": MEDIUM, "saying High": HIGH, "answering": MEDIUM, "thinking": MEDIUM}


async def situation(hand: Stagehand, what: str) -> LiveInstance:
    instance = await hand.manager.create(wanted())
    if what.startswith("saying"):
        await instance.say(FIRST, priority=Priority(what.split()[1]))
        await until(lambda: instance.status is Status.SPEAKING)
        await asyncio.sleep(0.5)
    else:
        await hand.user.say("你好吗", 1.0)
        status = Status.THINKING if what == "thinking" else Status.SPEAKING
        await until(lambda: instance.status is status)
        if what == "answering":
            await asyncio.sleep(0.5)
    return instance


def wanted() -> InstanceSpec:
    return spec()


@pytest.mark.parametrize(
    ("what", "priority", "same"), list(itertools.product(ONGOING, Priority, SamePriority)), ids=str
)
def test_what_is_going_on_is_interrupted_or_waited_for(what: str, priority: Priority, same: SamePriority) -> None:
    mine, theirs = LEVEL[priority], LEVEL[ONGOING[what]]
    interrupts = mine > theirs or (mine == theirs and same is CLEAR)

    async def main() -> None:
        hand = await stage(Script(reply=lambda _: FIRST, ttft_s=0.6))
        instance = await situation(hand, what)
        number = await instance.say(SECOND, priority=priority, same_priority=same)
        await asyncio.sleep(10)
        cut = [(data["Round"], data["Reason"]) for _, data in hand.callbacks("Interrupted")]
        assert [reason for _, reason in cut] == ([3] if interrupts else [])
        assert hand.script.spoken[-1] == SECOND
        statuses = [data for _, data in hand.callbacks("AgentInstanceStatus")]
        assert statuses[-1] == {"Status": "IDLE", "Round": number}
        idle = [data["Round"] for data in statuses if data["Status"] == "IDLE"]
        # A round that is waited for gives way without an IDLE; one that is interrupted has its own.
        assert idle == ([cut[0][0], number] if interrupts else [number])
        if not interrupts:
            assert len(hand.sounded) * 0.02 == pytest.approx((len(FIRST) + len(SECOND)) * 0.2, abs=0.2)
        await leave(hand)

    run(main)


@pytest.mark.parametrize(("priority", "same"), list(itertools.product(Priority, SamePriority)), ids=str)
@pytest.mark.parametrize("ask", [False, True])
def test_while_the_user_speaks_only_high_is_taken(priority: Priority, same: SamePriority, ask: bool) -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda question: SECOND if question == "问" else FIRST))
        instance = await hand.manager.create(spec())
        speaking = asyncio.create_task(hand.user.say("我还没有说完呢你听着", 2.0))
        await asyncio.sleep(1.0)
        assert instance.status is Status.LISTENING
        send = instance.ask("问", priority=priority, same_priority=same) if ask else None
        send = send or instance.say(SECOND, priority=priority, same_priority=same)
        if priority is HIGH:
            number = await send
            await speaking
            await asyncio.sleep(8)
            assert hand.script.spoken == [SECOND]
            assert [data["Round"] for _, data in hand.callbacks("ASRResult")] == []
            assert hand.callbacks("AgentInstanceStatus")[-1][1] == {"Status": "IDLE", "Round": number}
        else:
            with pytest.raises(UserListeningError):
                await send
            await speaking
            await asyncio.sleep(8)
            assert hand.script.spoken == [FIRST]
        assert hand.callbacks("Interrupted") == []
        await leave(hand)

    run(main)


@pytest.mark.parametrize("what", ["saying Low", "saying Medium", "saying High", "answering"])
def test_the_user_interrupts_all_but_high(what: str) -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: FIRST))
        instance = await situation(hand, what)
        for priority in (LOW, MEDIUM, HIGH):
            if LEVEL[priority] <= LEVEL[ONGOING[what]]:
                await instance.say(f"{priority}之后。", priority=priority, same_priority=ENQUEUE)
        await hand.user.say("等一下我有话说", 1.5)
        await asyncio.sleep(12)
        reasons = [data["Reason"] for _, data in hand.callbacks("Interrupted")]
        if what == "saying High":
            assert reasons == []
            assert [text for text in hand.script.spoken if "之后" in text] == [
                "High之后。",
                "Medium之后。",
                "Low之后。",
            ]
        else:
            assert reasons == [1]
            # What waited at the user's level or below it is dropped with what was interrupted.
            assert not any("之后" in text for text in hand.script.spoken)
        await leave(hand)

    run(main)


@pytest.mark.parametrize("ongoing", [LOW, MEDIUM, HIGH])
@pytest.mark.parametrize("ask", [False, True])
def test_five_wait_and_the_sixth_is_refused(ongoing: Priority, ask: bool) -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda question: f"{question}答。"))
        instance = await hand.manager.create(spec())
        await instance.say(FIRST, priority=ongoing)
        await asyncio.sleep(0.5)

        async def send(text: str) -> int:
            if ask:
                return await instance.ask(text, priority=ongoing, same_priority=ENQUEUE)
            return await instance.say(text, priority=ongoing, same_priority=ENQUEUE)

        numbers = [await send(f"第{i}") for i in range(5)]
        assert numbers == sorted(set(numbers))
        with pytest.raises(QueueFullError, match="5 rounds"):
            await send("第五")
        await asyncio.sleep(12)
        assert [data["Round"] for _, data in hand.callbacks("AgentInstanceStatus") if data["Status"] == "SPEAKING"][
            1:
        ] == numbers
        assert await send("又可以了") > numbers[-1]
        await leave(hand)

    run(main)


def test_clearing_empties_the_queue() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        for text in (FIRST, "第二。", "第三。"):
            await instance.say(text, same_priority=ENQUEUE)
        await asyncio.sleep(0.5)
        await instance.say("只有这句。", same_priority=CLEAR)
        await asyncio.sleep(6)
        assert hand.script.spoken == [FIRST, "只有这句。"]
        await leave(hand)

    run(main)


def test_higher_ones_are_said_first() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec())
        await instance.say(FIRST, priority=HIGH)
        for number, priority in enumerate((LOW, MEDIUM, LOW, MEDIUM, HIGH)):
            await instance.say(f"{priority}{number}。", priority=priority, same_priority=ENQUEUE)
        await asyncio.sleep(20)
        assert hand.script.spoken == [FIRST, "High4。", "Medium1。", "Medium3。", "Low0。", "Low2。"]
        await leave(hand)

    run(main)
