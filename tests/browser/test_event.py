"""Somebody who has to say what an event was: evidence, verdict, and who has been told."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect
from sqlalchemy import update

from server.store.database import Database
from server.store.schema import events as table
from tests.support.events import suspected
from tests.support.receiver import receiving, status

from .conftest import Watched
from .events import (
    GUN,
    HOSTILE,
    event_server,
    fits,
    get,
    id_of,
    life,
    open_event,
    open_recorded,
    post,
    series,
    write,
)
from .live import LONG_MS, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LINE = "document.querySelector('[data-testid=clip-line]')"
VIDEO = "document.querySelector('[data-testid=clip]')"
MARKS = """() => {
    const canvas = document.querySelector('[data-testid=clip-boxes]');
    if (!canvas.width) return 0;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let i = 3; i < pixels.length; i += 4) count += pixels[i] > 0;
    return count;
}"""
"""How many pixels of the layer over the clip are drawn on."""


async def evidence_is(folder: Path, event_id: str, state: str) -> None:
    """Say in the database how an event's evidence stands."""
    async with Database(f"sqlite:///{folder / 'vigie.db'}") as database, database.write() as connection:
        await connection.execute(update(table).where(table.c.id == event_id).values(evidence=state))


async def test_the_evidence_of_an_event(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path, GUN) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        event_id = await open_recorded(page, url)

        # The moment of the confirmation, over and over.
        await expect(page.get_by_test_id("evidence-moment")).to_be_checked()
        await until(page, f"() => {VIDEO}.currentTime > 0 && !{VIDEO}.paused")
        await until(page, f"() => Math.abs({LINE}.max - {LINE}.min - 3) < 0.05")
        begin, end = await page.evaluate(f"[Number({LINE}.min), Number({LINE}.max)]")
        await until(page, f"() => {VIDEO}.currentTime > {end - 0.5}")
        await until(page, f"() => {VIDEO}.currentTime < {begin + 1}")
        assert begin - 0.1 <= await page.evaluate(f"{VIDEO}.currentTime") <= end + 0.2

        # The whole clip, with the boxes of the moment on it.
        await page.keyboard.press("3")
        await page.keyboard.press("Space")
        await until(page, f"() => {VIDEO}.paused")
        event = await get(url, f"events/{event_id}")
        clip = (await get(url, f"events/{event_id}/evidence/manifest.json"))["clip"]
        await page.evaluate(f"{VIDEO}.currentTime = {(begin + end) / 2 + 0.3}")
        await until(page, f"() => ({MARKS})() > 200")
        await page.get_by_test_id("boxes-on").click()
        await until(page, f"() => ({MARKS})() === 0")
        assert await page.evaluate(f"Number({LINE}.max)") == pytest.approx(clip["seconds"], abs=0.2)
        await page.evaluate(f"{VIDEO}.currentTime = 0.2")
        await page.keyboard.press("b")
        await until(page, f"() => ({MARKS})() === 0")  # nothing was there yet

        # The picture.
        await page.keyboard.press("1")
        await until(page, "() => document.querySelector('[data-testid=key-frame]').naturalWidth === 1280")
        assert "annotated.jpg" in (await page.get_by_test_id("key-frame").get_attribute("src") or "")
        await page.keyboard.press("b")
        assert "clean.jpg" in (await page.get_by_test_id("key-frame").get_attribute("src") or "")

        # Score and path.
        await expect(page.get_by_test_id("score-plot")).to_be_visible()
        await page.get_by_test_id("score-plot").focus()
        await page.keyboard.press("End")
        last = event["path"][-1]["score"]
        assert f"{last:.0%}" in (await page.get_by_test_id("score-plot").get_attribute("aria-valuetext") or "")
        await expect(page.get_by_text("median needed: 40%")).to_be_visible()

        # The files.
        await expect(page.get_by_test_id("evidence-state")).to_be_hidden(timeout=2 * LONG_MS)
        event = await get(url, f"events/{event_id}")
        files = event["evidence"]["files"]
        assert {file["name"] for file in files} >= {"clip.mp4", "detections.jsonl", "manifest.json"}
        for file in files:
            async with page.expect_download() as download:
                await page.get_by_test_id(f"file-{file['name']}").click()
            content = (await (await download.value).path()).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
        await page.get_by_test_id("hold").click()
        await expect(page.get_by_test_id("hold")).to_have_text("Kept for good")
        assert (await get(url, f"events/{event_id}"))["evidence"]["held"] is True
        watched.check()


