"""The conversation itself: turns, rounds, interruption and proactive speech, and what is told about them.

LiveKit's session hears, decides when a turn is over, asks the model and plays the answer. This module gives what it
does the shape of the compatible API: rounds with numbers, a status, priorities, and events in their documented order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    ConversationItemAddedEvent,
    SpeechCreatedEvent,
    UserStateChangedEvent,
    llm,
    stt,
)
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.io import PlaybackFinishedEvent

from mien.conversation import apology
from mien.conversation.agent import ConversationAgent
from mien.conversation.apology import Apologies, Apologist, Speaker
from mien.conversation.echo import EchoGuard
from mien.conversation.errors import ExceptionCode, Part
from mien.conversation.events import Reporter
from mien.conversation.history import from_messages
from mien.conversation.listening import Listen, UserVoice
from mien.conversation.manner import Manner
from mien.conversation.parts import Engines, Media
from mien.conversation.port import ConversationError, UserListeningError
from mien.conversation.rounds import (
    Averages,
    Floor,
    Origin,
    Round,
    RoundNumbers,
    RoundTimings,
    Verdict,
)
from mien.conversation.session import build_session, detector
from mien.conversation.spec import (
    ApologySpec,
    EchoGuardMode,
    InstanceSpec,
    InterruptReason,
    SamePriority,
    Status,
    VadSpec,
)
from mien.conversation.telling import Telling
from mien.conversation.text import Clause
from mien.conversation.turn_end import TurnEnd
from mien.conversation.turns import UserTurns
from mien.conversation.utterance import CURRENT, Utterance, new_utterance
from mien.conversation.workshop import Workshop
from mien.face.heard import joined
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec

KEPT_TIMINGS = 200
FAILED_ANSWER = frozenset((int(code), "") for code in ExceptionCode if code >= ExceptionCode.LLM)
"""What is reported of a round when its model or its voice failed; a tool that failed is answered by the model."""


class Dialogue:
    """Runs the conversation of one instance. `start` it, `aclose` it."""

    def __init__(
        self,
        spec: InstanceSpec,
        reporter: Reporter,
        engines: Engines,
        media: Media,
        listen: Listen,
        *,
        echo_guard: EchoGuardMode = "auto",
        apologies: Apologies | None = None,
    ) -> None:
        """Without `apologies` none is said when an answer fails."""
        self._spec = spec
        self._report = reporter
        self._media = media
        self._manner = Manner(media, spec.advanced.tts_param_paths)
        self._telling = Telling(self, reporter, self._manner, spec.advanced.meta_info)
        self._engines = engines
        self._loop = asyncio.get_running_loop()
        self._echo = EchoGuard(self._loop.time, mode=echo_guard)
        self.voice = UserVoice(listen, spec.rtc.user_stream_id, closed=self._deaf, echo=self._echo)
        self._workshop = Workshop(spec, engines, media, reporter, agent_info=self._agent_info)
        self.agent = ConversationAgent(
            spec,
            self,
            recogniser=None if spec.live else self._workshop.recogniser(spec.asr),
            model=None if spec.live else self._workshop.model(spec.llm),
            voice=self._workshop.voice(spec.tts),
            messages=from_messages(spec.history.messages),
            make_voice=self._workshop.voice,
        )
        self._session: AgentSession[None] = build_session(spec, engines)
        self.status = Status.IDLE
        self.averages = Averages()
        self.timings: deque[RoundTimings] = deque(maxlen=KEPT_TIMINGS)
        self._numbers = RoundNumbers(time.time())
        self._floor = Floor()
        self._turns = UserTurns(
            self,
            reporter,
            self._floor,
            closed=lambda: self._closing,
            turn_end=TurnEnd(spec.vad),
            manual=spec.advanced.walkie_talkie,
        )
        self._turns.voice = self.voice
        self._apologist: Apologist | None = None
        if apologies is not None and not (spec.live or spec.advanced.disable_tts):
            self._apologist = Apologist(
                spec.apology,
                apologies,
                speaker=self._speaker,
                language=lambda: engines.language_of(self._workshop.asr),
                idle=lambda: self.status is Status.IDLE and self._floor.active is None,
            )
        self._pressed = False
        self.listen_only = spec.advanced.listen_only
        self._starting: Utterance | None = None
        self.current: Utterance | None = None
        """The one that is or will be heard."""
        self._utterances: dict[str, Utterance] = {}
        self._closing: bool = False
        self._quiet = asyncio.Event()

    # Life

    async def start(self) -> None:
        """Begins to listen and to answer."""
        session = self._session
        session.on("speech_created", self._on_speech_created)
        session.on("user_state_changed", self._on_user_state)
        session.on("agent_state_changed", self._on_agent_state)
        session.on("conversation_item_added", self._on_item_added)
        session.on("user_transcription_timeout", lambda _: self._turns.no_text())
        self._media.output.on("playback_finished", self._on_playback_finished)
        self._media.on_clause_started(self._telling.clause_started)
        if not self._spec.live:
            self._media.on_voice(self._echo.played)
            self.voice.start()
            session.input.audio = self.voice
        session.output.audio = self._media.output
        session.output.set_audio_enabled(not self._spec.advanced.disable_tts)
        await session.start(self.agent, record=False)
        if self._apologist is not None:
            self._apologist.start()

    def tell_notices(self) -> None:
        """Reports what engines had to say when they were made."""
        self._workshop.tell_notices()

    async def aclose(self) -> None:
        """Falls silent and ends every task. Safe to call twice."""
        if self._closing:
            return
        self._closing = True
        self._quiet.set()
        self._floor.clear()
        self._turns.aclose()
        if (active := self._floor.active) is not None:
            active.interrupted_by = active.interrupted_by or InterruptReason.API
        if self._apologist is not None:
            await self._apologist.aclose()
        await self.voice.aclose()
        await self._session.aclose()
        self._media.output.off("playback_finished", self._on_playback_finished)
        await self._workshop.aclose()

    async def quiet(self) -> None:
        """Waits until nothing is thought, said or waiting to be said."""
        while not self._closing and (
            self.status is not Status.IDLE or self._floor.active is not None or self._floor.waiting
        ):
            self._quiet.clear()
            await self._quiet.wait()

    @property
    def latest_round(self) -> int:
        return self._numbers.latest

    @property
    def user_audible(self) -> bool:
        """Whether the user's stream has been heard at all."""
        return self.voice.heard_at is not None

    def use(
        self,
        *,
        llm: LlmSpec | None,
        tts: TtsSpec | None,
        asr: AsrSpec | None,
        language: str | None = None,
        vad: VadSpec | None = None,
    ) -> None:
        """Other engines, another language, or another sense of when a turn is over, from the next turn on.

        Raises RuntimeError where a vendor is refused.
        """
        if language is not None:
            asr, tts = asr or self._workshop.asr, tts or self.agent.tts_spec
        before = self._workshop.asr
        try:
            model = self._workshop.model(llm) if llm is not None else None
            recogniser = self._workshop.recogniser(asr, language) if asr is not None else None
            voice = self._workshop.voice(tts) if tts is not None else None
        except RuntimeError:
            self._workshop.asr = before
            raise
        if llm is not None and model is not None:
            self.agent.use_model(llm, model)
        if tts is not None and voice is not None:
            self.agent.use_voice(tts, voice)
        if recogniser is not None:
            self.agent.update_options(stt=recogniser)
        if vad is not None:
            self.agent.update_options(vad=detector(vad, self._engines))
            self._turns.turn_end = TurnEnd(vad)
            self.wait_for_more(self._turns.turn_end.unheard_s)
        if self._apologist is not None and (tts, language) != (None, None):
            self._apologist.start()

    def apologise_with(self, spec: ApologySpec) -> None:
        """Says something else, or nothing, when an answer fails."""
        if self._apologist is not None:
            self._apologist.use(spec)

    # What others ask for

    def propose(self, round_: Round, same_priority: SamePriority) -> int:
        """Speaks a proactive round now, after interrupting, or in its turn.

        Raises UserListeningError, QueueFullError.
        """
        if self.status is Status.LISTENING and not round_.outranks_user:
            raise UserListeningError(
                "the user is speaking; send this again when the turn is over, or with Priority High"
            )
        verdict = self._floor.request(round_, same_priority)
        if verdict is Verdict.BEGIN:
            self._begin(round_)
        elif verdict is Verdict.TAKE_OVER:
            reason = InterruptReason.SEND_LLM if round_.origin is Origin.ASK else InterruptReason.SEND_TTS
            self.interrupt_active(reason)
        return round_.number

    def new_round(self, origin: Origin) -> Round:
        """A round with the next number, beginning now."""
        number = self._numbers.next()
        began = None if origin is Origin.USER else self._loop.time()
        return Round(number, origin, RoundTimings(number, origin, began))

    def interrupt(self) -> int:
        """Stops what is thought or said and drops what waits; the interrupted round, or the latest."""
        self._floor.clear()
        active = self._floor.active
        self.interrupt_active(InterruptReason.API)
        return active.number if active is not None else self._numbers.latest

    def press(self) -> int:
        """Walkie-talkie: the user begins to speak."""
        if self._turns.round is None or not self._pressed:
            self._session.clear_user_turn()
            self._pressed = True
            self._turns.take_floor()
            self._turns.begun()
        assert self._turns.round is not None
        return self._turns.round.number

    def release(self, *, cancel: bool = False) -> int:
        """Walkie-talkie: the user has finished, or with `cancel` thinks better of it."""
        round_ = self._turns.round
        if not self._pressed or round_ is None:
            return self._numbers.latest
        self._pressed = False
        self._turns.paused()
        if cancel:
            self._session.clear_user_turn()
            self._turns.drop()
            return round_.number
        round_.timings.began_at = self._loop.time()
        if self._turns.hold():
            return round_.number
        self._session.commit_user_turn(transcript_timeout=5.0, stt_flush_duration=1.0)
        return round_.number

    # The user

    def _deaf(self) -> bool:
        """Whether the user's voice is ignored now."""
        if self._spec.advanced.walkie_talkie:
            return not self._pressed
        active = self._floor.active
        if active is None or active.user_waits:
            return False
        return active.outranks_user or not self._spec.advanced.voice_interrupts

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if self._spec.advanced.walkie_talkie or self._closing:
            return
        if event.new_state == "speaking":
            self._turns.begun()
        elif event.old_state == "speaking":
            self._turns.paused()

    def answer(self, message: llm.ChatMessage) -> None:
        """Answers a turn that the session did not see (`turns.Scene`)."""
        self._session.generate_reply(user_input=message)

    def wait_for_more(self, silence_s: float) -> None:
        """`turns.Scene`."""
        if self._session.options.endpointing["min_delay"] != silence_s:
            self._session.update_options(endpointing_opts={"min_delay": silence_s, "max_delay": silence_s})

    def heard(self, event: stt.SpeechEvent) -> bool:
        """`agent.Host`."""
        return self._turns.heard(event)

    def recogniser_failed(self, error: BaseException) -> None:
        """`agent.Host`."""
        self._turns.recogniser_failed(error)

    def turn_completed(self, message: llm.ChatMessage) -> bool:
        """`agent.Host`."""
        answer = self._turns.completed(message, answer=not self.listen_only)
        if self.listen_only and message.text_content:
            self.agent.remember([message])
        return answer

    def wants_answer(self, utterance: Utterance) -> bool:
        """`agent.Host`."""
        return not self.listen_only or utterance.round.origin is not Origin.USER

    # The agent

    def _begin(self, round_: Round) -> None:
        """Starts a proactive round."""
        self._floor.active = round_
        if round_.outranks_user and not round_.user_waits and self._turns.yield_floor():
            self._session.clear_user_turn()
        utterance = new_utterance(round_, self._spec.advanced.meta_info)
        self._starting = utterance
        interruptible = not (round_.outranks_user or round_.user_waits)
        try:
            if round_.origin is Origin.SAY:
                self._session.say(round_.text, allow_interruptions=interruptible, add_to_chat_ctx=round_.add_answer)
            else:
                question = llm.ChatMessage(role="user", content=[round_.text])
                context = self.agent.chat_ctx.copy()
                context.items.append(question)
                if round_.add_question:
                    self.agent.remember([question])
                self._session.generate_reply(chat_ctx=context, allow_interruptions=interruptible)
        except RuntimeError as error:
            self._floor.active = None
            raise ConversationError(f"the instance cannot speak now: {error}") from error
        finally:
            self._starting = None
        self._choose(utterance)
        if round_.origin is Origin.ASK:
            self.set_status(Status.THINKING, round_, "llm_begin")

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        utterance = self._starting
        if utterance is None:
            round_ = self._floor.active
            if round_ is None or round_.origin is not Origin.USER or not round_.committed or self.current is not None:
                # Begun before the turn is over; it may still be thrown away.
                round_ = self._turns.round = self._turns.round or self.new_round(Origin.USER)
            utterance = new_utterance(round_, self._spec.advanced.meta_info)
        utterance.handle = event.speech_handle
        self._utterances[event.speech_handle.id] = utterance
        CURRENT.set(utterance)
        event.speech_handle.add_done_callback(self._on_speech_done)

    def _on_item_added(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage) and event.item.role == "user":
            for utterance in self._utterances.values():
                if utterance.chosen and utterance.round is self._floor.active and utterance is not self.current:
                    self._choose(utterance)

    def _choose(self, utterance: Utterance) -> None:
        """`utterance` is the one that will be heard."""
        self.current = utterance
        utterance.adopt()
        self._telling.flush(utterance)
        if utterance.round.interrupted_by and utterance.handle is not None:
            utterance.handle.interrupt(force=True)

    def model_said(self, utterance: Utterance, sentences: list[str]) -> None:
        """`agent.Host`."""
        self._telling.model_said(utterance, sentences)

    def failed(self, utterance: Utterance, part: Part, error: BaseException) -> None:
        """`agent.Host`."""
        self._telling.failed(utterance, part, error)

    def show(self, utterance: Utterance, clause: Clause) -> None:
        """`agent.Host`."""
        self._telling.show(utterance, clause, last=False)

    @property
    def tts_spec(self) -> TtsSpec:
        """`telling.Scene`."""
        return self.agent.tts_spec

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        """What was said before a tool was called is over, and the tool is not."""
        utterance = self.current
        if utterance is None or not utterance.calling or event.new_state != "thinking":
            return
        if self.status is Status.SPEAKING and not utterance.round.interrupted_by:
            self.set_status(Status.THINKING, utterance.round, "llm_begin")

    def _on_playback_finished(self, event: PlaybackFinishedEvent) -> None:
        # Playback may be over and its round not: it waits for more of a slow voice, or for a tool.
        if self.current is not None and event.synchronized_transcript is not None:
            self.current.heard = joined((self.current.heard, event.synchronized_transcript))

    def interrupt_active(self, reason: InterruptReason) -> None:
        """Stops the active round, if there is one."""
        active = self._floor.active
        if active is None:
            return
        active.interrupted_by = active.interrupted_by or reason
        if self.current is not None and self.current.round is active and self.current.handle is not None:
            self.current.handle.interrupt(force=True)

    def _on_speech_done(self, handle: SpeechHandle) -> None:
        for task in handle._tasks:
            # An engine's failure was told as such already (`failed`); nobody else asks the task for it.
            task.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
        utterance = self._utterances.pop(handle.id, None)
        if utterance is None or not utterance.chosen:
            return
        round_ = utterance.round
        if self.current is not utterance:
            self._choose(utterance)
        self.current = None
        if utterance.apology_for is not None:
            self._end(utterance.apology_for, interrupted=handle.interrupted)
            return
        failed = bool(utterance.failures) or bool(round_.reported & FAILED_ANSWER)
        if not handle.interrupted:
            for _, clause in utterance.silent:
                self._telling.show(utterance, clause, last=False)
            if not (utterance.started or utterance.meta_told or round_.reported or utterance.failures):
                self._nothing_said(round_)
                failed = True
        if utterance.started and not utterance.ended:
            self._report.agent_text(round_, "", start=False, end=True)
        if not round_.add_answer and round_.origin is Origin.ASK:
            self.agent.forget(handle.chat_items)
        if not (failed and not handle.interrupted and self._apologise(utterance)):
            self._end(utterance, interrupted=handle.interrupted)

    def _end(self, utterance: Utterance, *, interrupted: bool) -> None:
        """The attempt that was heard is over, and its round with it."""
        round_ = utterance.round
        if interrupted:
            reason = round_.interrupted_by or InterruptReason.USER_SPEECH
            self._report.interrupted(round_, reason, utterance.heard if utterance.started else "")
        self._finish(round_, utterance, interrupted=interrupted)

    def _apologise(self, failed: Utterance) -> bool:
        """Says in the round of `failed` that there is no (whole) answer; False when that is left out.

        Nobody waits for proactive speech; it needs an excuse only when it breaks off.
        """
        round_ = failed.round
        awaited = round_.origin is Origin.USER or failed.started
        free = not (self._closing or self._floor.waiting or self._turns.round is not None)
        if self._apologist is None or not awaited or not free or not self._apologist.due():
            return False
        text, clip = self._apologist.clip(round_.timings.text or round_.text)
        utterance = new_utterance(round_, None)
        utterance.apology_for = failed
        self._starting = utterance
        try:
            self._session.say(
                text,
                audio=apology.frames(clip),
                allow_interruptions=not (round_.outranks_user or round_.user_waits),
                add_to_chat_ctx=False,
            )
        except RuntimeError:
            return False
        finally:
            self._starting = None
        self._choose(utterance)
        return True

    def _speaker(self) -> Speaker:
        spec, voices = self.agent.tts_spec, self._media.voices
        return Speaker(self.agent.voice, apology.identity(spec, voices), apology.gender_of(spec, voices))

    def _nothing_said(self, round_: Round) -> None:
        if round_.origin is Origin.SAY:
            self._report.exception(ExceptionCode.TTS, "the voice made no sound of the text", round_)
        else:
            self._report.exception(ExceptionCode.LLM, "the language model gave an empty answer", round_)

    def _finish(self, round_: Round, utterance: Utterance, *, interrupted: bool) -> None:
        self._manner.over()
        timings = round_.timings
        timings.answer = "".join(utterance.shown).strip()
        timings.interrupted = interrupted
        timings.drive_s = self._media.drive_s if timings.voice_at is not None else None
        self.averages.add(timings)
        self.timings.append(timings)
        timings.ended_at = self._loop.time()
        self._report.measured(timings)
        if self._floor.active is round_:
            self._floor.active = None
        follower = None if self._closing else self._floor.next()
        if interrupted or follower is None:
            self.set_status(Status.IDLE, round_, "interrupted" if interrupted else "tts_all_played")
        if follower is not None:
            try:
                self._begin(follower)
            except ConversationError as error:
                self._report.exception(ExceptionCode.GENERAL, str(error), follower)
        elif self._floor.active is None:
            self._turns.show()

    def set_status(self, status: Status, round_: Round, reason: str) -> None:
        """The agent does something else now; tells room, backend and face."""
        old, self.status = self.status, status
        if status is Status.IDLE:
            self._quiet.set()
        self._media.set_status(status.name.lower())
        if not (old is status and status is Status.IDLE):
            self._report.status(old, status, round_, reason)

    def _agent_info(self) -> dict[str, Any]:
        """`agent_info` of the LLM contract."""
        utterance = CURRENT.get(None)
        return {
            "room_id": self._spec.rtc.room_id,
            "agent_instance_id": self._spec.instance_id,
            "agent_user_id": self._spec.rtc.agent_user_id,
            "user_id": self._spec.user_id,
            "round_id": utterance.round.number if utterance else self._numbers.latest,
            "time_stamp": int(time.time() * 1000),
        }
