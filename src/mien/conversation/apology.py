"""What the agent says when it could not answer: a few words, kept as sound because the voice may be what failed.

They are spoken once with the instance's own voice while nothing else goes on, and kept for every instance with that
voice; where that has not happened or failed, recordings that come with Mien are played.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import structlog
from livekit import rtc
from livekit.agents import APIConnectOptions, tts
from numpy.typing import NDArray

from mien.conversation.spec import ApologySpec
from mien.speech.choices import voice_of
from mien.speech.phones import VOICE_RATE, SpokenText, attach, attached
from mien.speech.spec import TtsSpec

Language = Literal["zh", "en"]
Gender = Literal["female", "male"]

CLIPS: Final = Path(__file__).parent / "clips"
TEXTS: Final[dict[Language, str]] = {
    "zh": "抱歉，我刚才出了点问题，请再说一遍。",
    "en": "Sorry, something went wrong. Please say that again.",
}
EVERY_S: Final = 10.0
"""Not more often than this, however often something fails."""
QUIET_S: Final = 3.0
"""The call has been quiet for this long before the apology is prepared."""
PREPARE_LIMIT_S: Final = 30.0
KEPT: Final = 64
"""Voices whose apologies are remembered."""
_FRAME: Final = VOICE_RATE // 10

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_WORD: Final = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an apology: 24 kHz mono, and what is known of it where a clip begins with it."""

    pcm: NDArray[np.int16]
    spoken: SpokenText | None


Clip = tuple[Piece, ...]


class Apologies:
    """The apologies voices have spoken, shared by the instances of a server."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Clip] = OrderedDict()

    def get(self, key: str) -> Clip | None:
        return self._kept.get(key)

    def keep(self, key: str, clip: Clip) -> None:
        """Keeps `clip`; the oldest of more than `KEPT` is forgotten."""
        self._kept[key] = clip
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Speaker:
    """The voice an instance has now: the engine, what tells it from others, and its sex."""

    engine: tts.TTS[Any]
    identity: str
    gender: Gender


class Apologist:
    """The apology of one instance. `start` it once the instance runs, `aclose` it.

    `speaker` gives its voice now, `language` the language the user is expected to speak ("auto": any), `idle` says
    whether nothing goes on, and `kept` is shared.
    """

    def __init__(
        self,
        spec: ApologySpec,
        kept: Apologies,
        *,
        speaker: Callable[[], Speaker],
        language: Callable[[], str],
        idle: Callable[[], bool],
    ) -> None:
        self.spec = spec
        self._kept = kept
        self._speaker = speaker
        self._language = language
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._said_at: float | None = None
        self._preparing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Prepares the apology when there is time for it; again after the voice, the language or the text changed."""
        self._stop()
        self._preparing = asyncio.create_task(self._prepare(), name="conversation.apology")

    def use(self, spec: ApologySpec) -> None:
        """Says something else from now on, or nothing."""
        self.spec = spec
        self.start()

    async def aclose(self) -> None:
        """Stops preparing."""
        task = self._stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def due(self) -> bool:
        """Whether an apology may be said now; from then on none is due for `EVERY_S`."""
        now = self._loop.time()
        if not self.spec.enabled or (self._said_at is not None and now - self._said_at < EVERY_S):
            return False
        self._said_at = now
        return True

    def clip(self, question: str) -> tuple[str, Clip]:
        """The words and the sound to answer `question` with, which the user said."""
        speaker, language = self._speaker(), self._language()
        wished: Language = "en" if language == "en" else "zh"
        text = self.spec.text or TEXTS[language_of(question, wished)]
        clip = self._kept.get(_key(speaker, text))
        if clip is None:
            # The words that were chosen are not there as sound; those that come with Mien are better than silence.
            text = TEXTS[language_of(self.spec.text or question, wished)]
            clip = _recorded(language_of(text, wished), speaker.gender)
        return text, clip

    def _stop(self) -> asyncio.Task[None] | None:
        task, self._preparing = self._preparing, None
        if task is not None:
            task.cancel()
        return task

    async def _prepare(self) -> None:
        if not self.spec.enabled:
            return
        while True:
            quiet = self._idle()
            await asyncio.sleep(QUIET_S)
            if quiet and self._idle():
                break
        speaker, language = self._speaker(), self._language()
        texts = [self.spec.text] if self.spec.text else [t for name, t in TEXTS.items() if language in (name, "auto")]
        for text in texts:
            key = _key(speaker, text)
            if self._kept.get(key) is not None:
                continue
            try:
                async with asyncio.timeout(PREPARE_LIMIT_S):
                    clip = await _spoken(speaker.engine, text)
            except Exception as error:  # noqa: BLE001 - whatever the voice raises, there are recordings instead
                log.info("the apology was not prepared; a recording is used", reason=str(error) or type(error).__name__)
                return
            self._kept.keep(key, clip)


def language_of(text: str, otherwise: Language) -> Language:
    """The language of what was said: Chinese where at least half of its words or characters are."""
    chinese, words = len(_CHINESE.findall(text)), len(_WORD.findall(text))
    if not chinese and not words:
        return otherwise
    return "zh" if chinese >= words else "en"


def identity(spec: TtsSpec, voices: Mapping[str, str]) -> str:
    """What tells a voice from others. Keys to vendors are in it, so only its hash is kept."""
    return hashlib.sha256(repr((spec, sorted(voices.items()))).encode()).hexdigest()


def gender_of(spec: TtsSpec, voices: Mapping[str, str]) -> Gender:
    """Whose recording fits a voice."""
    return "male" if voice_of(spec, voices).names["zh"][1:2] == "m" else "female"


async def frames(clip: Clip) -> AsyncIterator[rtc.AudioFrame]:
    """A clip as a session plays it."""
    for piece in clip:
        frame = rtc.AudioFrame(piece.pcm.tobytes(), VOICE_RATE, 1, len(piece.pcm))
        yield attach(frame, piece.spoken) if piece.spoken is not None else frame


def packaged(language: Language, gender: Gender) -> Path:
    """The recording that comes with Mien."""
    return CLIPS / f"apology-{language}-{gender}.ogg"


async def _spoken(engine: tts.TTS[Any], text: str) -> Clip:
    """`text` as the voice says it. Raises ValueError when it says nothing."""
    pieces: list[Piece] = []
    async with engine.synthesize(text, conn_options=APIConnectOptions(max_retry=0)) as stream:
        async for audio in stream:
            pcm = np.frombuffer(audio.frame.data, np.int16).copy()
            pieces.append(Piece(pcm, attached(audio.frame)))
    length = sum(len(piece.pcm) for piece in pieces) / VOICE_RATE
    if not any(piece.pcm.any() for piece in pieces):
        raise ValueError("the voice made no sound of it")
    if pieces[0].spoken is None:
        pieces[0] = Piece(pieces[0].pcm, SpokenText(text, language_of(text, "zh"), length))
    return tuple(pieces)


@cache
def _recorded(language: Language, gender: Gender) -> Clip:
    with av.open(str(packaged(language, gender))) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=VOICE_RATE)
        decoded = [*container.decode(audio=0), None]
        sound = np.concatenate([part.to_ndarray().ravel() for frame in decoded for part in resampler.resample(frame)])
    spoken = SpokenText(TEXTS[language], language, len(sound) / VOICE_RATE)
    return tuple(
        Piece(sound[start : start + _FRAME].astype(np.int16), None if start else spoken)
        for start in range(0, len(sound), _FRAME)
    )


def _key(speaker: Speaker, text: str) -> str:
    return f"{speaker.identity} {text}"
