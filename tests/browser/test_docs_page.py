"""The manual at /docs in a browser: complete, without the network, on a desk and in a hand."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Route

from mien.api.actions import ACTIONS
from mien.api.docs import PAGE, POLICY
from mien.api.openapi import document
from mien.codes import ReturnCode

from .conftest import Launch, picture

HOST = "http://mien.test"


@pytest.mark.parametrize(("size", "name"), [((1280, 900), "desktop"), ((390, 844), "phone")], ids=["desktop", "phone"])
def test_the_manual(launch: Launch, size: tuple[int, int], name: str) -> None:
    page = launch().new_page(viewport={"width": size[0], "height": size[1]})
    elsewhere: list[str] = []
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(HOST)
        if path == "/docs":
            route.fulfill(
                body=PAGE.read_text(encoding="utf-8"),
                content_type="text/html",
                headers={"Content-Security-Policy": POLICY},
            )
        elif path == "/openapi.json":
            route.fulfill(body=json.dumps(document(HOST)), content_type="application/json")
        else:
            elsewhere.append(route.request.url)
            route.abort()

    page.route("**/*", serve)
    page.goto(f"{HOST}/docs")
    page.wait_for_selector("#codes")
    assert page.locator("section h3").all_inner_texts() == [
        action.name for group in dict.fromkeys(a.group for a in ACTIONS.values()) for action in ACTIONS.values()
        if action.group == group
    ]  # fmt: skip
    assert page.locator("table.codes code:first-child").first.inner_text() == "0"
    assert page.locator("table.codes tr").count() == len(ReturnCode)
    row = page.locator("#SendAgentInstanceTTS tr", has_text="SamePriorityOption")
    assert '"ClearAndInterrupt" | "Enqueue"' in row.inner_text()
    assert page.locator("section details").count() == len(ACTIONS)
    page.locator("#SendAgentInstanceTTS summary").click()
    request, answer = page.locator("#SendAgentInstanceTTS pre").all_inner_texts()
    assert json.loads(request)["Priority"] == "High"
    assert json.loads(answer)["Data"]["Round"] > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator('a[href="#CreateDigitalHumanAgentInstance"]').click()
    picture(page, f"docs-{name}")
    assert elsewhere == []
    assert errors == []
