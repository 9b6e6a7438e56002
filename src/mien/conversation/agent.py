"""The agent inside LiveKit's session: where our text pipeline, memory window and measurements meet its engines."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from copy import deepcopy
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from livekit import rtc
from livekit.agents import (
    Agent,
    APIConnectOptions,
    APIError,
    FlushSentinel,
    ModelSettings,
    StopResponse,
    llm,
    stt,
    tts,
)

from mien.conversation.errors import Part
from mien.conversation.history import request_context, to_messages
from mien.conversation.rounds import Origin
from mien.conversation.spec import InstanceSpec, Message
from mien.conversation.text import Clause, ClauseReader, MetaExtractor, estimated_seconds, units
from mien.conversation.utterance import CURRENT, Utterance
from mien.speech.pace import OpensAtOnce, ReadsAhead, StartsSlowly
from mien.speech.phones import attached
from mien.speech.spec import LlmSpec, TtsSpec
from mien.speech.spoken import spoken_frames

LLM_SILENCE_S = 15.0
"""A model that sends nothing for this long is given up."""
MAX_SPOKEN_UNITS = 60
"""Clauses that are ready together are spoken as one clip up to this length: fewer seams in the melody."""
_UNSURE_END = " .,!?。，！？…"
"""What a recogniser puts behind words that go on."""
SILENT = 200
"""Samples up to this loudness (-44 dB) are silence."""
LLM_OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.3, timeout=10.0)
TTS_OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.3, timeout=8.0)
LEGACY_TTS_PATHS = {
    "minimax": {"emotion": "voice_setting.emotion"},
    "bytedancev3": {
        "emotion": "req_params.audio_params.emotion",
        "emotion_scale": "req_params.audio_params.emotion_scale",
    },
}
"""Where the metadata of older programs goes that name no TTSParamPaths, by vendor."""

T = TypeVar("T")


class Host(Protocol):
    """What the agent tells the dialogue it belongs to."""

    def heard(self, event: stt.SpeechEvent) -> bool:
        """A recognition event; False when the session must not see it."""

    def recogniser_failed(self, error: BaseException) -> None: ...
    def turn_completed(self, message: llm.ChatMessage) -> bool:
        """The user's turn is over; False when it gets no answer."""

    def wants_answer(self, utterance: Utterance) -> bool:
        """Whether the model is to be asked at all."""

    def model_said(self, utterance: Utterance, sentences: list[str]) -> None: ...
    def failed(self, utterance: Utterance, part: Part, error: BaseException) -> None: ...
    def show(self, utterance: Utterance, clause: Clause) -> None:
        """`clause` is told now (only where nothing is spoken)."""


