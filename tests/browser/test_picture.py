"""A visitor with a picture, through a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from .conftest import FIXTURES, Watched

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

GUN = sorted((FIXTURES / "pictures").glob("gun*"))


async def test_a_picture_with_a_gun(server: str, browser: Browser, tmp_path: Path) -> None:
    page = await browser.new_page()
    watched = Watched(page, server)
    await page.goto(f"{server}/?lang=en#picture")
    await page.get_by_test_id("picture-file").set_input_files(GUN[0])
    await expect(page.get_by_test_id("detections").locator("li").first).to_be_visible(timeout=20_000)
    async with page.expect_download() as download:
        await page.get_by_test_id("download").click()
    saved = tmp_path / "saved.jpg"
    await (await download.value).save_as(saved)
    assert saved.read_bytes().startswith(b"\xff\xd8")
    watched.check()


async def test_a_file_that_is_no_picture_is_said_in_french(server: str, browser: Browser, tmp_path: Path) -> None:
    page = await browser.new_page()
    await page.goto(f"{server}/?lang=fr#picture")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is no picture")
    await page.get_by_test_id("picture-file").set_input_files(broken)
    await expect(page.get_by_test_id("picture-error")).to_contain_text("image", timeout=20_000)
    assert await page.locator("html").get_attribute("lang") == "fr"
