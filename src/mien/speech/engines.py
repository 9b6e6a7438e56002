"""All speech engines of a server: local models loaded once and shared, services reached by URL.

`warm` loads the local models in the background, one after the other; an engine asked for earlier waits for its model
when it is first used, not when it is made.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

import httpx
import numpy as np
from livekit.agents import inference, llm, stt, tts
from livekit.agents.vad import VAD

from mien.models import speech_files
from mien.settings import Settings
from mien.speech import choices
from mien.speech.local.kokoro import Kokoro, installed_voices
from mien.speech.local.llama import AT_ONCE, Llama, LocalModel
from mien.speech.local.llm import LocalLLM
from mien.speech.local.stt import LocalSTT, Samples
from mien.speech.local.tts import LocalTTS
from mien.speech.local.voice import OPENERS, WARM_UP_DEADLINE_S, LocalVoice
from mien.speech.local.whisper import Language, Recognition, Whisper
from mien.speech.local.worker import NICENESS, Worker
from mien.speech.openai_compat import OpenAICompatLLM
from mien.speech.spec import AsrSpec, JsonObject, LlmSpec, TtsSpec

log = logging.getLogger(__name__)

T = TypeVar("T")
Notice = Callable[[int, str], None]
"""Hears of something an agent should know: an `Exception` code and a sentence."""

LLAMA_NICENESS = 8
"""The rest of an answer is written while its beginning is spoken; the voice is the one somebody waits for."""
STT_MIN_SILENCE_S = 0.25
"""Silence that ends a piece of speech for the recogniser. The end of a turn is the session's business."""
_LANGUAGES: tuple[Literal["zh", "en"], ...] = ("zh", "en")
FIRST_OPENERS = 3
"""Beginnings of answers, to questions above all, that are kept as sound before a server is ready."""
ASR_NOTICE = 2101
TTS_NOTICE = 2301


