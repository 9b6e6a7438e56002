"""Failures of engines as the codes and sentences of the `Exception` callback."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from mien.speech.openai_compat.errors import LlmError


class ExceptionCode(IntEnum):
    """`Code` of the `Exception` callback."""

    GENERAL = 1001
    NO_TEXT = 1004
    USER_ABSENT = 1202
    KICKED = 1203
    DISCONNECTED = 1205
    NOT_PUBLISHED = 1206
    MESSAGE = 1208
    ASR = 2101
    LLM = 2201
    LLM_PARAMETER = 2202
    LLM_AUTHENTICATION = 2203
    LLM_CONCURRENCY = 2204
    LLM_OVERDUE = 2205
    LLM_CONTENT = 2206
    TTS = 2301
    TTS_PARAMETER = 2302
    TTS_AUTHENTICATION = 2303
    TTS_CONCURRENCY = 2304
    TTS_OVERDUE = 2305


class Part(StrEnum):
    """Which engine failed."""

    ASR = "speech recognition"
    LLM = "the language model"
    TTS = "the voice"


_BASE = {Part.LLM: ExceptionCode.LLM, Part.TTS: ExceptionCode.TTS}
_GENERAL, _PARAMETER, _AUTHENTICATION, _CONCURRENCY, _OVERDUE, _CONTENT = range(6)
_CONTENT_WORDS = ("content_filter", "content filter", "sensitive", "data_inspection", "moderation", "risk control")
_OVERDUE_WORDS = ("insufficient_quota", "insufficient balance", "arrear", "overdue", "billing", "payment")
_ADVICE = {
    _PARAMETER: "check Url, Model and Params",
    _AUTHENTICATION: "check the API key",
    _CONCURRENCY: "too many requests; wait or raise the account's limit",
    _OVERDUE: "the account has no credit left",
    _CONTENT: "the content review refused it",
}


def describe(part: Part, error: BaseException) -> tuple[int, str]:
    """The code and the sentence for `error` of `part`."""
    # After its retries LiveKit raises a connection error with the engine's own inside.
    while isinstance(error, APIConnectionError) and isinstance(error.__cause__, APIError):
        error = error.__cause__
    if isinstance(error, LlmError):
        # Our own client classifies and says what to do.
        return int(error.code), error.message
    kind = _kind(error)
    if part is Part.ASR:
        return ExceptionCode.ASR, f"{part.value} failed: {_words(error)}"
    if part is Part.TTS and kind == _CONTENT:
        kind = _GENERAL
    advice = _ADVICE.get(kind)
    return _BASE[part] + kind, f"{part.value} failed: {_words(error)}" + (f" ({advice})" if advice else "")


def _kind(error: BaseException) -> int:
    text = f"{error} {getattr(error, 'body', '') or ''}".lower()
    if any(word in text for word in _CONTENT_WORDS):
        return _CONTENT
    if any(word in text for word in _OVERDUE_WORDS):
        return _OVERDUE
    status = error.status_code if isinstance(error, APIStatusError) else 0
    if status in (401, 403):
        return _AUTHENTICATION
    if status == 402:
        return _OVERDUE
    if status == 429:
        return _CONCURRENCY
    if 400 <= status < 500 and status != 408:
        return _PARAMETER
    return _GENERAL


def _words(error: BaseException) -> str:
    if isinstance(error, APITimeoutError | TimeoutError):
        return f"it did not answer in time{f' ({error})' if str(error) else ''}"
    if isinstance(error, APIConnectionError):
        return str(error)
    if isinstance(error, APIError):
        return error.message
    return str(error) or type(error).__name__
