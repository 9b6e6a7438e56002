"""Any engine's sound as the stage wants it: at its rate, and with all that is known about the sounds in it.

The local voice attaches its phones itself. An engine that reports when its words are heard (LiveKit's `TimedString`,
pushed beside the audio) gets phones from them, piece by piece as the reports come. Of an engine that says nothing only
the text is known, and the mouth follows the sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import tts
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString

from mien.speech.local.g2p import shared
from mien.speech.normalise import Language, language_of, speakable
from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach, attach_more, attached
from mien.speech.reported import Word, from_words

Sounds = Callable[[Sequence[Word], Language], Coroutine[Any, Any, tuple[Phone, ...]]]
PATIENCE_S = 0.3
"""How long sound waits for the pronunciation of its words; the dictionaries take seconds when they are first used."""


def pronounce(text: str, language: Language) -> str:
    """Phoneme symbols of a word as it is read aloud in a text of `language`. Blocking."""
    return shared()(speakable(text, language), language=language)


async def sounds(words: Sequence[Word], language: Language) -> tuple[Phone, ...]:
    """The phones of `words`, spread over the time of each."""
    return await asyncio.to_thread(from_words, words, lambda word: pronounce(word, language))


async def spoken_frames(
    pieces: AsyncIterable[tts.SynthesizedAudio],
    text: str,
    duration: float,
    *,
    sounds: Sounds = sounds,
) -> AsyncGenerator[rtc.AudioFrame, None]:
    """The frames of `pieces`, which say `text` in about `duration` seconds, at `VOICE_RATE`.

    The first one always carries a `SpokenText`; later ones carry more as it gets known.
    """
    clip = _Clip(text, duration, sounds)
    rate = _Rate()
    length = 0
    try:
        async for piece in pieces:
            known = attached(piece.frame)
            if known is None:
                await clip.report(piece.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or ())
            for frame in [*rate.push(piece.frame), *(rate.flush() if piece.is_final else ())]:
                length += frame.samples_per_channel
                if known is not None:
                    attach(frame, known)
                    known, clip.told = None, True
                elif not clip.told:
                    attach(frame, clip.known())
                elif clip.news:
                    attach_more(frame, clip.known(length / VOICE_RATE if piece.is_final else None))
                yield frame
        for frame in rate.flush():
            yield frame if clip.told else attach(frame, clip.known())
    finally:
        clip.close()


class _Clip:
    """What is known of one clip by now."""

    def __init__(self, text: str, duration: float, sounds: Sounds) -> None:
        self._text = text
        self._language = language_of(text)
        self._duration = duration
        self._sounds = sounds
        self._words: list[Word] = []
        self._phones: tuple[Phone, ...] = ()
        self._asking: asyncio.Task[tuple[Phone, ...]] | None = None
        self._asked = 0
        self.told = False
        self.news = False

    async def report(self, texts: Sequence[object]) -> None:
        """Takes in what came beside a piece of audio; waits a little for how it is pronounced."""
        # Without an end it is a passage, not a word: its sounds could be anywhere.
        self._words += [
            Word(str(word), float(word.start_time), float(word.end_time))
            for word in texts
            if isinstance(word, TimedString)
            and isinstance(word.start_time, int | float)
            and isinstance(word.end_time, int | float)
        ]
        if self._asking is None and self._asked < len(self._words):
            self._asked = len(self._words)
            self._asking = asyncio.create_task(self._sounds(tuple(self._words), self._language))
        if self._asking is None:
            return
        await asyncio.wait([self._asking], timeout=PATIENCE_S)
        if self._asking.done():
            self._phones, self._asking = self._asking.result(), None
            self.news = True

    def known(self, duration: float | None = None) -> SpokenText:
        """All of it; `duration` once that is known too."""
        self.told, self.news = True, False
        return SpokenText(self._text, self._language, duration or self._duration, self._phones)

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()


class _Rate:
    """Brings frames to `VOICE_RATE`, mono. LiveKit would do it too, but drop what frames carry."""

    def __init__(self) -> None:
        self._resampler: rtc.AudioResampler | None = None

    def push(self, frame: rtc.AudioFrame) -> list[rtc.AudioFrame]:
        if frame.sample_rate == VOICE_RATE:
            return [frame]
        if self._resampler is None:
            self._resampler = rtc.AudioResampler(
                frame.sample_rate,
                VOICE_RATE,
                num_channels=frame.num_channels,
                quality=rtc.AudioResamplerQuality.HIGH,
            )
        return self._resampler.push(frame)

    def flush(self) -> list[rtc.AudioFrame]:
        resampler, self._resampler = self._resampler, None
        return resampler.flush() if resampler is not None else []
