"""Engines that take a known time and no computing: what is left of a turn's latency is Mien's own.

`python -m mien.bench.scripted --port P --data-dir D` is `mien serve` with them. Voice detection, rooms, codecs, the
conversation and the face are the real ones; with `--listen` recognition is, too.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, inference, llm, stt, tts, vad
from numpy.typing import NDArray

from mien.cli.serve import bind, prepare_data_dir, run
from mien.logs import configure_logging
from mien.settings import Settings
from mien.speech import choices
from mien.speech.engines import Engines
from mien.speech.local.stt import LocalSTT, Recogniser, Samples
from mien.speech.local.whisper import LISTEN_RATE, Language, Recognition
from mien.speech.phones import VOICE_RATE
from mien.speech.spec import AsrSpec, JsonObject, LlmSpec, TtsSpec

QUESTION = {"zh": "你觉得今天的天气怎么样？", "en": "What do you think of the weather today?"}
ANSWER = {
    "zh": "我觉得今天天气很好，适合出门走走。",
    "en": "I think it is a lovely day, and a good one for a walk.",
}
SHORTEST_S = 1.3
"""Shorter sounds are understood as no words: a cough, a "yes" in between."""
_CHARACTER_S = {"zh": 0.2, "en": 0.065}


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds each engine takes: recognition after the end of speech, a model's and a voice's first output."""

    recogniser_s: float = 0.15
    model_s: float = 0.2
    voice_s: float = 0.1


DELAYS = Delays()


class ScriptedModel(llm.LLM[Any]):
    """Gives the whole answer of a language after `delay_s`."""

    def __init__(self, delay_s: float) -> None:
        super().__init__()
        self.delay_s = delay_s

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        model = self._llm
        assert isinstance(model, ScriptedModel)
        await asyncio.sleep(model.delay_s)
        asked = next((m.text_content for m in reversed(self._chat_ctx.items) if isinstance(m, llm.ChatMessage)), "")
        answer = ANSWER["zh" if any("\u4e00" <= c <= "\u9fff" for c in asked or "") else "en"]
        self._event_ch.send_nowait(
            llm.ChatChunk(id="scripted", delta=llm.ChoiceDelta(role="assistant", content=answer))
        )


class ScriptedVoice(tts.TTS[Any]):
    """A buzz with syllables after `delay_s`: nothing to listen to, but it opens a mouth."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)
        self.delay_s = delay_s

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Clip(tts=self, input_text=text, conn_options=conn_options)


class _Clip(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, ScriptedVoice)
        await asyncio.sleep(voice.delay_s)
        output_emitter.initialize(
            request_id="scripted", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm", frame_size_ms=100
        )
        text = self.input_text
        character = _CHARACTER_S["zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"]
        output_emitter.push(syllables(len(text) * character, VOICE_RATE).tobytes())
        output_emitter.flush()


def syllables(seconds: float, rate: int) -> NDArray[np.int16]:
    """A vowel-like sound whose loudness and colour change five times a second."""
    t = np.arange(int(seconds * rate)) / rate
    pitch = np.cumsum(140 + 25 * np.sin(2 * np.pi * 0.7 * t)) / rate
    colour = 0.5 + 0.5 * np.sin(2 * np.pi * 2.5 * t)
    wave = np.zeros(len(t))
    for k in range(1, 24):
        wave += np.sin(2 * np.pi * k * pitch) * np.exp(-((k * 140 - (500 + 700 * colour)) ** 2) / 3e5)
    loudness = np.clip(np.cos(2 * np.pi * 2.5 * t) ** 2 * 1.3 - 0.15, 0, 1)
    sound: NDArray[np.int16] = np.clip(wave * loudness * 5000, -32768, 32767).astype(np.int16)
    return sound


class ScriptedEngines:
    """`conversation.parts.Engines` and what the server asks of engines, with known delays. `ears` recognise instead of
    the script."""

    def __init__(self, delays: Delays = DELAYS, *, ears: Recogniser | None = None) -> None:
        self._delays = delays
        self._ears = ears
        self._detectors = ThreadPoolExecutor(2, thread_name_prefix="vad")
        self.ready = {"asr": True, "llm": True, "tts": True}

    def stt(self, spec: AsrSpec, **_: Any) -> stt.STT[Any]:
        async def recognise(samples: Samples, language: Language, *, patience_s: float = 0.0) -> Recognition:
            await asyncio.sleep(self._delays.recogniser_s)
            spoken = "en" if language == "en" else "zh"
            if len(samples) < SHORTEST_S * LISTEN_RATE:
                return Recognition("", spoken)
            return Recognition(QUESTION[spoken], spoken, 1.0)

        return LocalSTT(self._ears or recognise, self.vad, self.language_of(spec))

    def tts(self, spec: TtsSpec, *, default_voices: Mapping[str, str] | None = None, **_: Any) -> tts.TTS[Any]:
        return ScriptedVoice(self._delays.voice_s)

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], JsonObject] | None = None) -> llm.LLM[Any]:
        return ScriptedModel(self._delays.model_s)

    def vad(self, *, min_speech_s: float = 0.05, min_silence_s: float = 0.25, threshold: float = 0.5) -> vad.VAD:
        return inference.VAD(
            min_speech_duration=min_speech_s,
            min_silence_duration=min_silence_s,
            activation_threshold=threshold,
            executor=self._detectors,
        )

    def language_of(self, spec: AsrSpec) -> Language:
        return choices.language_of(spec)

    def takes_tools(self, spec: LlmSpec) -> bool:
        return False

    def timbres(self) -> list[str]:
        return []

    async def warm(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        self._detectors.shutdown(wait=False, cancel_futures=True)


class ListeningEngines(ScriptedEngines):
    """Scripted engines that understand what is said, with the local recogniser."""

    def __init__(self, settings: Settings) -> None:
        self._local = Engines(settings)
        super().__init__(ears=self._local.recognise)
        self.ready = {"asr": False, "llm": True, "tts": True}

    async def warm(self) -> None:
        """Loads the recogniser."""
        for language in ("zh", "en"):
            await self._local.recognise(np.zeros(LISTEN_RATE, np.int16), language)
        self.ready["asr"] = True

    async def close(self) -> None:
        await super().close()
        await self._local.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--listen", action="store_true", help="recognise what is said")
    options = parser.parse_args()
    settings = Settings(port=options.port, data_dir=options.data_dir)
    configure_logging(settings)
    prepare_data_dir(settings.data_dir)
    engines = ListeningEngines(settings) if options.listen else ScriptedEngines()
    asyncio.run(run(settings, bind(settings.host, settings.port), engines))


if __name__ == "__main__":
    main()
