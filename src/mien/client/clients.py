"""A synchronous and an asynchronous client with the same methods."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from mien.client import humans, streams
from mien.client import operations as ops
from mien.client.errors import MienError, UnreachableError
from mien.client.operations import JsonObject, Operation

P = ParamSpec("P")
T = TypeVar("T")


class _Method(Generic[P, T]):
    """An operation as a method: of `Client` it returns the result, of `AsyncClient` it must be awaited."""

    def __init__(self, build: Callable[P, Operation[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: Client, owner: type[Client]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type[AsyncClient]) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: type[Any]) -> Any:
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.run(self._build(*args, **kwargs))

        method.__doc__ = self.__doc__
        return method


class _Actions:
    """The methods both clients have."""

    call = _Method(ops.call)
    register_agent = _Method(ops.register_agent)
    update_agent = _Method(ops.update_agent)
    unregister_agent = _Method(ops.unregister_agent)
    list_agents = _Method(ops.list_agents)
    query_agents = _Method(ops.query_agents)
    create_agent_instance = _Method(ops.create_agent_instance)
    create_digital_human_agent_instance = _Method(ops.create_digital_human_agent_instance)
    create_live_digital_human_agent_instance = _Method(ops.create_live_digital_human_agent_instance)
    push_live_digital_human_agent_instance = _Method(ops.push_live_digital_human_agent_instance)
    update_agent_instance = _Method(ops.update_agent_instance)
    delete_agent_instance = _Method(ops.delete_agent_instance)
    say = _Method(ops.say)
    ask = _Method(ops.ask)
    interrupt = _Method(ops.interrupt)
    status = _Method(ops.status)
    messages = _Method(ops.messages)
    add_messages = _Method(ops.add_messages)
    reset_messages = _Method(ops.reset_messages)
    start_listening = _Method(ops.start_listening)
    stop_listening = _Method(ops.stop_listening)

    list_digital_humans = _Method(humans.list_digital_humans)
    digital_human = _Method(humans.digital_human)
    render_info = _Method(humans.render_info)
    list_timbres = _Method(humans.list_timbres)
    create_digital_human = _Method(humans.create_digital_human)
    update_digital_human = _Method(humans.update_digital_human)
    delete_digital_human = _Method(humans.delete_digital_human)
    digital_human_points = _Method(humans.digital_human_points)
    edit_digital_human = _Method(humans.edit_digital_human)

    create_stream_task = _Method(streams.create_stream_task)
    stop_stream_task = _Method(streams.stop_stream_task)
    stream_task = _Method(streams.stream_task)
    list_stream_tasks = _Method(streams.list_stream_tasks)
    drive_by_text = _Method(streams.drive_by_text)
    drive_by_audio = _Method(streams.drive_by_audio)
    drive_by_stream = _Method(streams.drive_by_stream)
    drive_by_socket = _Method(streams.drive_by_socket)
    interrupt_drives = _Method(streams.interrupt_drives)
    do_action = _Method(streams.do_action)
    drives = _Method(streams.drives)


class _Signer:
    """Makes signed requests for one app."""

    def __init__(self, url: str, app_id: int, server_secret: str) -> None:
        self.url = url.rstrip("/") + "/"
        self._app_id = app_id
        self._server_secret = server_secret

    def query(self, action: str) -> dict[str, str]:
        nonce, now = secrets.token_hex(8), str(int(time.time()))
        signed = f"{self._app_id}{nonce}{self._server_secret}{now}"
        return {
            "Action": action,
            "AppId": str(self._app_id),
            "SignatureNonce": nonce,
            "Timestamp": now,
            "SignatureVersion": "2.0",
            "Signature": hashlib.md5(signed.encode()).hexdigest(),
        }

    def data(self, action: str, answer: httpx.Response) -> JsonObject:
        """The Data of an answer. Raises MienError or UnreachableError."""
        try:
            envelope = answer.raise_for_status().json()
            code, data = int(envelope["Code"]), envelope.get("Data")
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
            raise UnreachableError(f"{self.url} did not answer like Mien does: HTTP {answer.status_code}.") from error
        if code != 0:
            raise MienError(action, code, str(envelope.get("Message", "")), str(envelope.get("RequestId", "")))
        return data or {}

    def unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> UnreachableError:
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return UnreachableError(f"{self.url} is no address of a server: expected one such as http://localhost:8700")
        reason = str(error) or type(error).__name__
        return UnreachableError(f"{self.url} cannot be reached: {reason}. Is Mien running there?")


class Client(_Actions):
    """Calls Mien and waits for the answer. Use it as a context manager, or `close()` it.

    >>> with Client("http://localhost:8700", app_id, server_secret) as mien:  # doctest: +SKIP
    ...     mien.register_agent("guide", llm={"Vendor": "Local"}, tts={"Vendor": "Local"})
    """

    def __init__(
        self, url: str, app_id: int, server_secret: str, *, timeout_s: float = 20.0, http: httpx.Client | None = None
    ) -> None:
        self._signer = _Signer(url, app_id, server_secret)
        self._http = http or httpx.Client(timeout=timeout_s)

    def run(self, operation: Operation[T]) -> T:
        """Raises MienError when the server refuses, UnreachableError when there is none."""
        try:
            answer = self._http.post(
                self._signer.url, params=self._signer.query(operation.action), **operation.request()
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._signer.unreachable(error) from error
        return operation.read(self._signer.data(operation.action, answer))

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncClient(_Actions):
    """The same for asyncio: every method is awaited. Use it with `async with`, or `await aclose()`."""

    def __init__(
        self,
        url: str,
        app_id: int,
        server_secret: str,
        *,
        timeout_s: float = 20.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._signer = _Signer(url, app_id, server_secret)
        self._http = http or httpx.AsyncClient(timeout=timeout_s)

    async def run(self, operation: Operation[T]) -> T:
        """Raises MienError when the server refuses, UnreachableError when there is none."""
        try:
            answer = await self._http.post(
                self._signer.url, params=self._signer.query(operation.action), **operation.request()
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._signer.unreachable(error) from error
        return operation.read(self._signer.data(operation.action, answer))

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()
