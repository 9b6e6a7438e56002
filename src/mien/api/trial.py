"""The compatible service's public trial: its credential and its digital humans, so that quick starts run unchanged."""

from __future__ import annotations

from mien.api.deps import DigitalHumanInfo, DigitalHumans
from mien.api.errors import ApiError, ReturnCode
from mien.api.schemas.base import JsonObject
from mien.api.schemas.engines import Llm

CREDENTIAL = "zego_test"
"""Means: this server's default model, or its default voice."""
LLM_URLS = frozenset(
    {
        "https://api.minimax.chat/v1/text/chatcompletion_v2",
        "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
        "https://api.stepfun.com/v1/chat/completions",
    }
)
DIGITAL_HUMANS = ("c4b56d5c-db98-4d91-86d4-5a97b507da97", "63c3aa64-1d80-4b04-a0be-1c65614eb7eb")
"""Aliases of our first two digital humans."""


def is_trial_llm(llm: Llm) -> bool:
    """Whether the default model is meant. Raises ApiError 410001047 when the credential goes with a foreign address."""
    if llm.ApiKey != CREDENTIAL:
        return False
    if llm.Url and llm.Url.rstrip("/") not in LLM_URLS:
        raise ApiError(
            ReturnCode.TRIAL_URL,
            f"LLM.ApiKey is {CREDENTIAL}, which works with LLM.Url {' or '.join(sorted(LLM_URLS))} only; "
            "use an API key of your own for other addresses",
        )
    return True


def is_trial_tts(params: JsonObject) -> bool:
    """Whether the default voice is meant: some credential in Params.app is the trial one."""
    app = params.get("app")
    return isinstance(app, dict) and CREDENTIAL in app.values()


def ours_for_trial(humans: DigitalHumans, digital_human_id: str) -> DigitalHumanInfo | None:
    """Our digital human that a trial id stands for, if it is one."""
    if digital_human_id not in DIGITAL_HUMANS:
        return None
    ours = humans.list()
    return ours[min(DIGITAL_HUMANS.index(digital_human_id), len(ours) - 1)] if ours else None
