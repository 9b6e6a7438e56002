"""The call page's helper: what a business backend does, for the demo project, without a signature."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from mien.api.actions import Call, find_action, perform
from mien.api.console_words import Language, for_page
from mien.api.deps import ApiDeps
from mien.api.errors import ApiError, ReturnCode
from mien.api.gateway import read_object
from mien.api.humans import find_human, humans_of
from mien.api.schemas.base import JsonObject, Wire
from mien.store import AgentExistsError, AgentRecord, App, StoreError

LANGUAGES: tuple[Language, ...] = ("zh", "en")
WS_PATH = "/rtc/v1/ws"
PROMPTS: dict[Language, str] = {
    "en": (
        "You are a friendly digital human on a video call. Answer in English, warmly and in one or two short spoken "
        "sentences, without lists, markup or emoji. If you do not know something, say so."
    ),
    "zh": (
        "你是一位友好的数字人，正在和用户视频通话。请用中文回答，语气亲切自然，每次只说一两句简短的口语，"
        "不要使用列表、符号标记或表情。不知道的事情就坦率地说不知道。"
    ),
}
YOU_ARE: dict[Language, str] = {"en": "Your name is {name}. ", "zh": "你的名字叫{name}。"}
NAMES: dict[Language, str] = {"en": "Mien", "zh": "小面"}

log = structlog.get_logger(__name__)


class SessionBody(Wire):
    """Asks for a place to call from."""

    lang: Literal["zh", "en"] = "zh"


class StartBody(Wire):
    """Asks the agent to join."""

    room_id: str
    user_id: str
    user_stream_id: str
    digital_human_id: Annotated[str, Field(min_length=1)]
    config_id: str = "mobile"
    lang: Literal["zh", "en"] = "zh"


class StopBody(Wire):
    """Ends the call."""

    agent_instance_id: str
    lang: Literal["zh", "en"] = "zh"


def console_router(deps: ApiDeps) -> APIRouter:
    """The routes below `/api/demo`."""
    router = APIRouter(prefix="/api/demo", include_in_schema=False)

    @router.get("/options")
    async def options(request: Request) -> JSONResponse:
        async def work(_: JsonObject) -> JsonObject:
            app = await deps.store.apps.ensure_demo(deps.settings)
            humans = [
                {"id": human.id, "name": dict(human.name), "preview_url": f"/avatars/{human.id}/preview.jpg"}
                for human in await humans_of(deps, app.app_id)
            ]
            return {"languages": list(LANGUAGES), "digital_humans": humans, "app_id": app.app_id}

        return await _answer(request, work)

    @router.post("/session")
    async def session(request: Request) -> JSONResponse:
        async def work(raw: JsonObject) -> JsonObject:
            SessionBody.parse(raw)
            app = await deps.store.apps.ensure_demo(deps.settings)
            user_id, room_id = f"user_{_random()}", f"room_{_random()}"
            payload = json.dumps({"room_id": room_id, "privilege": {"1": 1, "2": 1}, "stream_id_list": None})
            return {
                "app_id": app.app_id,
                "user_id": user_id,
                "room_id": room_id,
                "user_stream_id": f"stream_{user_id}",
                "token": deps.issue_token(app.app_id, user_id, app.server_secret, now=deps.wall(), payload=payload),
                "ws_path": WS_PATH,
            }

        return await _answer(request, work)

    @router.post("/start")
    async def start(request: Request) -> JSONResponse:
        async def work(raw: JsonObject) -> JsonObject:
            body = StartBody.parse(raw)
            app = await deps.store.apps.ensure_demo(deps.settings)
            agent_id = await _ensure_agent(deps, app, body.lang)
            stream_id, agent_user_id = f"stream_agent_{_random()}", f"user_agent_{_random()}"
            wanted: JsonObject = {
                "AgentId": agent_id,
                "UserId": body.user_id,
                "RTC": {
                    "RoomId": body.room_id,
                    "AgentStreamId": stream_id,
                    "AgentUserId": agent_user_id,
                    "UserStreamId": body.user_stream_id,
                },
                "MessageHistory": {"SyncMode": 1, "Messages": [], "WindowSize": 10},
                "DigitalHuman": {"DigitalHumanId": body.digital_human_id, "ConfigId": body.config_id},
                # A little longer than the page tries to reconnect: a browser that was killed frees its place soon.
                "AdvancedConfig": {"MaxIdleTime": 40},
            }
            human = await find_human(deps, app.app_id, body.digital_human_id)
            if body.lang in human.name:
                # The face knows its own name; the rest is the demo agent's.
                prompt = YOU_ARE[body.lang].format(name=human.name[body.lang]) + PROMPTS[body.lang]
                wanted["LLM"] = {"Vendor": "Local", "SystemPrompt": prompt}
            call = Call(deps, app, wanted, deps.base_url(request), deps.ids.next())
            made = await perform(call, find_action("CreateDigitalHumanAgentInstance")) or {}
            return {
                "agent_instance_id": made["AgentInstanceId"],
                "agent_stream_id": stream_id,
                "agent_user_id": agent_user_id,
                "digital_human_config": made["DigitalHumanConfig"],
            }

        return await _answer(request, work)

    @router.post("/stop")
    async def stop(request: Request) -> JSONResponse:
        async def work(raw: JsonObject) -> JsonObject:
            body = StopBody.parse(raw)
            app = await deps.store.apps.ensure_demo(deps.settings)
            wanted = {"AgentInstanceId": body.agent_instance_id}
            call = Call(deps, app, wanted, deps.base_url(request), deps.ids.next())
            await perform(call, find_action("DeleteAgentInstance"))
            return {"agent_instance_id": body.agent_instance_id}

        return await _answer(request, work)

    return router


async def _answer(request: Request, work: Callable[[JsonObject], Awaitable[JsonObject]]) -> JSONResponse:
    """Runs `work` on the request's body; an error becomes words in the page's language and a fitting HTTP status."""
    language: Language = "en" if request.query_params.get("lang") == "en" else "zh"
    try:
        raw = await read_object(request) if request.method == "POST" else {}
        language = _language(raw.get("lang"), language)
        return JSONResponse(await work(raw))
    except ApiError as error:
        status, body = for_page(error, language)
    except StoreError as error:
        status, body = for_page(ApiError(ReturnCode.SYSTEM, str(error)), language)
    except Exception:
        # A page must get words, whatever happened.
        log.exception("call page request failed", path=request.url.path)
        status, body = for_page(ApiError(ReturnCode.SYSTEM), language)
    log.info("call page request refused", path=request.url.path, code=body["code"], reason=body["detail"])
    return JSONResponse(body, status_code=status)


async def _ensure_agent(deps: ApiDeps, app: App, language: Language) -> str:
    """Registers the demo agent of a language, or brings it up to date."""
    agent_id = f"mien_demo_{language}"
    llm: dict[str, Any] = {"Vendor": "Local", "SystemPrompt": PROMPTS[language]}
    tts: dict[str, Any] = {"Vendor": "Local"}
    asr: dict[str, Any] = {"Vendor": "Local", "Params": {"language": language}}
    wanted = AgentRecord(agent_id, NAMES[language], llm, tts, asr)
    found = await deps.store.agents.find(app.app_id, [agent_id])
    try:
        if not found:
            await deps.store.agents.add(app.app_id, wanted)
        elif found[0] != wanted:
            await deps.store.agents.update(app.app_id, agent_id, name=wanted.name, llm=llm, tts=tts, asr=asr)
    except AgentExistsError:
        # Two pages started at the same moment.
        pass
    return agent_id


def _language(value: Any, otherwise: Language) -> Language:
    return "en" if value == "en" else "zh" if value == "zh" else otherwise


def _random() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
