"""Somebody who puts another model in place of the one in use, through a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.inference.models import write_model

from .conftest import CLIP, Watched, server_process
from .events import fits, get
from .live import LONG_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def card(page: Page, name: str) -> Locator:
    return page.get_by_test_id("model").filter(has=page.get_by_role("heading", name=name, exact=True))


async def use(page: Page, name: str) -> None:
    await card(page, name).get_by_test_id("model-use").click()
    await expect(page.get_by_test_id("question-no")).to_be_focused()
    await page.get_by_test_id("question-yes").click()


async def test_upload_use_and_remove_a_model(tmp_path: Path, browser: Browser) -> None:
    knives = write_model(tmp_path / "knives.onnx", names="{0: 'knife'}")
    blind = write_model(tmp_path / "blind.onnx")
    async with server_process(tmp_path, "--source", f"clip={CLIP}") as (url, _):
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#models")
        await expect(card(page, "gun-yolov8n").get_by_test_id("model-state")).to_have_text("In use")
        await expect(card(page, "gun-yolov8n").get_by_test_id("model-use")).to_be_hidden()

        await page.get_by_test_id("model-file").set_input_files(knives)
        await expect(page.get_by_test_id("model-said")).to_have_text("knives is uploaded. It does not look yet.")
        await expect(card(page, "knives").get_by_role("heading")).to_be_focused()
        await use(page, "knives")
        await expect(card(page, "knives").get_by_test_id("model-working")).to_be_visible()
        await expect(card(page, "knives").get_by_test_id("model-state")).to_have_text(
            "In use, on trial", timeout=LONG_MS
        )
        await expect(card(page, "knives").get_by_test_id("model-check")).to_have_text("left out: it knows no guns")
        await expect(page.get_by_test_id("server")).to_contain_text("knives on openvino")
        assert (await get(url, "server"))["model"]["labels"] == ["knife"]

        await page.get_by_test_id("model-file").set_input_files(knives)
        await expect(page.get_by_test_id("model-said")).to_have_text("knives was there already.")
        await page.get_by_test_id("model-file").set_input_files(blind)
        await expect(card(page, "blind").get_by_test_id("model-state")).to_have_text("Ready")
        await use(page, "gun-yolov8n")
        await expect(page.get_by_test_id("model-said")).to_have_text("gun-yolov8n looks now.", timeout=LONG_MS)
        watched.check()

        await use(page, "blind")  # which the browser's console tells of as a request that failed
        await expect(page.get_by_test_id("models-notice")).to_contain_text("does not see the gun", timeout=LONG_MS)
        await expect(card(page, "blind").get_by_test_id("model-state")).to_have_text("Refused")
        await expect(card(page, "gun-yolov8n").get_by_test_id("model-state")).to_contain_text("In use")

        for name in ("blind", "knives"):
            await card(page, name).get_by_test_id("model-remove").click()
            await page.get_by_test_id("question-yes").click()
            await expect(page.get_by_test_id("model-said")).to_have_text(f"{name} is removed.")
        assert [model["name"] for model in (await get(url, "models"))["models"]] == ["gun-yolov8n"]


async def test_what_is_no_model_is_said_in_french_on_a_phone(server: str, tmp_path: Path, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 360, "height": 740})
    await page.goto(f"{server}/?lang=fr#models")
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"PK\x03\x04" + bytes(500))
    await page.get_by_test_id("model-file").set_input_files(weights)
    await expect(page.get_by_test_id("models-notice")).to_contain_text("Ce modèle ne peut pas être utilisé.")
    await expect(page.get_by_test_id("model-state")).to_have_text("En service")
    await fits(page)


async def test_a_device_that_is_not_there_is_told_on_every_view(tmp_path: Path, browser: Browser) -> None:
    settings = tmp_path / "vigie.yaml"
    settings.write_text(json.dumps({"detector": {"device": "gpu"}}))
    async with server_process(tmp_path, "--config", str(settings)) as (url, _):
        page = await browser.new_page(viewport={"width": 360, "height": 740})
        for view in ("live", "events", "models"):
            await page.goto(f"{url}/?lang=en#{view}")
            await expect(page.get_by_test_id("standing-device")).to_contain_text(
                "The model runs on the processor, though gpu was asked for"
            )
            await fits(page)
