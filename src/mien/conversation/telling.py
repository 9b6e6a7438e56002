"""What room and backend are told of the utterance that is heard: sentences, failures, subtitles, metadata."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from mien.conversation.errors import ExceptionCode, Part, describe
from mien.conversation.events import Reporter
from mien.conversation.manner import Manner
from mien.conversation.rounds import Origin, Round
from mien.conversation.spec import MetaInfoSpec, Status
from mien.conversation.text import Clause
from mien.conversation.utterance import Utterance
from mien.speech.phones import SpokenText
from mien.speech.spec import TtsSpec


class Scene(Protocol):
    """The dialogue an utterance belongs to."""

    current: Utterance | None
    """The one that is or will be heard; nothing is told of others."""

    @property
    def status(self) -> Status: ...
    @property
    def tts_spec(self) -> TtsSpec: ...
    def set_status(self, status: Status, round_: Round, reason: str) -> None: ...


class Telling:
    """Tells it through `reporter`, and shows metadata on the face through `manner`. `meta`: which of it is told."""

    def __init__(self, scene: Scene, reporter: Reporter, manner: Manner, meta: MetaInfoSpec | None) -> None:
        self._scene = scene
        self._report = reporter
        self._manner = manner
        self._meta = meta
        self._loop = asyncio.get_running_loop()

    def flush(self, utterance: Utterance) -> None:
        """Reports what the chosen attempt produced before it was chosen."""
        if utterance is not self._scene.current:
            return
        failures, utterance.failures = utterance.failures, []
        for part, error in failures:
            self._report.exception(*describe(part, error), utterance.round)
        results, utterance.results = utterance.results, []
        for text in results:
            utterance.results_sent = True
            self._report.llm_result(utterance.round, text)

    def model_said(self, utterance: Utterance, sentences: list[str]) -> None:
        """The model completed sentences."""
        utterance.results += sentences
        if utterance.handle is not None and not utterance.handle.interrupted:
            self.flush(utterance)

    def failed(self, utterance: Utterance, part: Part, error: BaseException) -> None:
        """An engine failed."""
        utterance.failures.append((part, error))
        self.flush(utterance)

    def clause_started(self, spoken: SpokenText) -> None:
        """A clip of the voice begins to be heard."""
        utterance = self._scene.current
        if utterance is None:
            return
        if utterance.apology_for is not None and self._scene.status is not Status.SPEAKING:
            self._scene.set_status(Status.SPEAKING, utterance.round, "tts_begin")
        place = next((i for i, (clip, _) in enumerate(utterance.clips) if clip is spoken), None)
        if place is None:
            return
        clause = utterance.clips[place][1]
        for earlier in utterance.silent_before(place):
            self.show(utterance, earlier, last=False)
        last = utterance.complete and place == len(utterance.clips) - 1
        self.show(utterance, clause, last=last)

    def show(self, utterance: Utterance, clause: Clause, *, last: bool) -> None:
        """A clause begins to be heard, or is told without being spoken: its subtitle, the status, its metadata."""
        round_ = utterance.round
        if not clause.display:
            self._tell_meta(utterance, clause)
            return
        first = not utterance.started
        if first:
            round_.timings.voice_at = self._loop.time() + utterance.lead_s
            if round_.origin is not Origin.SAY and not utterance.results_sent:
                # The voice is ahead of the first full sentence; backends count on a result before SPEAKING.
                utterance.results += utterance.sentences.so_far()
                self.flush(utterance)
        if round_.timings.content_at is None and clause.display.strip() != utterance.opening:
            round_.timings.content_at = self._loop.time() + (utterance.lead_s if first else 0.0)
        utterance.shown.append(clause.display)
        utterance.ended = last
        self._report.agent_text(round_, clause.display, start=first, end=last)
        if first or self._scene.status is not Status.SPEAKING:
            self._scene.set_status(Status.SPEAKING, round_, "tts_begin")
        self._tell_meta(utterance, clause)

    def _tell_meta(self, utterance: Utterance, clause: Clause) -> None:
        utterance.meta_told = utterance.meta_told or bool(clause.meta)
        info = {key: clause.meta[key] for key in (self._meta.send_keys if self._meta else ()) if key in clause.meta}
        if info:
            self._report.meta_info(utterance.round, info)
        self._manner.show(clause, self._scene.tts_spec, partial(self._metadata_failed, utterance.round))

    def _metadata_failed(self, round_: Round, message: str) -> None:
        self._report.exception(ExceptionCode.GENERAL, message, round_, about=message)
