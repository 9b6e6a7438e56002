"""Packages and preview pictures of the digital humans, for clients that draw the face themselves."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from mien.api.deps import ApiDeps

FOR_EVER = "public, max-age=31536000, immutable"
PREVIEW = "public, max-age=300"


def avatars_router(deps: ApiDeps) -> APIRouter:
    """The routes below `/avatars`."""
    router = APIRouter(prefix="/avatars", include_in_schema=False)
    humans = deps.digital_humans

    @router.api_route("/{digital_human_id}/preview.jpg", methods=["GET", "HEAD"])
    async def preview(digital_human_id: str, request: Request) -> Response:
        if humans.get(digital_human_id) is None:
            return _missing(digital_human_id)
        picture = humans.preview(digital_human_id)
        tag = f'"{hashlib.sha256(picture).hexdigest()[:32]}"'
        headers = {"Cache-Control": PREVIEW, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(picture, media_type="image/jpeg", headers=headers)

    @router.api_route("/{digital_human_id}/{name}.zip", methods=["GET", "HEAD"])
    async def package(digital_human_id: str, name: str) -> Response:
        if humans.get(digital_human_id) is None:
            return _missing(digital_human_id)
        # The name is the content's hash; calls that began before an edit go on with the package of that time.
        path = humans.version(digital_human_id, name)
        if path is None:
            return _missing(f"{digital_human_id} with the hash {name}")
        return FileResponse(path, media_type="application/zip", headers={"Cache-Control": FOR_EVER})

    return router


def _missing(what: str) -> JSONResponse:
    return JSONResponse({"message": f"There is no digital human {what}."}, status_code=404)