class VendorUnavailableError(RuntimeError):
    """An agent names a vendor this server does not have and may not be answered by the local engine instead."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Model(Generic[T]):
    """A model that is loaded once, on its own worker, when first asked for."""

    def __init__(self, load: Callable[[], Awaitable[T]]) -> None:
        self._load = load
        self._task: asyncio.Task[T] | None = None
        self.ready = False

    async def get(self) -> T:
        """The model; waits until it is loaded. Raises what loading raised, and tries again the next time."""
        if self._task is None or (self._task.done() and (self._task.cancelled() or self._task.exception())):
            self._task = asyncio.ensure_future(self._loaded())
        return await asyncio.shield(self._task)

    async def _loaded(self) -> T:
        model = await self._load()
        self.ready = True
        return model


class Engines:
    """Makes engines from specs. One for each server; everything local is shared by all calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: list[Worker] = []
        self._http: dict[bool, httpx.AsyncClient] = {}
        self._detectors = ThreadPoolExecutor(2, thread_name_prefix="vad")
        self._whisper = _Model(self._load_whisper)
        self._voice = _Model(self._load_voice)
        self._model = _Model(self._load_model)
        self._ready = {"asr": False, "tts": False, "llm": bool(settings.llm_url)}
        self._openers: asyncio.Task[None] | None = None
        self._ears: Worker | None = None
        self._glances: Worker | None = None
        """Runs the passes that may wait, so that one which has begun does not hold up the one that counts."""

    # Life

    @property
    def ready(self) -> dict[str, bool]:
        """Which engines answer without delay. The language model is when a URL replaces it."""
        return dict(self._ready)

    async def warm(self, on_progress: Callable[[str], object] | None = None) -> None:
        """Loads the local models and uses each once; then speaks what answers often begin with, when nothing else runs.

        `on_progress` gets a sentence for each step. Raises FileNotFoundError with the remedy when a file is missing.
        """

        async def tell(text: str) -> None:
            result = on_progress(text) if on_progress else None
            if inspect.isawaitable(result):
                await result

        await tell("Loading speech recognition")
        for language in _LANGUAGES:
            await self.recognise(np.zeros(16_000, dtype=np.int16), language)
        self._ready["asr"] = True
        if not self._settings.llm_url:
            await tell("Loading the language model")
            await (await self._model.get()).warm([{"role": "user", "content": "你好"}], deadline_s=0.0)
            self._ready["llm"] = True
        await tell("Loading the voice")
        voice = await self._voice.get()
        for language in _LANGUAGES:
            await voice.warm(language, choices.DEFAULT_VOICES[language], OPENERS[language][:FIRST_OPENERS])
        self._ready["tts"] = True
        self._openers = asyncio.create_task(self._speak_openers(voice), name="speech.openers")
        await tell("Ready")

    async def _speak_openers(self, voice: LocalVoice) -> None:
        for language in _LANGUAGES:
            await voice.warm(
                language,
                choices.DEFAULT_VOICES[language],
                OPENERS[language][FIRST_OPENERS:],
                deadline_s=WARM_UP_DEADLINE_S,
            )

    async def close(self) -> None:
        """Stops every worker and connection. Safe to call twice."""
        if self._openers is not None:
            self._openers.cancel()
            await asyncio.gather(self._openers, return_exceptions=True)
        workers, self._workers = self._workers, []
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in workers))
        clients, self._http = self._http, {}
        for client in clients.values():
            await client.aclose()
        self._detectors.shutdown(wait=False, cancel_futures=True)

    # Engines

    def stt(self, spec: AsrSpec, *, on_notice: Notice | None = None) -> stt.STT[Any]:
        """A recogniser. Raises VendorUnavailableError."""
        if not choices.is_local(spec.vendor):
            self._instead(ASR_NOTICE, f"Speech recognition of {spec.vendor} is not available on this server", on_notice)
        return LocalSTT(self.recognise, self._stt_vad, self.language_of(spec))

    def tts(
        self,
        spec: TtsSpec,
        *,
        default_voices: Mapping[str, str] | None = None,
        language: str = "",
        on_notice: Notice | None = None,
    ) -> tts.TTS[Any]:
        """A voice. `language` "" follows each text. Raises VendorUnavailableError."""
        if not choices.is_local(spec.vendor) and not choices.is_trial(spec):
            self._instead(TTS_NOTICE, f"The voice of {spec.vendor} is not available on this server", on_notice)
        voice = choices.voice_of(spec, default_voices or {})
        return LocalTTS(self._voice.get, names=voice.names, language=language or voice.language, speed=voice.speed)

    def timbres(self) -> list[str]:
        """Names of the local voices that are installed; the models need not be loaded."""
        return installed_voices(self._settings.models_dir / speech_files.KOKORO_VOICES_DIR)

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], JsonObject] | None = None) -> llm.LLM[Any]:
        """A language model: the one at the agent's URL, this server's URL, or the local one."""
        chosen = choices.model_of(spec, self._settings)
        if not chosen.url:
            return LocalLLM(self._model.get, chosen)
        return OpenAICompatLLM(chosen, self._client(chosen.url), agent_info=agent_info)

    def vad(self, *, min_speech_s: float = 0.05, min_silence_s: float = 0.25, threshold: float = 0.5) -> VAD:
        """A voice detector (Silero, bundled with LiveKit Agents; works offline)."""
        return inference.VAD(
            min_speech_duration=min_speech_s,
            min_silence_duration=min_silence_s,
            activation_threshold=threshold,
            executor=self._detectors,
        )

    def language_of(self, spec: AsrSpec) -> Language:
        """The language an agent's recogniser listens for."""
        return choices.language_of(spec)

    def takes_tools(self, spec: LlmSpec) -> bool:
        """Whether an agent's model can call functions; the local one is too small to do it sensibly."""
        return bool(choices.model_of(spec, self._settings).url)

    async def recognise(self, samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition:
        """Recognises 16 kHz speech with the local model; others may go first for `patience_s`."""
        whisper = await self._whisper.get()
        worker = self._glances if patience_s > 0 else self._ears
        assert worker is not None
        due = asyncio.get_running_loop().time() + patience_s
        return await worker.run(lambda: whisper.recognise(samples.astype(np.float32) / 32768.0, language), deadline=due)

    async def voice(self) -> LocalVoice:
        """The local voice itself, once it is loaded."""
        return await self._voice.get()

    # Loading

    async def _load_whisper(self) -> Whisper:
        folder = self._settings.whisper_model or self._settings.models_dir / speech_files.WHISPER_DIR
        self._ears, self._glances = self._worker("whisper"), self._worker("whisper-glances")
        return await self._ears.run(lambda: Whisper(folder, self._settings.model_threads))

    async def _load_voice(self) -> LocalVoice:
        worker = self._worker("kokoro")
        return LocalVoice(await worker.run(self._open_kokoro), worker)

    def _open_kokoro(self) -> Kokoro:
        models = self._settings.models_dir
        text, vocoder = models / speech_files.KOKORO_TEXT_GRAPH, models / speech_files.KOKORO_VOCODER_GRAPH
        if self._settings.kokoro_model is not None:
            from mien.models.kokoro_split import split_once

            text, vocoder = split_once(self._settings.kokoro_model, models / "kokoro" / "replaced")
        return Kokoro(
            text,
            vocoder,
            models / speech_files.KOKORO_VOCAB,
            models / speech_files.KOKORO_VOICES_DIR,
            self._settings.model_threads,
        )

    async def _load_model(self) -> LocalModel:
        path = self._settings.llm_model or self._settings.models_dir / speech_files.LLM_MODEL
        workers = [self._worker(f"llama-{number}", LLAMA_NICENESS) for number in range(AT_ONCE)]
        return LocalModel(await workers[0].run(lambda: Llama(path, self._settings.model_threads)), workers)

    def _worker(self, name: str, niceness: int = NICENESS) -> Worker:
        worker = Worker(name, niceness)
        self._workers.append(worker)
        return worker

    def _stt_vad(self) -> VAD:
        return self.vad(min_silence_s=STT_MIN_SILENCE_S)

    def _client(self, url: str) -> httpx.AsyncClient:
        """A shared client; a proxy from the environment is not used for this machine itself."""
        here = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
        if here not in self._http:
            self._http[here] = httpx.AsyncClient(trust_env=not here, follow_redirects=False)
        return self._http[here]

    def _instead(self, code: int, problem: str, on_notice: Notice | None) -> None:
        remedy = "Vendor Local is this server's own"
        if not self._settings.vendor_fallback:
            raise VendorUnavailableError(code, f"{problem}. {remedy}; set it in the agent.")
        message = f"{problem}; the local engine is used instead. {remedy}."
        log.warning("%s", message)
        if on_notice is not None:
            on_notice(code, message)
