"""What went wrong with a language model: a code of the `Exception` callback and a sentence that says what to do."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import Any

from livekit.agents import APIStatusError


class LlmCode(IntEnum):
    """Codes 2201–2206 of the `Exception` callback."""

    GENERAL = 2201
    PARAMETER = 2202
    AUTHENTICATION = 2203
    CONCURRENCY = 2204
    OVERDUE = 2205
    CONTENT = 2206


REMEDY: dict[LlmCode, str] = {
    LlmCode.GENERAL: "Check that the service is up and reachable from this server",
    LlmCode.PARAMETER: "Check LLM.Url, LLM.Model and LLM.Params",
    LlmCode.AUTHENTICATION: "Check LLM.ApiKey and that it may use this model",
    LlmCode.CONCURRENCY: "Wait, or raise the request limit of the account",
    LlmCode.OVERDUE: "Top up the account or renew the plan",
    LlmCode.CONTENT: "The provider's content review refused it; change what is asked or the level of the review",
}

_CONTENT = re.compile(
    r"content.?filter|data_?inspection|sensitive.?content|content.?(policy|security|risk)|inappropriate content|"
    r"moderation|内容(安全|审核)|敏感",
    re.IGNORECASE,
)
_OVERDUE = re.compile(
    r"account.?overdue|overdue.?balance|arrear|exceeded your current quota|"
    r"insufficient.?(quota|balance|fund|credit)|"
    r"(prepaid|postpaid)bill|billing|unpurchased|not.?purchased|free allocated quota|out of credit|payment|"
    r"欠费|余额不足",
    re.IGNORECASE,
)
_CONCURRENCY = re.compile(
    r"rate.?limit|too.?many.?requests|throttl|concurren|requests? per|limit.?requests|allocationquota|限流|并发",
    re.IGNORECASE,
)
_AUTHENTICATION = re.compile(
    r"invalid.{0,12}(api.?key|token|auth)|incorrect api.?key|unauthori[sz]ed|authentication|"
    r"access.?denied|permission|forbidden|"
    r"api.?key.{0,20}(invalid|missing|not found|required)|login fail",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"invalid.{0,3}(request|parameter)|bad.?request|context.?(length|size)|"
    r"model.{0,40}(not.?found|not exist|does not|unknown|no such)|"
    r"unsupported|unknown.?(field|parameter)",
    re.IGNORECASE,
)
_VENDOR_CODES = {
    # MiniMax reports these with HTTP 200 in base_resp.status_code.
    "1002": LlmCode.CONCURRENCY,
    "1039": LlmCode.CONCURRENCY,
    "1041": LlmCode.CONCURRENCY,
    "1004": LlmCode.AUTHENTICATION,
    "2049": LlmCode.AUTHENTICATION,
    "1008": LlmCode.OVERDUE,
    "1026": LlmCode.CONTENT,
    "1027": LlmCode.CONTENT,
    "2013": LlmCode.PARAMETER,
}


def classify(status: int | None, vendor_code: str, message: str) -> LlmCode:
    """The code for an HTTP status (None: no answer, or an error inside HTTP 200), the vendor's code and its message.

    Words come before numbers: vendors use 400, 403 and 429 for unpaid accounts as well.
    """
    text = f"{vendor_code} {message}"
    if vendor_code in _VENDOR_CODES:
        return _VENDOR_CODES[vendor_code]
    if _CONTENT.search(text):
        return LlmCode.CONTENT
    if _OVERDUE.search(text):
        return LlmCode.OVERDUE
    if status is not None and status != 200:
        return _by_status(status)
    for pattern, code in (
        (_CONCURRENCY, LlmCode.CONCURRENCY),
        (_AUTHENTICATION, LlmCode.AUTHENTICATION),
        (_PARAMETER, LlmCode.PARAMETER),
    ):
        if pattern.search(text):
            return code
    return _by_status(int(vendor_code)) if re.fullmatch(r"[45]\d\d", vendor_code) else LlmCode.GENERAL


def _by_status(status: int) -> LlmCode:
    match status:
        case 401 | 403:
            return LlmCode.AUTHENTICATION
        case 402:
            return LlmCode.OVERDUE
        case 429:
            return LlmCode.CONCURRENCY
        case 408:
            return LlmCode.GENERAL
        case _ if 400 <= status < 500:
            return LlmCode.PARAMETER
        case _:
            return LlmCode.GENERAL


class LlmError(APIStatusError):
    """A language model failed. `code` is that of the `Exception` callback; `message` names host, model and remedy.

    Never retryable for LiveKit: its own retries end in an error that says neither.
    """

    def __init__(self, code: LlmCode, message: str, *, status: int | None = None) -> None:
        super().__init__(message, status_code=-1 if status is None else status, retryable=False)
        self.retryable = False
        self.code = code

    def __str__(self) -> str:
        return self.message


def failure(where: str, code: LlmCode, reason: str, *, status: int | None = None, remedy: str = "") -> LlmError:
    """The error with its whole sentence. `where` names host and model."""
    advice = remedy or REMEDY[code]
    return LlmError(code, f"{where}: {reason.strip().rstrip('.。')}. {advice}.", status=status)


def from_body(where: str, status: int | None, body: Any) -> LlmError:
    """The error a response's body (parsed JSON or text) tells of."""
    vendor_code, message = describe(body)
    code = classify(status, vendor_code, message)
    named = f"HTTP {status}" if status not in (None, 200) else "the answer is an error"
    detail = ", ".join(part for part in (vendor_code if vendor_code != str(status) else "", message) if part)
    return failure(where, code, f"{named} ({detail})" if detail else named, status=status)


def describe(body: Any) -> tuple[str, str]:
    """A vendor's own code and message, from any of the shapes they come in; at most 300 characters."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return "", _short(re.sub(r"<[^>]*>", " ", body))
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return "", ""
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return str(base["status_code"]), _short(str(base.get("status_msg") or ""))
    error = body.get("error", body)
    if isinstance(error, str):
        return str(body.get("code") or ""), _short(error)
    if not isinstance(error, dict):
        return "", ""
    code = error.get("code") or error.get("type") or error.get("status") or ""
    return str(code), _short(str(error.get("message") or error.get("msg") or error.get("detail") or ""))


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
