"""A guard with the wall: tiles, alarms, keyboard, filters, and what happens when things fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from .conftest import Watched
from .fleet import fleet_server, tile, wait_for_moving, wait_for_tile
from .live import LONG_MS
from .test_live import without_candidates

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LIVE = "[data-state=live][data-link=live][data-way=webrtc]"


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[str]:
    """Four cameras, one of them down."""
    async with fleet_server(tmp_path) as url:
        yield url


async def test_four_cameras_one_of_them_down(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page, fleet)
    await page.goto(f"{fleet}/?lang=en")
    await expect(page.get_by_test_id("tile")).to_have_count(4, timeout=LONG_MS)
    for name in ("gate", "hall", "stairs"):
        await wait_for_tile(page, name, LIVE)
        await wait_for_moving(page, name)
        await expect(tile(page, name)).to_contain_text("looks/s")
    await wait_for_tile(page, "yard", "[data-state=retrying]")
    await expect(tile(page, "yard")).to_contain_text("Nothing listens at this address and port.")
    await expect(tile(page, "yard")).to_contain_text("Next try in", timeout=LONG_MS)
    await wait_for_tile(page, "hall", "[data-suspicion=confirmed]")
    await expect(tile(page, "hall").get_by_test_id("tile-word")).to_have_text("Gun confirmed")
    watched.check()


async def test_an_alarm_of_another_page_is_one_press_away(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(f"{fleet}/?lang=en#wall")
    await page.locator("label[for=layout-1]").click()
    await expect(page.get_by_test_id("tile")).to_have_count(1)
    go = page.get_by_test_id("watch-go")
    await expect(go).to_contain_text("hall", timeout=LONG_MS)
    await go.click()
    await expect(tile(page, "hall")).to_be_focused()
    await wait_for_tile(page, "hall", LIVE)
    await page.reload()
    await expect(page.get_by_test_id("layout-1")).to_be_checked()


async def test_the_wall_by_keyboard(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page, fleet)
    await page.goto(f"{fleet}/?lang=en#wall")
    await tile(page, "gate").focus()
    await page.keyboard.press("ArrowRight")
    await expect(tile(page, "hall")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(tile(page, "stairs")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("camera-title")).to_have_text("stairs")
    await page.keyboard.press("Escape")
    await expect(tile(page, "stairs")).to_be_focused()
    await page.keyboard.press("1")
    await expect(page.get_by_test_id("tile")).to_have_count(1)
    await page.keyboard.press("0")
    await expect(page.get_by_test_id("tile")).to_have_count(4)
    watched.check()


async def test_filters(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(f"{fleet}/?lang=fr#wall")
    await page.get_by_test_id("wall-label").select_option("outside")
    await expect(page.get_by_test_id("tile")).to_have_count(2)
    await page.get_by_test_id("wall-search").fill("yar")
    await expect(page.get_by_test_id("tile")).to_have_count(1)
    await expect(page.get_by_test_id("watch")).to_contain_text("1 sur 4 affichées")
    await page.get_by_test_id("wall-search").fill("nothing is named so")
    await page.get_by_test_id("wall-blank").get_by_role("button").click()
    await expect(page.get_by_test_id("tile")).to_have_count(4)


async def test_one_failed_tile_disturbs_no_other(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})

    async def refuse_gate(route: Route) -> None:
        body = route.request.post_data_json
        if isinstance(body, dict) and body["camera"] == "gate":
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/api/v1/webrtc/offer", refuse_gate)
    await page.goto(f"{fleet}/?lang=en#wall")
    await wait_for_tile(page, "stairs", LIVE)
    await wait_for_tile(page, "gate", "[data-link=lost]")
    await page.unroute("**/api/v1/webrtc/offer")
    await wait_for_tile(page, "gate", LIVE)


async def test_pictures_come_where_webrtc_does_not_get_through(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.route("**/api/v1/webrtc/offer", without_candidates)
    await page.goto(f"{fleet}/?lang=en#wall")
    for name in ("gate", "hall", "stairs"):
        await wait_for_tile(page, name, "[data-link=live][data-way=mjpeg]")
        await expect(tile(page, name).get_by_test_id("tile-way")).to_have_text("MJPEG, 5/s")


async def test_a_server_without_cameras_invites_to_add_one(tmp_path: Path, browser: Browser) -> None:
    async with fleet_server(tmp_path, ()) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en")
        await expect(page.get_by_test_id("start")).to_be_visible()  # the Live view comes first
        await page.get_by_test_id("nav-wall").click()
        await page.get_by_test_id("add-first").click()
        await expect(page.get_by_test_id("camera-form")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("camera-form")).to_have_count(0)
        watched.check()
