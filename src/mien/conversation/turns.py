"""The user's side of the conversation: when a turn begins, what was understood of it, and whether it interrupts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from livekit.agents import llm, stt

from mien.conversation.errors import ExceptionCode, Part, describe
from mien.conversation.events import Reporter
from mien.conversation.listening import UserVoice
from mien.conversation.rounds import Floor, Origin, Round
from mien.conversation.spec import InterruptReason, Priority, Status
from mien.conversation.text import is_backchannel, objects
from mien.conversation.turn_end import TurnEnd

SURELY_SPEAKING_S = 1.2
"""Speech over the agent that lasts this long is an interruption even before a word of it is recognised, or after the
last that only nods. The voice is silent long before; this is longer than "okay, right"."""
MURMUR_S, MURMUR_CONFIDENCE = 0.9, 0.6
"""Over the agent, what lasts no longer and was understood with less certainty is a nod, unless it objects or asks."""
WORDLESS_S = 30.0
"""Sound without a pause and without a word in it for this long is noise: nobody is waited for any more."""
RECOGNISER_REPORT_S = 30.0
"""A recogniser that keeps failing is reported this often."""

_CJK = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_CJK_GAP = re.compile(rf"(?<={_CJK})\s+(?={_CJK})")


class Scene(Protocol):
    """What a turn changes in the dialogue it belongs to."""

    @property
    def status(self) -> Status: ...
    def new_round(self, origin: Origin) -> Round: ...
    def interrupt_active(self, reason: InterruptReason) -> None: ...
    def set_status(self, status: Status, round_: Round, reason: str) -> None: ...
    def answer(self, message: llm.ChatMessage) -> None:
        """Answers `message`, which the session did not see."""

    def wait_for_more(self, silence_s: float) -> None:
        """The session ends the user's turn after this much silence."""


