"""A business backend for Mien: hands out room tokens, starts and stops agents, receives callbacks.

A client app talks to this program only. This program talks to Mien with the ServerSecret, which must never reach a
client. Everything is configured by environment variables; see README.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
import string
import struct
import time
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

MIEN_URL = os.environ.get("MIEN_URL", "http://127.0.0.1:8700")
APP_ID = int(os.environ.get("MIEN_APP_ID", "0"))
SERVER_SECRET = os.environ.get("MIEN_SERVER_SECRET", "")
CALLBACK_SECRET = os.environ.get("MIEN_CALLBACK_SECRET", "")
AGENT_ID = os.environ.get("AGENT_ID", "my_agent")
AGENT: dict[str, Any] = {
    "Name": os.environ.get("AGENT_NAME", "Lin"),
    "LLM": {
        # zego_test at this address means the server's own default model; put yours here.
        "Url": os.environ.get("LLM_URL", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        "ApiKey": os.environ.get("LLM_API_KEY", "zego_test"),
        "Model": os.environ.get("LLM_MODEL", "doubao-1-5-lite-32k-250115"),
        "SystemPrompt": os.environ.get(
            "LLM_SYSTEM_PROMPT", "You are Lin, a friendly guide. Answer in one short sentence."
        ),
    },
    "TTS": json.loads(os.environ.get("TTS", '{"Vendor": "Local"}')),
    "ASR": json.loads(os.environ.get("ASR", '{"Vendor": "Local"}')),
}
TOOLS_URL = os.environ.get("TOOLS_URL", "")
"""This backend's own address as Mien reaches it; with it the model may ask what time it is somewhere."""
if TOOLS_URL:
    AGENT["Mien"] = {
        "Tools": [
            {
                "Name": "local_time",
                "Description": "The current date and time at a place. Call it whenever the time matters.",
                "Parameters": {
                    "type": "object",
                    "properties": {"time_zone": {"type": "string", "description": "IANA name, such as Asia/Shanghai"}},
                    "required": ["time_zone"],
                },
                "Url": f"{TOOLS_URL}/api/tools/local-time",
            }
        ]
    }
NO_DIGITAL_HUMAN_FREE = {410001025, 410001031}
TOKEN_SECONDS = 3600

log = logging.getLogger("backend")
http: dict[str, httpx.AsyncClient] = {}


