"""Rounds: one interaction each, their numbers, their priorities, and how long every stage of one took."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mien.conversation.port import QueueFullError
from mien.conversation.spec import InterruptReason, Priority, SamePriority

MAX_QUEUED = 5
"""Rounds that may wait behind the one being said."""

_LEVEL = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}


class Origin(StrEnum):
    """Who began a round."""

    USER = "user"
    SAY = "say"
    ASK = "ask"


@dataclass(slots=True)
class RoundTimings:
    """When the stages of a round were over, in seconds of the event loop's clock; None: not reached.

    `began_at` is the end of the user's speech, or the call that asked for proactive speech; `drive_s` a duration:
    speech audio handed to the face to its first motion frame sent.
    """

    round: int
    origin: str
    began_at: float | None = None
    turn_end_at: float | None = None
    asr_text_at: float | None = None
    llm_request_at: float | None = None
    llm_first_token_at: float | None = None
    llm_done_at: float | None = None
    llm_tokens: int = 0
    first_clause_at: float | None = None
    tts_first_audio_at: float | None = None
    voice_at: float | None = None
    content_at: float | None = None
    """The first words of the answer itself are heard: behind its opening, where it has one."""
    drive_s: float | None = None
    ended_at: float | None = None
    text: str = ""
    answer: str = ""
    interrupted: bool = False

    def milliseconds(self) -> dict[str, Any]:
        """Each stage in ms after the beginning, for logs, `mien call` and benchmarks."""

        def after(at: float | None) -> int | None:
            return None if at is None or self.began_at is None else round((at - self.began_at) * 1000)

        return {
            "round": self.round,
            "origin": self.origin,
            "turn_end": after(self.turn_end_at),
            "end_of_speech_to_text": after(self.asr_text_at),
            "llm_first_token": after(self.llm_first_token_at),
            "first_clause": after(self.first_clause_at),
            "tts_first_audio": after(self.tts_first_audio_at),
            "drive": None if self.drive_s is None else round(self.drive_s * 1000),
            "total": after(self.voice_at),
            "content": after(self.content_at),
            "text": self.text,
            "answer": self.answer,
            "interrupted": self.interrupted,
        }


@dataclass(slots=True, eq=False)
class Round:
    """One interaction: what began it, how important it is, and what has happened in it."""

    number: int
    origin: Origin
    timings: RoundTimings
    priority: Priority = Priority.MEDIUM
    text: str = ""
    system_prompt: str | None = None
    add_question: bool = False
    add_answer: bool = True
    message_id: str = ""
    user_message_id: str = ""
    speaking: bool = False
    transcript: str = ""
    transcript_sent: str | None = None
    committed: bool = False
    interrupted_by: InterruptReason | None = None
    user_waits: bool = False
    """Whether the user's speech over it is answered after it (EnqueueUserSpeech), where it cannot interrupt."""
    held: bool = False
    """Whether the user said it over a round that kept the floor."""
    reported: set[tuple[int, str]] = field(default_factory=set)

    @property
    def outranks_user(self) -> bool:
        """Whether the user's voice cannot interrupt it."""
        return self.priority is Priority.HIGH


class RoundNumbers:
    """Ascending round numbers that never repeat; `seed` (unix seconds) keeps those of a new instance apart."""

    def __init__(self, seed: float) -> None:
        self._numbers: Iterator[int] = itertools.count(int(seed) % 1_000_000 * 1000 + 1)
        self.latest = 0

    def next(self) -> int:
        self.latest = next(self._numbers)
        return self.latest


class Verdict(StrEnum):
    """What a request for proactive speech leads to."""

    BEGIN = "begin"
    WAIT = "wait"
    TAKE_OVER = "take over"
    """It is first in line; the active round must be interrupted."""


class Floor:
    """Who may speak: the round that is heard now and those that wait behind it."""

    def __init__(self) -> None:
        self.active: Round | None = None
        self.waiting: list[Round] = []

    def request(self, round_: Round, same_priority: SamePriority) -> Verdict:
        """Decides what a proactive round does, and puts it in line unless it may begin. Raises QueueFullError."""
        active = self.active
        if active is None and not self.waiting:
            return Verdict.BEGIN
        mine, theirs = _LEVEL[round_.priority], _LEVEL[active.priority] if active else -1
        if mine > theirs or (mine == theirs and same_priority is SamePriority.CLEAR_AND_INTERRUPT):
            # What outranks the newcomer keeps its place in front of it.
            self.waiting = [waiting for waiting in self.waiting if _LEVEL[waiting.priority] > mine]
            self.waiting.append(round_)
            return Verdict.TAKE_OVER if active is not None else Verdict.WAIT
        if len(self.waiting) >= MAX_QUEUED:
            raise QueueFullError(
                f"{MAX_QUEUED} rounds are already waiting to be spoken; wait, interrupt, or use ClearAndInterrupt"
            )
        place = next((i for i, waiting in enumerate(self.waiting) if _LEVEL[waiting.priority] < mine), None)
        self.waiting.insert(len(self.waiting) if place is None else place, round_)
        return Verdict.WAIT

    def next(self) -> Round | None:
        """Takes the first waiting round, or None."""
        return self.waiting.pop(0) if self.waiting else None

    def clear(self, *, up_to: Priority = Priority.HIGH) -> list[Round]:
        """Drops waiting rounds of at most this priority and returns them."""
        dropped = [waiting for waiting in self.waiting if _LEVEL[waiting.priority] <= _LEVEL[up_to]]
        self.waiting = [waiting for waiting in self.waiting if waiting not in dropped]
        return dropped


@dataclass(slots=True)
class Mean:
    """A running mean."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class Averages:
    """`LatencyData` of an instance: means over its rounds."""

    ttft: Mean = field(default_factory=Mean)
    tps: Mean = field(default_factory=Mean)
    first_audio: Mean = field(default_factory=Mean)
    total: Mean = field(default_factory=Mean)

    def add(self, timings: RoundTimings) -> None:
        """Takes up what a finished round measured."""
        t = timings
        if t.llm_request_at is not None and t.llm_first_token_at is not None:
            self.ttft.add(t.llm_first_token_at - t.llm_request_at)
            if t.llm_done_at is not None and t.llm_tokens > 1 and t.llm_done_at > t.llm_first_token_at:
                self.tps.add((t.llm_tokens - 1) / (t.llm_done_at - t.llm_first_token_at))
            if t.tts_first_audio_at is not None:
                self.first_audio.add(t.tts_first_audio_at - t.llm_first_token_at)
        if t.began_at is not None and t.voice_at is not None:
            self.total.add(t.voice_at - t.began_at)

    def wire(self) -> dict[str, int | float]:
        """The object as it travels in `AgentInstanceDeleted`."""
        return {
            "LLMTTFT": round(self.ttft.value * 1000),
            "LLMTPS": round(self.tps.value, 3),
            "TTSAudioFirstFrameTime": round(self.first_audio.value * 1000),
            "TotalCost": round(self.total.value * 1000),
        }
