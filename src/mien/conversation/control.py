"""Control of an instance by room message: a client's request (`msg_type` 20) and its answer (`msg_type` 22)."""

from __future__ import annotations

import asyncio
import json
import random
from collections import OrderedDict
from typing import Any, TypeVar

import structlog

from mien.codes import ReturnCode
from mien.conversation import port
from mien.conversation.events import Reporter
from mien.conversation.port import ConversationError, Instance
from mien.conversation.spec import Priority, SamePriority
from mien.rtc.port import RoomMessage

REQUEST, RESPONSE = 20, 22
MAX_TEXT = 300
REMEMBERED = 256
"""Answers kept, so that a request sent again is answered again and not done again."""

CODES: dict[type[ConversationError], ReturnCode] = {
    port.InstanceNotFoundError: ReturnCode.INSTANCE_NOT_FOUND,
    port.UserListeningError: ReturnCode.USER_SPEAKING,
    port.QueueFullError: ReturnCode.INVALID_PARAMETER,
    port.ShuttingDownError: ReturnCode.SHUTTING_DOWN,
    port.NotWalkieTalkieError: ReturnCode.NOT_WALKIE_TALKIE,
    port.OutdatedSequenceError: ReturnCode.SEQUENCE_OUTDATED,
    port.UserNotPublishingError: ReturnCode.USER_NOT_PUBLISHING,
    port.TtsDisabledError: ReturnCode.TTS_CALL_FAILED,
    port.LiveInstanceError: ReturnCode.LIVE_INSTANCE,
}

log = structlog.get_logger(__name__)


class InvalidParameterError(ValueError):
    """A parameter is missing or wrong; the text names it."""


class Controller:
    """Does what clients ask for by room message. Requests are done one after the other."""

    def __init__(self, instance: Instance, reporter: Reporter) -> None:
        self._instance = instance
        self._reporter = reporter
        self._answers: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def receive(self, message: RoomMessage) -> None:
        """Takes a room message; what is no request is ignored."""
        if message.msg_type != REQUEST:
            return
        try:
            request = json.loads(message.content)
        except ValueError:
            return
        if not isinstance(request, dict) or not isinstance(request.get("Seq"), str):
            return
        key = (message.sender, request["Seq"])
        if key in self._answers:
            if (answer := self._answers[key]) is not None:
                self._reporter.reply(answer, to=message.sender)
            return
        self._answers[key] = None
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        task = asyncio.create_task(self._serve(key, request), name="conversation.control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Drops what is not done yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, key: tuple[str, str], request: dict[str, Any]) -> None:
        sender, seq = key
        action = request.get("Action")
        data: dict[str, Any] = {}
        code, words = ReturnCode.SUCCESS, "success"
        try:
            async with self._lock:
                data = {"Round": await self._do(str(action), request.get("Params") or {})}
        except InvalidParameterError as error:
            code, words = ReturnCode.INVALID_PARAMETER, str(error)
        except ConversationError as error:
            code, words = CODES.get(type(error), ReturnCode.SYSTEM), str(error)
        except Exception:
            log.exception("control request failed", action=action)
            code, words = ReturnCode.SYSTEM, "system error; the server's log says why"
        answer = json.dumps(
            {
                "Action": action,
                "Seq": seq,
                "Code": int(code),
                "Message": words,
                "RequestId": str(random.SystemRandom().randrange(10**18, 10**19)),
                "Data": data,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        self._answers[key] = answer
        self._reporter.reply(answer, to=sender)

    async def _do(self, action: str, params: Any) -> int:
        if not isinstance(params, dict):
            raise InvalidParameterError("Params must be an object")
        instance = self._instance
        if action == "InterruptAgentInstance":
            return await instance.interrupt()
        if action in ("StartListening", "StopListening"):
            user_id, sequence = _text(params, "UserId") or None, _integer(params, "Sequence")
            if action == "StartListening":
                return await instance.start_listening(user_id, sequence)
            return await instance.stop_listening(user_id, sequence)
        if action not in ("SendAgentInstanceTTS", "SendAgentInstanceLLM"):
            raise InvalidParameterError(f"Action {action!r} cannot be sent by room message")
        text = _text(params, "Text")
        if not text.strip():
            raise InvalidParameterError("Text is required")
        priority = _choice(params, "Priority", Priority, Priority.MEDIUM)
        same = _choice(params, "SamePriorityOption", SamePriority, SamePriority.CLEAR_AND_INTERRUPT)
        if action == "SendAgentInstanceTTS":
            if len(text) > MAX_TEXT:
                raise InvalidParameterError(f"Text is too long: {len(text)} characters, at most {MAX_TEXT}")
            if "Priority" not in params and params.get("InterruptMode") == 1:
                priority = Priority.HIGH
            return await instance.say(
                text,
                add_history=_boolean(params, "AddHistory", True),
                priority=priority,
                same_priority=same,
                enqueue_user_speech=_boolean(params, "EnqueueUserSpeech", False),
            )
        return await instance.ask(
            text,
            system_prompt=_text(params, "SystemPrompt") or None,
            add_question=_boolean(params, "AddQuestionToHistory", False),
            add_answer=_boolean(params, "AddAnswerToHistory", True),
            priority=priority,
            same_priority=same,
            enqueue_user_speech=_boolean(params, "EnqueueUserSpeech", False),
        )


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidParameterError(f"{name} must be a string")
    return value or ""


def _integer(params: dict[str, Any], name: str) -> int | None:
    value = params.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise InvalidParameterError(f"{name} must be an integer")
    return value


def _boolean(params: dict[str, Any], name: str, default: bool) -> bool:
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidParameterError(f"{name} must be true or false")
    return value


E = TypeVar("E", Priority, SamePriority)


def _choice(params: dict[str, Any], name: str, kind: type[E], default: E) -> E:
    value = params.get(name)
    if value is None:
        return default
    try:
        return kind(value)
    except ValueError:
        raise InvalidParameterError(f"{name} is invalid") from None
