"""A conversation without models or network: scripted engines, a room in memory, and a user who speaks on cue.

Everything runs on the clock of the event loop. LiveKit's agents read `time.time()`, so `run` moves that clock with
the loop's as well.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from unittest import mock

import numpy as np
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, llm, stt, tts, vad
from livekit.agents.types import TimedString
from livekit.agents.utils import combine_frames
from numpy.typing import NDArray

from mien.capacity import Capacity
from mien.conversation.manager import Manager
from mien.conversation.measured import Observer
from mien.conversation.port import CallbackEvent, UnknownDigitalHumanError, Webhooks
from mien.conversation.spec import CallbackSpec, DigitalHumanSpec, InstanceSpec, RtcSpec
from mien.face.media import StagedMedia
from mien.rtc.port import (
    LISTEN_RATE,
    DuplicateStreamError,
    EncodedAudio,
    EncodedVideo,
    MediaFormat,
    PeerEvents,
    RoomMessage,
    RoomService,
    StreamInfo,
    VideoKind,
)
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec
from tests.support import virtual_time

T = TypeVar("T")
EPOCH = 1_800_000_000.0
BLOCK = 320
FRAME_S = 0.02

ALL_CALLBACKS = CallbackSpec(
    asr_result=True,
    llm_result=True,
    interrupted=True,
    user_speak_action=True,
    agent_instance_status=True,
    user_audio_data=True,
)


def _stamp_with_current_clock() -> None:
    """Chat items are ordered by a time stamp from the `time.time` of their import; let them ask for it instead."""
    for item in (llm.ChatMessage, llm.FunctionCall, llm.FunctionCallOutput):
        item.model_fields["created_at"].default_factory = lambda: time.time()
        item.model_rebuild(force=True)


_stamp_with_current_clock()


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `main()` on virtual time, with `time.time()` and the performance counter on the same clock."""

    def now() -> float:
        try:
            return EPOCH + asyncio.get_running_loop().time()
        except RuntimeError:
            return EPOCH

    with (
        mock.patch("time.time", now),
        mock.patch("time.perf_counter", now),
        mock.patch("time.perf_counter_ns", Ticks()),
    ):
        return virtual_time.run(main)


class Ticks:
    """A counter that never repeats: LiveKit orders its queue by it."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> int:
        self._count += 1
        return self._count


# What the user says


@dataclass(frozen=True, slots=True)
class Words:
    """Speech of the user: `text` as the recogniser will find it ("" for a cough), `seconds` long."""

    text: str
    seconds: float


LOUD, QUIET = 10_000, 0


class Microphone:
    """The user's published stream. Speech is a loud block whose first sample numbers the words it says."""

    def __init__(self) -> None:
        self.words: list[Words] = []
        self.published = True
        self._queue: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue()
        self._pending: list[NDArray[np.int16]] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def say(self, text: str, seconds: float = 1.0) -> None:
        """Speaks and returns when the last sample has left."""
        self.words.append(Words(text, seconds))
        block = np.full(BLOCK, LOUD, np.int16)
        block[0] = len(self.words)
        self._pending += [block] * round(seconds / FRAME_S)
        await asyncio.sleep(seconds)

    async def listen(self) -> AsyncIterator[NDArray[np.int16]]:
        while True:
            yield await self._queue.get()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += FRAME_S
            await asyncio.sleep(due - loop.time())
            if self.published:
                self._queue.put_nowait(self._pending.pop(0) if self._pending else np.full(BLOCK, QUIET, np.int16))


class LoudnessVad(vad.VAD):
    """Loud is speech."""

    def __init__(self, min_speech_s: float, min_silence_s: float) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=FRAME_S))
        self.min_speech_s, self.min_silence_s = min_speech_s, min_silence_s

    def stream(self) -> vad.VADStream:
        return _LoudnessStream(self)


