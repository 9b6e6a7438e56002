"""A call over the real HTTP and WebRTC paths: as business backend and as client."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import numpy as np
from numpy.typing import NDArray

from mien.client import AsyncClient
from mien.errors import UserError
from mien.rtc.client import Microphone, Playback, RoomClient
from mien.rtc.port import AUDIO_CLOCK, RtcError
from mien.rtc.token04 import issue
from mien.viewer.recording import Recording
from mien.viewer.sound import speech_span

Language = Literal["zh", "en"]
ConfigId = Literal["web", "mobile"]

PROMPTS: dict[Language, str] = {
    "zh": "你叫小面，是一位友好的数字人，正在和用户视频通话。请用一两句简短的口语中文回答，不要列表，不要表情符号。",
    "en": "You are Mien, a friendly digital human on a video call. Answer in one or two short spoken sentences.",
}

SETTLE_S = 1.5
"""Media flows this long before the question: the first picture is there, sender reports relate voice and video."""
ANSWER_LIMIT_S = 40.0
"""The answer must begin within this; generous for a loaded machine."""
TALK_LIMIT_S = 120.0
TAIL_S = 0.6


@dataclass(slots=True)
class CallResult:
    """What happened. Loop times in seconds."""

    recording: Recording
    question: str = ""
    answer: str = ""
    question_ended_at: float = 0.0
    rounds: list[dict[str, Any]] = field(default_factory=list)
    package_url: str = ""


class Answer:
    """Follows the room messages of the question's turn."""

    def __init__(self) -> None:
        self.question = ""
        self.text = ""
        self.begun = asyncio.Event()
        self.finished = asyncio.Event()
        self._pieces: dict[int, str] = {}

    def take(self, content: str) -> None:
        message = json.loads(content)
        data = message.get("Data", {})
        match message.get("Cmd"):
            case 3 if data.get("Text"):
                self.question = data["Text"]
            case 4:
                self._pieces[message["SeqId"]] = data.get("Text", "")
                self.text = "".join(self._pieces[seq] for seq in sorted(self._pieces)).strip()
            case 6:
                if data.get("Status") == 3:
                    self.begun.set()
                    self.finished.clear()
                elif self.begun.is_set() and data.get("Status") == 0:
                    self.finished.set()


