"""The local engines with their real models: what is spoken is understood, timed and can be stopped."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import llm, stt
from numpy.typing import NDArray

from mien.models.registry import missing
from mien.settings import Settings
from mien.speech.engines import Engines
from mien.speech.local.g2p import G2P
from mien.speech.local.kokoro import UnknownVoiceError
from mien.speech.local.llama import Sampling
from mien.speech.local.whisper import LISTEN_RATE, Language
from mien.speech.phones import VOICE_RATE, SpokenText, attached
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
async def engines() -> AsyncIterator[Engines]:
    settings = Settings()  # type: ignore[call-arg]
    assert not missing(settings.models_dir), "run `make setup` first"
    made = Engines(settings)
    yield made
    await made.close()


async def spoken(
    engines: Engines, text: str, language: str, voice: str, speed: float = 1.0
) -> tuple[NDArray[np.int16], list[SpokenText]]:
    local = await engines.voice()
    sounds, clips = [], []
    async for sound, clip in local.stream(text, language, voice, speed):
        sounds.append(sound)
        clips += [clip] if clip else []
    return np.concatenate(sounds), clips


def heard_at(sound: NDArray[np.int16], rate: int = VOICE_RATE) -> NDArray[np.int16]:
    resampler = rtc.AudioResampler(rate, LISTEN_RATE)
    frames = [*resampler.push(rtc.AudioFrame(sound.tobytes(), rate, 1, len(sound))), *resampler.flush()]
    return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])


def units(text: str, language: str) -> list[str]:
    text = text.lower()
    return re.findall(r"[\u4e00-\u9fff0-9a-z]", text) if language == "zh" else re.findall(r"[a-z0-9']+", text)


def error_rate(said: str, heard: str, language: str) -> float:
    """Character (zh) or word (en) error rate."""
    wanted, found = units(said, language), units(heard, language)
    row = list(range(len(found) + 1))
    for i, a in enumerate(wanted, 1):
        before, row = row, [i]
        for j, b in enumerate(found, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1] / len(wanted)


@pytest.mark.parametrize(
    ("language", "voice", "text"),
    [
        ("zh", "zf_xiaoxiao", "今天天气怎么样？我想出去散步。"),
        ("zh", "zm_yunxi", "请给我讲一个关于月亮的故事。"),
        ("en", "af_heart", "What is the weather like today? I want to take a walk."),
        ("en", "am_michael", "Tell me something interesting about the moon."),
        ("en", "bf_emma", "The meeting begins at ten o'clock tomorrow morning."),
    ],
)
async def test_what_is_said_is_understood(engines: Engines, language: Language, voice: str, text: str) -> None:
    sound, _ = await spoken(engines, text, language, voice)
    for listening in (language, "auto"):
        heard = await engines.recognise(heard_at(sound), listening)  # type: ignore[arg-type]
        assert heard.language == language
        assert error_rate(text, heard.text, language) < 0.3, heard.text


async def test_phone_times_fill_the_sound_and_follow_its_loudness(engines: Engines) -> None:
    for language, voice, text in (
        ("zh", "zf_xiaoxiao", "爸爸买了一本新书，马上就回来。"),
        ("en", "am_michael", "My mother bought a big purple umbrella. It may be bad."),
    ):
        sound, clips = await spoken(engines, text, language, voice)
        assert "".join(clip.text for clip in clips) == text
        assert sum(clip.duration for clip in clips) == pytest.approx(len(sound) / VOICE_RATE, abs=0.001)
        offset = 0.0
        quiet, loud = [], []
        for clip in clips:
            end = 0.0
            for phone in clip.phones:
                assert phone.start == pytest.approx(end)
                end = phone.end
                piece = sound[int((offset + phone.start) * VOICE_RATE) : int((offset + phone.end) * VOICE_RATE)]
                level = float(np.sqrt(np.mean(np.square(piece.astype(np.float64))))) if len(piece) else 0.0
                if phone.symbol == "" and phone.end - phone.start > 0.06:
                    quiet.append(level)
                elif phone.symbol in "aeiouɑɔɛɪʊʌæAIOWY" and phone.symbol:
                    loud.append(level)
            assert end == pytest.approx(clip.duration)
            assert clip.phones[0].end < 0.1, "the silence before speech is not trimmed"
            offset += clip.duration
        assert np.median(quiet) < 0.05 * np.median(loud)


async def test_closures_lie_where_the_sound_dips(engines: Engines) -> None:
    dips = 0
    total = 0
    sound, clips = await spoken(engines, "My baby bought a bubble, a rubber boat and a big blue bag.", "en", "af_heart")
    offset = 0.0
    for clip in clips:
        for phone in clip.phones:
            middle = offset + (phone.start + phone.end) / 2
            if phone.symbol == "b" and middle > 0.2:
                level = [
                    np.sqrt(np.mean(np.square(sound[max(0, at - 120) : at + 120].astype(np.float64))))
                    for at in range(int((middle - 0.12) * VOICE_RATE), int((middle + 0.12) * VOICE_RATE), 60)
                ]
                quietest = (int(np.argmin(level)) * 60 / VOICE_RATE) - 0.12
                dips += abs(quietest) <= 0.05
                total += 1
        offset += clip.duration
    assert total >= 8
    assert dips / total > 0.7


async def test_speed_and_repetition(engines: Engines) -> None:
    slow, _ = await spoken(engines, "你好，很高兴见到你。", "zh", "zf_xiaoxiao", 0.8)
    quick, first = await spoken(engines, "你好，很高兴见到你。", "zh", "zf_xiaoxiao", 1.4)
    assert len(quick) < 0.75 * len(slow)
    again, second = await spoken(engines, "你好，很高兴见到你。", "zh", "zf_xiaoxiao", 1.4)
    assert np.array_equal(quick, again)
    assert first == second


async def test_frames_carry_what_they_say(engines: Engines) -> None:
    frames = []
    async with engines.tts(TtsSpec()).synthesize("你好。今天真好！") as stream:
        frames = [audio.frame async for audio in stream]
    said = [spoken for frame in frames if (spoken := attached(frame))]
    assert attached(frames[0]) is said[0]
    assert [clip.text for clip in said] == ["你好。", "今天真好！"]
    assert {frame.sample_rate for frame in frames} == {VOICE_RATE}
    total = sum(frame.duration for frame in frames)
    assert total == pytest.approx(sum(clip.duration for clip in said), abs=0.05)


async def test_nothing_to_say_is_no_failure(engines: Engines) -> None:
    async with engines.tts(TtsSpec()).synthesize("😀") as stream:
        frames = [audio.frame async for audio in stream]
    assert all(attached(frame) is None for frame in frames)
    assert not any(np.frombuffer(frame.data, np.int16).any() for frame in frames)


async def test_an_unknown_voice_names_those_there_are(engines: Engines) -> None:
    with pytest.raises(UnknownVoiceError, match="zf_xiaoxiao"):
        await spoken(engines, "你好", "zh", "../../secret")


async def test_pronunciation_of_mixed_text() -> None:
    g2p = G2P()
    mixed = g2p("我用Python和AI写代码，OK？")
    assert "pʰai↘sə→n" in mixed
    assert "ei→ ai↘" in mixed
    assert mixed.endswith("?")
    assert g2p("！！") == "!!"
    assert g2p("U.S. GPT") != ""


async def test_silence_and_noise_are_not_speech(engines: Engines) -> None:
    noise = np.random.default_rng(1)
    for sound in (
        np.zeros(2 * LISTEN_RATE),
        noise.normal(0, 1500, 3 * LISTEN_RATE),
        noise.normal(0, 8000, 2 * LISTEN_RATE),
        3000 * np.sin(np.arange(2 * LISTEN_RATE) * 2 * np.pi * 100 / LISTEN_RATE),
    ):
        for language in ("zh", "en", "auto"):
            heard = await engines.recognise(np.clip(sound, -32768, 32767).astype(np.int16), language)  # type: ignore[arg-type]
            assert heard.text == "", heard


async def test_the_streaming_recogniser_hears_each_sentence(engines: Engines) -> None:
    first, _ = await spoken(engines, "今天天气怎么样？", "zh", "zm_yunxi")
    gap = np.zeros(LISTEN_RATE, np.int16)
    sound = np.concatenate([gap, heard_at(first), gap, heard_at(first), gap])
    stream = engines.stt(AsrSpec(params={"engine_model_type": "16k_zh"})).stream()
    for start in range(0, len(sound), 320):
        block = sound[start : start + 320]
        stream.push_frame(rtc.AudioFrame(block.tobytes(), LISTEN_RATE, 1, len(block)))
    stream.end_input()
    events = [event async for event in stream]
    finals = [event.alternatives[0] for event in events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert len(finals) == 2
    assert all(error_rate("今天天气怎么样", final.text, "zh") < 0.3 for final in finals)
    kinds = [event.type for event in events]
    assert kinds.index(stt.SpeechEventType.START_OF_SPEECH) < kinds.index(stt.SpeechEventType.END_OF_SPEECH)
    await stream.aclose()


async def test_whole_recordings_are_recognised_at_any_rate(engines: Engines) -> None:
    sound, _ = await spoken(engines, "Can you hear me now?", "en", "am_michael")
    frame = rtc.AudioFrame(sound.tobytes(), VOICE_RATE, 1, len(sound))
    event = await engines.stt(AsrSpec(params={"language": "en"})).recognize([frame])
    assert error_rate("Can you hear me now?", event.alternatives[0].text, "en") < 0.3


def conversation(text: str, system: str = "You are Mien. Answer in one short sentence.") -> llm.ChatContext:
    context = llm.ChatContext()
    context.add_message(role="system", content=system)
    context.add_message(role="user", content=text)
    return context


async def test_the_local_model_answers_and_stops_when_told(engines: Engines) -> None:
    model = engines.llm(LlmSpec(params={"max_tokens": 12}))
    async with model.chat(chat_ctx=conversation("What is the capital of France?")) as stream:
        answer = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])
    assert "Paris" in answer

    long = engines.llm(LlmSpec(params={"max_tokens": 400}))
    begun = time.perf_counter()
    async with long.chat(
        chat_ctx=conversation("Write a very long story about a dragon.", "Write at length.")
    ) as stream:
        async for chunk in stream:
            if chunk.delta and chunk.delta.content:
                break
    first = time.perf_counter() - begun
    # The next answer can only begin soon if the cancelled one has really stopped.
    begun = time.perf_counter()
    async with model.chat(chat_ctx=conversation("Say hello.")) as stream:
        async for chunk in stream:
            if chunk.delta and chunk.delta.content:
                break
    assert time.perf_counter() - begun < max(5.0, 8 * first)


async def test_a_prompt_is_given_up_while_it_is_read(engines: Engines) -> None:
    model = await engines._model.get()
    looks: list[str] = []

    def look(text: str) -> bool:
        looks.append(text)
        return len(looks) == 3

    messages = [{"role": "user", "content": "A fox lived near a river and went fishing every day. " * 20}]
    model._llama.generate(messages, Sampling(max_tokens=4), look)
    assert looks == ["", "", ""], "nothing was written"
    looks.clear()
    model._llama.generate(messages, Sampling(max_tokens=4), lambda text: bool(looks.append(text)))
    assert looks.count("") > 4, "most was still to be read"


async def test_calls_share_the_model(engines: Engines) -> None:
    async def ask(number: int) -> str:
        model = engines.llm(LlmSpec(params={"max_tokens": 8}))
        async with model.chat(chat_ctx=conversation(f"Repeat the number {number}.")) as stream:
            return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])

    answers = await asyncio.gather(*(ask(number) for number in (17, 42, 99)))
    assert [str(number) in answer for number, answer in zip((17, 42, 99), answers, strict=True)].count(True) >= 2
