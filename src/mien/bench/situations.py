"""What happens in calls beside a question and an answer, each with what should come of it: `mien bench situations`.

A situation is played to an agent whose ears are the real ones (voice detection, recognition, turn end) and whose model
and voice are scripted, so that what differs between two runs is what was heard. `situation_calls` plays them in calls,
the tests on virtual time.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from mien.bench import sounds
from mien.bench.recordings import Sound, clip, cough, noisy, questions
from mien.viewer.call import Language

AgentSpeech = Literal["", "whole", "interrupted"]

STORY: Final[dict[Language, str]] = {
    "zh": "我来给你讲一个故事。从前有一座山，山里有一座庙，庙里有一个老和尚，他每天早上都会去河边打水，慢慢走回来。",
    "en": "Let me tell you a story. Once upon a time there was a small house at the edge of a forest, and in it lived "
    "an old woman who went to the river every morning.",
}
GREETING: Final[dict[Language, str]] = {
    "zh": "你好，很高兴见到你，今天想聊点什么呢？",
    "en": "Hello, how nice to see you. What would you like to talk about today?",
}
OVER_S: Final = 1.2
"""The agent has spoken for this long when somebody speaks over it."""


class Place(Protocol):
    """Where a situation is played."""

    async def say(self, sound: Sound) -> None:
        """The caller's microphone sends `sound`; returns when its last sample has left."""

    async def wait(self, seconds: float) -> None: ...
    async def agent_says(self, text: str) -> None:
        """The agent is told to speak `text`; returns when its voice begins to be heard."""

    async def agent_heard(self) -> None:
        """Waits until the agent's voice is heard, whatever it says."""

    def loudspeaker(self, *, db: float, delay_s: float) -> None:
        """From now on the microphone also sends the agent's own voice, `db` louder and this much later."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A round that is over, as the server tells it."""

    origin: str
    text: str
    answer: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """Something that happens in a call. `expected` says what should come of it, the rest how that is told.

    `answered`: the user's turns that get a whole answer, each a pattern its words match. `also`: a pattern the words of
    all their turns together match. `turns`: how many turns the user's words are, the interrupted ones too; None: any.
    `agent`: what becomes of what the agent says by itself. `extras` and `vad` are members of the instance's request.
    """

    name: str
    lang: Language
    expected: str
    play: Callable[[Place], Awaitable[None]]
    answered: tuple[str, ...] = ()
    also: str = ""
    turns: int | None = None
    agent: AgentSpeech = ""
    extras: Mapping[str, Any] = field(default_factory=dict)
    vad: Mapping[str, Any] = field(default_factory=dict)


def problems(situation: Situation, turns: Sequence[Turn]) -> list[str]:
    """What came otherwise than expected, in words; empty when all is well."""
    mine = [turn for turn in turns if turn.origin == "user"]
    others = [turn for turn in turns if turn.origin != "user"]
    whole = [turn for turn in mine if not turn.interrupted]
    said = " | ".join(turn.text for turn in mine)
    found = []
    if len(whole) != len(situation.answered):
        found.append(f"{len(whole)} answers instead of {len(situation.answered)}")
    for turn, pattern in zip(whole, situation.answered, strict=False):
        if not re.search(pattern, turn.text, re.IGNORECASE):
            found.append(f"understood {turn.text!r}")
        if not turn.answer:
            found.append(f"no words in the answer to {turn.text!r}")
    if not re.search(situation.also, said, re.IGNORECASE | re.DOTALL):
        found.append(f"{situation.also!r} is missing in {said!r}")
    if situation.turns is not None and len(mine) != situation.turns:
        found.append(f"{len(mine)} turns instead of {situation.turns}")
    if situation.agent and not others:
        found.append("the agent did not speak")
    for turn in others:
        got = "interrupted" if turn.interrupted else "whole"
        if situation.agent and got != situation.agent:
            found.append(f"the agent's text was {got if turn.interrupted else 'not interrupted'}")
    return found


def got(turns: Sequence[Turn]) -> str:
    """What came of it, in short."""
    return "; ".join(
        f"{turn.origin}: {turn.text[:60] if turn.origin == 'user' else 'text'}"
        f"{' (interrupted)' if turn.interrupted else ''}"
        for turn in turns
    )


def _says(make: Callable[[], Sound]) -> Callable[[Place], Awaitable[None]]:
    async def play(place: Place) -> None:
        await place.say(make())

    return play


def _over(lang: Language, make: Callable[[], Sound]) -> Callable[[Place], Awaitable[None]]:
    """Something sounds while the agent tells a story."""

    async def play(place: Place) -> None:
        await place.agent_says(STORY[lang])
        await place.wait(OVER_S)
        await place.say(make())

    return play


async def _echo(place: Place) -> None:
    place.loudspeaker(db=-10.0, delay_s=0.16)
    await place.agent_says(STORY["en"])
    await place.wait(12.0)


async def _during_welcome(place: Place) -> None:
    await place.agent_heard()
    await place.wait(0.6)
    await place.say(clip("zh", "question-2"))
    await place.wait(4.0)
    await place.say(clip("zh", "question-1"))


async def _long_silence(place: Place) -> None:
    await place.wait(45.0)
    await place.say(clip("en", "question-1"))


async def _endless_noise(place: Place) -> None:
    await place.say(sounds.street(20.0, dbfs=-45.0))
    await place.wait(1.0)
    await place.say(clip("en", "question-1"))


def _voices() -> list[Sound]:
    return [*questions("zh")[::2], *questions("en")[::2]]


NAME_ZH, NAME_EN = "名字", "your name"

