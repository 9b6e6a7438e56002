"""What happens in a conversation, told to the business backend (callbacks) and to the room (messages).

Both carry one ascending sequence of the instance. Room messages leave in the order they were told, one at a time,
and nobody waits for them.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from mien.conversation.errors import ExceptionCode
from mien.conversation.measured import Log, Observer
from mien.conversation.port import CallbackEvent, CallbackSink
from mien.conversation.rounds import Averages, Round, RoundTimings
from mien.conversation.spec import InstanceSpec, InterruptReason, Status
from mien.rtc.messages import (
    ACTION_RESPONSE,
    AGENT_MESSAGE,
    AgentMessage,
    AgentStatus,
    AgentText,
    Metadata,
    SpeakStatus,
    StatusCode,
    UserSpeech,
    UserText,
    agent_content,
)
from mien.rtc.port import LISTEN_RATE

log = structlog.get_logger(__name__)


class MessageSender(Protocol):
    """How a room message leaves; `AgentPeer.send_message`."""

    async def __call__(self, content: str, *, msg_type: int = 1, to: Sequence[str] | None = None) -> None: ...


class Reporter:
    """Tells the events of one instance. `wall` is unix seconds, for the time stamps on the wire."""

    def __init__(
        self,
        spec: InstanceSpec,
        callbacks: CallbackSink,
        *,
        observer: Observer | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._spec = spec
        self._observer = observer or Log()
        self._callbacks = callbacks
        self._wall = wall
        self._sequence = itertools.count(int(wall()) % 1_000_000 * 1000 + 1)
        self._outgoing: asyncio.Queue[tuple[str, int, Sequence[str] | None]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._send_failed = False

    def open(self, send: MessageSender) -> None:
        """Begins to send room messages."""
        self._sender = asyncio.create_task(self._run(send), name="conversation.messages")

    async def close(self) -> None:
        """Sends what still waits, for at most a second, and stops."""
        if self._sender is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await self._outgoing.join()
        except TimeoutError:
            log.warning("room messages left unsent", instance=self._spec.instance_id, count=self._outgoing.qsize())
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        self._sender = None

    # What happened

    def created(self) -> None:
        self._callback("AgentInstanceCreated", {"CreatedTimestamp": self._milliseconds()})

    def deleted(self, code: int, averages: Averages) -> None:
        data = {"Code": code, "DeletedTimestamp": self._milliseconds(), "LatencyData": averages.wire()}
        self._callback("AgentInstanceDeleted", data)

    def exception(self, code: int, message: str, round_: Round | None = None, *, about: str = "") -> None:
        """A failure the call survives; of one code (and of one thing it is `about`) at most one per round."""
        if round_ is not None:
            if (code, about) in round_.reported:
                return
            round_.reported.add((code, about))
        self._observer.exception(code)
        log.warning("exception reported", instance=self._spec.instance_id, code=int(code), message=message)
        data: dict[str, Any] = {"Code": int(code), "Message": message}
        if round_ is not None:
            data["Round"] = round_.number
        self._callback("Exception", data)

    def user_speech(self, round_: Round, speaking: bool) -> None:
        self._room(round_, UserSpeech(self._spec.user_id, SpeakStatus.START if speaking else SpeakStatus.END))
        if self._spec.callbacks.user_speak_action:
            action = "SPEAK_BEGIN" if speaking else "SPEAK_END"
            self._callback("UserSpeakAction", {**self._user(round_), "Action": action})

    def user_text(self, round_: Round, text: str, *, final: bool) -> None:
        """The user's words so far; the same text again is not sent."""
        first = round_.transcript_sent is None
        if not final and text == round_.transcript_sent:
            return
        round_.transcript_sent = text
        round_.user_message_id = round_.user_message_id or str(next(self._sequence))
        self._room(round_, UserText(round_.user_message_id, self._spec.user_id, text, start=first, end=final))

    def asr_result(self, round_: Round, text: str) -> None:
        if self._spec.callbacks.asr_result:
            self._callback("ASRResult", {**self._user(round_), "Text": text})

    def user_audio(self, round_: Round, pcm: bytes) -> None:
        if self._spec.callbacks.user_audio_data:
            audio = base64.b64encode(pcm).decode()
            data = {**self._user(round_), "SampleRate": LISTEN_RATE, "Format": "pcm", "Audio": audio}
            self._callback("UserAudioData", data)

    def llm_result(self, round_: Round, text: str) -> None:
        if self._spec.callbacks.llm_result:
            self._callback("LLMResult", {"Round": round_.number, "Text": text})

    def agent_text(self, round_: Round, text: str, *, start: bool, end: bool) -> None:
        round_.message_id = round_.message_id or str(next(self._sequence))
        self._room(round_, AgentText(round_.message_id, self._spec.rtc.agent_user_id, text, start=start, end=end))

    def status(self, old: Status, new: Status, round_: Round, reason: str) -> None:
        self._room(round_, AgentStatus(StatusCode(old), StatusCode(new), reason))
        if self._spec.callbacks.agent_instance_status:
            self._callback("AgentInstanceStatus", {"Status": new.name, "Round": round_.number})
        if self._spec.callbacks.agent_speak_action and Status.SPEAKING in (old, new) and old != new:
            action = "SPEAK_BEGIN" if new is Status.SPEAKING else "SPEAK_END"
            self._callback("AgentSpeakAction", {"Action": action, "Round": round_.number})

    def interrupted(self, round_: Round, reason: InterruptReason, played_text: str) -> None:
        if self._spec.callbacks.interrupted:
            data = {"Round": round_.number, "Reason": int(reason), "PlayedText": played_text}
            self._callback("Interrupted", data)

    def meta_info(self, round_: Round, info: dict[str, Any]) -> None:
        self._room(round_, Metadata(info))
        self._callback("AgentInstanceMetaInfo", {"Round": round_.number, "MetaInfo": info})

    def measured(self, timings: RoundTimings) -> None:
        """What the stages of a round that ended took."""
        self._observer.round_ended(self._spec.instance_id, timings)

    def reply(self, content: str, *, to: str) -> None:
        """Answers a control request of section 8 (`msg_type` 22)."""
        self._outgoing.put_nowait((content, ACTION_RESPONSE, (to,)))

    # How it travels

    def _user(self, round_: Round) -> dict[str, Any]:
        return {"UserId": self._spec.user_id, "Round": round_.number}

    def _milliseconds(self) -> int:
        return int(self._wall() * 1000)

    def _callback(self, event: str, data: dict[str, Any]) -> None:
        spec = self._spec
        self._callbacks.emit(
            CallbackEvent(
                app_id=spec.app_id,
                event=event,
                agent_instance_id=spec.instance_id,
                agent_user_id=spec.rtc.agent_user_id,
                agent_id=spec.agent_id,
                agent_name=spec.agent_name,
                room_id=spec.rtc.room_id,
                sequence=next(self._sequence),
                data=data,
                host_tag=spec.callbacks.host_tag,
            )
        )

    def _room(self, round_: Round, message: AgentMessage) -> None:
        content = agent_content(message, seq_id=next(self._sequence), round_id=round_.number, now=self._wall())
        self._outgoing.put_nowait((content, AGENT_MESSAGE, None))

    async def _run(self, send: MessageSender) -> None:
        while True:
            content, msg_type, to = await self._outgoing.get()
            try:
                await send(content, msg_type=msg_type, to=to)
                self._send_failed = False
            except Exception as error:  # noqa: BLE001 - a room that refuses a message must not end the call
                if not self._send_failed:
                    self.exception(ExceptionCode.MESSAGE, f"a room message could not be sent: {error}")
                self._send_failed = True
            finally:
                self._outgoing.task_done()