async def test_false_takes_the_alert_back_from_whoever_got_it(tmp_path: Path, browser: Browser) -> None:
    thanks, fault = status(200), status(503, "come back later")
    async with (
        event_server(tmp_path, GUN) as url,
        receiving() as quick,
        receiving(first=[thanks, thanks, fault]) as slow,
    ):
        for receiver in (quick, slow):
            await post(url, "webhooks", {"url": receiver.url()})
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#events")
        await page.wait_for_selector("[data-testid=sighting][data-state=ended]", timeout=2 * LONG_MS)
        await page.get_by_test_id("sighting").click()
        await expect(page.get_by_test_id("verdict-told")).to_contain_text("2 receivers got this alert")
        await expect(page.get_by_test_id("delivery-count")).to_have_text("4 of 4 delivered", timeout=LONG_MS)

        await page.keyboard.press("f")
        await expect(page.get_by_test_id("retract-text")).to_contain_text("2 receivers will be told")
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("retract-text")).to_be_hidden()
        assert (await get(url, "events?verdict=none&confirmed=1"))["events"]  # nothing was said yet
        await page.keyboard.press("n")
        await page.keyboard.type("a drill, as agreed")
        await page.keyboard.press("Escape")
        await page.keyboard.press("f")
        await page.keyboard.press("Enter")

        await expect(page.get_by_test_id("event-state")).to_have_text("Retracted")
        receipts = page.get_by_test_id("receipt")
        await expect(receipts).to_have_count(2)
        await expect(page.locator("[data-testid=receipt][data-state=delivered]")).to_have_count(2, timeout=LONG_MS)
        assert quick.types() == ["event.confirmed", "event.ended", "event.retracted"]
        assert slow.types() == ["event.confirmed", "event.ended", "event.retracted", "event.retracted"]
        assert slow.ids()[2] == slow.ids()[3]
        assert quick.got[-1].json["data"]["note"] == "a drill, as agreed"
        await expect(page.locator("[data-testid=delivery][data-type='event.retracted']").nth(1)).to_contain_text(
            "2 tries"
        )

        await page.get_by_test_id("verdict-unsure").click()
        await expect(page.get_by_test_id("event-state")).to_have_text("Ended")
        await expect(page.get_by_text("Who knows that the alert holds again: 2 of 2")).to_be_visible(timeout=LONG_MS)
        assert quick.types()[-1] == "event.reinstated"
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-testid=sighting][data-verdict=unsure]")).to_have_count(1)
        watched.check()


async def test_a_verdict_and_a_note_without_receivers(tmp_path: Path, browser: Browser) -> None:
    events = series(1)
    await write(tmp_path, events)
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        watched = Watched(page, url)
        await open_event(page, url, id_of(events, 0), "fr")
        await fits(page)
        await expect(page.get_by_test_id("verdict-told")).to_contain_text("Aucun destinataire")
        await page.get_by_test_id("verdict-real").click()
        await expect(page.get_by_test_id("verdict-given")).to_contain_text("Jugé réel")
        await expect(page.get_by_test_id("verdict-real")).to_have_attribute("aria-pressed", "true")
        await page.get_by_test_id("verdict-note").fill(HOSTILE)
        await page.get_by_test_id("note-save").click()
        await expect(page.get_by_test_id("note-save")).to_be_hidden()
        await page.get_by_test_id("verdict-false").click()  # nobody is called off: nothing is asked
        await expect(page.get_by_test_id("event-state")).to_have_text("Retiré")
        event = await get(url, f"events/{id_of(events, 0)}")
        assert (event["state"], event["note"]) == ("retracted", HOSTILE)
        await expect(page.get_by_test_id("event-history").locator("li")).to_have_count(6)
        watched.check()


