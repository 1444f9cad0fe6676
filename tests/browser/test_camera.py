"""Somebody who sets cameras up: adds, tries, changes and removes them, and draws on their pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from .conftest import Watched
from .fleet import DARK, at, camera_of, fleet_server, open_camera, tile, wait_for_tile
from .live import LONG_MS, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[str]:
    """Four cameras, one of them down."""
    async with fleet_server(tmp_path) as url:
        yield url


async def fill(page: Page, **values: str) -> None:
    """Type into the fields of the camera form."""
    for name, value in values.items():
        await page.get_by_test_id("camera-form").get_by_test_id(f"camera-{name}").fill(value)


async def test_add_try_change_and_remove_a_camera(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page, fleet)
    await page.goto(f"{fleet}/?lang=en#wall")
    await page.get_by_test_id("add-camera").click()
    pictures = f"{fleet}/api/v1/cameras/gate/mjpeg?boxes=0".replace("http://", "http://user:secret@")
    await fill(page, name="dock", url=pictures)
    await page.get_by_test_id("probe-button").click()
    await expect(page.get_by_test_id("probe-title")).to_have_text("It works", timeout=LONG_MS)
    await expect(page.get_by_test_id("probe-text")).to_contain_text("1280 \u00d7 720")
    await expect(page.get_by_test_id("probe-picture")).to_be_visible()
    await page.keyboard.press("Enter")
    await wait_for_tile(page, "dock", "[data-state=live]")
    dock = await camera_of(fleet, "dock")
    assert dock["credentials"] is True
    assert "secret" not in str(dock)

    await tile(page, "dock").dblclick()
    await page.get_by_test_id("edit").click()
    assert await page.get_by_test_id("camera-password").get_attribute("placeholder") == "kept"
    await fill(page, labels="inside, door")
    await page.get_by_test_id("forget").click()
    await page.get_by_test_id("camera-save").click()
    await expect(page.get_by_test_id("fact-labels")).to_have_text("inside, door")
    dock = await camera_of(fleet, "dock")
    assert dock["credentials"] is False

    await page.get_by_test_id("remove").click()
    await expect(page.get_by_test_id("remove-dialog")).to_contain_text("dock")
    await page.get_by_test_id("remove-yes").click()
    await expect(tile(page, "gate")).to_be_visible()
    await expect(tile(page, "dock")).to_have_count(0)
    watched.check()


async def test_mistakes_are_said_at_their_fields(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    await page.goto(f"{fleet}/?lang=fr#wall")
    await page.get_by_test_id("add-camera").click()
    form = page.get_by_test_id("camera-form")
    await page.keyboard.press("Enter")
    await expect(form.locator("[data-field=name] .field-error")).to_contain_text("Remplissez")
    await fill(page, name="gate", url="rtsp://127.0.0.1:9/x")
    await page.keyboard.press("Enter")
    await expect(form.locator("[data-field=name] .field-error")).to_contain_text("déjà")
    await fill(page, name="other", url="file:///etc/passwd")
    await form.locator("label[for=camera-kind-rtsp]").click()
    await page.get_by_test_id("camera-save").click()
    await expect(form.locator("[data-field=url] .field-error")).to_be_visible()
    await fill(page, url="rtsp://127.0.0.1:9/x")
    await page.get_by_test_id("probe-button").click()
    await expect(page.get_by_test_id("probe-text")).to_have_text(
        "Rien n\u2019écoute à cette adresse et à ce port.", timeout=LONG_MS
    )
    await page.get_by_test_id("camera-url").focus()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(page.get_by_test_id("add-camera")).to_be_focused()


async def test_a_pushed_camera_shows_its_token_once(fleet: str, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{fleet}/?lang=en#wall")
    await page.get_by_test_id("add-camera").click()
    await page.locator("label[for=camera-kind-whip]").click()
    await fill(page, name="phone")
    await page.keyboard.press("Enter")
    assert await page.get_by_test_id("whip-url").input_value() == f"{fleet}/whip/phone"
    assert len(await page.get_by_test_id("whip-token").input_value()) >= 20
    await page.get_by_test_id("whip-done").click()
    await expect(tile(page, "phone")).to_contain_text("Nobody is sending to this camera yet.")


async def test_a_mask_drawn_with_the_mouse(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page, fleet)
    await open_camera(page, fleet, "gate")
    assert not await page.evaluate(DARK, [0.45, 0.1])
    await page.get_by_test_id("draw").click()
    await page.get_by_test_id("add-mask").click()
    for x, y in ((0.3, 0.02), (0.6, 0.02), (0.6, 0.3), (0.3, 0.3)):
        await page.mouse.click(*await at(page, x, y))
    await page.mouse.click(*await at(page, 0.3, 0.02))  # the first corner ends it
    await expect(page.get_by_test_id("editor-state")).to_have_text("Not saved yet")
    await page.mouse.move(*await at(page, 0.3, 0.3))
    await page.mouse.down()
    await page.mouse.move(*await at(page, 0.25, 0.4), steps=5)
    await page.mouse.up()
    await page.get_by_test_id("save-areas").click()
    await expect(page.get_by_test_id("editor-state")).to_contain_text("Saved")
    [mask] = (await camera_of(fleet, "gate"))["masks"]
    assert len(mask) == 4
    assert mask[3] == pytest.approx([0.25, 0.4], abs=0.01)
    await until(page, DARK, [0.45, 0.1])

    await page.get_by_test_id("delete-area").click()  # a corner is chosen: three are left
    await page.get_by_test_id("undo").click()
    await page.locator(".area-item").click()
    await page.get_by_test_id("delete-area").click()
    await page.get_by_test_id("save-areas").click()
    await expect(page.get_by_test_id("editor-state")).to_contain_text("Saved")
    assert (await camera_of(fleet, "gate"))["masks"] == []
    await until(page, f"(place) => !({DARK})(place)", [0.45, 0.1])
    watched.check()


async def test_a_mask_drawn_with_a_finger(fleet: str, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    await open_camera(page, fleet, "gate")
    await page.get_by_test_id("draw").tap()
    await page.get_by_test_id("add-mask").tap()
    await page.get_by_test_id("areas").scroll_into_view_if_needed()
    for x, y in ((0.3, 0.05), (0.6, 0.05), (0.6, 0.4)):
        await page.touchscreen.tap(*await at(page, x, y))
    await page.get_by_test_id("finish-area").tap()
    await page.get_by_test_id("areas").scroll_into_view_if_needed()
    touch = await context.new_cdp_session(page)
    path = [await at(page, x, y) for x, y in ((0.6, 0.4), (0.55, 0.45), (0.5, 0.5))]
    for kind, (x, y) in zip(("touchStart", "touchMove", "touchMove"), path, strict=True):
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await page.get_by_test_id("save-areas").click()  # a tap right after a swipe may only stop its momentum
    await expect(page.get_by_test_id("editor-state")).to_contain_text("Saved")
    [mask] = (await camera_of(fleet, "gate"))["masks"]
    assert mask[2] == pytest.approx([0.5, 0.5], abs=0.03)
    await until(page, DARK, [0.47, 0.15])


async def test_a_zone_drawn_with_the_keyboard(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await open_camera(page, fleet, "gate")
    await page.get_by_test_id("draw").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("add-zone")).to_be_focused()
    await page.keyboard.press("Enter")
    for moves in ((), ("Shift+ArrowRight",) * 4, ("Shift+ArrowDown",) * 4):
        for move in moves:
            await page.keyboard.press(move)
        await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")  # the first corner
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Control+s")
    await expect(page.get_by_test_id("editor-state")).to_contain_text("Saved")
    [zone] = (await camera_of(fleet, "gate"))["zones"]
    assert zone == [pytest.approx(point, abs=0.001) for point in ([0.49, 0.5], [0.7, 0.5], [0.7, 0.7])]


async def test_stop_start_and_the_last_hour(fleet: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    watched = Watched(page, fleet)
    await open_camera(page, fleet, "stairs")
    await page.get_by_test_id("power").click()
    await page.wait_for_selector("vigie-camera [data-state=away]", timeout=LONG_MS)
    await expect(page.get_by_test_id("camera-state")).to_have_text("Switched off")
    await page.locator("vigie-camera").get_by_test_id("order").click()
    await page.wait_for_selector("vigie-camera [data-testid=state][data-state=live]", timeout=LONG_MS)
    await expect(page.get_by_test_id("shares").locator("[data-cause=looked]")).not_to_have_attribute("data-count", "0")
    await expect(page.get_by_test_id("plot")).to_be_visible(timeout=60_000)  # two samples, one in ten seconds
    await page.get_by_test_id("plot").focus()
    assert "frames/s" in (await page.get_by_test_id("plot").get_attribute("aria-valuetext") or "")
    watched.check()
