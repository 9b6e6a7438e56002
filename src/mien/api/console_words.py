"""What the call page tells a person when something does not work, in English and Chinese."""

from __future__ import annotations

from typing import Literal

from mien.api.errors import WORDS, ApiError, ReturnCode

Language = Literal["zh", "en"]

_C = ReturnCode
_BUSY_EN = ("All digital humans are busy.", "Wait until a call ends, then try again.")
_BUSY_ZH = ("数字人都在通话中。", "请稍候，等其他通话结束后再试。")
_FAILED_EN = ("The call could not be started.", "Try again in a moment.")
_FAILED_ZH = ("通话未能开始。", "请稍后再试。")

_PAGE: dict[ReturnCode, dict[Language, tuple[str, str]]] = {
    _C.DIGITAL_HUMAN_LIMIT: {"en": _BUSY_EN, "zh": _BUSY_ZH},
    _C.VOICE_LIMIT: {"en": _BUSY_EN, "zh": _BUSY_ZH},
    _C.DIGITAL_HUMAN_RESOURCES: {
        "en": ("The server is at the limit of what it can compute.", "Wait until a call ends, then try again."),
        "zh": ("服务器已达到计算能力上限。", "请稍候，等其他通话结束后再试。"),
    },
    _C.DIGITAL_HUMAN_ID: {
        "en": ("This digital human is not there any more.", "Reload the page and choose another."),
        "zh": ("这个数字人已不存在。", "请刷新页面，另选一个。"),
    },
    _C.INSTANCE_NOT_FOUND: {
        "en": ("The call has already ended.", "Start a new one."),
        "zh": ("通话已经结束。", "请重新开始通话。"),
    },
    _C.CREATE_DIGITAL_HUMAN_FAILED: {"en": _FAILED_EN, "zh": _FAILED_ZH},
    _C.STREAM_ID_DUPLICATE: {"en": _FAILED_EN, "zh": _FAILED_ZH},
    _C.SYSTEM: {
        "en": ("The server failed.", "Try again; its log says why."),
        "zh": ("服务器出错了。", "请重试；原因见服务器日志。"),
    },
}
_STATUS: dict[ReturnCode, int] = {
    _C.INVALID_PARAMETER: 400,
    _C.JSON: 400,
    _C.BODY: 413,
    _C.CONFIG_ID: 400,
    _C.DIGITAL_HUMAN_ID: 404,
    _C.INSTANCE_NOT_FOUND: 404,
    _C.STREAM_ID_DUPLICATE: 409,
    _C.DIGITAL_HUMAN_LIMIT: 503,
    _C.DIGITAL_HUMAN_RESOURCES: 503,
    _C.VOICE_LIMIT: 503,
    _C.RESOURCES: 503,
}


def for_page(error: ApiError, language: Language) -> tuple[int, dict[str, object]]:
    """HTTP status and body for an error on the call page."""
    message, advice = _PAGE.get(error.code, {}).get(language, (error.message, WORDS[error.code].advice))
    body = {"code": int(error.code), "message": message, "advice": advice, "detail": error.message}
    return _STATUS.get(error.code, 500), body
