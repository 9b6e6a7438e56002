"""The local recogniser as a LiveKit STT that listens by itself.

It finds speech with LiveKit's bundled voice detector and begins to recognise as soon as the speaker seems to have
stopped, before the detector is sure; if more speech follows, that first result is thrown away. While somebody speaks,
what was said so far is recognised too, for subtitles and for noticing an interruption by its words, as long as the
machine has the time: those passes yield to everything else and thin out where they take long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from typing import Protocol

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, stt, utils, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from numpy.typing import NDArray

from mien.speech.local.whisper import LISTEN_RATE, Language, Recognition

Samples = NDArray[np.int16]

SPECULATE_S = 0.12
"""Silence after which recognition begins on suspicion."""
PARTIAL_AFTER_S = 0.8
"""New speech after which what was said so far is recognised (again)."""
PARTIAL_SHARE = 3.0
"""A partial pass is made at most once in this many times its own duration: a slow machine makes few, or none."""
PARTIAL_LIMIT_S = 10.0
"""Longer speech gets no partial passes any more; each would take as long as an answer may."""
PARTIAL_CONFIDENCE = 0.4
"""What was understood with less certainty in the middle of a word is not shown."""
MAX_SEGMENT_S = 58.0
"""Longest speech recognised in one piece; the voice detector keeps no more."""


class Recogniser(Protocol):
    """What recognises a piece of speech (16 kHz, mono). `patience_s`: others may go first for that long."""

    async def __call__(self, samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition: ...


class LocalSTT(stt.STT[str]):
    """Whisper for one agent. `make_vad` opens a voice detector whose end of speech ends a piece."""

    def __init__(self, recognise: Recogniser, make_vad: Callable[[], vad.VAD], language: Language = "auto") -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True, offline_recognize=True))
        self._recognise = recognise
        self._make_vad = make_vad
        self._language: Language = language

    @property
    def model(self) -> str:
        return "whisper"

    @property
    def provider(self) -> str:
        return "local"

    @property
    def language(self) -> Language:
        return self._language

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        return final_event(await self.recognise(_at_listen_rate(frame)))

    async def recognise(self, samples: Samples, *, patience_s: float = 0.0) -> Recognition:
        """Recognises one piece. Raises APIConnectionError with the reason."""
        try:
            return await self._recognise(samples, self._language, patience_s=patience_s)
        except (RuntimeError, ValueError, OSError) as error:
            raise APIConnectionError(f"The local recogniser failed: {error}", retryable=False) from error

    def open_vad(self) -> vad.VADStream:
        """A voice detector for one stream."""
        return self._make_vad().stream()

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _Stream(self, conn_options=conn_options)


class _Stream(stt.RecognizeStream):
    def __init__(self, recogniser: LocalSTT, *, conn_options: APIConnectOptions) -> None:
        self._recogniser = recogniser
        super().__init__(stt=recogniser, conn_options=conn_options, sample_rate=LISTEN_RATE)

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[stt.SpeechEvent]) -> None:
        async for _ in event_aiter:
            pass

    async def _run(self) -> None:
        detector = self._recogniser.open_vad()
        forward = asyncio.create_task(self._forward(detector), name="stt.forward")
        segment = _Segment(self._recogniser, self._show)
        try:
            async for event in detector:
                await self._on_vad(event, segment)
            await forward
        finally:
            segment.drop()
            await utils.aio.cancel_and_wait(forward)
            await detector.aclose()

    def _show(self, heard: Recognition) -> None:
        """What was said so far."""
        self._event_ch.send_nowait(_event(stt.SpeechEventType.INTERIM_TRANSCRIPT, heard))

    async def _forward(self, detector: vad.VADStream) -> None:
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                detector.push_frame(item)
        detector.end_input()

    async def _on_vad(self, event: vad.VADEvent, segment: _Segment) -> None:
        match event.type:
            case vad.VADEventType.START_OF_SPEECH:
                segment.begin(_samples(event.frames))
                self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.START_OF_SPEECH))
            case vad.VADEventType.INFERENCE_DONE:
                segment.add(_samples(event.frames), event.raw_accumulated_silence)
            case vad.VADEventType.END_OF_SPEECH:
                spoke_until = time.time() - event.silence_duration
                self._event_ch.send_nowait(
                    stt.SpeechEvent(stt.SpeechEventType.END_OF_SPEECH, speech_end_time=spoke_until)
                )
                heard = await segment.end()
                if heard is not None and heard.text:
                    final = final_event(heard)
                    final.speech_end_time = spoke_until
                    self._event_ch.send_nowait(final)


class _Segment:
    """The speech between two silences, and the recognition that may already run for it."""

    def __init__(self, recogniser: LocalSTT, show: Callable[[Recognition], None]) -> None:
        self._recogniser = recogniser
        self._show = show
        self._parts: list[Samples] | None = None
        self._early: asyncio.Task[Recognition] | None = None
        self._partial: asyncio.Task[None] | None = None
        self._next_partial_s = PARTIAL_AFTER_S
        self._took_s = 0.0
        """What partial passes of this stream take; survives the segment."""

    def begin(self, samples: Samples) -> None:
        """Speech began; `samples` are its first, with a little from before."""
        self.drop()
        self._parts = [samples]
        self._next_partial_s = max(PARTIAL_AFTER_S, PARTIAL_SHARE * self._took_s)

    def add(self, samples: Samples, silence_s: float) -> None:
        """More of it, after `silence_s` of silence."""
        if self._parts is None:
            return
        self._parts.append(samples)
        if silence_s < SPECULATE_S:
            self._stop_early()
            if silence_s == 0.0:
                self._look()
        elif self._early is None:
            # The model does one thing after the other: this must not wait for what it makes obsolete.
            self._stop_partial()
            self._early = asyncio.create_task(self._recogniser.recognise(self._joined()), name="stt.early")

    def _look(self) -> None:
        """Recognises what was said so far when it is time to."""
        seconds = sum(map(len, self._parts or [])) / LISTEN_RATE
        if self._partial is None and self._next_partial_s <= seconds <= PARTIAL_LIMIT_S:
            self._partial = asyncio.create_task(self._look_at(self._joined()), name="stt.partial")

    async def _look_at(self, samples: Samples) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            heard = await self._recogniser.recognise(samples, patience_s=PARTIAL_AFTER_S)
            if heard.text and heard.confidence >= PARTIAL_CONFIDENCE:
                self._show(heard)
        except APIConnectionError:
            # The pass that counts meets the same failure and reports it.
            pass
        self._took_s = loop.time() - began
        self._next_partial_s = len(samples) / LISTEN_RATE + max(PARTIAL_AFTER_S, PARTIAL_SHARE * self._took_s)
        self._partial = None

    async def end(self) -> Recognition | None:
        """It is over: what was said, recognised already or now."""
        if self._parts is None:
            return None
        self._stop_partial()
        early, self._early = self._early, None
        samples, self._parts = self._joined(), None
        return await (early if early is not None else self._recogniser.recognise(samples))

    def drop(self) -> None:
        """Forgets it."""
        self._stop_early()
        self._stop_partial()
        self._parts = None

    def _joined(self) -> Samples:
        joined: Samples = np.concatenate(self._parts or [np.zeros(0, np.int16)])
        return joined[-int(MAX_SEGMENT_S * LISTEN_RATE) :]

    def _stop_early(self) -> None:
        if self._early is not None:
            self._early.cancel()
            self._early = None

    def _stop_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()
            self._partial = None


def final_event(heard: Recognition) -> stt.SpeechEvent:
    """A final transcript."""
    return _event(stt.SpeechEventType.FINAL_TRANSCRIPT, heard)


def _event(kind: stt.SpeechEventType, heard: Recognition) -> stt.SpeechEvent:
    data = stt.SpeechData(language=heard.language, text=heard.text, confidence=heard.confidence)  # type: ignore[arg-type]
    return stt.SpeechEvent(kind, request_id=utils.shortuuid(), alternatives=[data])


def _samples(frames: list[rtc.AudioFrame]) -> Samples:
    return np.concatenate([np.frombuffer(frame.data, dtype=np.int16) for frame in frames])


def _at_listen_rate(frame: rtc.AudioFrame) -> Samples:
    if frame.sample_rate == LISTEN_RATE and frame.num_channels == 1:
        return _samples([frame])
    resampler = rtc.AudioResampler(
        frame.sample_rate, LISTEN_RATE, num_channels=frame.num_channels, quality=rtc.AudioResamplerQuality.HIGH
    )
    joined = _samples([*resampler.push(frame), *resampler.flush()])
    mono: Samples = joined.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
    return mono
