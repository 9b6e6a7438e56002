"""`mien serve` with everything real but the models: what is said is scripted, so that a call takes seconds.

`python -m tests.support.scripted_server --port 0 --data-dir D` prints the address as its first line and ends when its
standard input does. The user is always understood to ask `QUESTION`, and is always answered with `ANSWER`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, llm, stt, tts, vad

from mien.cli.serve import bind, stop_at_end_of_input
from mien.settings import Settings
from mien.speech.phones import VOICE_RATE
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec
from tests.support.conversation import LoudnessVad

QUESTION = {"zh": "今天天气怎么样？", "en": "What is the weather like today?"}
ANSWER = {
    "zh": "今天天气很好，阳光明媚。出门走走吧，记得多喝水。",
    "en": "It is a lovely day with a clear blue sky. Go for a walk, and remember to drink some water.",
}
LOUD_ENOUGH = 700
START_LIMIT_S = 120.0
CHARACTER_S = {"zh": 0.2, "en": 0.065}


def language_of(text: str) -> str:
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"


class QuietVad(LoudnessVad):
    """Hears what is left of a voice after the browser's echo and noise processing."""

    def stream(self) -> vad.VADStream:
        return _Amplified(self, super().stream())


class _Amplified:
    """A VAD stream that gets everything ten times as loud."""

    def __init__(self, owner: QuietVad, inner: vad.VADStream) -> None:
        self._inner = inner

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        samples = np.frombuffer(frame.data, np.int16).astype(np.int32)
        peak = int(np.abs(samples).max()) if samples.size else 0
        loud = np.full(samples.size, 10_000 if peak > LOUD_ENOUGH else 0, np.int16)
        self._inner.push_frame(rtc.AudioFrame(loud.tobytes(), frame.sample_rate, 1, samples.size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __aiter__(self) -> Any:
        return self._inner.__aiter__()


class Recogniser(stt.STT[Any]):
    """Understands every utterance as the question of its language."""

    def __init__(self, language: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.text = QUESTION[language]

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any) -> stt.RecognizeStream:
        return _Recognition(stt=self, conn_options=conn_options)


class _Recognition(stt.RecognizeStream):
    _stt: Recogniser

    async def _run(self) -> None:
        detector = QuietVad(0.1, 0.3).stream()

        async def feed() -> None:
            async for frame in self._input_ch:
                if isinstance(frame, rtc.AudioFrame):
                    detector.push_frame(frame)
            detector.end_input()

        def send(kind: stt.SpeechEventType, text: str) -> None:
            self._event_ch.send_nowait(stt.SpeechEvent(kind, alternatives=[stt.SpeechData(language="zh", text=text)]))

        feeding = asyncio.create_task(feed())
        try:
            async for event in detector:
                if event.type is vad.VADEventType.START_OF_SPEECH:
                    send(stt.SpeechEventType.INTERIM_TRANSCRIPT, self._stt.text[: len(self._stt.text) // 2])
                elif event.type is vad.VADEventType.END_OF_SPEECH:
                    send(stt.SpeechEventType.FINAL_TRANSCRIPT, self._stt.text)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await detector.aclose()


class Answerer(llm.LLM[Any]):
    """Answers in the language of the last message, a few characters at a time."""

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any = None, **_: Any
    ) -> llm.LLMStream:
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.sleep(0.3)
        last = next(m.text_content or "" for m in reversed(self._chat_ctx.items) if isinstance(m, llm.ChatMessage))
        reply = ANSWER[language_of(last)]
        for i in range(0, len(reply), 3):
            delta = llm.ChoiceDelta(role="assistant", content=reply[i : i + 3])
            self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))
            await asyncio.sleep(0.01)


class Voice(tts.TTS[Any]):
    """A buzz with syllables: nothing to listen to, but it opens a mouth."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Clip(tts=self, input_text=text, conn_options=conn_options)


class _Clip(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        await asyncio.sleep(0.1)
        output_emitter.initialize(
            request_id="clip", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm", frame_size_ms=100
        )
        seconds = len(self.input_text) * CHARACTER_S[language_of(self.input_text)]
        output_emitter.push(syllables(seconds, VOICE_RATE).tobytes())
        output_emitter.flush()


def syllables(seconds: float, rate: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A vowel-like sound whose loudness and colour change five times a second, as 16-bit samples."""
    t = np.arange(int(seconds * rate)) / rate
    pitch = np.cumsum(140 + 25 * np.sin(2 * np.pi * 0.7 * t)) / rate
    colour = 0.5 + 0.5 * np.sin(2 * np.pi * 2.5 * t)
    wave = sum(
        np.sin(2 * np.pi * k * pitch) * np.exp(-((k * 140 - (500 + 700 * colour)) ** 2) / 3e5) for k in range(1, 24)
    )
    loudness = np.clip(np.sin(2 * np.pi * 2.5 * t) ** 2 * 1.3 - 0.15, 0, 1)
    return np.asarray(np.clip(wave * loudness * 5000, -32768, 32767), np.int16)


class ScriptedEngines:
    """Takes the place of `mien.speech.engines.Engines`."""

    def __init__(self, settings: Settings) -> None:
        self.ready = {"asr": True, "llm": True, "tts": True}

    def stt(self, spec: AsrSpec, **_: Any) -> stt.STT[Any]:
        return Recogniser(self.language_of(spec))

    def tts(self, spec: TtsSpec, **_: Any) -> tts.TTS[Any]:
        return Voice()

    def llm(self, spec: LlmSpec, *, agent_info: Callable[[], dict[str, Any]] | None = None) -> llm.LLM[Any]:
        return Answerer()

    def vad(self, *, min_speech_s: float, min_silence_s: float, threshold: float) -> vad.VAD:
        return QuietVad(min_speech_s, min_silence_s)

    def language_of(self, spec: AsrSpec) -> str:
        return "en" if spec.params.get("language") == "en" else "zh"

    def takes_tools(self, spec: LlmSpec) -> bool:
        return True

    def timbres(self) -> list[str]:
        return ["zf_xiaoxiao", "af_heart"]

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


async def serve(settings: Settings) -> None:
    """Runs until standard input ends."""
    from mien.server import MienServer

    listener = bind(settings.host, settings.port)
    url = f"http://localhost:{listener.getsockname()[1]}"
    mien = await MienServer.build(settings, local_url=url)
    server = uvicorn.Server(
        uvicorn.Config(mien.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    stop_at_end_of_input(server)
    await mien.start()
    print(url, flush=True)
    try:
        await server.serve(sockets=[listener])
    finally:
        await mien.close()


class ScriptedServer:
    """This module as a child process that ends with its parent; `url` once it is ready for calls. A context manager."""

    def __init__(self, data_dir: Path, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, "--data-dir", str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A browser that is closed mid-call leaves its instance behind for a while; those must not count as load.
            env=os.environ | {"MIEN_MAX_LOAD": "1000", "MIEN_MAX_DIGITAL_HUMAN_INSTANCES": "100"} | (env or {}),
            cwd=Path(__file__).parents[2],
            text=True,
        )
        self._reader: threading.Thread | None = None
        self.log: list[str] = []
        self.url = ""

    def __enter__(self) -> ScriptedServer:
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url.startswith("http"):
            raise RuntimeError(f"The server did not start: {self.url}{self._process.stdout.read()}")
        # Someone must read, or the server blocks when the pipe is full.
        self._reader = threading.Thread(target=self.log.extend, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_LIMIT_S
        while httpx.get(f"{self.url}/readyz").status_code != 200:
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("The server did not become ready:\n" + "".join(self.log[-20:]))
            time.sleep(0.2)
        return self

    def kill(self) -> None:
        """Without any goodbye, as a crash would."""
        self._process.kill()
        self._process.wait(10)

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    options = parser.parse_args()
    options.data_dir.mkdir(parents=True, exist_ok=True)
    engines = types.ModuleType("mien.speech.engines")
    engines.Engines = ScriptedEngines  # type: ignore[attr-defined]
    sys.modules["mien.speech.engines"] = engines
    asyncio.run(serve(Settings(port=options.port, data_dir=options.data_dir)))


if __name__ == "__main__":
    main()
