"""Errors of actions, and how errors of the layers below become one."""

from __future__ import annotations

from mien.codes import WORDS, ReturnCode
from mien.conversation import port
from mien.conversation.refusals import CODES
from mien.store import AgentExistsError, StoreError, UnknownAgentError
from mien.streams import port as streams


class ApiError(Exception):
    """An action ends with this code; `message` is what the caller reads."""

    def __init__(self, code: ReturnCode, message: str = "") -> None:
        words = WORDS[code]
        self.code = code
        self.message = message or (f"{words.meaning}: {words.advice}" if words.advice else words.meaning)
        super().__init__(self.message)

    @property
    def advice(self) -> str:
        """What the caller can do."""
        return WORDS[self.code].advice


class CrashError(Exception):
    """An action stopped at a mistake of this program; `code` says what did not come about."""

    def __init__(self, code: ReturnCode) -> None:
        self.code = code
        super().__init__(WORDS[code].meaning)


def invalid(field: str, expected: str) -> ApiError:
    """A parameter is wrong: `field` is its path, `expected` says what would be right."""
    return ApiError(ReturnCode.INVALID_PARAMETER, f"{field} is invalid: expected {expected}")


_C = ReturnCode
_CODES: dict[type[Exception], ReturnCode] = {
    **CODES,
    AgentExistsError: _C.AGENT_EXISTS,
    UnknownAgentError: _C.AGENT_NOT_FOUND,
    StoreError: _C.INTERNAL_CALL,
    streams.TaskNotFoundError: _C.STREAM_TASK_NOT_FOUND,
    streams.NotStreamingError: _C.STREAM_NOT_STARTED,
    streams.StoppedError: _C.STREAM_STOPPED,
    streams.StreamExistsError: _C.STREAM_EXISTS,
    streams.TaskLimitError: _C.STREAM_LIMIT,
    streams.NoResourcesError: _C.STREAM_RESOURCES,
    streams.UnknownHumanError: _C.STREAM_HUMAN_NOT_FOUND,
    streams.UnknownTimbreError: _C.STREAM_TIMBRE_NOT_FOUND,
    streams.UnknownActionError: _C.STREAM_PARAMETER,
    streams.QueueFullError: _C.STREAM_BUSY,
}
_DIGITAL_HUMAN_CODES: dict[type[Exception], ReturnCode] = {
    port.InstanceLimitError: _C.DIGITAL_HUMAN_LIMIT,
    port.NoCapacityError: _C.DIGITAL_HUMAN_RESOURCES,
}


def from_exception(error: Exception, otherwise: ReturnCode, *, digital_human: bool = False) -> ApiError:
    """The code for an error of the conversation, a stream task or the store; `otherwise` if it has none of its own."""
    code = (_DIGITAL_HUMAN_CODES if digital_human else {}).get(type(error)) or _CODES.get(type(error), otherwise)
    return ApiError(code, str(error))


__all__ = ["WORDS", "ApiError", "CrashError", "ReturnCode", "from_exception", "invalid"]