async def test_from_event_to_event_by_keyboard(tmp_path: Path, browser: Browser) -> None:
    events = series(3)
    await write(tmp_path, events)
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await open_event(page, url, id_of(events, -1))
        await expect(page.get_by_test_id("event-newer")).to_be_disabled()
        await page.get_by_test_id("verdict-note").fill("not sent yet")
        await page.get_by_test_id("event-title").focus()
        for key, number in (("j", -2), ("ArrowRight", -3), ("k", -2), ("ArrowLeft", -1)):
            await page.keyboard.press(key)
            await expect(page.get_by_test_id("event-id")).to_contain_text(id_of(events, number))
        assert await page.get_by_test_id("verdict-note").input_value() == "not sent yet"
        await write(tmp_path, life(time.time(), 5))
        await expect(page.get_by_test_id("event-newer")).to_be_enabled(timeout=LONG_MS)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("writing", "Being recorded"),
        ("removed", "The recording was removed"),
        ("stopped", "Nothing was recorded"),
        (None, "There is no recording"),
    ],
)
async def test_what_is_not_recorded_is_said(tmp_path: Path, browser: Browser, state: str | None, words: str) -> None:
    events = series(1)
    await write(tmp_path, events)
    async with event_server(tmp_path) as url:
        if state:
            await evidence_is(tmp_path, id_of(events, 0), state)
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        watched = Watched(page, url)
        await open_event(page, url, id_of(events, 0))
        await expect(page.get_by_test_id("evidence-title")).to_have_text(words)
        await expect(page.get_by_test_id("files").locator("li")).to_have_count(0)
        watched.check()


async def test_events_of_other_kinds_and_none_at_all(tmp_path: Path, browser: Browser) -> None:
    notice = life(
        time.time() - 99, 1, kind="evidence-stopped", label="evidence-stopped", feed="", note="the disk is full"
    )
    doubt = suspected(time.time() - 50, 2)
    await write(tmp_path, [*notice, doubt])
    async with event_server(tmp_path) as url:
        page = await browser.new_page()
        await open_event(page, url, notice[0].id)
        await expect(page.get_by_test_id("event-title")).to_have_text("Evidence stopped")
        await expect(page.get_by_test_id("event-meaning")).to_contain_text("the disk is full")
        await expect(page.get_by_test_id("verdict-real")).to_be_hidden()
        await open_event(page, url, doubt.id)
        await expect(page.get_by_test_id("evidence-title")).to_have_text("There is no recording")
        await page.goto(f"{url}/?lang=en#event/nothing")
        await expect(page.get_by_test_id("event-gone")).to_contain_text("There is no such event")


async def test_a_clip_that_the_browser_cannot_play(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path, GUN) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})

        async def garble(route: Route) -> None:
            await route.fulfill(body=b"\0\0\0\x18ftypisom" + bytes(2000), content_type="video/mp4")

        await page.route("**/clip.mp4", garble)
        await page.goto(f"{url}/?lang=en#events")
        await page.get_by_test_id("sighting").first.click(timeout=2 * LONG_MS)
        await expect(page.get_by_test_id("evidence-note")).to_contain_text("cannot play the clip", timeout=2 * LONG_MS)
        await expect(page.get_by_test_id("clip-offer")).to_be_visible()
        await expect(page.get_by_test_id("key-frame")).to_be_visible()
        await expect(page.get_by_test_id("evidence-moment")).to_be_disabled()


async def test_the_live_card_leads_to_the_event(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path, {**GUN, "loop": True}) as url:
        page: Page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"{url}/?lang=en#camera/gate")
        item = page.locator("vigie-camera [data-testid=events] [data-state=confirmed]").first
        await item.click(timeout=2 * LONG_MS)
        await expect(page.get_by_test_id("event-title")).to_have_text("gun, gate", timeout=LONG_MS)
