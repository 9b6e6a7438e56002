"""Expressions and gestures in a conversation: asked for by metadata or a voice's emotion, shown when heard."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from mien.conversation import agent
from mien.conversation.spec import AdvancedSpec, MetaInfoSpec, TtsSpec
from mien.face.motion.frame import INDEX, MotionVector
from mien.speech.phones import Phone
from mien.speech.reported import Word, from_words
from mien.speech.spoken import spoken_frames
from tests.support.conversation import Script, Stagehand, leave, run, spec, stage

MARKED = AdvancedSpec(meta_info=MetaInfoSpec("[[", "]]", ("action",)))


class Watch:
    """What the face of the latest instance was asked for, with the time, and its frames."""

    def __init__(self, hand: Stagehand) -> None:
        self.loop = asyncio.get_running_loop()
        self.media: Any = hand.faces.opened[-1]
        self.asked: list[tuple[float, Any]] = []
        self.frames: list[tuple[float, MotionVector]] = []
        self._express, self._gesture = self.media.express, self.media.gesture
        self.media.express, self.media.gesture, self.media.motion = self.express, self.gesture, self.motion

    def express(self, expression: str | None, intensity: float = 1.0) -> None:
        self._express(expression, intensity)
        self.asked.append((self.loop.time(), expression and (expression, intensity)))

    def gesture(self, name: str) -> float:
        seconds = float(self._gesture(name))
        self.asked.append((self.loop.time(), name))
        return seconds

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        self.frames.append((self.loop.time(), frame))

    @property
    def wishes(self) -> list[Any]:
        return [wish for _, wish in self.asked]

    def at(self, time: float, channel: str) -> float:
        return float(next(frame for then, frame in self.frames if then >= time)[INDEX[channel]])


def test_the_face_shows_what_a_place_asks_for_when_that_place_is_heard() -> None:
    async def main() -> None:
        text = '一二三四五六七。[[{"Mien":{"Expression":"happy","Intensity":1,"Gesture":"nod"},"action":"x"}]]八九十。'
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=MARKED))
        watch = Watch(hand)
        await instance.say(text)
        await asyncio.sleep(10)
        assert hand.script.spoken == ["一二三四五六七。", "八九十。"]
        assert watch.wishes == [("happy", 1.0), "nod", None]
        began, nodded, over = (time for time, _ in watch.asked)
        # Eight characters of 0.2 s; both clips were made long before the second was heard.
        assert began == nodded == pytest.approx(hand.sounded[0] + 1.6, abs=0.03)
        assert over == pytest.approx(hand.sounded[-1], abs=0.06)
        assert watch.at(began - 0.05, "cheek") == 0
        assert watch.at(over, "cheek") > 0.3
        assert watch.at(over + 0.8, "cheek") > 0.3
        assert watch.at(over + 4, "cheek") < 0.02
        assert [m["Data"] for m in hand.messages(102)] == [{"action": "x"}]
        assert hand.callbacks("Exception") == []
        await leave(hand)

    run(main)


def test_an_answer_of_the_model_too_and_a_place_that_is_never_heard_shows_nothing() -> None:
    async def main() -> None:
        reply = '[[{"Mien":{"Expression":"sad"}}]]一二三四五六七八九十。[[{"Mien":{"Expression":"happy"}}]]好了。'
        hand = await stage(Script(reply=lambda _: reply))
        await hand.manager.create(spec(advanced=MARKED))
        watch = Watch(hand)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(2.5)
        assert hand.script.spoken[-1] == "好了。"
        await hand.user.say("等一下", 2.0)
        await asyncio.sleep(0.1)
        assert watch.wishes == [("sad", 0.8), None]
        await leave(hand)

    run(main)


def test_metadata_behind_the_last_word_move_the_face_when_it_was_heard() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: '再见了朋友。[[{"Mien":{"Gesture":"greet"}}]]'))
        await hand.manager.create(spec(advanced=MARKED))
        watch = Watch(hand)
        await hand.user.say("再见", 1.0)
        await asyncio.sleep(6)
        assert watch.wishes == ["greet"]
        assert watch.asked[0][0] == pytest.approx(hand.sounded[-1], abs=0.06)
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("wish", "problem", "shown"),
    [
        ('{"Expression":"hungry"}', "there is no expression 'hungry'; there are neutral, happy", []),
        ('{"Expression":["happy"]}', "there is no expression", []),
        ('{"Gesture":"jump"}', "there is no gesture 'jump'; there are nod, shake", []),
        (
            '{"Expression":"sad","Intensity":"much"}',
            "Intensity must be a number from 0 to 1, not 'much'",
            [("sad", 0.8)],
        ),
        ('{"Expression":"sad","Intensity":true}', "Intensity must be a number from 0 to 1", [("sad", 0.8)]),
        ('{"Expression":"sad","Intensity":1e999}', "Intensity must be a number from 0 to 1", [("sad", 0.8)]),
        ('{"expression":"sad"}', "has no member 'expression'; it has Expression, Intensity, Gesture", []),
        ('"happy"', 'Mien must be an object such as {"Expression": "happy"}, not \'happy\'', []),
        ("null", "Mien must be an object", []),
    ],
)
def test_what_cannot_be_done_is_said_once_and_the_call_goes_on(wish: str, problem: str, shown: list[Any]) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=MARKED))
        watch = Watch(hand)
        for _ in range(3):
            await instance.say(f'[[{{"Mien":{wish}}}]]你好。[[{{"Mien":{wish}}}]]朋友。')
            await asyncio.sleep(4)
        told = hand.callbacks("Exception")
        assert [data["Code"] for _, data in told] == [1001]
        assert problem in told[0][1]["Message"]
        assert len(told[0][1]["Message"]) < 200
        assert [wish for wish in watch.wishes if wish is not None] == shown * 6
        assert hand.script.spoken == ["你好。", "朋友。"] * 3
        await leave(hand)

    run(main)


def test_a_model_that_goes_wrong_all_the_time_is_not_told_of_all_the_time() -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(advanced=MARKED))
        for i in range(30):
            await instance.say(f'[[{{"Mien":{{"Gesture":"{"x" * 500 if i == 0 else i}"}}}}]]好。')
            await asyncio.sleep(2)
        assert len(hand.callbacks("Exception")) == 16
        assert all(len(data["Message"]) < 200 for _, data in hand.callbacks("Exception"))
        assert len(hand.script.spoken) == 30
        await leave(hand)

    run(main)


def test_gestures_are_made_one_after_the_other() -> None:
    async def main() -> None:
        hand = await stage(Script(reply=lambda _: '[[{"Mien":{"Gesture":"nod"}}]]好。' * 20))
        await hand.manager.create(spec(advanced=MARKED))
        watch = Watch(hand)
        await hand.user.say("你好吗", 1.0)
        await asyncio.sleep(16)
        assert len(hand.script.spoken) == 20
        times = [time for time, _ in watch.asked]
        assert 4 <= len(times) <= 8
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 1.0
        await leave(hand)

    run(main)


def test_the_face_goes_with_the_emotion_of_the_voice() -> None:
    async def main() -> None:
        hand = await stage()
        advanced = AdvancedSpec(meta_info=MetaInfoSpec("[[", "]]"), tts_param_paths={"mood": "voice_setting.emotion"})
        instance = await hand.manager.create(spec(advanced=advanced, tts=TtsSpec(vendor="MiniMax")))
        watch = Watch(hand)
        await instance.say('[[{"mood":"angry"}]]我很生气。[[{"mood":"fluent"}]]算了。[[{"mood":"sad"}]]再见。')
        await asyncio.sleep(8)
        # The face has nothing for "fluent".
        assert watch.wishes == [("angry", 0.6), None, ("sad", 0.6), None]
        assert hand.callbacks("Exception") == []
        watch.asked.clear()
        await instance.say('[[{"mood":"angry","Mien":{"Expression":"neutral"}}]]我很生气。真的。')
        await asyncio.sleep(8)
        assert watch.wishes == [("neutral", 0.8), None]
        await leave(hand)

    run(main)


@pytest.mark.parametrize(
    ("vendor", "params", "expected"),
    [
        ("MiniMax", {"voice_setting": {"emotion": "happy"}}, [("happy", 0.6), None]),
        ("ByteDanceV3", {"req_params": {"audio_params": {"emotion": "sad", "emotion_scale": 4}}}, [("sad", 0.8), None]),
        ("MiniMax", {"voice_setting": {"emotion": "calm"}}, []),
        ("MiniMax", {"voice_setting": {"emotion": 7}}, []),
        ("MiniMax", {"voice_setting": "x"}, []),
    ],
)
def test_an_emotion_in_the_voices_parameters_lasts(vendor: str, params: dict[str, Any], expected: list[Any]) -> None:
    async def main() -> None:
        hand = await stage()
        instance = await hand.manager.create(spec(tts=TtsSpec(vendor=vendor, params=params)))
        watch = Watch(hand)
        await instance.say("一二三。四五六。")
        await asyncio.sleep(5)
        assert watch.wishes == expected
        await leave(hand)

    run(main)


async def spell(words: Sequence[Word], language: str) -> tuple[Phone, ...]:
    return from_words(words, lambda word: {"爸": "pa↘", "妈": "ma→", "是": "ʂɨ↘"}.get(word, ""))


@pytest.mark.parametrize("reports", [False, True])
def test_word_times_of_a_voice_reach_the_lips(reports: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "spoken_frames", partial(spoken_frames, sounds=spell))

    async def main() -> None:
        hand = await stage(Script(reports_words=reports))
        instance = await hand.manager.create(spec())
        watch = Watch(hand)
        await instance.say("是爸爸是妈妈。")
        await asyncio.sleep(4)
        pressed = [time - hand.sounded[0] for time, frame in watch.frames if frame[INDEX["press"]] > 0.95]
        if reports:
            # The lips are closed about where 爸, 爸, 妈, 妈 begin, and open inside them.
            for begin in (0.2, 0.4, 0.8, 1.0):
                assert any(abs(time - begin) < 0.08 for time in pressed)
            assert not any(abs(time - middle) < 0.05 for time in pressed for middle in (0.1, 0.32, 0.7, 0.92))
        else:
            # The voice is a tone: lips made from sound cannot know of the closures inside it.
            assert not any(abs(time - begin) < 0.08 for time in pressed for begin in (0.2, 0.4, 0.8, 1.0))
        assert next(m["Data"]["Text"] for m in hand.messages(4)) == "是爸爸是妈妈。"
        assert hand.callbacks("Exception") == []
        await leave(hand)

    run(main)
