"""The page from one site, its server on another: everything that a cookie would do by itself, in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from .conftest import FIXTURES, Watched, server_process
from .events import GUN
from .live import LONG_MS, until, wait_for_reading

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

STATIC = FIXTURES.parent.parent / "static"
ROOT = FIXTURES.parent.parent


def policy(server: str) -> str:
    """The Content-Security-Policy that docs/deployment.md tells to send."""
    lines = (ROOT / "docs" / "deployment.md").read_text("utf-8").splitlines()
    line = next(line for line in lines if line.startswith("Content-Security-Policy: "))
    line = line.replace("wss://vigie.example.org", server.replace("http", "ws", 1))
    return line.partition(": ")[2].replace("https://vigie.example.org", server)


@asynccontextmanager
async def host_of_files() -> AsyncIterator[tuple[str, dict[str, str]]]:
    """A host of the page's files and nothing else, on localhost, which is another site than 127.0.0.1; gives its
    origin, and where the server's address goes once that is known."""
    known: dict[str, str] = {}

    async def file(request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"] or "index.html"
        if name == "config.js":
            text = f"export default {{ api: {json.dumps(known['server'])} }};"
            return web.Response(text=text, content_type="text/javascript")
        return web.FileResponse(STATIC / name, headers={"Content-Security-Policy": policy(known["server"])})

    app = web.Application()
    app.router.add_get("/{path:.*}", file)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}", known
    finally:
        await runner.cleanup()


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[str, str, str]]:
    """Where the page is, where its server is, and the token of the first admin."""
    async with host_of_files() as (origin, known):
        settings = tmp_path / "vigie.yaml"
        settings.write_text(json.dumps({"cameras": [GUN], "cors_origins": [origin], "access": {"local": False}}))
        async with server_process(tmp_path, "--config", str(settings)) as (link, _):
            known["server"], _, token = link.partition("/#token=")
            yield origin, known["server"], token


async def test_a_page_of_another_site_does_all_that_it_does_at_home(
    two: tuple[str, str, str], browser: Browser
) -> None:
    origin, server, token = two
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    errors = Watched(page, origin)
    await page.goto(f"{origin}/?lang=en#wall")
    await expect(page.get_by_test_id("login-name")).to_be_visible()
    await page.goto(f"{origin}/?lang=en#token={token}")
    await expect(page.get_by_test_id("nav-models")).to_be_visible()
    assert await context.cookies() == []

    await page.goto(f"{origin}/?lang=en#events")
    await expect(page.get_by_test_id("sighting").first).to_be_visible(timeout=2 * LONG_MS)
    await until(page, "() => document.querySelector('[data-testid=sighting] img').naturalWidth > 1")
    await page.get_by_test_id("sighting").first.locator("a").first.click()
    await expect(page.get_by_test_id("evidence-clip")).to_be_enabled(timeout=2 * LONG_MS)
    async with page.expect_download() as download:
        await page.get_by_test_id("file-detections.jsonl").click()
    assert (await (await download.value).path()).read_bytes().startswith(b"{")
    await until(page, "() => [...document.querySelectorAll('video')].some((v) => v.readyState >= 2)")

    await page.goto(f"{origin}/?lang=en&transport=websocket#live")
    await page.get_by_test_id("start").click()
    await wait_for_reading(page, "looks", 1)
    assert errors.errors == []
    assert {url.split("/api/")[0].replace("ws:", "http:") for url in errors.strangers} == {server}
    assert not [url for url in errors.strangers if token in url]

    await page.goto(f"{origin}/?lang=en#access")
    await page.get_by_test_id("log-out").click()
    await expect(page.get_by_test_id("login-name")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_page_that_is_not_on_the_list_gets_nothing(two: tuple[str, str, str], browser: Browser) -> None:
    _, server, token = two
    async with host_of_files() as (other, known):
        known["server"] = server
        page = await browser.new_page()
        await page.goto(f"{other}/?lang=en#token={token}")
        outcome = await page.evaluate(
            """async ([url, token]) => {
              const headers = { authorization: `Bearer ${token}` };
              const read = await fetch(`${url}/api/v1/cameras`, { headers }).then(() => "read", () => "refused");
              const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/stream`);
              const opened = await new Promise((resolve) => {
                socket.onopen = () => resolve("open");
                socket.onerror = () => resolve("refused");
              });
              return [read, opened];
            }""",
            [server, token],
        )
        assert outcome == ["refused", "refused"]
