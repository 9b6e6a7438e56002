"""Composition root: builds every part from the settings, mounts the HTTP app, owns start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mien import __version__
from mien.api import ApiDeps, build_api
from mien.api.web import home_page, mount_page
from mien.callbacks import CallbackService, WebhookCaller
from mien.capacity import Capacity
from mien.conversation.manager import Manager
from mien.conversation.measured import Telemetry
from mien.conversation.parts import Engines as ConversationEngines
from mien.errors import UserError
from mien.faces import FaceLibrary, Faces
from mien.rtc.cdn import CdnOutput
from mien.rtc.embedded import EXPOSED_HEADERS, EmbeddedRooms, build_router
from mien.rtc.port import VideoKind
from mien.rtc.token04 import issue
from mien.settings import Settings
from mien.speech.engines import Engines
from mien.store import Store, StoreError, open_store
from mien.streams.download import Downloader
from mien.streams.manager import Tasks
from mien.telemetry import LoopDelay, Metrics, start_tracing, stop_tracing

log = structlog.get_logger(__name__)


class ServerEngines(ConversationEngines, Protocol):
    """Speech engines of a server: what conversations make of them, and their life."""

    @property
    def ready(self) -> Mapping[str, bool]: ...
    def timbres(self) -> Sequence[str]: ...
    async def warm(self) -> Any: ...
    async def close(self) -> None: ...


class MienServer:
    """Everything one server process runs. Build it, `start()` it on the loop that serves `app`, `close()` it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        demo_credentials: tuple[int, str],
        local_url: str,
        engines: ServerEngines,
    ) -> None:
        self.settings = settings
        self.local_url = local_url
        self.demo_credentials = demo_credentials
        self._store = store
        self._metrics = Metrics()
        self._loop_delay = LoopDelay(self._metrics.loop_delay)
        self._tracing = start_tracing()
        self._callbacks = CallbackService(store.outbox, store.apps)
        self._webhooks = WebhookCaller(store.apps)
        self._rooms = EmbeddedRooms(settings)
        self._engines = engines
        self._library = FaceLibrary(settings)
        self._capacity = Capacity(settings)
        faces = Faces(settings, self._library, store.digital_humans)
        self._manager = Manager(
            settings,
            self._rooms,
            self._engines,
            faces,
            callbacks=self._callbacks,
            cdn=partial(CdnOutput, give_up_s=settings.cdn_retry_s),
            capacity=self._capacity,
            observer=Telemetry(self._metrics),
            webhooks=self._webhooks,
        )
        self._sounds = Downloader()
        self._streams = Tasks(
            settings, self._rooms, self._engines, faces, self._sounds, self._callbacks, self._capacity
        )
        for kind in VideoKind:
            self._metrics.count_instances(kind.value, partial(self._capacity.count, kind))
        self._warming: asyncio.Task[None] | None = None
        self.app = self._build_app()

    @classmethod
    async def build(cls, settings: Settings, *, local_url: str, engines: ServerEngines | None = None) -> MienServer:
        """Opens the store and wires everything; `engines` take the place of the local ones.

        Raises UserError when something the user can mend is in the way.
        """
        try:
            store = await open_store(settings)
            demo = await store.apps.ensure_demo(settings)
        except StoreError as error:
            raise UserError(str(error)) from error
        return cls(settings, store, (demo.app_id, demo.server_secret), local_url, engines or Engines(settings))

    def _build_app(self) -> FastAPI:
        app = FastAPI(title="Mien", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=self.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=list(EXPOSED_HEADERS),
        )
        app.add_api_route("/healthz", self._healthz, include_in_schema=False)
        app.add_api_route("/readyz", self._readyz, include_in_schema=False)
        deps = ApiDeps(
            settings=self.settings,
            store=self._store,
            instances=self._manager,
            streams=self._streams,
            digital_humans=self._library,
            timbres=self._engines.timbres,
            shown=self._capacity.uses,
            issue_token=issue,
            base_url=self._base_url,
            home=home_page,
        )
        app.include_router(build_api(deps))
        app.include_router(build_router(self._rooms, self._secret_of))
        if self.settings.metrics:
            app.include_router(self._metrics.router())
        mount_page(app)
        return app

    def _base_url(self, request: Request) -> str:
        return (self.settings.public_url or str(request.base_url)).rstrip("/")

    async def _secret_of(self, app_id: int) -> str | None:
        app = await self._store.apps.find(app_id)
        return app.server_secret if app else None

    async def _healthz(self) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def _readyz(self) -> Response:
        waiting = sorted(name for name, ready in self._ready().items() if not ready)
        return JSONResponse({"ready": not waiting, "waiting_for": waiting}, status_code=503 if waiting else 200)

    def _ready(self) -> dict[str, bool]:
        return {**self._engines.ready, "faces": self._library.ready}

    async def start(self) -> None:
        """Starts delivery of callbacks and warms faces and models in the background."""
        self._loop_delay.start()
        await self._callbacks.start()
        self._warming = asyncio.create_task(self._warm(), name="warm-up")

    async def _warm(self) -> None:
        for what, step in (("faces", self._library.warm), ("models", self._engines.warm)):
            try:
                await step()
            except Exception as error:
                log.error("Warm-up failed; calls will not work until this is mended", part=what, reason=str(error))
                log.debug("Warm-up failed", exc_info=True)
        if all(self._ready().values()):
            log.info("Models are warm; ready for calls")

    async def close(self) -> None:
        """Ends every call and frees everything; each part is closed even if another one fails."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        closers: list[Callable[[], Awaitable[None]]] = [
            self._loop_delay.close,
            self._manager.close,
            self._streams.close,
            self._sounds.aclose,
            self._capacity.aclose,
            self._rooms.close,
            self._webhooks.close,
            self._callbacks.close,
            self._engines.close,
            self._store.close,
            partial(asyncio.to_thread, stop_tracing, self._tracing),
        ]
        for close in closers:
            try:
                await close()
            except Exception:
                log.exception("A part did not close cleanly")
