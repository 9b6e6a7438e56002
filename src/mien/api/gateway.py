"""`/?Action=…`: common parameters, body, dispatch, envelope. Every answer has HTTP status 200."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mien.api.actions import ACTIONS, Call, find_action, perform
from mien.api.deps import ApiDeps
from mien.api.errors import WORDS, ApiError, CrashError, ReturnCode
from mien.api.forms import is_form, read_form
from mien.api.products import AGENTS
from mien.api.ratelimit import RateLimiter
from mien.api.schemas.base import JsonObject, Wire, kinds
from mien.api.signature import COMMON, authenticate
from mien.store import StoreError

MAX_BODY = 1 << 20
"""Bytes of a request body; a full MessageHistory fits several times."""

log = structlog.get_logger(__name__)


def gateway_router(deps: ApiDeps) -> APIRouter:
    """The route `/` for GET and POST."""
    router = APIRouter()
    limiter = RateLimiter(deps.settings.rate_limit)

    @router.api_route("/", methods=["GET", "POST"], include_in_schema=False)
    async def gateway(request: Request) -> Response:
        if request.method == "GET" and deps.home is not None and COMMON.isdisjoint(request.query_params):
            return await deps.home(request)
        entry = ACTIONS.get(_query(request).get("Action", [""])[0])
        product = entry.product if entry is not None else AGENTS
        request_id = product.new_request_id(deps.ids)
        try:
            data = await _serve(deps, limiter, request, request_id)
        except ApiError as error:
            code = product.code(error.code)
            log.info("request refused", code=int(code), reason=error.message, request_id=request_id)
            return _envelope(request_id, code, error.message, None)
        except Exception as error:
            # The one place where a caller must get an envelope, whatever happened.
            log.exception("request failed", request_id=request_id)
            code = product.code(error.code) if isinstance(error, CrashError) else ReturnCode.GATEWAY
            message = f"{WORDS[code].meaning}: try again; the server's log has it as {request_id}"
            return _envelope(request_id, code, message, None)
        return _envelope(request_id, ReturnCode.SUCCESS, "success", data)

    return router


async def _serve(deps: ApiDeps, limiter: RateLimiter, request: Request, request_id: str) -> JsonObject | None:
    query = {name: values[0] for name, values in _query(request).items()}
    try:
        app, name = await authenticate(query, deps.store.apps.find, deps.wall())
    except StoreError as error:
        raise ApiError(ReturnCode.APP_CONFIGURATION, str(error)) from error
    entry = find_action(name)
    if not limiter.allow(app.app_id, name, asyncio.get_running_loop().time()):
        raise ApiError(
            ReturnCode.TOO_FREQUENT,
            f"Too many requests: {name} may be called {deps.settings.rate_limit} times a second by an app",
        )
    if request.method == "POST" and entry.upload and is_form(request):
        texts, files = await read_form(request, entry.upload)
        raw = _from_query(entry.body, texts) | files
    elif request.method == "POST":
        raw = await read_object(request)
    else:
        raw = _from_query(entry.body, _query(request))
    return await perform(Call(deps, app, raw, deps.base_url(request), request_id), entry)


def _query(request: Request) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, []).append(value)
    return values


async def read_object(request: Request) -> JsonObject:
    """The JSON object in the body; an empty body is an empty object. Raises ApiError."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise ApiError(ReturnCode.BODY, f"the request body is longer than {MAX_BODY // 2**20} MiB")
    except ClientDisconnect as error:
        raise ApiError(ReturnCode.BODY) from error
    return _parse(bytes(body))


def _parse(body: bytes) -> JsonObject:
    if not body.strip():
        return {}
    try:
        data = _load(body.decode("utf-8-sig"))
    except RecursionError:
        raise ApiError(ReturnCode.JSON, "the body is not usable JSON: it is nested too deeply") from None
    except UnicodeError:
        raise ApiError(ReturnCode.JSON, "the body is not JSON in UTF-8") from None
    except ValueError as error:
        raise ApiError(ReturnCode.JSON, f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ApiError(ReturnCode.JSON, "the body must be a JSON object, {…}")
    return data


def _load(text: str) -> Any:
    """JSON as the standard has it. Raises ValueError or RecursionError."""
    data = json.loads(text, parse_constant=_no_constant)
    if "\\u" in text:
        # Escaped halves of surrogate pairs are no Unicode; no database takes them.
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _from_query(body: type[Wire], query: dict[str, list[str]]) -> JsonObject:
    """The business parameters of a GET: objects are JSON texts, arrays too or a parameter given several times."""
    fields = {name.lower(): field.annotation for name, field in body.model_fields.items()}
    fields |= {alias: fields[name.lower()] for alias, name in body.aliases.items()}
    data: JsonObject = {}
    for name, values in query.items():
        if name not in COMMON and name.lower() in fields:
            data[name] = _value(fields[name.lower()], values)
    return data


def _value(annotation: Any, values: Sequence[str]) -> Any:
    found = kinds(annotation)
    text = values[0]
    if str in found:
        return text
    if list in found and (len(values) > 1 or not text.lstrip().startswith("[")):
        return list(values)
    if bool in found:
        return {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), text)
    try:
        return _load(text)
    except (ValueError, RecursionError):
        return text


def _envelope(request_id: str, code: ReturnCode, message: str, data: JsonObject | None) -> JSONResponse:
    return JSONResponse({"Code": int(code), "Message": message, "RequestId": request_id, "Data": data})
