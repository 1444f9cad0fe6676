"""Somebody who sets up who is told: adding, trying, changing, and what became of each delivery."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from standardwebhooks import WebhookVerificationError

from tests.support.receiver import receiving, status
from tests.support.waiting import eventually

from .conftest import Watched
from .events import HOSTILE, event_server, fits, get, post
from .live import LONG_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


async def add(page: Page, url: str) -> str:
    """Add a webhook by the form; its secret."""
    await page.get_by_test_id("hook-add-first").or_(page.get_by_test_id("hook-add")).filter(visible=True).click()
    await page.get_by_test_id("hook-url").fill(url)
    await page.get_by_test_id("hook-save").click()
    secret = await page.get_by_test_id("secret-value").input_value()
    await page.get_by_test_id("secret-done").click()
    await expect(page.get_by_test_id("secret-dialog")).to_have_count(0)
    return secret


async def test_add_try_change_and_delete_a_webhook(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url, receiving() as receiver:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#webhooks")
        await expect(page.get_by_test_id("hooks-blank")).to_contain_text("signed as Standard Webhooks has it")
        secret = await add(page, receiver.url())
        assert secret.startswith("whsec_")
        assert secret not in await page.content()  # shown this once
        await expect(page.get_by_test_id("hook-words")).to_have_text("When an event is confirmed, ended, or retracted.")
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Nothing sent yet")

        await page.get_by_test_id("hook-test").click()
        await expect(page.get_by_test_id("test-result")).to_contain_text("It works: HTTP 200 after", timeout=LONG_MS)
        receiver.got[0].verify(secret)
        assert receiver.types() == ["test"]
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Working")

        await page.get_by_test_id("hook-edit").click()
        await page.get_by_test_id("hook-description").fill(HOSTILE)
        await page.get_by_test_id("hook-states-ended").uncheck()
        await page.get_by_test_id("hook-kinds-all").uncheck()
        await page.get_by_test_id("hook-save").click()
        await expect(page.locator("[data-field=kinds] .field-error")).to_have_text("Choose at least one.")
        await page.get_by_test_id("hook-kinds-gun").check()
        await page.get_by_test_id("hook-save").click()
        await expect(page.get_by_test_id("hook")).to_contain_text(HOSTILE)
        await expect(page.get_by_test_id("hook-words")).to_have_text("When an event is confirmed or retracted.")
        [webhook] = (await get(url, "webhooks"))["webhooks"]
        assert (webhook["states"], webhook["kinds"]) == (["confirmed", "retracted"], ["gun"])

        await page.get_by_test_id("hook-power").click()
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Switched off")
        await page.get_by_test_id("hook-power").click()
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Working")

        await page.get_by_test_id("hook-remove").click()
        await expect(page.get_by_test_id("question-no")).to_be_focused()
        await page.get_by_test_id("question-yes").click()
        await expect(page.get_by_test_id("hooks-blank")).to_contain_text("Nobody is told yet")
        watched.check()


async def test_two_secrets_while_the_receiver_changes(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url, receiving() as receiver:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(f"{url}/?lang=en#webhooks")
        old = await add(page, receiver.url())
        await page.get_by_test_id("hook-rotate").click()
        await page.get_by_test_id("question-yes").click()
        new = await page.get_by_test_id("secret-value").input_value()
        await expect(page.get_by_test_id("secret-dialog")).to_contain_text("The old secret stays valid")
        await page.get_by_test_id("secret-done").click()
        await page.get_by_test_id("hook-test").click()
        await expect(page.get_by_test_id("test-result")).to_contain_text("It works", timeout=LONG_MS)
        for secret in (old, new):
            receiver.got[-1].verify(secret)
        await page.get_by_test_id("hook-drop").click()
        await page.get_by_test_id("question-yes").click()
        await expect(page.get_by_test_id("hook-drop")).to_be_hidden()
        await page.get_by_test_id("hook-test").click()
        await eventually(lambda: len(receiver.got) == 2)
        receiver.got[-1].verify(new)
        with pytest.raises(WebhookVerificationError):
            receiver.got[-1].verify(old)
        await fits(page)


async def test_mistakes_are_said_at_their_fields(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path, private=False) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(f"{url}/?lang=fr#webhooks")
        await fits(page)
        await page.get_by_test_id("hook-add-first").click()
        error = page.locator("[data-field=url] .field-error")
        await page.keyboard.press("Enter")
        await expect(error).to_contain_text("Remplissez")
        await page.get_by_test_id("hook-url").fill("ftp://example.org")
        await page.keyboard.press("Enter")
        await expect(error).to_contain_text("commence par https://")
        await page.get_by_test_id("hook-url").fill("http://127.0.0.1:9/hook")
        await expect(page.locator("[data-field=url] .hint")).to_contain_text("circule en clair")
        await page.keyboard.press("Enter")
        await expect(error).to_contain_text("n\u2019a pas le droit d\u2019appeler")
        await expect(page.get_by_test_id("hook-url")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("hook-form")).to_have_count(0)
        assert (await get(url, "webhooks"))["webhooks"] == []


async def test_deliveries_their_log_and_sending_again(tmp_path: Path, browser: Browser) -> None:
    fault = status(500, "<b>broken</b>")
    async with event_server(tmp_path) as url, receiving(fault) as receiver:
        webhook = (await post(url, "webhooks", {"url": receiver.url()}))["id"]
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#webhooks/{webhook}")
        await expect(page.get_by_test_id("hook-empty")).to_have_text("Nothing was sent yet.")
        await page.get_by_test_id("hook-test").click()
        await expect(page.get_by_test_id("test-result")).to_contain_text("It did not work", timeout=LONG_MS)
        receiver.usual = status(200)
        delivery = page.get_by_test_id("hook-delivery")
        await expect(delivery).to_have_count(1)
        await page.wait_for_selector("[data-testid=hook-delivery][data-state=delivered]", timeout=LONG_MS)
        await page.get_by_test_id("delivery-toggle").click()
        rows = page.get_by_test_id("attempts").locator("tbody tr")
        tries = len(receiver.got)
        await expect(rows).to_have_count(tries)
        await expect(rows.first).to_contain_text("HTTP 500")
        await expect(rows.first).to_contain_text("<b>broken</b>")
        await expect(rows.last).to_contain_text("HTTP 200")
        await page.get_by_text("What was sent").click()
        await expect(delivery.locator("pre")).to_contain_text('"type": "test"')

        await delivery.get_by_test_id("replay").click()
        await eventually(lambda: len(receiver.got) == tries + 1)
        assert len(set(receiver.ids())) == 1
        await expect(rows).to_have_count(tries + 1, timeout=LONG_MS)
        await page.locator("label[for=deliveries-dead]").click()
        await expect(page.get_by_test_id("hook-empty")).to_have_text("There are none of these.")
        await page.locator("label[for=deliveries-delivered]").click()
        await expect(delivery).to_have_count(1)
        await page.keyboard.press("Escape")
        await page.get_by_test_id("hooks-back").click()
        await expect(page.get_by_test_id("hook")).to_have_count(1)
        watched.check()


async def test_a_receiver_that_does_not_answer(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url, receiving(status(503)) as receiver:
        webhook = (await post(url, "webhooks", {"url": receiver.url()}))["id"]
        for number in range(6):
            await post(url, f"webhooks/{webhook}/test", {"number": number})
        page = await browser.new_page()
        await page.goto(f"{url}/?lang=en#webhooks")
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Not answering", timeout=2 * LONG_MS)
        await expect(page.get_by_test_id("hook-why")).to_be_visible()
        await expect(page.get_by_test_id("hook-failure")).to_contain_text("503")


async def test_a_receiver_that_is_gone(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url, receiving(status(410)) as receiver:
        await post(url, "webhooks", {"url": receiver.url()})
        page = await browser.new_page()
        await page.goto(f"{url}/?lang=en#webhooks")
        await page.get_by_test_id("hook-test").click()
        await expect(page.get_by_test_id("hook-condition")).to_have_text("Switched itself off", timeout=LONG_MS)
        await expect(page.get_by_test_id("hook-why")).to_contain_text("410 Gone")
