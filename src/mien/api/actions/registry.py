"""The table of actions: a name, the body it takes, and the function that does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mien.api.deps import ApiDeps
from mien.api.errors import ApiError, CrashError, ReturnCode, from_exception
from mien.api.products import AGENTS, Product
from mien.api.schemas.base import JsonObject, Wire
from mien.conversation.port import ConversationError
from mien.errors import UserError
from mien.store import App
from mien.streams.port import StreamError

B = TypeVar("B", bound=Wire)


@dataclass(frozen=True, slots=True)
class Call:
    """One request after the gateway: who calls, what was sent, and what the action may use."""

    deps: ApiDeps
    app: App
    raw: JsonObject
    """The body exactly as sent; registered agents are echoed from it."""
    base_url: str
    request_id: str
    """The envelope's; the server's log knows the request by it."""


@dataclass(frozen=True, slots=True)
class Action:
    """An entry of the table. `failure` is the code of an error that has none of its own."""

    name: str
    group: str
    summary: str
    body: type[Wire]
    result: type[Wire] | None
    failure: ReturnCode
    digital_human: bool
    product: Product
    upload: int
    """Bytes of the file it takes as multipart/form-data; 0: none."""
    run: Callable[[Call, Any], Awaitable[JsonObject | None]]


ACTIONS: dict[str, Action] = {}


def action(
    group: str,
    body: type[B],
    *,
    failure: ReturnCode,
    result: type[Wire] | None = None,
    name: str = "",
    digital_human: bool = False,
    product: Product = AGENTS,
    upload: int = 0,
) -> Callable[[Callable[[Call, B], Awaitable[JsonObject | None]]], Callable[[Call, B], Awaitable[JsonObject | None]]]:
    """Registers a function as an action; its name is that of the body unless `name` is given."""

    def register(
        function: Callable[[Call, B], Awaitable[JsonObject | None]],
    ) -> Callable[[Call, B], Awaitable[JsonObject | None]]:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        entry = Action(
            name or body.__name__, group, summary, body, result, failure, digital_human, product, upload, function
        )
        ACTIONS[entry.name] = entry
        return function

    return register


def find_action(name: str) -> Action:
    """The entry of action `name`. Raises ApiError 100000007."""
    entry = ACTIONS.get(name)
    if entry is None:
        raise ApiError(
            ReturnCode.ACTION_UNSUPPORTED, f"Action {name[:64]} is not supported; see /docs for those that are"
        )
    return entry


async def perform(call: Call, entry: Action) -> JsonObject | None:
    """Runs an action on `call.raw` and returns its Data. Raises ApiError, or CrashError after a mistake of ours."""
    body = entry.body.parse(call.raw)
    try:
        return await entry.run(call, body)
    except (ConversationError, StreamError, UserError) as error:
        raise from_exception(error, entry.failure, digital_human=entry.digital_human) from error
    except ApiError:
        raise
    except Exception as error:
        raise CrashError(ReturnCode.DIGITAL_HUMAN_SYSTEM if entry.digital_human else entry.failure) from error
