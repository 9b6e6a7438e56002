"""The local voice: text in, sound and phone times out, streamed.

One Kokoro serves every call. Each slice is a job of its own whose deadline is the moment the listener would run out of
sound, so the machine's cores go where a gap is nearest.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.speech import clips
from mien.speech.local.g2p import shared
from mien.speech.local.kokoro import Clause, Joint, Kokoro
from mien.speech.local.openings import OPENINGS
from mien.speech.local.worker import Worker
from mien.speech.normalise import Language, language_of, speakable
from mien.speech.phones import VOICE_RATE, Phone, SpokenText

Sound = NDArray[np.int16]

SENTENCE_PAUSE_S = 0.22
CLAUSE_PAUSE_S = 0.10
PHRASE_PAUSE_S = 0.03
"""Silence behind a clip that ends a sentence, a clause, or without any punctuation."""
WARM_UP_DEADLINE_S = 30.0
"""How long warm-ups let others pass."""
WARM_UP_REST = 2.0
"""After each warm-up the voice rests this many times as long."""
_CACHED_CLIP_S = 3.0
_CACHE_S = 300.0
"""Clips up to 3 s are kept in memory, 5 minutes of sound at most (14 MB). Never on disk: they are what people said."""

_ALSO_BEGIN: dict[Language, tuple[str, ...]] = {"zh": ("当然可以！", "当然，", "你好，"), "en": ("Sure!", "Yes,")}
OPENERS: dict[Language, tuple[str, ...]] = {
    language: tuple(dict.fromkeys([*itertools.chain(*kinds.values()), *_ALSO_BEGIN[language]]))
    for language, kinds in OPENINGS.items()
}
"""What answers often begin with; spoken once in advance, they are instant."""


@dataclass(frozen=True, slots=True)
class _Clip:
    phones: tuple[Phone, ...]
    slices: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class _Key:
    phonemes: str
    voice: str
    speed: float
    pause: float


class LocalVoice:
    """Speaks with Kokoro. Share one among all calls."""

    def __init__(self, kokoro: Kokoro, worker: Worker) -> None:
        self._kokoro = kokoro
        self._worker = worker
        self._g2p = shared()
        self._cache: OrderedDict[_Key, _Clip] = OrderedDict()
        self._cached_s = 0.0

    def voice_names(self) -> list[str]:
        """Voices that are installed."""
        return self._kokoro.voice_names()

    async def warm(self, language: Language, voice: str, texts: Sequence[str], *, deadline_s: float = 0.0) -> None:
        """Loads what `language` needs and speaks `texts` into the cache. With a deadline others go first, and it rests
        in between."""
        loop = asyncio.get_running_loop()
        for text in texts:
            began = loop.time()
            async for _ in self.stream(text, language, voice, deadline_s=deadline_s):
                pass
            if deadline_s:
                # Whoever calls meanwhile has most of the machine.
                await asyncio.sleep(WARM_UP_REST * (loop.time() - began))

    async def stream(
        self, text: str, language: str, voice: str, speed: float = 1.0, *, deadline_s: float = 0.0
    ) -> AsyncGenerator[tuple[Sound, SpokenText | None], None]:
        """Sound at `VOICE_RATE`, piece by piece; with the first piece of each clip, what it says and when.

        `language` is "zh", "en" or "" (that of the text). `deadline_s` > 0 lets others go first for that long. Yields
        nothing for text without anything to say. Raises UnknownVoiceError.
        """
        due = asyncio.get_running_loop().time() + deadline_s
        for clip in clips.split(text):
            spoken_language: Language = "zh" if language == "zh" else "en" if language == "en" else language_of(clip)
            words = speakable(clip, spoken_language)
            if not words:
                continue
            phonemes = await self._worker.run(
                functools.partial(self._g2p, words, british=voice.startswith("b"), language=spoken_language),
                deadline=due,
            )
            pause = _pause_after(phonemes)
            async for sound, phones in self._clip(_Key(phonemes, voice, speed, pause), due):
                duration = phones[-1].end if phones else 0.0
                yield sound, SpokenText(clip, spoken_language, duration, phones) if phones else None
                due = max(due, asyncio.get_running_loop().time() + deadline_s) + len(sound) / VOICE_RATE

    async def _clip(self, key: _Key, due: float) -> AsyncGenerator[tuple[Sound, tuple[Phone, ...]], None]:
        """The slices of one clip; phones with the first."""
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            for index, sound in enumerate(cached.slices):
                yield sound, () if index else cached.phones
            return
        clause = await self._worker.run(lambda: self._kokoro.begin(key.phonemes, key.voice, key.speed), deadline=due)
        if clause is None:
            return
        phones = _with_pause(clause, key.pause)
        joint, made = Joint(), list[Sound]()
        spans = clause.spans()
        for index, (start, end) in enumerate(spans):
            wave = await self._worker.run(functools.partial(self._kokoro.sound, clause, start, end), deadline=due)
            sound = joint.add(wave, end - start)
            if index == len(spans) - 1:
                total = round(phones[-1].end * VOICE_RATE) if phones else 0
                sound = np.pad(sound, (0, max(0, total - sum(map(len, made)) - len(sound))))
            made.append(sound)
            due += len(sound) / VOICE_RATE
            yield sound, () if index else phones
        self._keep(key, _Clip(phones, tuple(made)))

    def _keep(self, key: _Key, clip: _Clip) -> None:
        seconds = clip.phones[-1].end if clip.phones else 0.0
        if not 0.0 < seconds <= _CACHED_CLIP_S or key in self._cache:
            return
        self._cache[key] = clip
        self._cached_s += seconds
        while self._cached_s > _CACHE_S:
            _, old = self._cache.popitem(last=False)
            self._cached_s -= old.phones[-1].end


def _pause_after(phonemes: str) -> float:
    last = phonemes[-1:]
    if last in ".!?…":
        return SENTENCE_PAUSE_S
    return PHRASE_PAUSE_S if last.isalpha() else CLAUSE_PAUSE_S


def _with_pause(clause: Clause, pause: float) -> tuple[Phone, ...]:
    """The clause's phones, followed by `pause` seconds of silence."""
    phones = clause.timing.phones
    end = phones[-1].end
    if phones[-1].symbol == "":
        return (*phones[:-1], Phone("", phones[-1].start, end + pause))
    return (*phones, Phone("", end, end + pause))
