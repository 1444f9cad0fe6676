"""The page of the API: all routes from the server's own description, in both languages, themes and sizes."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.edge.describe.table import ROUTES

from .conftest import Watched
from .events import fits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def test_the_api_is_read_on_every_screen(server: str, browser: Browser) -> None:
    for lang, theme, width in (("en", "light", 1280), ("fr", "dark", 390)):
        context = await browser.new_context(viewport={"width": width, "height": 844})
        page = await context.new_page()
        watched = Watched(page, server)
        await page.goto(f"{server}/docs?lang={lang}&theme={theme}")
        await expect(page.get_by_test_id("route")).to_have_count(len(ROUTES))
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "The API of Vigie" if lang == "en" else "L\u2019API de Vigie"
        )
        await page.get_by_test_id("find").fill("patch cameras")
        found = page.locator("details.docs-route:visible")
        await expect(found).to_have_count(1)
        await found.locator("summary").first.click()
        await expect(found).to_contain_text("invalid-camera")
        await found.get_by_text("Python").click()
        await expect(found.locator("pre").last).to_contain_text("requests.request")
        await fits(page)
        await page.goto(f"{server}/docs/?to#getEvents")
        await expect(page.locator("#getEvents"), "an address opens its route").to_have_attribute("open", "")
        watched.check()
        await context.close()
