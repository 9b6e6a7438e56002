"""How long an answer takes, stage by stage, in real calls: `mien bench latency`.

A caller on loopback asks recorded questions over WebRTC, in quiet and in noise, talks over a long text to interrupt it,
and makes sounds that must not interrupt. Times are what that viewer saw and heard, and what the server says of its
stages. With scripted engines, whose time is known, the rest is Mien's own overhead.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from mien.bench import recordings
from mien.bench.scripted import DELAYS
from mien.errors import UserError
from mien.rtc.port import AUDIO_CLOCK
from mien.rtc.voice import VoiceBlock
from mien.viewer.call import Call, Language, open_call
from mien.viewer.own_server import OwnServer
from mien.viewer.sound import loud_blocks

EngineKind = Literal["local", "scripted"]
Credentials = tuple[int, str]

STAGES = ("turn_end", "end_of_speech_to_text", "llm_first_token", "first_clause", "tts_first_audio", "content", "drive")
NAMES = {"end_of_speech_to_text": "asr"}
SILENCE_S = 0.3
"""The agent has fallen silent when nothing was heard for this long."""
LISTEN_S = 2.5
"""How long the viewer listens after an interruption began."""
LONG_TEXT: dict[Language, str] = {
    "zh": "我来给你讲一个故事。从前有一座山，山里有一座庙，庙里有一个老和尚，他每天早上都会去河边打水，"
    "然后慢慢走回来，路上看看花，听听鸟叫，心里很平静。",
    "en": "Let me tell you a story. Once upon a time there was a small house at the edge of a forest, and in it lived "
    "an old woman who went to the river every morning, and walked back slowly, and listened to the birds on her way.",
}
BARGE_INS = 3
NOISES = ("backchannel", "cough")
_QUIET_AFTER_S = 0.5
HUSH_LOOKS = 20
"""Looks, half a second apart, for the end of a turn that a noise has opened: it is given up after a while."""


@dataclass(slots=True)
class Samples:
    """What was measured; seconds for loop times, ms otherwise."""

    turns: dict[Language, list[dict[str, float]]] = field(default_factory=dict)
    barge_in_ms: list[float] = field(default_factory=list)
    interrupting: list[str] = field(default_factory=list)
    """Sounds that interrupted and should not have."""
    not_answered: list[str] = field(default_factory=list)


def run(
    *,
    langs: tuple[Language, ...],
    turns: int,
    engines: EngineKind,
    url: str | None = None,
    credentials: Credentials | None = None,
    human: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measures and returns what `mien bench latency --json` prints. Raises UserError when a call does not come about.

    Without `url` a server is started: with local engines, then for the overhead one with scripted engines.
    """

    def measured(engines: EngineKind, *, talk_over: bool) -> tuple[Samples, float | None]:
        with TemporaryDirectory(prefix="mien-bench-") as name:
            folder = Path(name)
            with _server(engines, folder) as own:
                own.wait_ready(progress)
                work = _measure(own.url, demo_credentials(folder), langs, turns, human, progress, talk_over=talk_over)
                return asyncio.run(work)

    if url is not None and credentials is not None:
        return report(*asyncio.run(_measure(url, credentials, langs, turns, human, progress)))
    samples, delay = measured(engines, talk_over=True)
    result = report(samples, delay)
    if engines == "local":
        progress("measuring Mien's own overhead with scripted engines")
        samples, _ = measured("scripted", talk_over=False)
    result["overhead_ms"] = spread(overheads(samples))
    return result


def _server(engines: EngineKind, folder: Path) -> OwnServer:
    # A benchmark must not be refused for the load it makes itself.
    env = {"MIEN_DATA_DIR": str(folder), "MIEN_MAX_LOAD": "1000"}
    if engines == "scripted":
        return OwnServer(data_dir=folder, env=env, program=("mien.bench.scripted",))
    return OwnServer(data_dir=folder, env=env)


def demo_credentials(folder: Path) -> Credentials:
    """Those of the project that the server with this data folder made for itself."""
    from mien.settings import Settings
    from mien.store import open_store

    async def read() -> Credentials:
        settings = Settings(data_dir=folder)
        store = await open_store(settings)
        try:
            demo = await store.apps.ensure_demo(settings)
        finally:
            await store.close()
        return demo.app_id, demo.server_secret

    return asyncio.run(read())