class _LoudnessStream(vad.VADStream):
    _vad: LoudnessVad

    async def _main_task(self) -> None:
        frames: list[rtc.AudioFrame] = []
        speech = silence = 0.0
        speaking, sample = False, 0
        kinds = vad.VADEventType

        def event(kind: vad.VADEventType, **more: Any) -> None:
            self._event_ch.send_nowait(
                vad.VADEvent(
                    type=kind,
                    samples_index=sample,
                    timestamp=sample / LISTEN_RATE,
                    speech_duration=speech,
                    silence_duration=silence,
                    speaking=speaking,
                    **more,
                )
            )

        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            sample += frame.samples_per_channel
            loud = bool(np.abs(np.frombuffer(frame.data, np.int16)).max() > LOUD // 2)
            if loud:
                speech, silence = speech + frame.duration, 0.0
                frames.append(frame)
            else:
                silence += frame.duration
                if not speaking:
                    speech, frames = 0.0, []
                else:
                    frames.append(frame)
            if loud and not speaking and speech >= self._vad.min_speech_s:
                speaking = True
                event(kinds.START_OF_SPEECH, frames=list(frames))
            if speaking and silence >= self._vad.min_silence_s:
                speaking = False
                event(kinds.END_OF_SPEECH, frames=[combine_frames(frames)])
                speech, frames = 0.0, []
            event(
                kinds.INFERENCE_DONE,
                frames=[frame],
                probability=float(loud),
                raw_accumulated_silence=silence if not loud else 0.0,
                raw_accumulated_speech=speech if loud else 0.0,
            )


class ScriptedStt(stt.STT[Any]):
    """Knows what the microphone said. `delay` s for a final result; with `partials`, words as they are spoken."""

    def __init__(self, script: Script, vad_: LoudnessVad) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.script, self.vad_ = script, vad_

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any) -> stt.RecognizeStream:
        return _ScriptedRecognition(stt=self, conn_options=conn_options)


class _ScriptedRecognition(stt.RecognizeStream):
    _stt: ScriptedStt

    async def _run(self) -> None:
        script = self._stt.script
        if script.stt_failures:
            raise script.stt_failures.pop(0)
        detector = self._stt.vad_.stream()
        finals: list[asyncio.Task[None]] = []

        async def feed() -> None:
            async for frame in self._input_ch:
                if isinstance(frame, rtc.AudioFrame):
                    detector.push_frame(frame)
            detector.end_input()

        def send(kind: stt.SpeechEventType, text: str) -> None:
            self._event_ch.send_nowait(stt.SpeechEvent(kind, alternatives=[stt.SpeechData(language="zh", text=text)]))

        async def final(text: str) -> None:
            await asyncio.sleep(script.asr_s)
            send(stt.SpeechEventType.FINAL_TRANSCRIPT, text)

        feeding = asyncio.create_task(feed())
        heard = 0.0
        try:
            async for event in detector:
                if event.type is vad.VADEventType.INFERENCE_DONE and event.speaking and script.partials:
                    spoken = script.microphone.words[_number(event.frames[0]) - 1] if _number(event.frames[0]) else None
                    heard += FRAME_S
                    if spoken and spoken.text and round(heard / FRAME_S) % 10 == 0:
                        share = min(1.0, heard / spoken.seconds)
                        send(
                            stt.SpeechEventType.INTERIM_TRANSCRIPT, spoken.text[: max(1, int(len(spoken.text) * share))]
                        )
                if event.type is vad.VADEventType.END_OF_SPEECH:
                    heard = 0.0
                    if script.in_order:
                        text = script.in_order.pop(0)
                    else:
                        numbers = sorted({_number(frame) for frame in _blocks(event.frames[0])} - {0})
                        text = "".join(script.microphone.words[number - 1].text for number in numbers)
                    finals.append(asyncio.create_task(final(text)))
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, *finals, return_exceptions=True)
            await detector.aclose()