class UserTurns:
    """Follows the user. `round` is their turn while it is not over; None when they have not begun one.

    What the user says over a round that lets them wait (`Round.user_waits`) is held here, hidden from the session, and
    answered when the floor is free and they have been silent for as long as `turn_end` says.
    """

    def __init__(
        self,
        scene: Scene,
        reporter: Reporter,
        floor: Floor,
        *,
        closed: Callable[[], bool],
        turn_end: TurnEnd,
        manual: bool = False,
    ) -> None:
        """`manual`: a button begins and ends the user's turn."""
        self._scene = scene
        self._manual = manual
        self.turn_end = turn_end
        self._report = reporter
        self._floor = floor
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self.round: Round | None = None
        self.voice: UserVoice | None = None
        self._held_text: str | None = None
        self._surely_speaking: asyncio.TimerHandle | None = None
        self._wordless: asyncio.TimerHandle | None = None
        self._failed_at: float | None = None
        self._take_up: asyncio.TimerHandle | None = None
        self._begun_at = self._paused_at = 0.0
        self._unheard = False
        """Whether words of the latest speech may still be recognised."""

    def aclose(self) -> None:
        """Forgets what is pending."""
        self._cancel_timer()
        self._stop_taking_up()
        self._stop_doubting()

    def begun(self) -> None:
        """Voice of the user is heard."""
        if self.round is None:
            self.round = self._scene.new_round(Origin.USER)
            if self.voice is not None:
                self.voice.record()
        round_ = self.round
        round_.speaking = self._unheard = True
        self._scene.wait_for_more(self.turn_end.unheard_s)
        self._begun_at = self._loop.time()
        self._stop_taking_up()
        self._stop_doubting()
        self._wordless = self._loop.call_later(WORDLESS_S, partial(self.no_text, force=True))
        self._report.user_speech(round_, True)
        if self._floor.active is None:
            self._scene.set_status(Status.LISTENING, round_, "user_speech_begin")
        else:
            self._doubt()

    def paused(self) -> None:
        """The user is silent; the turn may go on."""
        self._cancel_timer()
        self._stop_doubting()
        if (round_ := self.round) is not None and round_.speaking:
            round_.speaking = False
            self._paused_at = self._loop.time() - self.turn_end.noticed_s
            self._report.user_speech(round_, False)

    def heard(self, event: stt.SpeechEvent) -> bool:
        """Recognition said something; False when the session must not see it."""
        kinds = stt.SpeechEventType
        if event.type not in (kinds.INTERIM_TRANSCRIPT, kinds.PREFLIGHT_TRANSCRIPT, kinds.FINAL_TRANSCRIPT):
            return True
        final = event.type is kinds.FINAL_TRANSCRIPT
        text = event.alternatives[0].text.strip() if event.alternatives else ""
        self._failed_at = None
        if final:
            self._unheard = False
        if not text:
            if final:
                self.no_text()
            return True
        active = self._floor.active
        round_ = self.round
        if active is not None and not active.interrupted_by and (is_backchannel(text) or self._murmured(event)):
            if final and not (round_ and round_.held):
                self.drop()
            elif self._surely_speaking is not None:
                self._doubt()
            return False
        self._stop_doubting()
        waits = self._waits(round_)
        if round_ is None:
            return not waits
        if active is not None and not waits:
            self.take_floor()
        so_far = _tidy(f"{round_.transcript} {text}")
        if final:
            if not round_.speaking:
                self._scene.wait_for_more(self.turn_end.silence_s(so_far))
            round_.transcript = so_far
            round_.timings.asr_text_at = self._loop.time()
        if self._floor.active is None:
            self._report.user_text(round_, so_far, final=False)
        else:
            # Its first message must not come before the end of the round it interrupts, or waits for.
            self._held_text = so_far
        round_.held = round_.held or (waits and final)
        if waits and final:
            self._take_up_soon()
        return not waits

    def _murmured(self, event: stt.SpeechEvent) -> bool:
        """Whether what was recognised is too short and uncertain to interrupt. Confidence 0 is none given."""
        best = event.alternatives[0]
        until = self._loop.time() if self.round is None or self.round.speaking else self._paused_at
        short = self.round is not None and until - self._begun_at <= MURMUR_S
        return short and 0.0 < best.confidence < MURMUR_CONFIDENCE and not objects(best.text)

    def recogniser_failed(self, error: BaseException) -> None:
        """Recognition broke and will be opened again."""
        now = self._loop.time()
        if self._failed_at is None or now - self._failed_at >= RECOGNISER_REPORT_S:
            self._failed_at = now
            self._report.exception(*describe(Part.ASR, error), self.round)

    def completed(self, message: llm.ChatMessage, *, answer: bool = True) -> bool:
        """The turn is over and takes the floor; False when there is nothing to answer, or no `answer` is wanted."""
        round_ = self.round
        if round_ is not None and round_.held:
            # The session knows only what was said after the floor was free.
            message.content = [round_.transcript]
        text = _tidy(message.text_content or "")
        if not text or self._closed():
            self.no_text(force=True)
            return False
        round_ = round_ or self._scene.new_round(Origin.USER)
        self.round = None
        self._stop_taking_up()
        now = self._loop.time()
        stopped = message.metrics.get("stopped_speaking_at")
        timings = round_.timings
        if timings.began_at is None:
            timings.began_at = now - max(0.0, time.time() - stopped) if stopped else now
        timings.turn_end_at = now
        timings.asr_text_at = timings.asr_text_at or now
        timings.text = text
        self._held_text = None
        self._report.user_text(round_, text, final=True)
        if self.voice is not None and (pcm := self.voice.recorded()) is not None:
            self._report.user_audio(round_, pcm)
        self._report.asr_result(round_, text)
        if answer:
            round_.committed = True
            self._floor.active = round_
            self._scene.set_status(Status.THINKING, round_, "llm_begin")
        elif self._floor.active is None:
            self._scene.set_status(Status.IDLE, round_, "listen_only")
        if round_.speaking:
            # Already speaking again: those words belong to the next round, which interrupts this one.
            round_.speaking = False
            self.begun()
        return answer

    def no_text(self, *, force: bool = False) -> None:
        """Voice was heard and no words; the turn ends unless the user is still speaking."""
        round_ = self.round
        self._unheard = False
        if round_ is not None and round_.held:
            self._take_up_soon()
        if round_ is None or round_.transcript or (round_.speaking and not force):
            return
        self._report.exception(ExceptionCode.NO_TEXT, "voice was heard, but no words were recognised in it", round_)
        self.drop()

    def drop(self) -> None:
        """Forgets a turn that gets no answer."""
        round_, self.round, self._held_text = self.round, None, None
        self._cancel_timer()
        self._stop_taking_up()
        self._stop_doubting()
        if round_ is None:
            return
        if round_.speaking:
            round_.speaking = False
            self._report.user_speech(round_, False)
        if self.voice is not None:
            self.voice.recorded()
        if self._scene.status is Status.LISTENING:
            self._scene.set_status(Status.IDLE, round_, "no_text")

    def yield_floor(self) -> bool:
        """Something more important is said now: a turn that is open is forgotten, but not one that waits anyway."""
        if self.round is None or self.round.held:
            return False
        self.drop()
        return True

    def take_floor(self) -> None:
        """The user interrupts: what they may interrupt stops, and what waits behind it is dropped."""
        self._cancel_timer()
        active = self._floor.active
        if active is not None and not (active.outranks_user or active.user_waits or active.interrupted_by):
            self._floor.clear(up_to=Priority.MEDIUM)
            self._scene.interrupt_active(InterruptReason.USER_SPEECH)

    def show(self) -> None:
        """The floor is free: a turn begun meanwhile shows, with the words held back until now."""
        if (round_ := self.round) is None:
            return
        self._scene.set_status(Status.LISTENING, round_, "user_speech_begin")
        text, self._held_text = self._held_text, None
        if text is not None:
            self._report.user_text(round_, text, final=False)
        self._take_up_soon()

    def hold(self) -> bool:
        """The user has let go of the button: True when their turn waits for the end of what is said."""
        round_ = self.round
        if round_ is None or not self._waits(round_):
            return False
        round_.held = True
        return True

    def _waits(self, round_: Round | None) -> bool:
        """Whether what the user says is hidden from the session and held."""
        if self._floor.active is None:
            # The session ends a turn by itself only where it listens for its end.
            return self._manual and round_ is not None and round_.held
        return self._floor.active.user_waits

    def _take_up_soon(self) -> None:
        """Ends a held turn when the user has been silent long enough. One whose last words are not recognised yet is
        ended by the session, which hears them."""
        round_ = self.round
        if round_ is None or not round_.held or round_.speaking or self._unheard or self._floor.active is not None:
            return
        self._stop_taking_up()
        due = max(self._loop.time(), self._paused_at + self.turn_end.silence_s(round_.transcript))
        self._take_up = self._loop.call_at(due, self._end_held)

    def _end_held(self) -> None:
        self._take_up = None
        if self.round is None or self._floor.active is not None or self._closed():
            return
        message = llm.ChatMessage(role="user", content=[self.round.transcript])
        if self.completed(message):
            self._scene.answer(message)

    def _stop_taking_up(self) -> None:
        if self._take_up is not None:
            self._take_up.cancel()
            self._take_up = None

    def _stop_doubting(self) -> None:
        if self._wordless is not None:
            self._wordless.cancel()
            self._wordless = None

    def _doubt(self) -> None:
        """From now on speech may become an interruption by its length. That it has ended is noticed a little later."""
        self._cancel_timer()
        self._surely_speaking = self._loop.call_later(SURELY_SPEAKING_S + self.turn_end.noticed_s, self.take_floor)

    def _cancel_timer(self) -> None:
        if self._surely_speaking is not None:
            self._surely_speaking.cancel()
            self._surely_speaking = None


def _tidy(text: str) -> str:
    """Pieces of recognised text joined: Chinese without the blanks between them."""
    return _CJK_GAP.sub("", text).strip()