class ConversationAgent(Agent):
    """Speaks for one instance. `host` hears of everything that happens."""

    def __init__(
        self,
        spec: InstanceSpec,
        host: Host,
        *,
        recogniser: stt.STT[Any] | None,
        model: llm.LLM[Any] | None,
        voice: tts.TTS[Any],
        messages: Sequence[llm.ChatMessage],
        make_voice: Callable[[TtsSpec], tts.TTS[Any]],
    ) -> None:
        super().__init__(
            instructions="", stt=recogniser, llm=model, tts=voice, chat_ctx=llm.ChatContext(list(messages))
        )
        self._spec = spec
        self._host = host
        self._make_voice = make_voice
        self._voice = voice
        self._llm_spec: LlmSpec = spec.llm
        self._tts_spec: TtsSpec = spec.tts
        self._special_voices: dict[str, tts.TTS[Any]] = {}

    # Engines

    @property
    def tts_spec(self) -> TtsSpec:
        return self._tts_spec

    @property
    def voice(self) -> tts.TTS[Any]:
        return self._voice

    def use_model(self, spec: LlmSpec, model: llm.LLM[Any]) -> None:
        """Asks another model from the next turn on."""
        self._llm_spec = spec
        self.update_options(llm=model)

    def use_voice(self, spec: TtsSpec, voice: tts.TTS[Any]) -> None:
        """Speaks with another voice from the next clause on."""
        self._tts_spec, self._voice = spec, voice
        self._special_voices.clear()
        self.update_options(tts=voice)

    # Memory

    def memory(self) -> list[Message]:
        return to_messages(self._chat_ctx)

    def remember(self, messages: Sequence[llm.ChatMessage]) -> None:
        """Appends to memory, without a subtitle or an answer."""
        self._chat_ctx.items.extend(messages)

    def forget(self, items: Sequence[llm.ChatItem] | None = None) -> None:
        """Drops `items`, or everything."""
        gone = None if items is None else {item.id for item in items}
        self._chat_ctx.items[:] = [item for item in self._chat_ctx.items if gone is not None and item.id not in gone]

    # LiveKit's nodes

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncGenerator[stt.SpeechEvent, None]:
        try:
            async for event in Agent.default.stt_node(self, audio, model_settings):
                if self._host.heard(event):
                    self._read_ahead(event)
                    yield event
        except APIError as error:
            self._host.recogniser_failed(error)
            raise
        except Exception as error:
            # Only an APIError makes the session open the recogniser again.
            self._host.recogniser_failed(error)
            raise APIError(str(error) or type(error).__name__) from error

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        if not self._host.turn_completed(new_message):
            raise StopResponse

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[llm.ChatChunk | str | FlushSentinel, None]:
        utterance = CURRENT.get()
        if not self._host.wants_answer(utterance):
            return
        model = self.llm
        assert isinstance(model, llm.LLM)
        loop = asyncio.get_running_loop()
        request = self._request(chat_ctx, utterance.round.system_prompt)
        timings = utterance.timings
        if timings.llm_first_token_at is None:
            # After tool calls the model is asked again; what is measured is the request that brought the first word.
            timings.llm_request_at = loop.time()
        counted = timings.llm_done_at is None
        utterance.calling = False
        if opening := self._opening(model, utterance, request):
            utterance.opening = opening
            request.add_message(role="assistant", content=opening)
            self._host.model_said(utterance, utterance.sentences.push(opening))
            yield opening
        try:
            async with model.chat(
                chat_ctx=request, tools=tools, tool_choice=model_settings.tool_choice, conn_options=LLM_OPTIONS
            ) as stream:
                async for chunk in _impatient(aiter(stream), LLM_SILENCE_S):
                    text = chunk.delta.content if chunk.delta else None
                    utterance.calling = utterance.calling or bool(chunk.delta and chunk.delta.tool_calls)
                    if text:
                        timings = utterance.timings
                        timings.llm_first_token_at = timings.llm_first_token_at or loop.time()
                        timings.llm_tokens += counted
                        self._host.model_said(utterance, utterance.sentences.push(text))
                    yield chunk
            timings = utterance.timings
            if counted and (timings.llm_tokens or not utterance.calling):
                timings.llm_done_at = loop.time()
            self._host.model_said(utterance, utterance.sentences.finish())
        except Exception as error:
            self._host.failed(utterance, Part.LLM, error)
            raise

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        utterance = CURRENT.get()
        loop = asyncio.get_running_loop()
        line = ClauseLine()
        reader = asyncio.create_task(self._read_clauses(text, line), name="conversation.clauses")
        try:
            async for clause, last in line.clips():
                timings = utterance.timings
                timings.first_clause_at = timings.first_clause_at or loop.time()
                if not clause.speech:
                    utterance.silent.append((len(utterance.clips), clause))
                    continue
                async for frame in self._speak(utterance, clause, last=last):
                    timings = utterance.timings
                    if timings.tts_first_audio_at is None:
                        sound_at = _sound_at(frame)
                        utterance.lead_s += frame.duration if sound_at is None else sound_at
                        timings.tts_first_audio_at = None if sound_at is None else loop.time()
                    yield frame
            await reader
            utterance.complete = not utterance.calling
        except Exception as error:
            self._host.failed(utterance, Part.TTS, error)
            raise
        finally:
            reader.cancel()

    async def transcription_node(
        self, text: AsyncIterable[Any], model_settings: ModelSettings
    ) -> AsyncGenerator[str, None]:
        extractor = MetaExtractor(self._spec.advanced.meta_info)
        reader = self._clause_reader() if self._spec.advanced.disable_tts else None
        utterance = CURRENT.get()
        async for piece in text:
            if reader is not None:
                for clause in reader.push(str(piece)):
                    self._host.show(utterance, clause)
            for part in extractor.push(str(piece)):
                if isinstance(part, str):
                    yield part
        if reader is not None:
            for clause in reader.finish():
                self._host.show(utterance, clause)
        for part in extractor.finish():
            if isinstance(part, str):
                yield part

    def _request(self, context: llm.ChatContext, system_prompt: str | None = None) -> llm.ChatContext:
        """What the model is asked; None for the agent's own prompt."""
        return request_context(
            context,
            system_prompt=self._llm_spec.system_prompt if system_prompt is None else system_prompt,
            window_size=self._spec.history.window_size,
        )

    def _opening(self, model: llm.LLM[Any], utterance: Utterance, request: llm.ChatContext) -> str:
        """What the user hears while the model still thinks."""
        spoken = utterance.round.origin is Origin.USER and not self._spec.advanced.disable_tts
        return model.opening(request) if spoken and isinstance(model, OpensAtOnce) else ""

    def _read_ahead(self, event: stt.SpeechEvent) -> None:
        """Lets the model read, while the user speaks, what it will be asked: the talk so far and their first words."""
        kinds = stt.SpeechEventType
        if event.type not in (kinds.START_OF_SPEECH, kinds.INTERIM_TRANSCRIPT):
            return
        model = self.llm
        if not isinstance(model, ReadsAhead) or self.session.current_speech is not None:
            return
        context = self.chat_ctx.copy()
        words = event.alternatives[0].text.rstrip(_UNSURE_END) if event.alternatives else ""
        context.add_message(role="user", content=words or " ")
        model.read_ahead(self._request(context))

    # The voice

    def _clause_reader(self, *, whole: bool = False) -> ClauseReader:
        return ClauseReader(
            whole=whole,
            meta=self._spec.advanced.meta_info,
            filters=self._spec.tts.filter_text,
            terminator=self._spec.tts.terminator_text,
            removed=self._spec.tts.character_filter,
            openers=self._voice.openers if isinstance(self._voice, StartsSlowly) else None,
        )

    async def _read_clauses(self, text: AsyncIterable[str], line: ClauseLine) -> None:
        reader = self._clause_reader(whole=CURRENT.get().round.origin is Origin.SAY)
        try:
            async for piece in text:
                line.put(reader.push(piece))
            line.put(reader.finish())
        finally:
            line.close()

    async def _speak(self, utterance: Utterance, clause: Clause, *, last: bool) -> AsyncGenerator[rtc.AudioFrame, None]:
        first = True
        async with self._voice_for(clause.style).synthesize(clause.speech, conn_options=TTS_OPTIONS) as stream:
            # Of a voice that says nothing about itself, how far it got is told in proportion.
            frames = spoken_frames(stream, clause.speech, estimated_seconds(clause.speech))
            async with aclosing(frames):
                async for frame in frames:
                    spoken = attached(frame)
                    if first and spoken is not None:
                        utterance.clips.append((spoken, clause))
                        utterance.complete = utterance.complete or (last and not utterance.calling)
                        first = False
                    yield frame
        if first:
            utterance.silent.append((len(utterance.clips), clause))

    def _voice_for(self, meta: dict[str, Any]) -> tts.TTS[Any]:
        """The voice, with the metadata's wishes written into its vendor's request (TTSParamPaths)."""
        vendor = self._tts_spec.vendor
        paths = self._spec.advanced.tts_param_paths or LEGACY_TTS_PATHS.get(vendor.lower(), {})
        wishes = {path: meta[key] for key, path in paths.items() if key in meta}
        if not wishes or not vendor:
            return self._voice
        key = repr(sorted(wishes.items()))
        if key not in self._special_voices:
            params = deepcopy(self._tts_spec.params)
            for path, value in wishes.items():
                *folders, name = path.split(".")
                place = params
                for folder in folders:
                    inner = place.get(folder)
                    if not isinstance(inner, dict):
                        inner = place[folder] = {}
                    place = inner
                place[name] = value
            if len(self._special_voices) >= 16:
                self._special_voices.clear()
            self._special_voices[key] = self._make_voice(replace(self._tts_spec, params=params))
        return self._special_voices[key]