SITUATIONS: Final[tuple[Situation, ...]] = (
    Situation("question", "zh", "answered", _says(lambda: clip("zh", "question-1")), (NAME_ZH,), turns=1),
    Situation("question", "en", "answered", _says(lambda: clip("en", "question-1")), (NAME_EN,), turns=1),
    Situation(
        "question in noise, 10 dB", "zh", "answered",
        _says(lambda: noisy(clip("zh", "question-1"), seed=1, below_db=10.0)), (NAME_ZH,), turns=1,
    ),
    Situation(
        "question in noise, 10 dB", "en", "answered",
        _says(lambda: noisy(clip("en", "question-3"), seed=2, below_db=10.0)), ("sleep",), turns=1,
    ),
    Situation(
        "pause in mid-sentence", "zh", "one turn",
        _says(lambda: sounds.joined(clip("zh", "first-half"), 0.8, clip("zh", "second-half"))),
        ("下雨",), also="问", turns=1,
    ),
    Situation(
        "pause of 0.9 s, PauseInterval 1200", "en", "one turn",
        _says(lambda: sounds.joined(clip("en", "first-half"), 0.9, clip("en", "second-half"))),
        ("airport",), also="like to know", turns=1,
        vad={"TurnDetectConfig": {"PauseInterval": 1200}},
    ),
    Situation(
        "hesitation: um, then a question", "en", "one turn",
        _says(lambda: sounds.joined(clip("en", "um"), 0.35, clip("en", "question-3"))), ("sleep",), turns=1,
    ),
    Situation(
        "hesitation: 嗯，这个嘛, then a question", "zh", "one turn",
        _says(lambda: sounds.joined(clip("zh", "um"), 0.35, clip("zh", "question-1"))), (NAME_ZH,), turns=1,
    ),
    Situation(
        "two quick questions", "zh", "nothing is lost, the last one is answered",
        _says(lambda: sounds.joined(clip("zh", "question-1"), 0.8, clip("zh", "question-3"))),
        ("菜",), also=f"{NAME_ZH}.*菜",
    ),
    Situation("嗯，对 over the agent", "zh", "it speaks on", _over("zh", lambda: clip("zh", "backchannel")),
              turns=0, agent="whole"),
    Situation("uh-huh over the agent", "en", "it speaks on", _over("en", lambda: clip("en", "uhhuh")),
              turns=0, agent="whole"),
    Situation("okay, right over the agent", "en", "it speaks on", _over("en", lambda: clip("en", "backchannel")),
              turns=0, agent="whole"),
    Situation("cough over the agent", "zh", "it speaks on", _over("zh", cough), turns=0, agent="whole"),
    Situation("等一下 over the agent", "zh", "it falls silent and answers", _over("zh", lambda: clip("zh", "wait")),
              ("等",), turns=1, agent="interrupted"),
    Situation("stop over the agent", "en", "it falls silent and answers", _over("en", lambda: clip("en", "stop")),
              ("stop",), turns=1, agent="interrupted"),
    Situation("echo of the agent itself", "en", "it speaks on", _echo, turns=0, agent="whole"),
    Situation(
        "user speaks during the welcome", "zh", "the welcome is said to its end, the next question answered",
        _during_welcome, (NAME_ZH,), turns=1, agent="whole",
        extras={"Welcome": {"Text": GREETING["zh"], "Priority": "High"}},
    ),
    Situation("whisper-level speech, -30 dB", "en", "answered",
              _says(lambda: sounds.louder(clip("en", "question-1"), -30.0)), (NAME_EN,), turns=1),
    Situation("shouting", "zh", "answered",
              _says(lambda: sounds.shouted(clip("zh", "question-1"))), (NAME_ZH,), turns=1),
    Situation("clipped microphone, +24 dB", "en", "answered",
              _says(lambda: sounds.louder(clip("en", "question-1"), 24.0)), (NAME_EN,), turns=1),
    Situation("very short: yes", "en", "answered", _says(lambda: clip("en", "yes")), ("yes",), turns=1),
    Situation("very short: 是的，可以", "zh", "answered", _says(lambda: clip("zh", "yes")), ("可以",), turns=1),
    Situation("Chinese with English words", "zh", "answered", _says(lambda: clip("zh", "mixed")),
              ("(?i)windows|michael|麦克|迈克",), turns=1),
    Situation("a date", "zh", "answered", _says(lambda: clip("zh", "date")), ("(11|十一)月(26|二十六)",), turns=1),
    Situation("a telephone number", "en", "answered", _says(lambda: clip("en", "number")),
              (r"5\W?5\W?5|five five five",), turns=1),
    Situation("a web address", "en", "answered", _says(lambda: clip("en", "url")), (r"example(\.| dot )com",), turns=1),
    Situation("monologue of 20 s", "en", "one answer, to all of it", _says(lambda: clip("en", "monologue")),
              ("mountains",), also="last summer.*stories about the mountains"),
    Situation("silence of 45 s", "en", "nothing, then a question is answered", _long_silence, (NAME_EN,), turns=1),
    Situation("white noise", "en", "no answer", _says(lambda: sounds.hiss(10.0, dbfs=-35.0)), turns=0),
    Situation("noise for 20 s, then a question", "en", "the question is answered", _endless_noise, (NAME_EN,), turns=1),
    Situation("babble of a café", "en", "no answer",
              _says(lambda: sounds.babble(_voices(), 10.0, dbfs=-45.0)), turns=0),
    Situation("music", "zh", "no answer", _says(lambda: sounds.music(10.0, dbfs=-28.0)), turns=0),
    Situation("telephone keys", "en", "no answer", _says(lambda: sounds.keys("1590#159", dbfs=-24.0)), turns=0),
    Situation("beeps", "zh", "no answer", _says(lambda: sounds.beeps(4, dbfs=-24.0)), turns=0),
)  # fmt: skip
"""Every situation; name and language together are unique."""
