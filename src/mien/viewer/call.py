"""One complete call over the real HTTP and WebRTC paths: as business backend and as client."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import numpy as np
from numpy.typing import NDArray

from mien.client import AsyncClient
from mien.errors import UserError
from mien.rtc.client import Microphone, RoomClient
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
TALK_LIMIT_S = 60.0
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
    span = speech_span(question, AUDIO_CLOCK)
    if span is None:
        raise UserError("The question is silent: nothing in the recording is louder than a whisper of noise.")
    spoken = question[span[0] : span[1]]
    user_id, room_id = f"caller_{secrets.token_hex(4)}", f"room_{secrets.token_hex(6)}"
    user_stream = f"{room_id}_user"
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
                            "AgentStreamId": f"{room_id}_agent",
                            "AgentUserId": f"agent_{secrets.token_hex(4)}",
                            "UserStreamId": user_stream,
                        },
                        "DigitalHuman": {"DigitalHumanId": digital_human_id, "ConfigId": config_id},
                        "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
                    },
                )
                instance_id = created["AgentInstanceId"]
                try:
                    return await _converse(room, backend, instance_id, f"{room_id}_agent", microphone, spoken, progress)
                finally:
                    await backend.call("DeleteAgentInstance", {"AgentInstanceId": instance_id})
        except (RtcError, TimeoutError) as error:
            raise UserError(f"The call did not come about: {error or 'the server took too long to connect'}") from error
        except httpx.HTTPError as error:
            raise UserError(f"The server at {url} stopped answering: {error}") from error


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


async def _converse(
    room: RoomClient,
    backend: AsyncClient,
    instance_id: str,
    agent_stream: str,
    microphone: Microphone,
    spoken: NDArray[np.int16],
    progress: Callable[[str], None],
) -> CallResult:
    await room.wait_for(lambda r: agent_stream in r.streams)
    package_url = room.streams[agent_stream].package_url
    playback = await room.play(agent_stream)
    answer = Answer()

    async def follow() -> None:
        async for message in room.messages:
            if message.msg_type == 1:
                answer.take(message.content)

    following = asyncio.create_task(follow(), name="follow-messages")
    try:
        await asyncio.sleep(SETTLE_S)
        progress("asking")
        ended_at = await microphone.say(spoken)
        progress("waiting for the answer")
        async with asyncio.timeout(ANSWER_LIMIT_S):
            await answer.begun.wait()
        progress("listening to the answer")
        async with asyncio.timeout(TALK_LIMIT_S):
            await answer.finished.wait()
        await asyncio.sleep(TAIL_S)
    except TimeoutError as error:
        heard = f" It understood: {answer.question!r}." if answer.question else " It did not understand the question."
        raise UserError(f"No answer came in time.{heard} The server's log says more.") from error
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    rounds = (await backend.call("MienListRounds", {"AgentInstanceId": instance_id}))["Rounds"]
    recording = Recording(playback)
    recording.drain()
    return CallResult(recording, answer.question, answer.text, ended_at, rounds, package_url)
