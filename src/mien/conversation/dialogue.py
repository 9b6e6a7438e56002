"""The conversation itself: turns, rounds, interruption and proactive speech, and what is told about them.

LiveKit's session hears, decides when a turn is over, asks the model and plays the answer. This module gives what it
does the shape of the compatible API: rounds with numbers, a status, priorities, and events in their documented order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

import structlog
from livekit.agents import (
    AgentSession,
    ConversationItemAddedEvent,
    SpeechCreatedEvent,
    UserStateChangedEvent,
    llm,
    stt,
)
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.io import PlaybackFinishedEvent

from mien.conversation.agent import ConversationAgent
from mien.conversation.errors import ExceptionCode, Part, describe
from mien.conversation.events import Reporter
from mien.conversation.history import from_messages
from mien.conversation.listening import Listen, UserVoice
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
from mien.conversation.session import build_session
from mien.conversation.spec import InstanceSpec, InterruptReason, Priority, SamePriority, Status
from mien.conversation.text import Clause, is_backchannel
from mien.conversation.utterance import CURRENT, Utterance, new_utterance
from mien.conversation.workshop import Workshop
from mien.speech.phones import SpokenText
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec

SURELY_SPEAKING_S = 0.8
"""Speech over the agent that lasts this long is an interruption even before a word of it is recognised."""
RECOGNISER_REPORT_S = 30.0
"""A recogniser that keeps failing is reported this often."""
KEPT_TIMINGS = 200

log = structlog.get_logger(__name__)


class Dialogue:
    """Runs the conversation of one instance. `start` it, `aclose` it."""

    def __init__(self, spec: InstanceSpec, reporter: Reporter, engines: Engines, media: Media, listen: Listen) -> None:
        self._spec = spec
        self._report = reporter
        self._media = media
        self._loop = asyncio.get_running_loop()
        self.voice = UserVoice(listen, spec.rtc.user_stream_id, closed=self._deaf)
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
        self._user_round: Round | None = None
        self._text_held = False
        self._surely_speaking: asyncio.TimerHandle | None = None
        self._pressed = False
        self._starting: Utterance | None = None
        self._current: Utterance | None = None
        self._utterances: dict[str, Utterance] = {}
        self._recogniser_reported_at: float | None = None
        self._closing = False
        self._quiet = asyncio.Event()

    # Life

    async def start(self) -> None:
        """Begins to listen and to answer."""
        session = self._session
        session.on("speech_created", self._on_speech_created)
        session.on("user_state_changed", self._on_user_state)
        session.on("conversation_item_added", self._on_item_added)
        session.on("user_transcription_timeout", lambda _: self._no_text())
        self._media.output.on("playback_finished", self._on_playback_finished)
        self._media.on_clause_started(self._on_clause_started)
        if not self._spec.live:
            self.voice.start()
            session.input.audio = self.voice
        session.output.audio = self._media.output
        session.output.set_audio_enabled(not self._spec.advanced.disable_tts)
        await session.start(self.agent, record=False)

    def tell_notices(self) -> None:
        """Reports what engines had to say when they were made."""
        self._workshop.tell_notices()

    async def aclose(self) -> None:
        """Falls silent and ends every task. Safe to call twice."""
        if self._closing:
            return
        self._closing = True
        self._floor.clear()
        self._cancel_timer()
        if (active := self._floor.active) is not None:
            active.interrupted_by = active.interrupted_by or InterruptReason.API
        await self.voice.aclose()
        await self._session.aclose()
        self._media.output.off("playback_finished", self._on_playback_finished)
        await self._workshop.aclose()

    async def quiet(self) -> None:
        """Waits until nothing is thought, said or waiting to be said."""
        while self.status is not Status.IDLE or self._floor.active is not None or self._floor.waiting:
            self._quiet.clear()
            await self._quiet.wait()

    @property
    def latest_round(self) -> int:
        return self._numbers.latest

    @property
    def user_audible(self) -> bool:
        """Whether the user's stream has been heard at all."""
        return self.voice.heard_at is not None

    def use(self, *, llm: LlmSpec | None, tts: TtsSpec | None, asr: AsrSpec | None) -> None:
        """Other engines from the next turn on. Raises RuntimeError where a vendor is refused."""
        model = self._workshop.model(llm) if llm is not None else None
        voice = self._workshop.voice(tts) if tts is not None else None
        recogniser = self._workshop.recogniser(asr) if asr is not None else None
        if llm is not None and model is not None:
            self.agent.use_model(llm, model)
        if tts is not None and voice is not None:
            self.agent.use_voice(tts, voice)
        if recogniser is not None:
            self.agent.update_options(stt=recogniser)

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
            self._interrupt(reason)
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
        self._interrupt(InterruptReason.API)
        return active.number if active is not None else self._numbers.latest

    def press(self) -> int:
        """Walkie-talkie: the user begins to speak."""
        if self._user_round is None or not self._pressed:
            self._session.clear_user_turn()
            self._pressed = True
            self._take_floor_for_user()
            self._user_began()
        assert self._user_round is not None
        return self._user_round.number

    def release(self) -> int:
        """Walkie-talkie: the user has finished."""
        round_ = self._user_round
        if not self._pressed or round_ is None:
            return self._numbers.latest
        self._pressed = False
        self._user_paused()
        round_.timings.began_at = self._loop.time()
        self._session.commit_user_turn(transcript_timeout=5.0, stt_flush_duration=1.0)
        return round_.number

    # The user

    def _deaf(self) -> bool:
        """Whether the user's voice is ignored now."""
        if self._spec.advanced.walkie_talkie:
            return not self._pressed
        active = self._floor.active
        return active is not None and (active.outranks_user or not self._spec.advanced.voice_interrupts)

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if self._spec.advanced.walkie_talkie or self._closing:
            return
        if event.new_state == "speaking":
            self._user_began()
        elif event.old_state == "speaking":
            self._user_paused()

    def _user_began(self) -> None:
        if self._user_round is None:
            self._user_round = self.new_round(Origin.USER)
            self.voice.record()
        round_ = self._user_round
        round_.speaking = True
        self._report.user_speech(round_, True)
        if self._floor.active is None:
            self._set_status(Status.LISTENING, round_, "user_speech_begin")
        else:
            self._surely_speaking = self._loop.call_later(SURELY_SPEAKING_S, self._take_floor_for_user)

    def _user_paused(self) -> None:
        self._cancel_timer()
        if (round_ := self._user_round) is not None and round_.speaking:
            round_.speaking = False
            self._report.user_speech(round_, False)

    def heard(self, event: stt.SpeechEvent) -> bool:
        """Recognition said something (`agent.Host`)."""
        kinds = stt.SpeechEventType
        if event.type not in (kinds.INTERIM_TRANSCRIPT, kinds.PREFLIGHT_TRANSCRIPT, kinds.FINAL_TRANSCRIPT):
            return True
        final = event.type is kinds.FINAL_TRANSCRIPT
        text = event.alternatives[0].text.strip() if event.alternatives else ""
        self._recogniser_reported_at = None
        if not text:
            if final:
                self._no_text()
            return True
        active = self._floor.active
        if active is not None and not active.interrupted_by and is_backchannel(text):
            if final:
                self._drop_user_round()
            return False
        round_ = self._user_round
        if round_ is None:
            return True
        if active is not None:
            self._take_floor_for_user()
        joint = "" if not round_.transcript or not text[:1].isascii() else " "
        so_far = round_.transcript + joint + text
        if final:
            round_.transcript = so_far
            round_.timings.asr_text_at = self._loop.time()
        if self._floor.active is None:
            self._report.user_text(round_, so_far, final=False)
        else:
            # Its first message must not come before the end of the round it interrupts.
            self._text_held = True
        return True

    def recogniser_failed(self, error: BaseException) -> None:
        """Recognition broke and will be opened again (`agent.Host`)."""
        now = self._loop.time()
        last = self._recogniser_reported_at
        if last is None or now - last >= RECOGNISER_REPORT_S:
            self._recogniser_reported_at = now
            self._report.exception(*describe(Part.ASR, error), self._user_round)

    def turn_completed(self, message: llm.ChatMessage) -> bool:
        """The user's turn is over (`agent.Host`)."""
        text = (message.text_content or "").strip()
        if not text or self._closing:
            self._no_text(force=True)
            return False
        round_ = self._user_round or self.new_round(Origin.USER)
        self._user_round = None
        now = self._loop.time()
        stopped = message.metrics.get("stopped_speaking_at")
        timings = round_.timings
        if timings.began_at is None:
            timings.began_at = now - max(0.0, time.time() - stopped) if stopped else now
        timings.turn_end_at = now
        timings.asr_text_at = timings.asr_text_at or now
        timings.text = text
        self._text_held = False
        self._report.user_text(round_, text, final=True)
        if (pcm := self.voice.recorded()) is not None:
            self._report.user_audio(round_, pcm)
        self._report.asr_result(round_, text)
        round_.committed = True
        self._floor.active = round_
        self._set_status(Status.THINKING, round_, "llm_begin")
        if round_.speaking:
            # Already speaking again: those words belong to the next round, which interrupts this one.
            round_.speaking = False
            self._user_began()
        return True

    def _no_text(self, *, force: bool = False) -> None:
        round_ = self._user_round
        if round_ is None or round_.transcript or (round_.speaking and not force):
            return
        self._report.exception(ExceptionCode.NO_TEXT, "voice was heard, but no words were recognised in it", round_)
        self._drop_user_round()

    def _drop_user_round(self) -> None:
        """Forgets a turn that gets no answer."""
        round_, self._user_round, self._text_held = self._user_round, None, False
        self._cancel_timer()
        if round_ is None:
            return
        if round_.speaking:
            round_.speaking = False
            self._report.user_speech(round_, False)
        self.voice.recorded()
        if self.status is Status.LISTENING:
            self._set_status(Status.IDLE, round_, "no_text")

    def _take_floor_for_user(self) -> None:
        """The user interrupts: what they may interrupt stops, and what waits behind it is dropped."""
        self._cancel_timer()
        active = self._floor.active
        if active is not None and not active.outranks_user and not active.interrupted_by:
            self._floor.clear(up_to=Priority.MEDIUM)
            self._interrupt(InterruptReason.USER_SPEECH)

    def _cancel_timer(self) -> None:
        if self._surely_speaking is not None:
            self._surely_speaking.cancel()
            self._surely_speaking = None

    # The agent

    def _begin(self, round_: Round) -> None:
        """Starts a proactive round."""
        self._floor.active = round_
        if round_.outranks_user and self._user_round is not None:
            self._session.clear_user_turn()
            self._drop_user_round()
        utterance = new_utterance(round_, self._spec.advanced.meta_info)
        self._starting = utterance
        interruptible = not round_.outranks_user
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
            self._set_status(Status.THINKING, round_, "llm_begin")

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        utterance = self._starting
        if utterance is None:
            round_ = self._floor.active
            if round_ is None or round_.origin is not Origin.USER or not round_.committed or self._current is not None:
                # Begun before the turn is over; it may still be thrown away.
                round_ = self._user_round = self._user_round or self.new_round(Origin.USER)
            utterance = new_utterance(round_, self._spec.advanced.meta_info)
        utterance.handle = event.speech_handle
        self._utterances[event.speech_handle.id] = utterance
        CURRENT.set(utterance)
        event.speech_handle.add_done_callback(self._on_speech_done)

    def _on_item_added(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage) and event.item.role == "user":
            for utterance in self._utterances.values():
                if utterance.chosen and utterance.round is self._floor.active and utterance is not self._current:
                    self._choose(utterance)

    def _choose(self, utterance: Utterance) -> None:
        """`utterance` is the one that will be heard."""
        self._current = utterance
        utterance.adopt()
        self._flush(utterance)
        if utterance.round.interrupted_by and utterance.handle is not None:
            utterance.handle.interrupt(force=True)

    def _flush(self, utterance: Utterance) -> None:
        """Reports what the chosen attempt produced before it was chosen."""
        if utterance is not self._current:
            return
        failures, utterance.failures = utterance.failures, []
        for part, error in failures:
            self._report.exception(*describe(part, error), utterance.round)
        results, utterance.results = utterance.results, []
        for text in results:
            utterance.results_sent = True
            self._report.llm_result(utterance.round, text)

    def model_said(self, utterance: Utterance, sentences: list[str]) -> None:
        """The model completed sentences (`agent.Host`)."""
        utterance.results += sentences
        if utterance.handle is not None and not utterance.handle.interrupted:
            self._flush(utterance)

    def failed(self, utterance: Utterance, part: Part, error: BaseException) -> None:
        """An engine failed (`agent.Host`)."""
        utterance.failures.append((part, error))
        self._flush(utterance)

    def _on_clause_started(self, spoken: SpokenText) -> None:
        utterance = self._current
        if utterance is None:
            return
        place = next((i for i, (clip, _) in enumerate(utterance.clips) if clip is spoken), None)
        if place is None:
            return
        clause = utterance.clips[place][1]
        for earlier in utterance.silent:
            self._show(utterance, earlier, last=False)
        utterance.silent.clear()
        last = utterance.complete and place == len(utterance.clips) - 1
        self._show(utterance, clause, last=last)

    def show(self, utterance: Utterance, clause: Clause) -> None:
        """A clause is told without being spoken (`agent.Host`)."""
        self._show(utterance, clause, last=False)

    def _show(self, utterance: Utterance, clause: Clause, *, last: bool) -> None:
        """A clause begins to be heard: its subtitle, the status, its metadata."""
        round_ = utterance.round
        first = not utterance.started
        if first:
            round_.timings.voice_at = self._loop.time()
            if round_.origin is not Origin.SAY and not utterance.results_sent:
                # The voice is ahead of the first full sentence; backends count on a result before SPEAKING.
                utterance.results += utterance.sentences.so_far()
                self._flush(utterance)
        utterance.shown.append(clause.display)
        utterance.ended = last
        self._report.agent_text(round_, clause.display, start=first, end=last)
        if first:
            self._set_status(Status.SPEAKING, round_, "tts_begin")
        spec = self._spec.advanced.meta_info
        info = {key: clause.meta[key] for key in (spec.send_keys if spec else ()) if key in clause.meta}
        if info:
            self._report.meta_info(round_, info)

    def _on_playback_finished(self, event: PlaybackFinishedEvent) -> None:
        if self._current is not None and event.interrupted:
            self._current.heard = event.synchronized_transcript

    def _interrupt(self, reason: InterruptReason) -> None:
        active = self._floor.active
        if active is None:
            return
        active.interrupted_by = active.interrupted_by or reason
        if self._current is not None and self._current.round is active and self._current.handle is not None:
            self._current.handle.interrupt(force=True)

    def _on_speech_done(self, handle: SpeechHandle) -> None:
        utterance = self._utterances.pop(handle.id, None)
        if utterance is None or not utterance.chosen:
            return
        round_ = utterance.round
        if self._current is not utterance:
            self._choose(utterance)
        self._current = None
        if not handle.interrupted:
            for clause in utterance.silent:
                self._show(utterance, clause, last=False)
            if not utterance.started and not round_.reported and not utterance.failures:
                self._nothing_said(round_)
        if utterance.started and not utterance.ended:
            self._report.agent_text(round_, "", start=False, end=True)
        if not round_.add_answer and round_.origin is Origin.ASK:
            self.agent.forget(handle.chat_items)
        if handle.interrupted:
            heard = utterance.heard if utterance.heard is not None else ""
            reason = round_.interrupted_by or InterruptReason.USER_SPEECH
            self._report.interrupted(round_, reason, heard if utterance.started else "")
        self._finish(round_, utterance, interrupted=handle.interrupted)

    def _nothing_said(self, round_: Round) -> None:
        if round_.origin is Origin.SAY:
            self._report.exception(ExceptionCode.TTS, "the voice made no sound of the text", round_)
        else:
            self._report.exception(ExceptionCode.LLM, "the language model gave an empty answer", round_)

    def _finish(self, round_: Round, utterance: Utterance, *, interrupted: bool) -> None:
        timings = round_.timings
        timings.answer = "".join(utterance.shown).strip()
        timings.interrupted = interrupted
        timings.drive_s = self._media.drive_s if timings.voice_at is not None else None
        self.averages.add(timings)
        self.timings.append(timings)
        # What was said stays out of the log.
        measured = {name: value for name, value in timings.milliseconds().items() if name not in ("text", "answer")}
        log.info("turn", instance=self._spec.instance_id, **measured)
        if self._floor.active is round_:
            self._floor.active = None
        follower = None if self._closing else self._floor.next()
        if interrupted or follower is None:
            self._set_status(Status.IDLE, round_, "interrupted" if interrupted else "tts_all_played")
        if follower is not None:
            try:
                self._begin(follower)
            except ConversationError as error:
                self._report.exception(ExceptionCode.GENERAL, str(error), follower)
        elif self._floor.active is None:
            self._hand_to_user()

    def _hand_to_user(self) -> None:
        """The floor is free: a turn the user began meanwhile shows."""
        if (waiting := self._user_round) is None:
            return
        self._set_status(Status.LISTENING, waiting, "user_speech_begin")
        if self._text_held:
            self._text_held = False
            self._report.user_text(waiting, waiting.transcript, final=False)

    def _set_status(self, status: Status, round_: Round, reason: str) -> None:
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
