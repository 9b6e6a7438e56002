"""Every failure of a language model has its code and says what to do."""

from __future__ import annotations

import httpx
import pytest

from mien.speech.openai_compat.errors import REMEDY, LlmCode, classify, describe, from_body
from mien.speech.openai_compat.llm import transport_error

GENERAL, PARAMETER, AUTH, BUSY, OVERDUE, CONTENT = LlmCode


@pytest.mark.parametrize(
    ("status", "vendor_code", "message", "code"),
    [
        (401, "", "", AUTH),
        (403, "", "forbidden", AUTH),
        (403, "AccountOverdueError", "The request failed because your account has an overdue balance.", OVERDUE),
        (403, "AccessDenied.Unpurchased", "Access to model denied", OVERDUE),
        (402, "", "Insufficient Balance", OVERDUE),
        (400, "Arrearage", "Access denied, please make sure your account is in good standing.", OVERDUE),
        (400, "invalid_request_error", "max_tokens is too large", PARAMETER),
        (400, "data_inspection_failed", "Input data may contain inappropriate content.", CONTENT),
        (400, "SensitiveContentDetected", "The request failed", CONTENT),
        (404, "model_not_found", "The model `x` does not exist", PARAMETER),
        (422, "", "", PARAMETER),
        (429, "", "Too Many Requests", BUSY),
        (429, "insufficient_quota", "You exceeded your current quota", OVERDUE),
        (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", OVERDUE),
        (429, "Throttling.RateQuota", "Requests rate limit exceeded", BUSY),
        (500, "", "", GENERAL),
        (503, "", "overloaded", GENERAL),
        (408, "", "", GENERAL),
        (200, "1004", "login fail", AUTH),
        (200, "1002", "rate limit", BUSY),
        (200, "1026", "sensitive", CONTENT),
        (200, "2013", "invalid params", PARAMETER),
        (None, "", "Invalid API key", AUTH),
        (None, "404", "nothing here", PARAMETER),
        (None, "", "", GENERAL),
    ],
)
def test_classify(status: int | None, vendor_code: str, message: str, code: LlmCode) -> None:
    assert classify(status, vendor_code, message) is code


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"error": {"code": "c", "message": "m"}}', ("c", "m")),
        ('{"error": "m", "code": 7}', ("7", "m")),
        ('{"error_code": 1, "message": "m"}', ("", "m")),
        ({"base_resp": {"status_code": 1004, "status_msg": "m"}}, ("1004", "m")),
        ([{"error": {"type": "t", "msg": "m"}}], ("t", "m")),
        ("<html><body>Bad gateway</body></html>", ("", "Bad gateway")),
        ("", ("", "")),
        (None, ("", "")),
    ],
)
def test_describe(body: object, expected: tuple[str, str]) -> None:
    assert describe(body) == expected


def test_message_names_place_reason_and_remedy() -> None:
    error = from_body(
        "The language model at api.example.com, model m", 401, '{"error": {"message": "Incorrect API key"}}'
    )
    assert str(error) == (
        "The language model at api.example.com, model m: HTTP 401 (Incorrect API key). "
        "Check LLM.ApiKey and that it may use this model."
    )
    assert error.code == 2203
    assert not error.retryable


def test_every_code_has_a_remedy() -> None:
    assert set(REMEDY) == set(LlmCode)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (httpx.ConnectError("All connection attempts failed"), GENERAL, "refused"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), GENERAL, "cannot be resolved"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), GENERAL, "certificate"),
        (httpx.ConnectTimeout(""), GENERAL, "no connection within"),
        (httpx.ReadTimeout(""), GENERAL, "nothing came"),
        (httpx.RemoteProtocolError("peer closed connection"), GENERAL, "broke"),
        (httpx.UnsupportedProtocol("missing http"), PARAMETER, "full http or https address"),
        (httpx.InvalidURL("bad"), PARAMETER, "full http or https address"),
    ],
)
def test_transport_errors(error: Exception, code: LlmCode, words: str) -> None:
    found = transport_error("The model", "x", error)
    assert found.code is code
    assert words in str(found)
