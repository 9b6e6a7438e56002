"""All routes of the HTTP surface in one router."""

from __future__ import annotations

from fastapi import APIRouter

from mien.api.avatars import avatars_router
from mien.api.console import console_router
from mien.api.deps import ApiDeps
from mien.api.docs import docs_router
from mien.api.drive_socket import drive_socket_router
from mien.api.gateway import gateway_router


def build_api(deps: ApiDeps) -> APIRouter:
    """The control API at `/`, packages at `/avatars`, its description at `/docs`, sound for stream tasks at `/ws`; with
    `settings.demo` also the call page's helper."""
    router = APIRouter()
    router.include_router(gateway_router(deps))
    router.include_router(avatars_router(deps))
    router.include_router(docs_router(deps))
    router.include_router(drive_socket_router(deps))
    if deps.settings.demo:
        router.include_router(console_router(deps))
    return router