class ClauseLine:
    """Clauses on their way to the voice. The first leaves alone and at once; after it, what is ready of a sentence
    leaves together, because fewer seams sound better."""

    def __init__(self) -> None:
        self._clauses: deque[Clause] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, clauses: Sequence[Clause]) -> None:
        self._clauses.extend(clauses)
        self._changed.set()

    def close(self) -> None:
        """No more clauses will come."""
        self._closed = True
        self._changed.set()

    async def clips(self) -> AsyncIterator[tuple[Clause, bool]]:
        """What to synthesise next, and whether it is known to be the last."""
        first = True
        while True:
            while not self._clauses:
                if self._closed:
                    return
                self._changed.clear()
                await self._changed.wait()
            clause = self._clauses.popleft()
            while not first and self._clauses and self._fits(clause, self._clauses[0]):
                clause = _joined(clause, self._clauses.popleft())
            first = first and not clause.speech
            yield clause, self._closed and not self._clauses

    @staticmethod
    def _fits(clause: Clause, follower: Clause) -> bool:
        return not (clause.ends_sentence or follower.meta) and units(clause.speech) < MAX_SPOKEN_UNITS


def _joined(clause: Clause, follower: Clause) -> Clause:
    gap = " " if clause.speech[-1:].isascii() and follower.speech[:1].isascii() else ""
    speech = f"{clause.speech}{gap}{follower.speech}".strip()
    return Clause(clause.display + follower.display, speech, clause.meta, follower.ends_sentence, clause.style)


def _sound_at(frame: rtc.AudioFrame) -> float | None:
    """Seconds into `frame` at which it is no longer silent; None if it is silent throughout."""
    loud = np.flatnonzero(np.abs(np.frombuffer(frame.data, np.int16).astype(np.int32)) > SILENT)
    return float(loud[0]) / frame.num_channels / frame.sample_rate if loud.size else None


async def _impatient(stream: AsyncIterator[T], silence_s: float) -> AsyncIterator[T]:
    """Yields from `stream`; raises TimeoutError when it says nothing for `silence_s`."""
    while True:
        try:
            async with asyncio.timeout(silence_s):
                item = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TimeoutError(f"nothing came for {silence_s:g} s") from None
        yield item
