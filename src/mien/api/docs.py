"""`/openapi.json` and the page at `/docs` that shows it. The page needs nothing from elsewhere: it works offline."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from mien.api.deps import ApiDeps
from mien.api.openapi import document

PAGE = Path(__file__).with_name("docs.html")
POLICY = "default-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def docs_router(deps: ApiDeps) -> APIRouter:
    """The routes `/openapi.json` and `/docs`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        return JSONResponse(document(deps.base_url(request)))

    @router.get("/docs")
    async def docs() -> Response:
        return FileResponse(PAGE, media_type="text/html", headers={"Content-Security-Policy": POLICY})

    return router
