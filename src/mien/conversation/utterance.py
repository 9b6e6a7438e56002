"""One attempt to answer: the speech handle LiveKit made, and what came of it so far.

A round has one, or several when the reply was begun before the user's last word was known: only the one that is
scheduled in the end is heard, the others leave no trace.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, fields

from livekit.agents.voice import SpeechHandle

from mien.conversation.errors import Part
from mien.conversation.rounds import Round, RoundTimings
from mien.conversation.spec import MetaInfoSpec
from mien.conversation.text import Clause, SentenceReader
from mien.speech.phones import SpokenText


@dataclass(slots=True, eq=False)
class Utterance:
    """What one attempt has produced. `timings` become the round's when the attempt is chosen."""

    round: Round
    timings: RoundTimings
    sentences: SentenceReader
    handle: SpeechHandle | None = None
    opening: str = ""
    """What it begins with while the model thinks."""
    results: list[str] = field(default_factory=list)
    """Sentences of the model that were not reported yet."""
    results_sent: bool = False
    clips: list[tuple[SpokenText, Clause]] = field(default_factory=list)
    """Clips handed to the voice, in the order they will be heard."""
    silent: list[tuple[int, Clause]] = field(default_factory=list)
    """Clauses without sound, waiting to be shown with the next one that is heard; with how many clips come first."""
    shown: list[str] = field(default_factory=list)
    complete: bool = False
    """Whether every clip is known, so that the last one can be marked as such."""
    lead_s: float = 0.0
    """Silence in front of the first sound of the voice."""
    meta_told: bool = False
    """Whether metadata was reported, which is an answer too."""
    ended: bool = False
    """Whether EndFlag was sent."""
    heard: str = ""
    """What of it was heard, as playback reports it; several stretches when tools were called in between."""
    failures: list[tuple[Part, BaseException]] = field(default_factory=list)
    calling: bool = False
    """Whether the model has called tools and not been told their results yet: there is more to come."""

    apology_for: Utterance | None = None
    """The attempt that failed, when this one only says so."""

    @property
    def chosen(self) -> bool:
        """Whether this is the attempt that will be heard."""
        return self.handle is not None and self.handle.scheduled

    @property
    def started(self) -> bool:
        """Whether something of it was shown or heard."""
        return bool(self.shown)

    def silent_before(self, place: int) -> list[Clause]:
        """Takes the clauses without sound in front of clip number `place`."""
        due = [clause for clips, clause in self.silent if clips <= place]
        self.silent = [waiting for waiting in self.silent if waiting[0] > place]
        return due

    def adopt(self) -> None:
        """Makes this attempt's measurements the round's."""
        if self.timings is self.round.timings:
            return
        for stage in fields(RoundTimings):
            value = getattr(self.timings, stage.name)
            if getattr(self.round.timings, stage.name) in (None, 0, "", False):
                setattr(self.round.timings, stage.name, value)
        self.timings = self.round.timings


def new_utterance(round_: Round, meta: MetaInfoSpec | None) -> Utterance:
    """A fresh attempt for `round_`."""
    return Utterance(round_, RoundTimings(round_.number, round_.origin), SentenceReader(meta))


CURRENT: ContextVar[Utterance] = ContextVar("mien.utterance")
"""The attempt the running task works for; LiveKit's tasks inherit it from the moment the speech is created."""
