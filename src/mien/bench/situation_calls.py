"""Plays the situations in real calls over WebRTC on loopback: `mien bench situations`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from mien.bench.latency import Credentials, demo_credentials, first_human, first_sound
from mien.bench.recordings import Sound
from mien.bench.situations import SITUATIONS, Situation, Turn, got, problems
from mien.errors import UserError
from mien.rtc.port import AUDIO_CLOCK
from mien.viewer.call import Call, open_call
from mien.viewer.own_server import OwnServer

LOOK_EVERY_S = 0.02
HEARD_WITHIN_S = 20.0
QUIET_S = 2.0
"""The agent has been idle for this long when a situation is over."""
OVER_WITHIN_S = 60.0


def chosen(names: Sequence[str], langs: Sequence[str]) -> list[Situation]:
    """The situations whose name contains one of `names` (all without any), in `langs`. Raises UserError for none."""
    wanted = [
        situation
        for situation in SITUATIONS
        if situation.lang in langs and (not names or any(name.lower() in situation.name.lower() for name in names))
    ]
    if not wanted:
        known = ", ".join(dict.fromkeys(situation.name for situation in SITUATIONS))
        raise UserError(f"No situation is called {' or '.join(names)}. There are: {known}.")
    return wanted


def run(situations: Sequence[Situation], *, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Plays `situations` to a server of its own and returns what `mien bench situations --json` prints.

    Raises UserError when a call does not come about.
    """
    with TemporaryDirectory(prefix="mien-bench-") as name:
        folder = Path(name)
        env = {"MIEN_DATA_DIR": str(folder), "MIEN_MAX_LOAD": "1000"}
        with OwnServer(data_dir=folder, env=env, program=("mien.bench.scripted", "--listen")) as own:
            own.wait_ready(progress)
            rows = asyncio.run(_play_all(own.url, demo_credentials(folder), situations, progress))
    failed = sum(not row["ok"] for row in rows)
    return {"situations": rows, "passed": len(rows) - failed, "failed": failed}


async def _play_all(
    url: str, credentials: Credentials, situations: Sequence[Situation], progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10.0) as http:
        human = await first_human(http)
    rows = []
    for number, situation in enumerate(situations, 1):
        progress(f"{number} of {len(situations)}: {situation.lang}, {situation.name}")
        try:
            turns = await _play(url, credentials, human, situation)
            wrong = problems(situation, turns)
        except (UserError, TimeoutError) as error:
            turns, wrong = [], [str(error) or "it was not over in time"]
        rows.append(
            {
                "situation": situation.name,
                "lang": situation.lang,
                "expected": situation.expected,
                "got": got(turns),
                "ok": not wrong,
                "problems": wrong,
            }
        )
    return rows


async def _play(url: str, credentials: Credentials, human: str, situation: Situation) -> list[Turn]:
    async with open_call(
        url,
        *credentials,
        lang=situation.lang,
        config_id="mobile",
        digital_human_id=human,
        instance={"Mien": dict(situation.extras) | {"Language": situation.lang}, "VAD": dict(situation.vad)},
        settle=not situation.extras.get("Welcome"),
    ) as call:
        place = _CallPlace(call)
        try:
            async with asyncio.timeout(HEARD_WITHIN_S + OVER_WITHIN_S * 2):
                await situation.play(place)
        finally:
            await place.aclose()
        await _over(call)
        rounds = await call.rounds()
    return [Turn(round_["origin"], round_["text"], round_["answer"], round_["interrupted"]) for round_ in rounds]


async def _over(call: Call) -> None:
    """Waits until the agent has been idle for `QUIET_S`."""
    loop = asyncio.get_running_loop()
    idle_since: float | None = None
    async with asyncio.timeout(OVER_WITHIN_S):
        while idle_since is None or loop.time() - idle_since < QUIET_S:
            status = await call.backend.call("QueryAgentInstanceStatus", {"AgentInstanceId": call.instance_id})
            if status["Status"] != "IDLE":
                idle_since = None
            elif idle_since is None:
                idle_since = loop.time()
            await asyncio.sleep(0.2)


@dataclass(slots=True)
class _Loudspeaker:
    gain: float
    delay_s: float


class _CallPlace:
    """`situations.Place` in a call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._echo: asyncio.Task[None] | None = None

    async def say(self, sound: Sound) -> None:
        await self._call.microphone.say(sound)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def agent_says(self, text: str) -> None:
        since = asyncio.get_running_loop().time()
        body = {"AgentInstanceId": self._call.instance_id, "Text": text}
        await self._call.backend.call("SendAgentInstanceTTS", body)
        await self._heard(since)

    async def agent_heard(self) -> None:
        await self._heard(0.0)

    async def _heard(self, since: float) -> None:
        recording = self._call.recording
        async with asyncio.timeout(HEARD_WITHIN_S):
            recording.drain()
            while first_sound(recording.voice, since) is None:
                await asyncio.sleep(LOOK_EVERY_S)
                recording.drain()

    def loudspeaker(self, *, db: float, delay_s: float) -> None:
        self._echo = asyncio.create_task(self._play_back(_Loudspeaker(10 ** (db / 20), delay_s)), name="bench.echo")

    async def aclose(self) -> None:
        """Switches the loudspeaker off."""
        if self._echo is not None:
            self._echo.cancel()
            await asyncio.gather(self._echo, return_exceptions=True)

    async def _play_back(self, loudspeaker: _Loudspeaker) -> None:
        recording, microphone = self._call.recording, self._call.microphone
        recording.drain()
        place = len(recording.voice)
        microphone.say(np.zeros(int(loudspeaker.delay_s * AUDIO_CLOCK), np.int16))
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            recording.drain()
            fresh, place = recording.voice[place:], len(recording.voice)
            for block in fresh:
                microphone.say(np.rint(block.pcm * loudspeaker.gain).astype(np.int16))