async def _measure(
    url: str,
    credentials: Credentials,
    langs: tuple[Language, ...],
    turns: int,
    human: str,
    progress: Callable[[str], None],
    *,
    talk_over: bool = True,
) -> tuple[Samples, float | None]:
    samples = Samples()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10.0) as http:
        human = human or await first_human(http)
        before = await _delays(http)
        for lang in langs:
            asked = itertools.islice(itertools.cycle(recordings.questions(lang)), turns)
            samples.turns[lang] = []
            async with open_call(
                url, *credentials, lang=lang, config_id="mobile", digital_human_id=human, progress=progress
            ) as call:
                for number, question in enumerate(asked, 1):
                    progress(f"{lang}: question {number} of {turns}")
                    await _ask(call, lang, question, noisy=number % 2 == 0, samples=samples)
                if talk_over:
                    progress(f"{lang}: talking over it")
                    await _talk_over(call, lang, samples)
        after = await _delays(http)
    return samples, percentile_of(before, after, 0.99)


async def first_human(http: httpx.AsyncClient) -> str:
    """Id of the server's first digital human. Raises UserError."""
    try:
        options = (await http.get("/api/demo/options")).json()
        return str(options["digital_humans"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError) as error:
        raise UserError(f"{http.base_url} names no digital human; give one with --avatar ID. ({error})") from error


async def _ask(call: Call, lang: Language, question: recordings.Sound, *, noisy: bool, samples: Samples) -> None:
    seen = len(await call.rounds())
    try:
        ended_at = await call.ask(question)
    except UserError as error:
        samples.not_answered.append(str(error))
        return
    if noisy:
        ended_at -= recordings.PAD_S
    await asyncio.sleep(_QUIET_AFTER_S)
    call.recording.drain()
    stages = next((r for r in (await call.rounds())[seen:] if r["origin"] == "user" and r["answer"]), None)
    heard_at = first_sound(call.recording.voice, ended_at)
    if stages is None or heard_at is None:
        samples.not_answered.append("the answer was not heard")
        return
    turn = {name: float(stages[name]) for name in (*STAGES, "total") if stages.get(name) is not None}
    turn["server_total"] = turn.pop("total")
    turn["total"] = (heard_at - ended_at) * 1000
    samples.turns[lang].append(turn)


async def _talk_over(call: Call, lang: Language, samples: Samples) -> None:
    for number in range(BARGE_INS):
        began = await _say_over(call, lang, recordings.clip(lang, "interrupt"))
        call.recording.drain()
        silent_at = fell_silent(call.recording.voice, began)
        if silent_at is None:
            samples.not_answered.append(f"interruption {number + 1} in {lang} was ignored")
        else:
            samples.barge_in_ms.append((silent_at - began) * 1000)
        await _hush(call)
    for name in NOISES:
        sound = recordings.cough() if name == "cough" else recordings.clip(lang, name)
        await _say_over(call, lang, sound)
        spoken = [r for r in await call.rounds() if r["origin"] == "say"]
        running = await call.backend.call("QueryAgentInstanceStatus", {"AgentInstanceId": call.instance_id})
        # It must still be speaking, or have ended by itself.
        if spoken and spoken[-1]["interrupted"] and len(spoken) > BARGE_INS + NOISES.index(name):
            samples.interrupting.append(f"{lang} {name}")
        elif running["Status"] != "SPEAKING":
            samples.not_answered.append(f"{name}: the text was over before it could be judged")
        await _hush(call)


async def _say_over(call: Call, lang: Language, sound: recordings.Sound) -> float:
    """Lets the agent speak and says `sound` over it; the loop time at which `sound` began."""
    loop = asyncio.get_running_loop()
    call.recording.drain()
    since = loop.time()
    await call.backend.call("SendAgentInstanceTTS", {"AgentInstanceId": call.instance_id, "Text": LONG_TEXT[lang]})
    async with asyncio.timeout(20.0):
        while first_sound(call.recording.voice, since) is None:
            await asyncio.sleep(0.05)
            call.recording.drain()
    await asyncio.sleep(1.2)
    ended = await call.microphone.say(sound)
    began = ended - len(sound) / AUDIO_CLOCK
    await asyncio.sleep(max(0.0, began + LISTEN_S - loop.time()))
    return began


async def _hush(call: Call) -> None:
    """Silence between two trials, whatever is being said or answered."""
    await asyncio.sleep(1.0)
    await call.backend.call("InterruptAgentInstance", {"AgentInstanceId": call.instance_id})
    await asyncio.sleep(_QUIET_AFTER_S)
    for _ in range(HUSH_LOOKS):
        running = await call.backend.call("QueryAgentInstanceStatus", {"AgentInstanceId": call.instance_id})
        if running["Status"] != "LISTENING":
            return
        await asyncio.sleep(_QUIET_AFTER_S)


def first_sound(voice: list[VoiceBlock], since: float) -> float | None:
    """Loop time at which the first sound after `since` arrived."""
    return next((b.arrival for b in voice if b.arrival > since and loud_blocks(b.pcm, AUDIO_CLOCK).any()), None)


def fell_silent(voice: list[VoiceBlock], since: float) -> float | None:
    """Loop time at which the last sound arrived before at least `SILENCE_S` of silence; None if it goes on."""
    last: float | None = None
    for block in voice:
        if block.arrival <= since:
            continue
        if loud_blocks(block.pcm, AUDIO_CLOCK).any():
            last = block.arrival
        elif block.arrival - (last if last is not None else since) >= SILENCE_S:
            return last if last is not None else since
    return None


def overheads(samples: Samples) -> list[float]:
    """ms from where an answer could have begun with `DELAYS` to where the viewer heard it."""
    engines = (DELAYS.model_s + DELAYS.voice_s) * 1000
    return [
        turn["total"] - max(turn["turn_end"], turn["end_of_speech_to_text"] + engines)
        for turns in samples.turns.values()
        for turn in turns
    ]


def report(samples: Samples, loop_delay_s: float | None) -> dict[str, Any]:
    """The figures as they are printed. Stages count from the end of speech; `drive` and `playout` are durations."""
    result: dict[str, Any] = {}
    for lang, turns in samples.turns.items():
        columns = {"total": [turn["total"] for turn in turns]}
        for stage in STAGES:
            columns[NAMES.get(stage, stage)] = [turn[stage] for turn in turns if stage in turn]
        columns["playout"] = [turn["total"] - turn["server_total"] for turn in turns]
        result[lang] = {f"{name}_ms": spread(values) for name, values in columns.items()} | {"turns": len(turns)}
    result["barge_in_ms"] = spread(samples.barge_in_ms)
    result["false_interruptions"] = len(samples.interrupting)
    result["interrupting"] = samples.interrupting
    result["loop_delay_ms"] = {"p99": None if loop_delay_s is None else round(loop_delay_s * 1000, 1)}
    result["overhead_ms"] = spread([])
    result["not_answered"] = samples.not_answered
    return result


def spread(values: list[float]) -> dict[str, int | None]:
    """Median and 95th percentile, rounded; None without a value."""
    if not values:
        return {"median": None, "p95": None}
    return {"median": round(float(np.median(values))), "p95": round(float(np.percentile(values, 95)))}


async def _delays(http: httpx.AsyncClient) -> dict[float, float]:
    """Counts of the event loop's delay by upper bound, s; empty when the server shows no figures."""
    answer = await http.get("/metrics")
    if answer.status_code != httpx.codes.OK:
        return {}
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "mien_event_loop_delay_seconds_bucket"
    }


def percentile_of(before: Mapping[float, float], after: Mapping[float, float], part: float) -> float | None:
    """A percentile of what a Prometheus histogram took up between two looks, interpolated inside its bucket."""
    bounds = sorted(after)
    counts = [after[bound] - before.get(bound, 0.0) for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    wanted = part * counts[-1]
    low, below = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if count >= wanted:
            if bound == float("inf") or count == below:
                return low
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low