class MienError(Exception):
    """Mien answered with a Code that is not 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@asynccontextmanager
async def lifespan(_: FastAPI) -> Any:
    if not APP_ID or len(SERVER_SECRET) != 32:
        raise SystemExit("Set MIEN_APP_ID and MIEN_SERVER_SECRET; `mien app show APP_ID` prints them.")
    async with httpx.AsyncClient(base_url=MIEN_URL, timeout=20) as http["mien"]:
        yield


app = FastAPI(title="Business backend", lifespan=lifespan)
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])


@app.exception_handler(MienError)
async def mien_error(_: Request, error: MienError) -> JSONResponse:
    return JSONResponse({"code": error.code, "message": error.message})


@app.exception_handler(httpx.TransportError)
async def mien_away(_: Request, error: httpx.TransportError) -> JSONResponse:
    return JSONResponse({"code": 502, "message": f"Mien at {MIEN_URL} does not answer: {error}"}, status_code=502)


async def call(action: str, body: dict[str, Any]) -> dict[str, Any]:
    """Sends a signed request; returns Data, raises MienError."""
    nonce, now = secrets.token_hex(8), int(time.time())
    query = {
        "Action": action,
        "AppId": APP_ID,
        "SignatureNonce": nonce,
        "Timestamp": now,
        "SignatureVersion": "2.0",
        "Signature": hashlib.md5(f"{APP_ID}{nonce}{SERVER_SECRET}{now}".encode()).hexdigest(),
    }
    answer = (await http["mien"].post("/", params=query, json=body)).json()
    if answer["Code"] != 0:
        raise MienError(answer["Code"], answer["Message"])
    return answer["Data"] or {}


def make_token(user_id: str) -> tuple[str, int]:
    """A Token04 for `user_id`, and when it expires (unix seconds)."""
    now = int(time.time())
    claims = {
        "app_id": APP_ID,
        "user_id": user_id,
        "nonce": secrets.randbits(32) - 2**31,
        "ctime": now,
        "expire": now + TOKEN_SECONDS,
        "payload": "",
    }
    plain = json.dumps(claims, separators=(",", ":")).encode()
    padding = 16 - len(plain) % 16
    iv = "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(16)).encode()
    encryptor = Cipher(algorithms.AES(SERVER_SECRET.encode()), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    block = struct.pack(">qH", claims["expire"], len(iv)) + iv + struct.pack(">H", len(sealed)) + sealed
    return "04" + base64.b64encode(block).decode(), now + TOKEN_SECONDS


async def ensure_agent() -> None:
    """Registers the agent, or updates it when its configuration changed."""
    agents = (await call("QueryAgents", {"AgentIds": [AGENT_ID]}))["Agents"]
    if not agents:
        await call("RegisterAgent", {"AgentId": AGENT_ID, **AGENT})
    elif any(agents[0].get(name) != AGENT[name] for name in AGENT):
        await call("UpdateAgent", {"AgentId": AGENT_ID, **AGENT})


def new_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(8))


class Start(BaseModel):
    user_id: str = Field(min_length=1)
    room_id: str = Field(min_length=1)
    user_stream_id: str = Field(min_length=1)


class StartDigitalHuman(Start):
    digital_human_id: str = Field(min_length=1)
    config_id: str = Field(min_length=1)


class Stop(BaseModel):
    agent_instance_id: str = Field(min_length=1)


class Speak(Stop):
    text: str = Field(min_length=1, max_length=300)
    priority: str = "Medium"


def instance_body(start: Start) -> dict[str, Any]:
    return {
        "AgentId": AGENT_ID,
        "UserId": start.user_id,
        "RTC": {
            "RoomId": start.room_id,
            "AgentStreamId": new_id("stream_agent_"),
            "AgentUserId": new_id("user_agent_"),
            "UserStreamId": start.user_stream_id,
        },
        "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
    }


def started(body: dict[str, Any], data: dict[str, Any], message: str) -> dict[str, Any]:
    return {
        "code": 0,
        "message": message,
        "agent_id": AGENT_ID,
        "agent_name": AGENT["Name"],
        "agent_instance_id": data["AgentInstanceId"],
        "agent_stream_id": body["RTC"]["AgentStreamId"],
        "agent_user_id": body["RTC"]["AgentUserId"],
        "digital_human_config": data.get("DigitalHumanConfig", ""),
    }


@app.get("/api/zego-token")
async def zego_token(userId: str = "") -> JSONResponse:
    if not userId:
        return JSONResponse({"code": 400, "message": "userId is required"}, status_code=400)
    token, expires = make_token(userId)
    ready = {"code": 0, "message": "Generate token success", "token": token, "user_id": userId}
    return JSONResponse(ready | {"expire_time": expires * 1000})


@app.post("/api/start")
async def start(wanted: Start) -> dict[str, Any]:
    await ensure_agent()
    body = instance_body(wanted)
    return started(body, await call("CreateAgentInstance", body), "start agent success")


@app.post("/api/start-digital-human")
async def start_digital_human(wanted: StartDigitalHuman) -> dict[str, Any]:
    await ensure_agent()
    body = instance_body(wanted)
    human = {"DigitalHumanId": wanted.digital_human_id, "ConfigId": wanted.config_id}
    try:
        data = await call("CreateDigitalHumanAgentInstance", body | {"DigitalHuman": human})
    except MienError as error:
        if error.code not in NO_DIGITAL_HUMAN_FREE:
            raise
        data = await call("CreateAgentInstance", body)
        return started(body, data, f"no digital human is free, started a voice agent: {error.message}")
    return started(body, data, "start digital human success")


@app.post("/api/send-agent-instance-tts")
async def send_tts(wanted: Speak) -> dict[str, Any]:
    body = {"AgentInstanceId": wanted.agent_instance_id, "Text": wanted.text, "Priority": wanted.priority}
    data = await call("SendAgentInstanceTTS", body)
    return {"code": 0, "message": "success", "agent_instance_id": wanted.agent_instance_id, "round": data["Round"]}


@app.post("/api/stop")
async def stop(wanted: Stop) -> dict[str, Any]:
    await call("DeleteAgentInstance", {"AgentInstanceId": wanted.agent_instance_id})
    instance = wanted.agent_instance_id
    return {"code": 0, "message": "delete agent instance success", "agent_instance_id": instance}


def is_from_mien(event: dict[str, Any]) -> bool:
    """Whether a callback or a tool's call carries the signature only Mien can make."""
    parts = sorted([CALLBACK_SECRET, str(event.get("Timestamp")), str(event.get("Nonce"))])
    expected = hashlib.sha1("".join(parts).encode()).hexdigest()
    return hmac.compare_digest(expected, str(event.get("Signature")))


@app.post("/api/tools/local-time")
async def local_time(request: Request) -> JSONResponse:
    """A tool: its answer goes to the model as it is."""
    asked = await request.json()
    if not is_from_mien(asked):
        return JSONResponse({"message": "the signature is wrong"}, status_code=403)
    zone = str(asked["Arguments"].get("time_zone") or "UTC")
    try:
        now = datetime.now(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        return JSONResponse({"message": f"there is no time zone {zone!r}; use a name such as Asia/Shanghai"}, 400)
    return JSONResponse({"time_zone": zone, "time": now.strftime("%A, %d %B %Y, %H:%M")})


@app.post("/api/callback")
async def callback(request: Request) -> JSONResponse:
    event = await request.json()
    if not is_from_mien(event):
        return JSONResponse({"message": "the signature is wrong"}, status_code=403)
    log.info("%s %s %s", event["AgentInstanceId"], event["Event"], event["Data"])
    return JSONResponse({"message": "received"})
