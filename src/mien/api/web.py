"""Serves the built call page: files of `web/app/dist` in a checkout, of the package's own data when installed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""For files whose name carries a hash of their content."""
CHECK_FIRST: Final = "no-cache"

_PLACES: Final = (
    Path(__file__).parent / "page",
    Path(__file__).parents[3] / "web" / "app" / "dist",
)
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webp": "image/webp",
}
"""Named here because the system's table differs from machine to machine, and scripts with a wrong type do not run."""

_NOT_BUILT: Final = """<!doctype html><meta charset="utf-8"><title>Mien</title>
<p>Mien is running, but its web page has not been built. Run <code>make setup</code>, or
<code>npm install &amp;&amp; npm run build</code> in <code>web/</code>, then reload this page.
The control API works without it.
<p lang="zh">Mien 正在运行，但网页尚未构建。请运行 <code>make setup</code>，或在 <code>web/</code> 中运行
<code>npm install &amp;&amp; npm run build</code>，然后刷新本页。控制接口不受影响。"""


def page_dir() -> Path | None:
    """The folder of the built page, or None when it is not built."""
    return next((place for place in _PLACES if (place / "index.html").is_file()), None)


async def home_page(_: Request) -> Response:
    """The call page, or a plain sentence when it is not built."""
    # Looked up on every request: the page may be built while the server runs.
    folder = page_dir()
    if folder is None:
        return HTMLResponse(_NOT_BUILT, status_code=503)
    return FileResponse(folder / "index.html", media_type="text/html", headers={"Cache-Control": CHECK_FIRST})


def mount_page(app: FastAPI) -> None:
    """Adds the page's files to `app`; call it last, it answers every GET of a path that no other route has.

    `/` itself belongs to the control API, which hands a browser on to `home_page`; it is added here as well for apps
    without that API.
    """
    app.add_api_route("/", home_page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/{path:path}", _answer(), methods=["GET", "HEAD"], include_in_schema=False)


def _answer() -> Callable[[str], Awaitable[Response]]:
    async def page_file(path: str) -> Response:
        folder = page_dir()
        file = _inside(folder, path) if folder is not None else None
        if file is None:
            return HTMLResponse("<!doctype html><title>404</title><p>There is nothing here.", status_code=404)
        hashed = path.startswith("assets/")
        return FileResponse(
            file,
            media_type=_TYPES.get(file.suffix, "application/octet-stream"),
            headers={"Cache-Control": FOR_EVER if hashed else CHECK_FIRST, "X-Content-Type-Options": "nosniff"},
        )

    return page_file


def _inside(folder: Path, path: str) -> Path | None:
    """The file at `path` below `folder`, or None; never one outside it."""
    if "\0" in path:
        return None
    file = (folder / path).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None
