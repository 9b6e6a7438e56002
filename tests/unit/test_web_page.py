"""The built page is served as it lies on disk, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from mien.api import web


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = tmp_path / "page"
    monkeypatch.setattr(web, "_PLACES", (page,))
    return page


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    web.mount_page(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mien")


def build(folder: Path) -> None:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>call")
    (folder / "assets" / "index-abc123.js").write_text("export {}")
    (folder.parent / "secret.txt").write_text("secret")


async def test_says_what_to_do_when_the_page_is_not_built(folder: Path, client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "make setup" in answer.text


async def test_serves_the_page_once_it_is_built(folder: Path, client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).status_code == 503
    build(folder)
    answer = await client.get("/")
    assert answer.text.endswith("call")
    assert answer.headers["cache-control"] == "no-cache"


async def test_files_with_a_hash_in_their_name_are_kept_for_ever(folder: Path, client: httpx.AsyncClient) -> None:
    build(folder)
    answer = await client.get("/assets/index-abc123.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/nothing", "/assets", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%00"])
async def test_nothing_outside_the_page_is_served(folder: Path, client: httpx.AsyncClient, path: str) -> None:
    build(folder)
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text