def _number(frame: rtc.AudioFrame) -> int:
    samples = np.frombuffer(frame.data, np.int16)
    return int(samples[0]) if samples[-1] else 0


def _blocks(frame: rtc.AudioFrame) -> list[rtc.AudioFrame]:
    samples = np.frombuffer(frame.data, np.int16)
    return [
        rtc.AudioFrame(samples[i : i + BLOCK].tobytes(), LISTEN_RATE, 1, BLOCK)
        for i in range(0, len(samples) - BLOCK + 1, BLOCK)
    ]


class ScriptedLlm(llm.LLM[Any]):
    """Answers with the script's replies, token by token."""

    def __init__(self, script: Script, spec: LlmSpec, agent_info: Callable[[], dict[str, Any]] | None) -> None:
        super().__init__()
        self.script, self.spec, self.agent_info = script, spec, agent_info

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any = None, tool_choice: Any = "", **_: Any
    ) -> llm.LLMStream:
        stream = _ScriptedAnswer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)
        stream.tool_choice = str(tool_choice)
        return stream


def in_short(item: llm.ChatItem) -> str:
    """An item of a chat context: "user: …", "call: weather {…}", "result: …"."""
    if isinstance(item, llm.ChatMessage):
        return f"{item.role}: {item.text_content}"
    if isinstance(item, llm.FunctionCall):
        return f"call: {item.name} {item.arguments}"
    return f"{'failure' if item.is_error else 'result'}: {item.output}"  # type: ignore[union-attr]


class _ScriptedAnswer(llm.LLMStream):
    _llm: ScriptedLlm
    tool_choice = ""

    async def _run(self) -> None:
        script = self._llm.script
        messages = [(m.role, m.text_content or "") for m in self._chat_ctx.items if isinstance(m, llm.ChatMessage)]
        info = self._llm.agent_info() if self._llm.agent_info else {}
        script.requests.append(
            Request(
                messages,
                self._llm.spec,
                info,
                items=[in_short(item) for item in self._chat_ctx.items],
                tools=sorted(tool.id for tool in self._tools),
                tool_choice=self.tool_choice,
            )
        )
        if script.llm_failures:
            raise script.llm_failures.pop(0)
        await asyncio.sleep(script.ttft_s)
        step = script.steps.pop(0) if script.steps else Step(script.reply(messages[-1][1]))
        reply = step.text
        for i in range(0, len(reply), 2):
            delta = llm.ChoiceDelta(role="assistant", content=reply[i : i + 2])
            self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))
            await asyncio.sleep(script.token_s)
        await asyncio.sleep(step.hangs_s)
        if step.failure:
            raise step.failure
        calls = [
            llm.FunctionToolCall(name=name, arguments=arguments, call_id=f"call_{len(script.requests)}_{number}")
            for number, (name, arguments) in enumerate(step.calls)
        ]
        if calls:
            self._event_ch.send_nowait(
                llm.ChatChunk(id="reply", delta=llm.ChoiceDelta(role="assistant", tool_calls=calls))
            )


class ScriptedTts(tts.TTS[Any]):
    """`char_s` seconds of `voice`, by default a tone, for each character, after `tts_s` and `lead_s` of silence."""

    def __init__(self, script: Script, spec: TtsSpec) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)
        self.script, self.spec = script, spec

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        self.script.spoken.append(text)
        self.script.voices.append(self.spec)
        return _ScriptedClip(tts=self, input_text=text, conn_options=conn_options)


class _ScriptedClip(tts.ChunkedStream):
    _tts: ScriptedTts

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        script = self._tts.script
        if script.tts_failures and script.tts_failures[0][0] in self.input_text:
            raise script.tts_failures.pop(0)[1]
        await asyncio.sleep(script.tts_s)
        seconds = len(self.input_text) * script.char_s
        output_emitter.initialize(
            request_id="clip", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm", frame_size_ms=100
        )
        voice = script.voice(int(seconds * VOICE_RATE))
        if script.reports_words:
            times = [i * script.char_s for i in range(len(self.input_text) + 1)]
            output_emitter.push_timed_transcript(
                [
                    TimedString(character, start_time=begin, end_time=end)
                    for character, (begin, end) in zip(self.input_text, itertools.pairwise(times), strict=True)
                ]
            )
        output_emitter.push(bytes(2 * int(script.lead_s * VOICE_RATE)) + voice.tobytes())
        output_emitter.flush()


