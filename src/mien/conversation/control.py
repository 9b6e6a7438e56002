"""Control of an instance by room message: a client's request (`msg_type` 20) and its answer (`msg_type` 22)."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

import structlog

from mien.codes import ReturnCode
from mien.conversation.events import Reporter
from mien.conversation.port import ConversationError, Instance
from mien.conversation.refusals import CODES
from mien.conversation.spec import Priority, SamePriority
from mien.rtc.messages import ACTION_REQUEST, ActionRequest, ActionResponse, RequestError
from mien.rtc.port import RoomMessage

MAX_TEXT = 300
MAX_SEQUENCE = 2**63 - 1
REMEMBERED = 256
"""Answers kept, so that a request sent again is answered again and not done again."""

FAILURES = {
    "SendAgentInstanceTTS": ReturnCode.TTS_CALL_FAILED,
    "SendAgentInstanceLLM": ReturnCode.LLM_CALL_FAILED,
    "InterruptAgentInstance": ReturnCode.INTERRUPT_FAILED,
    "StartListening": ReturnCode.START_LISTENING_FAILED,
    "StopListening": ReturnCode.STOP_LISTENING_FAILED,
}
"""The actions a client may send, and the code of a failure that has none of its own."""

log = structlog.get_logger(__name__)


def alias(instance_id: str) -> str:
    """The user id, besides its own, that clients address an agent by: they know the instance's id from its creation."""
    return f"ai_agent_{instance_id}"


class Controller:
    """Does what clients ask for by room message. Requests are done one after the other."""

    def __init__(self, instance: Instance, reporter: Reporter) -> None:
        self._instance = instance
        self._reporter = reporter
        self._answers: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def receive(self, message: RoomMessage) -> None:
        """Takes a room message; what is no request is ignored, one that cannot be read is refused in words."""
        if message.msg_type != ACTION_REQUEST:
            return
        try:
            request = ActionRequest.parse(message.content)
        except RequestError as error:
            code = ReturnCode.INVALID_PARAMETER if error.is_object else ReturnCode.JSON
            self._reply(message.sender, ActionRequest(error.action, error.seq), code, str(error))
            return
        key = (message.sender, request.seq)
        if key in self._answers:
            if (answer := self._answers[key]) is not None:
                self._reporter.reply(answer, to=message.sender)
            return
        self._answers[key] = None
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        task = asyncio.create_task(self._serve(message.sender, request), name="conversation.control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Drops what is not done yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, sender: str, request: ActionRequest) -> None:
        data: dict[str, Any] = {}
        code, words = ReturnCode.SUCCESS, "success"
        failure = FAILURES.get(request.action, ReturnCode.INVALID_PARAMETER)
        try:
            async with self._lock:
                data = {"Round": await self._do(request.action, Params(request.params))}
        except InvalidParameterError as error:
            code, words = ReturnCode.INVALID_PARAMETER, str(error)
        except ConversationError as error:
            code, words = CODES.get(type(error), failure), str(error)
        except Exception:
            log.exception("control request failed", action=request.action)
            code, words = failure, "system error: try again; the server's log says why"
        self._answers[sender, request.seq] = self._reply(sender, request, code, words, data)

    def _reply(
        self, sender: str, request: ActionRequest, code: ReturnCode, words: str, data: dict[str, Any] | None = None
    ) -> str:
        request_id = str(random.SystemRandom().randrange(10**18, 10**19))
        answer = ActionResponse(request.action, request.seq, int(code), words, request_id, data or {}).content()
        self._reporter.reply(answer, to=sender)
        return answer

    async def _do(self, action: str, params: Params) -> int:
        instance = self._instance
        if action == "InterruptAgentInstance":
            return await instance.interrupt()
        if action == "StartListening":
            return await instance.start_listening(params.text("UserId") or None, params.sequence())
        if action == "StopListening":
            return await instance.stop_listening(
                params.text("UserId") or None, params.sequence(), cancel=params.boolean("CancelFlag", False)
            )
        if action not in FAILURES:
            raise InvalidParameterError(f"Action {action[:64]!r} is invalid: expected one of {', '.join(FAILURES)}")
        text = params.text("Text")
        if not text.strip():
            raise InvalidParameterError("Text is required: expected a text that is not blank")
        same = params.choice("SamePriorityOption", SamePriority, SamePriority.CLEAR_AND_INTERRUPT)
        if action == "SendAgentInstanceTTS":
            if len(text) > MAX_TEXT:
                raise InvalidParameterError(f"Text is invalid: expected a text of 1 to {MAX_TEXT} characters")
            return await instance.say(
                text,
                add_history=params.boolean("AddHistory", True),
                priority=params.choice(
                    "Priority", Priority, Priority.HIGH if params.mode("InterruptMode") else Priority.MEDIUM
                ),
                same_priority=same,
                enqueue_user_speech=params.boolean("EnqueueUserSpeech", False),
            )
        return await instance.ask(
            text,
            system_prompt=params.text("SystemPrompt") or None,
            add_question=params.boolean("AddQuestionToHistory", False),
            add_answer=params.boolean("AddAnswerToHistory", True),
            priority=params.choice("Priority", Priority, Priority.MEDIUM),
            same_priority=same,
            enqueue_user_speech=params.boolean("EnqueueUserSpeech", False),
        )


class InvalidParameterError(ValueError):
    """A parameter is missing or wrong; the text names it and what was expected."""


E = TypeVar("E", Priority, SamePriority)


class Params:
    """The members of a request, whatever the case of their names; `null` is absent. Raises InvalidParameterError."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name.lower(): value for name, value in given.items() if value is not None}

    def text(self, name: str) -> str:
        value = self._given.get(name.lower(), "")
        if not isinstance(value, str):
            raise InvalidParameterError(f"{name} is invalid: expected a text")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self._given.get(name.lower(), default)
        if not isinstance(value, bool):
            raise InvalidParameterError(f"{name} is invalid: expected true or false")
        return value

    def mode(self, name: str) -> bool:
        """A member that is 0 or 1."""
        value = self._given.get(name.lower(), 0)
        if type(value) is not int or value not in (0, 1):
            raise InvalidParameterError(f"{name} is invalid: expected an integer from 0 to 1")
        return bool(value)

    def sequence(self) -> int | None:
        value = self._given.get("sequence")
        if value is not None and (type(value) is not int or not 0 <= value <= MAX_SEQUENCE):
            raise InvalidParameterError(f"Sequence is invalid: expected an integer from 0 to {MAX_SEQUENCE}")
        return value

    def choice(self, name: str, kind: type[E], default: E) -> E:
        value = self._given.get(name.lower(), default)
        try:
            return kind(value)
        except ValueError:
            if value == "":
                # The one sentence of the compatible service that is known, and that clients look for.
                raise InvalidParameterError(f"{name} is invalid") from None
            expected = ", ".join(choice.value for choice in kind)
            raise InvalidParameterError(f"{name} is invalid: expected one of {expected}") from None
