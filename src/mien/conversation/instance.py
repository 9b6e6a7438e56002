"""One running agent instance: joins its room, converses, and leaves when it is told to or nobody is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from mien.conversation.apology import Apologies
from mien.conversation.control import Controller, alias
from mien.conversation.dialogue import Dialogue
from mien.conversation.errors import ExceptionCode
from mien.conversation.events import Reporter
from mien.conversation.history import from_messages
from mien.conversation.measured import Observer
from mien.conversation.parts import Engines, Media
from mien.conversation.port import (
    CallbackSink,
    ConversationError,
    LiveInstanceError,
    NotWalkieTalkieError,
    OutdatedSequenceError,
    ShuttingDownError,
    StreamTakenError,
    TtsDisabledError,
    UserAbsentError,
    UserNotPublishingError,
    Webhooks,
)
from mien.conversation.rounds import Origin, Round
from mien.conversation.spec import (
    EchoGuardMode,
    ExtrasUpdate,
    InstanceSpec,
    Message,
    Priority,
    SamePriority,
    Status,
    VadSpec,
)
from mien.conversation.tools import Toolbox
from mien.conversation.welcome import Greeter
from mien.rtc.port import (
    AgentPeer,
    DuplicateStreamError,
    PeerEvents,
    PeerFailure,
    RoomMessage,
    RoomService,
    RtcError,
)
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec

DELETED = 0
"""`Code` of AgentInstanceDeleted when the business backend asked for it."""

FAILURES = {
    PeerFailure.DISCONNECTED: ExceptionCode.DISCONNECTED,
    PeerFailure.REFUSED: ExceptionCode.NOT_PUBLISHED,
}

log = structlog.get_logger(__name__)


class LiveInstance:
    """A running agent (`mien.conversation.port.Instance`). `on_end` is awaited when it ends by itself."""

    def __init__(
        self,
        spec: InstanceSpec,
        media: Media,
        engines: Engines,
        callbacks: CallbackSink,
        *,
        on_end: Callable[[LiveInstance, int], Awaitable[None]],
        observer: Observer | None = None,
        echo_guard: EchoGuardMode = "auto",
        webhooks: Webhooks | None = None,
        apologies: Apologies | None = None,
    ) -> None:
        self._spec = spec
        self._apologies = apologies
        self._webhooks = webhooks
        self._media = media
        self._engines = engines
        self._report = Reporter(spec, callbacks, observer=observer)
        self._on_end = on_end
        self._echo_guard = echo_guard
        self._peer: AgentPeer | None = None
        self._dialogue: Dialogue | None = None
        self._toolbox: Toolbox | None = None
        self._greeter: Greeter | None = None
        self._control = Controller(self, self._report)
        self._absent: asyncio.TimerHandle | None = None
        self._idle: asyncio.Task[None] | None = None
        self._driven = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._ended_early: tuple[ExceptionCode, str] | None = None
        self._shutting_down = False
        self._opened = False
        self._closed = False
        self._sequences: dict[str, int] = {}

    # Life

    async def open(self, rooms: RoomService) -> None:
        """Joins the room, publishes and begins to converse. Raises StreamTakenError, ConversationError."""
        spec = self._spec
        events = PeerEvents(
            keyframe_wanted=self._media.keyframe_wanted,
            bitrate=self._media.bitrate,
            message=self._on_message,
            user_joined=self._on_user_joined,
            user_left=self._on_user_left,
            kicked=self._on_kicked,
            interrupted=self._on_interrupted,
            lost=self._on_lost,
        )
        try:
            self._peer = peer = await rooms.join(
                spec.app_id,
                spec.rtc.room_id,
                user_id=spec.rtc.agent_user_id,
                stream_id=spec.rtc.agent_stream_id,
                video=self._media.video,
                package_url=self._media.package_url,
                extra_info=spec.rtc.stream_extra_info,
                alias=alias(spec.instance_id),
                events=events,
            )
        except DuplicateStreamError as error:
            raise StreamTakenError(str(error)) from error
        except RtcError as error:
            raise ConversationError(str(error)) from error
        self._report.open(peer.send_message)
        try:
            self._dialogue = Dialogue(
                spec,
                self._report,
                self._engines,
                self._media,
                peer.listen,
                echo_guard=self._echo_guard,
                apologies=self._apologies,
            )
        except RuntimeError as error:
            raise ConversationError(str(error)) from error
        await self._media.start(peer)
        await self._dialogue.start()
        if spec.live:
            self._idle = asyncio.create_task(self._watch_idle(), name="conversation.idle")
        else:
            self._watch_user()
        self._report.created()
        self._dialogue.tell_notices()
        if not spec.live:
            self._toolbox = Toolbox(spec, self._report, self._webhooks, self._dialogue.agent.update_tools)
            self._toolbox.model_changed(takes_tools=self._engines.takes_tools(spec.llm))
            await self._toolbox.open()
        if spec.welcome is not None:
            self._greeter = Greeter(spec.welcome, self, peer)
            self._greeter.start()
        self._opened = True
        if self._ended_early is not None:
            self._end(*self._ended_early)

    async def close(self, code: int | None = DELETED, message: str = "") -> None:
        """Leaves the room and frees everything. `code` None: it never was created, so nothing is reported."""
        if self._closed:
            return
        self._closed = True
        self._stop_absence()
        if self._idle is not None:
            self._idle.cancel()
        await self._control.aclose()
        if self._greeter is not None:
            await self._greeter.aclose()
        if code:
            self._report.exception(code, message)
        if self._dialogue is not None:
            await self._dialogue.aclose()
        if self._toolbox is not None:
            await self._toolbox.aclose()
        await self._media.aclose()
        await self._report.close()
        if self._peer is not None:
            await self._peer.leave()
        if code is not None and self._dialogue is not None:
            self._report.deleted(code, self._dialogue.averages)

    def refuse_requests(self) -> None:
        """From now on every request fails with ShuttingDownError."""
        self._shutting_down = True

    async def finish_speaking(self, timeout_s: float) -> None:
        """Graceful shutdown: takes no more requests and waits until it is silent, or for `timeout_s`."""
        self.refuse_requests()
        try:
            async with asyncio.timeout(timeout_s):
                await self._live.quiet()
        except TimeoutError:
            log.info("graceful shutdown cut short", instance=self._spec.instance_id, after_s=timeout_s)

    # mien.conversation.port.Instance

    @property
    def spec(self) -> InstanceSpec:
        return self._spec

    @property
    def status(self) -> Status:
        return self._live.status

    @property
    def shutting_down(self) -> bool:
        return self._shutting_down

    @property
    def timings(self) -> list[dict[str, Any]]:
        """What the stages of the last rounds took, in ms, oldest first."""
        return [timings.milliseconds() for timings in self._live.timings]

    async def say(
        self,
        text: str,
        *,
        add_history: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        self._check()
        if self._spec.advanced.disable_tts:
            raise TtsDisabledError("AdvancedConfig.DisableTTS is set, so this instance cannot speak a text")
        round_ = self._live.new_round(Origin.SAY)
        round_.text, round_.add_answer, round_.priority = text, add_history, priority
        round_.user_waits = self._keeps_user_waiting(round_, enqueue_user_speech)
        return self._propose(round_, same_priority)

    async def ask(
        self,
        text: str,
        *,
        system_prompt: str | None = None,
        add_question: bool = False,
        add_answer: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        self._check()
        self._check_converses()
        round_ = self._live.new_round(Origin.ASK)
        round_.text, round_.system_prompt, round_.priority = text, system_prompt, priority
        round_.add_question, round_.add_answer = add_question, add_answer
        round_.user_waits = self._keeps_user_waiting(round_, enqueue_user_speech)
        return self._propose(round_, same_priority)

    async def interrupt(self) -> int:
        self._check()
        return self._live.interrupt()

    async def update(
        self,
        *,
        llm: LlmSpec | None = None,
        tts: TtsSpec | None = None,
        asr: AsrSpec | None = None,
        vad: VadSpec | None = None,
        user_stream_id: str | None = None,
        listen_only: bool | None = None,
        extras: ExtrasUpdate | None = None,
    ) -> None:
        self._check()
        self._check_converses()
        dialogue = self._live
        extras = extras or ExtrasUpdate()
        try:
            dialogue.use(llm=llm, tts=tts, asr=asr, language=extras.language, vad=vad)
        except RuntimeError as error:
            raise ConversationError(str(error)) from error
        if extras.apology is not None:
            dialogue.apologise_with(extras.apology)
        if listen_only is not None:
            dialogue.listen_only = listen_only
        if self._toolbox is not None:
            if llm is not None:
                self._toolbox.model_changed(takes_tools=self._engines.takes_tools(llm))
            if extras.tools is not None or extras.mcp_servers is not None:
                await self._toolbox.update(extras.tools, extras.mcp_servers)
        if user_stream_id:
            await dialogue.voice.listen_to(user_stream_id)

    async def start_listening(self, user_id: str | None = None, sequence: int | None = None) -> int:
        self._check_walkie_talkie()
        peer, stream = self._peer, self._live.voice.stream_id
        user = user_id or self._spec.user_id
        if peer is None or user not in peer.users():
            raise UserAbsentError(f"the user {user!r} is not in the room {self._spec.rtc.room_id!r}; log in first")
        if all(info.stream_id != stream for info in peer.streams()):
            raise UserNotPublishingError(f"nobody publishes the stream {stream!r} yet; publish the microphone first")
        latest = self._sequences.get(user, -1)
        if sequence is not None and sequence <= latest:
            raise OutdatedSequenceError(f"Sequence {sequence} is not newer than {latest}")
        self._sequences[user] = latest if sequence is None else sequence
        return self._live.press()

    async def stop_listening(
        self, user_id: str | None = None, sequence: int | None = None, *, cancel: bool = False
    ) -> int:
        self._check_walkie_talkie()
        user = user_id or self._spec.user_id
        latest = self._sequences.get(user, -1)
        # Clients disagree on whether a stop carries the number of its start or the next one.
        if sequence is not None and sequence < latest:
            raise OutdatedSequenceError(f"Sequence {sequence} is older than {latest}")
        self._sequences[user] = latest if sequence is None else sequence
        return self._live.release(cancel=cancel)

    def messages(self) -> Sequence[Message]:
        self._check_converses()
        return self._live.agent.memory()

    def add_messages(self, messages: Sequence[Message]) -> None:
        self._check()
        self._check_converses()
        self._live.agent.remember(from_messages(messages))

    def reset_messages(self) -> None:
        self._check()
        self._check_converses()
        self._live.agent.forget()

    # Helpers

    @property
    def _live(self) -> Dialogue:
        if self._dialogue is None:
            raise ConversationError("the instance is not ready yet")
        return self._dialogue

    def _propose(self, round_: Round, same_priority: SamePriority) -> int:
        number = self._live.propose(round_, same_priority)
        self._driven.set()
        return number

    def _keeps_user_waiting(self, round_: Round, wanted: bool) -> bool:
        """Whether the user's speech over `round_` waits for its end: where it may interrupt, it does that instead."""
        return wanted and (round_.outranks_user or not self._spec.advanced.voice_interrupts) and not self._spec.live

    def _check(self) -> None:
        if self._shutting_down or self._closed:
            raise ShuttingDownError("the instance is being shut down and takes no more requests")

    def _check_converses(self) -> None:
        if self._spec.live:
            raise LiveInstanceError(
                "a live digital human only speaks what it is sent: drive it with SendAgentInstanceTTS"
            )

    def _check_walkie_talkie(self) -> None:
        self._check()
        self._check_converses()
        if not self._spec.advanced.walkie_talkie:
            raise NotWalkieTalkieError("the instance listens all the time; set AdvancedConfig.CommunicationMode to 2")

    # The room

    def _on_message(self, message: RoomMessage) -> None:
        if not self._closed:
            self._control.receive(message)

    def _on_user_joined(self, user_id: str) -> None:
        if user_id == self._spec.user_id and not self._spec.live:
            self._stop_absence()

    def _on_user_left(self, user_id: str) -> None:
        if user_id == self._spec.user_id and not self._spec.live:
            self._watch_user()

    def _on_kicked(self, reason: str) -> None:
        self._end(ExceptionCode.KICKED, f"the agent was removed from the room: {reason}")

    def _on_interrupted(self, failure: PeerFailure, reason: str) -> None:
        if not self._closed:
            self._report.exception(FAILURES[failure], reason)

    def _on_lost(self, failure: PeerFailure, reason: str) -> None:
        self._end(FAILURES[failure], reason)

    def _watch_user(self) -> None:
        """Waits for the user, at most MaxIdleTime."""
        self._stop_absence()
        if self._closed or (self._peer is not None and self._spec.user_id in self._peer.users()):
            return
        idle = self._spec.advanced.max_idle_s
        words = f"the user {self._spec.user_id!r} was not in the room for {idle} s"
        self._absent = asyncio.get_running_loop().call_later(idle, self._end, ExceptionCode.USER_ABSENT, words)

    async def _watch_idle(self) -> None:
        """A live instance waits for its next text at most MaxIdleTime, and never ends while it speaks."""
        idle = self._spec.advanced.max_idle_s
        while True:
            await self._live.quiet()
            self._driven.clear()
            try:
                async with asyncio.timeout(idle):
                    await self._driven.wait()
            except TimeoutError:
                self._end(ExceptionCode.USER_ABSENT, f"nothing was sent to speak for {idle} s")
                return

    def _stop_absence(self) -> None:
        if self._absent is not None:
            self._absent.cancel()
            self._absent = None

    def _end(self, code: ExceptionCode, message: str) -> None:
        if not self._opened:
            # Its parts are still being put together; then it is ended like any other.
            self._ended_early = self._ended_early or (code, message)
        elif self._ending is None and not self._closed:
            self._ending = asyncio.create_task(self._end_by_itself(code, message), name="conversation.end")

    async def _end_by_itself(self, code: ExceptionCode, message: str) -> None:
        await self.close(int(code), message)
        await self._on_end(self, int(code))