class Call:
    """A running call: say something, follow what comes back. `open_call` makes one."""

    def __init__(
        self,
        room: RoomClient,
        backend: AsyncClient,
        instance_id: str,
        playback: Playback,
        microphone: Microphone,
        package_url: str,
    ) -> None:
        self.backend = backend
        self.instance_id = instance_id
        self.recording = Recording(playback)
        self.microphone = microphone
        self.package_url = package_url
        self.answer = Answer()
        self._room = room

    async def follow(self) -> None:
        """Reads room messages until cancelled."""
        async for message in self._room.messages:
            if message.msg_type == 1:
                self.answer.take(message.content)

    async def ask(self, spoken: NDArray[np.int16], progress: Callable[[str], None] = lambda _: None) -> float:
        """Speaks a question (48 kHz mono) and waits until its answer has been heard; the loop time at which the
        question ended. Raises UserError when no answer comes."""
        self.answer = Answer()
        progress("asking")
        ended_at = await self.microphone.say(spoken)
        await self.finish(progress)
        return ended_at

    async def finish(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Waits until the answer that is expected now has been heard. Raises UserError when none comes."""
        answer = self.answer
        try:
            progress("waiting for the answer")
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await answer.begun.wait()
            progress("listening to the answer")
            async with asyncio.timeout(TALK_LIMIT_S):
                await answer.finished.wait()
        except TimeoutError as error:
            heard = (
                f" It understood: {answer.question!r}." if answer.question else " It did not understand the question."
            )
            raise UserError(f"No answer came in time.{heard} The server's log says more.") from error

    async def rounds(self) -> list[dict[str, Any]]:
        """What the stages of the latest rounds took, oldest first; see docs/operation.md."""
        rounds: list[dict[str, Any]] = (
            await self.backend.call("MienListRounds", {"AgentInstanceId": self.instance_id})
        )["Rounds"]
        return rounds


def spoken_part(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """A recording (48 kHz mono) without the silence before and behind its speech. Raises UserError if it is silent."""
    span = speech_span(sound, AUDIO_CLOCK)
    if span is None:
        raise UserError("The question is silent: nothing in the recording is louder than a whisper of noise.")
    return sound[span[0] : span[1]]


@asynccontextmanager
async def open_call(
    url: str,
    app_id: int,
    server_secret: str,
    *,
    lang: Language,
    config_id: ConfigId,
    digital_human_id: str,
    instance: Mapping[str, Any] | None = None,
    settle: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Call]:
    """A call whose digital human is there and whose media flows. Raises UserError when it does not come about.

    `instance` adds members to the instance's request. Without `settle` the call is there as soon as the agent is.
    """
    user_id, room_id = f"caller_{secrets.token_hex(4)}", f"room_{secrets.token_hex(6)}"
    user_stream, agent_stream = f"{room_id}_user", f"{room_id}_agent"
    token = issue(app_id, user_id, server_secret, now=time.time())
    async with AsyncClient(url, app_id, server_secret) as backend:
        agent_id = await _register(backend, lang)
        progress("logging in")
        try:
            async with RoomClient(url, app_id, user_id, room_id, token, user_name="mien call") as room:
                microphone = Microphone(noise=3.0)
                await room.publish(user_stream, microphone)
                progress("starting the digital human")
                created = await backend.call(
                    "CreateDigitalHumanAgentInstance",
                    {
                        "AgentId": agent_id,
                        "UserId": user_id,
                        "RTC": {
                            "RoomId": room_id,
                            "AgentStreamId": agent_stream,
                            "AgentUserId": f"agent_{secrets.token_hex(4)}",
                            "UserStreamId": user_stream,
                        },
                        "DigitalHuman": {"DigitalHumanId": digital_human_id, "ConfigId": config_id},
                        "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
                    }
                    | dict(instance or {}),
                )
                instance_id = created["AgentInstanceId"]
                following: asyncio.Task[None] | None = None
                try:
                    await room.wait_for(lambda r: agent_stream in r.streams)
                    package_url = room.streams[agent_stream].package_url
                    call = Call(room, backend, instance_id, await room.play(agent_stream), microphone, package_url)
                    following = asyncio.create_task(call.follow(), name="follow-messages")
                    await asyncio.sleep(SETTLE_S if settle else 0.0)
                    yield call
                finally:
                    if following is not None:
                        following.cancel()
                        await asyncio.gather(following, return_exceptions=True)
                    await backend.call("DeleteAgentInstance", {"AgentInstanceId": instance_id})
        except (RtcError, TimeoutError) as error:
            raise UserError(f"The call did not come about: {error or 'the server took too long to connect'}") from error
        except httpx.HTTPError as error:
            raise UserError(f"The server at {url} stopped answering: {error}") from error


async def make_call(
    url: str,
    app_id: int,
    server_secret: str,
    question: NDArray[np.int16],
    *,
    lang: Language,
    config_id: ConfigId,
    digital_human_id: str,
    progress: Callable[[str], None],
) -> CallResult:
    """Asks `question` (48 kHz mono) and records the answer. Raises UserError when no call comes about."""
    spoken = spoken_part(question)
    async with open_call(
        url,
        app_id,
        server_secret,
        lang=lang,
        config_id=config_id,
        digital_human_id=digital_human_id,
        progress=progress,
    ) as call:
        ended_at = await call.ask(spoken, progress)
        await asyncio.sleep(TAIL_S)
        rounds = await call.rounds()
        call.recording.drain()
        return CallResult(call.recording, call.answer.question, call.answer.text, ended_at, rounds, call.package_url)


async def _register(backend: AsyncClient, lang: Language) -> str:
    agent = {
        "AgentId": f"mien-call-{lang}",
        "Name": "mien call",
        "LLM": {"Vendor": "Local", "Temperature": 0, "SystemPrompt": PROMPTS[lang]},
        "TTS": {"Vendor": "Local", "Params": {"language": lang}},
        "ASR": {"Vendor": "Local", "Params": {"language": lang}},
    }
    known = await backend.call("QueryAgents", {"AgentIds": [agent["AgentId"]]})
    await backend.call("UpdateAgent" if known["Agents"] else "RegisterAgent", agent)
    return f"mien-call-{lang}"