def tone(samples: int) -> NDArray[np.int16]:
    return (6000 * np.sin(2 * np.pi * 220 * np.arange(samples) / VOICE_RATE)).astype(np.int16)


@dataclass(slots=True)
class Request:
    """What a model was asked."""

    messages: list[tuple[str, str]]
    spec: LlmSpec
    agent_info: dict[str, Any]
    items: list[str] = field(default_factory=list)
    """The whole context, each item `in_short`."""
    tools: list[str] = field(default_factory=list)
    tool_choice: str = ""


@dataclass(slots=True)
class Step:
    """One answer of the model: text, then functions it calls, each a name and JSON arguments, or how it breaks."""

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    failure: Exception | None = None
    hangs_s: float = 0.0
    """It sends nothing for this long behind its text."""


@dataclass(slots=True)
class Script:
    """How the engines behave, and what they were asked to do. Also makes them (`parts.Engines`)."""

    microphone: Microphone = field(default_factory=Microphone)
    reply: Callable[[str], str] = lambda question: f"你问的是{question}对吧。我来回答你。"
    steps: list[Step] = field(default_factory=list)
    """The model's next answers; afterwards `reply` gives them."""
    model_takes_tools: bool = True
    asr_s: float = 0.2
    partials: bool = False
    ttft_s: float = 0.2
    token_s: float = 0.02
    tts_s: float = 0.15
    char_s: float = 0.2
    lead_s: float = 0.0
    voice: Callable[[int], NDArray[np.int16]] = tone
    """What is heard for that many samples at VOICE_RATE."""
    reports_words: bool = False
    """Whether the voice says when each character is heard."""
    stt_failures: list[Exception] = field(default_factory=list)
    llm_failures: list[Exception] = field(default_factory=list)
    tts_failures: list[tuple[str, Exception]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    voices: list[TtsSpec] = field(default_factory=list)

    in_order: list[str] = field(default_factory=list)
    """What is recognised in the next stretches of speech, when the sound itself cannot say it (after a codec)."""
    notice: str = ""
    """What the voice has to say when it is made."""

    recognisers: list[AsrSpec] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    """Of the voices that were made."""

    def language_of(self, spec: AsrSpec) -> str:
        return spec.language or "auto"

    def takes_tools(self, spec: LlmSpec) -> bool:
        return self.model_takes_tools

    def stt(self, spec: AsrSpec, **_: Any) -> stt.STT[Any]:
        self.recognisers.append(spec)
        return ScriptedStt(self, LoudnessVad(0.05, 0.25))

    def tts(
        self, spec: TtsSpec, *, language: str = "", on_notice: Callable[[int, str], None] | None = None, **_: Any
    ) -> tts.TTS[Any]:
        self.languages.append(language)
        if spec.vendor == "Refused":
            raise RuntimeError("the voice of Refused is not available on this server")
        if self.notice and on_notice:
            on_notice(2301, self.notice)
        return ScriptedTts(self, spec)

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        return ScriptedLlm(self, spec, agent_info)

    def vad(self, *, min_speech_s: float = 0.05, min_silence_s: float = 0.25, threshold: float = 0.5) -> vad.VAD:
        return LoudnessVad(min_speech_s, min_silence_s)


# The room


class FakePeer:
    """The agent's place in a room in memory."""

    def __init__(
        self, rooms: FakeRooms, room_id: str, user_id: str, stream_id: str, events: PeerEvents, extra_info: str
    ) -> None:
        self.rooms, self.room_id, self.user_id, self.stream_id, self.events = rooms, room_id, user_id, stream_id, events
        self.extra_info = extra_info
        self.viewers = 1
        self.format = MediaFormat()
        self.audio: list[EncodedAudio] = []
        self.sent: list[tuple[int, dict[str, Any], Sequence[str] | None]] = []
        self.present: set[str] = {"user"}
        self.left = False
        self.fail_messages = False

    def send_audio(self, packet: EncodedAudio) -> None:
        self.audio.append(packet)

    def send_video(self, unit: EncodedVideo) -> None:
        pass

    def send_motion(self, payload: bytes, pts: int) -> None:
        pass

    async def send_message(self, content: str, *, msg_type: int = 1, to: Sequence[str] | None = None) -> None:
        if self.fail_messages:
            raise RuntimeError("the room refused it")
        message = json.loads(content)
        self.sent.append((msg_type, message, to))
        if msg_type == 1:
            self.rooms.log.append(("room", message))

    def listen(self, stream_id: str) -> AsyncIterator[NDArray[np.int16]]:
        return self.rooms.microphones[stream_id].listen()

    def users(self) -> frozenset[str]:
        return frozenset(self.present)

    def streams(self) -> Sequence[StreamInfo]:
        return [StreamInfo(name, "user") for name, mic in self.rooms.microphones.items() if mic.published]

    async def leave(self) -> None:
        self.left = True
        self.rooms.streams.discard(self.stream_id)

    # What clients do

    def join(self, user_id: str) -> None:
        self.present.add(user_id)
        if self.events.user_joined:
            self.events.user_joined(user_id)

    def part(self, user_id: str) -> None:
        self.present.discard(user_id)
        if self.events.user_left:
            self.events.user_left(user_id)

    def receive(self, sender: str, request: dict[str, Any]) -> None:
        assert self.events.message
        self.events.message(RoomMessage(self.room_id, sender, 20, json.dumps(request)))

    def answers(self) -> list[dict[str, Any]]:
        return [message for kind, message, _ in self.sent if kind == 22]


class FakeRooms:
    """Rooms in memory; also the sink of callbacks, so that one log has both in order."""

    def __init__(self, microphone: Microphone) -> None:
        self.microphones = {"mic": microphone}
        self.streams: set[str] = set()
        self.aliases: set[str] = set()
        self.peers: list[FakePeer] = []
        self.log: list[tuple[str, Any]] = []

    async def join(
        self,
        app_id: int,
        room_id: str,
        *,
        user_id: str,
        stream_id: str,
        extra_info: str = "",
        alias: str = "",
        events: PeerEvents | None = None,
        **_: Any,
    ) -> FakePeer:
        if stream_id in self.streams:
            raise DuplicateStreamError(f"the stream {stream_id} is taken")
        self.streams.add(stream_id)
        self.aliases.add(alias)
        peer = FakePeer(self, room_id, user_id, stream_id, events or PeerEvents(), extra_info)
        self.peers.append(peer)
        return peer

    async def close(self) -> None:
        pass

    def emit(self, event: CallbackEvent) -> None:
        self.log.append(("callback", event))


class HeardMedia(StagedMedia):
    """The real stage; remembers when it sounded."""

    def __init__(self) -> None:
        super().__init__(VideoKind.NONE)
        self.sounded: list[float] = []
        self.postures: list[str] = []

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        super().voice(pcm, pts)
        if np.abs(pcm).max() > 500:
            self.sounded.append(asyncio.get_running_loop().time())

    def set_status(self, name: str) -> None:
        super().set_status(name)
        self.postures.append(name)


class FakeFaces:
    """The real stage, without a picture."""

    def __init__(self) -> None:
        self.opened: list[HeardMedia] = []

    async def open(self, digital_human: DigitalHumanSpec | None) -> StagedMedia:
        if digital_human is not None and digital_human.digital_human_id == "nobody":
            raise UnknownDigitalHumanError("no digital human has the id 'nobody'")
        self.opened.append(HeardMedia())
        return self.opened[-1]


def spec(**changes: Any) -> InstanceSpec:
    """An instance that wants every callback."""
    base = InstanceSpec(
        app_id=1,
        instance_id="100",
        agent_id="agent",
        agent_name="Mien",
        rtc=RtcSpec("room", "agent_user", "agent_stream", "mic"),
        user_id="user",
        callbacks=ALL_CALLBACKS,
    )
    return replace(base, **changes)


@dataclass(slots=True)
class Stagehand:
    """Everything of one test: engines, user, room, manager and the log of what was told."""

    script: Script
    rooms: FakeRooms
    manager: Manager
    faces: FakeFaces

    @property
    def sounded(self) -> list[float]:
        """When the last instance's voice was heard, every 20 ms of it."""
        return self.faces.opened[-1].sounded

    @property
    def user(self) -> Microphone:
        return self.script.microphone

    @property
    def peer(self) -> FakePeer:
        return self.rooms.peers[-1]

    def callbacks(self, *names: str) -> list[tuple[str, dict[str, Any]]]:
        """Callbacks in order, all or those named."""
        events = [entry for kind, entry in self.rooms.log if kind == "callback"]
        return [(event.event, event.data) for event in events if not names or event.event in names]

    def messages(self, *commands: int) -> list[dict[str, Any]]:
        """Room messages in order."""
        messages = [entry for kind, entry in self.rooms.log if kind == "room"]
        return [message for message in messages if not commands or message["Cmd"] in commands]

    def told(self) -> list[str]:
        """Callbacks in short: "THINKING 1", "ASRResult 1"; rounds counted from 1 in order of appearance."""
        rounds: dict[int, int] = {}
        short = []
        for name, data in self.callbacks():
            if "Round" not in data:
                short.append(name)
                continue
            number = rounds.setdefault(data["Round"], len(rounds) + 1)
            label = data.get("Status") or (data["Action"] if name == "UserSpeakAction" else name)
            short.append(f"{label} {number}")
        return short

    def shown(self) -> list[str]:
        """Room messages in short: "Cmd6:2 1"."""
        rounds: dict[int, int] = {}
        short = []
        for message in self.messages():
            number = rounds.setdefault(message["Round"], len(rounds) + 1)
            data = message["Data"]
            detail = {
                1: lambda d: f":{d['SpeakStatus']}",
                3: lambda d: ":end" if d["EndFlag"] else "",
                4: lambda d: f":{d['Text']}",
                6: lambda d: f":{d['Status']}",
            }.get(message["Cmd"], lambda d: "")(data)
            short.append(f"Cmd{message['Cmd']}{detail} {number}")
        return short


async def stage(
    script: Script | None = None,
    observer: Observer | None = None,
    cdn: Callable[[str], RoomService] | None = None,
    webhooks: Webhooks | None = None,
    capacity: Capacity | None = None,
    **settings: Any,
) -> Stagehand:
    """A manager with scripted engines and a user at the microphone."""
    script = script or Script()
    rooms = FakeRooms(script.microphone)
    script.microphone.start()
    faces = FakeFaces()
    # What is said is written into the samples here; nothing may change them.
    # And nothing is spoken that the test did not ask for.
    chosen = Settings(**{"min_free_memory_mb": 0, "echo_guard": "off", "apology": False, **settings})
    manager = Manager(
        chosen, rooms, script, faces, rooms, observer=observer, cdn=cdn, webhooks=webhooks, capacity=capacity
    )
    return Stagehand(script, rooms, manager, faces)


async def leave(hand: Stagehand) -> None:
    """Ends everything."""
    await hand.manager.close()
    await hand.user.close()


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Waits, on virtual time, for a condition."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - any condition, on virtual time
            await asyncio.sleep(FRAME_S / 2)
