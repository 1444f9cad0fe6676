"""A guard with the timeline: what is listed, what arrives, how it is told, and what happens when things fail."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.rtsp import free_port

from .conftest import Watched
from .events import GUN, HOSTILE, SHOWN_MS, event_server, fits, id_of, life, post, series, sighting, write
from .live import LONG_MS, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NOTES = """
    window.notes = [];
    window.Notification = class {
        static permission = 'default';
        static requestPermission() { window.Notification.permission = PERMISSION; return Promise.resolve(PERMISSION); }
        constructor(title, more) { window.notes.push([title, more.body, more.tag]); }
        close() {}
    };
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
"""
"""Records notifications and tones in place of showing them: a browser without a screen refuses the first."""


async def top_of(page: Page, event_id: str) -> float:
    """Where a card is on the screen."""
    box = await sighting(page, event_id).bounding_box()
    assert box
    return box["y"]


async def test_an_event_of_a_camera_appears_by_itself(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path, GUN) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#events")
        await expect(page.get_by_test_id("stream-state")).to_have_text("Live", timeout=LONG_MS)
        card = page.get_by_test_id("sighting")
        await expect(card).to_have_count(1, timeout=LONG_MS)
        await expect(card).to_contain_text("gate")
        await until(page, "() => document.querySelector('.sighting-picture').naturalWidth > 0")
        await page.wait_for_selector("[data-testid=sighting][data-state=ended]", timeout=LONG_MS)
        await card.click()
        await expect(page.get_by_test_id("event-title")).to_have_text("gun, gate")
        watched.check()


async def test_a_filter_is_part_of_the_address(tmp_path: Path, browser: Browser) -> None:
    hall = series(5, ago_s=100, feed="hall")
    await write(tmp_path, [*series(8), *hall])
    async with event_server(tmp_path) as url:
        await post(url, f"events/{id_of(hall, 0)}/verdict", {"verdict": "real", "note": "it was a drill"})
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#events?camera=hall")
        await expect(page.get_by_test_id("sighting")).to_have_count(5)
        await page.get_by_test_id("filter-verdict").select_option("real")
        await expect(page.get_by_test_id("sighting")).to_have_count(1)
        await page.get_by_test_id("filter-text").fill("DRILL")
        await until(page, "() => location.hash === '#events?camera=hall&verdict=real&q=DRILL'")
        await page.reload()
        await expect(page.get_by_test_id("sighting")).to_have_count(1)
        assert await page.get_by_test_id("filter-text").input_value() == "DRILL"
        await page.get_by_test_id("filter-text").fill("nothing is called so")
        await page.get_by_test_id("timeline-act").click()
        await expect(page.get_by_test_id("sighting")).to_have_count(13)
        assert await page.evaluate("location.hash") == "#events"
        await page.get_by_test_id("filter-range").select_option("hour")
        await expect(page.get_by_test_id("filter-clear")).to_be_visible()
        await until(page, "() => document.querySelectorAll('[data-testid=sighting]').length < 13")
        watched.check()


async def test_older_events_come_as_one_scrolls(tmp_path: Path, browser: Browser) -> None:
    await write(tmp_path, series(120))
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=fr#events")
        await expect(page.get_by_test_id("sighting")).to_have_count(50)
        await fits(page)
        for count in (100, 120):
            await page.evaluate("scrollTo(0, document.body.scrollHeight)")
            await expect(page.get_by_test_id("sighting")).to_have_count(count)
        await expect(page.get_by_text("Il n\u2019y en a pas d\u2019autres.")).to_be_visible()
        assert await page.locator(".day-title").count() >= 1
        watched.check()


async def test_what_arrives_moves_nothing_that_is_read(tmp_path: Path, browser: Browser) -> None:
    events = series(60)
    await write(tmp_path, events)
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"{url}/?lang=en#events")
        read = id_of(events, 40)
        await expect(page.get_by_test_id("stream-state")).to_have_text("Live")
        await sighting(page, read).scroll_into_view_if_needed()
        before = await top_of(page, read)
        new = life(time.time(), 999)
        await write(tmp_path, new)
        await expect(page.get_by_test_id("new-events")).to_have_text("1 new event", timeout=SHOWN_MS)
        assert await top_of(page, read) == before
        await expect(sighting(page, new[0].id)).to_have_count(0)
        await page.get_by_test_id("new-events").click()
        await expect(sighting(page, new[0].id)).to_be_in_viewport()
        await expect(page.get_by_test_id("new-events")).to_be_hidden()


async def test_an_alarm_is_told_on_every_view(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.add_init_script(NOTES.replace("PERMISSION", "'granted'"))
        await page.goto(f"{url}/?lang=en#events")
        await page.get_by_test_id("sound").click()
        await page.get_by_test_id("notifications").click()
        await expect(page.get_by_test_id("notifications")).to_have_attribute("aria-pressed", "true")
        await page.get_by_test_id("signal-test").click()
        await until(page, "() => window.tones === 1 && window.notes[0][0] === 'Vigie: a test'")
        await expect(page.get_by_test_id("stream-state")).to_have_text("Live")
        await page.get_by_test_id("nav-webhooks").click()
        event = life(time.time(), 1)
        await write(tmp_path, event)
        await until(page, "() => window.notes.length === 2", timeout_ms=SHOWN_MS)
        title, text, tag = await page.evaluate("window.notes[1]")
        assert (title, tag) == ("Confirmed: gun, gate", event[0].id)
        assert "A person must check." in text
        await until(page, "() => window.tones === 2")
        await expect(page.get_by_test_id("nav-events")).to_have_accessible_name("Events, 1 new alarm")
        assert await page.title() == "(1) New alarm: Vigie"
        await page.get_by_test_id("nav-events").click()
        await expect(page).to_have_title("Events: Vigie")
        await expect(sighting(page, event[0].id)).to_be_visible()
        await page.reload()
        await expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_test_id("notifications")).to_have_attribute("aria-pressed", "false")


async def test_refused_notifications_are_said(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.add_init_script(NOTES.replace("PERMISSION", "'denied'"))
        await page.goto(f"{url}/?lang=en#events")
        assert await page.evaluate("Notification.permission") == "default"  # nobody asked before the press
        await page.get_by_test_id("notifications").click()
        await expect(page.get_by_test_id("signal-hint")).to_contain_text("refuses notifications")
        await expect(page.get_by_test_id("notifications")).to_have_attribute("aria-pressed", "false")


async def test_hostile_words_are_words(tmp_path: Path, browser: Browser) -> None:
    await write(tmp_path, series(2, feed=HOSTILE, label=HOSTILE, kind=HOSTILE[:40], note=HOSTILE))
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#events")
        await expect(page.get_by_test_id("sighting").first).to_contain_text(HOSTILE)
        await fits(page)
        await page.get_by_test_id("sighting").first.click()
        await expect(page.get_by_test_id("event-camera")).to_have_text(HOSTILE)
        await expect(page.get_by_test_id("event-title")).to_contain_text(HOSTILE)
        await fits(page)
        assert await page.locator("img[src=x]").count() == 0
        watched.check()


async def test_a_lost_connection_is_said_and_comes_back(tmp_path: Path, browser: Browser) -> None:
    port = free_port()
    events = series(3)
    await write(tmp_path, events)
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    async with event_server(tmp_path, port=port) as url:
        await page.goto(f"{url}/?lang=en#events")
        await expect(page.get_by_test_id("sighting")).to_have_count(3)
        await expect(page.get_by_test_id("stream-state")).to_have_text("Live")
    await expect(page.get_by_test_id("stream-state")).to_have_text("Not live", timeout=LONG_MS)
    await expect(page.get_by_test_id("stream-lost")).to_be_visible()
    await expect(page.get_by_test_id("sighting")).to_have_count(3)
    await write(tmp_path, life(time.time(), 7))
    async with event_server(tmp_path, port=port):
        await expect(page.get_by_test_id("stream-state")).to_have_text("Live", timeout=LONG_MS)
        await expect(page.get_by_test_id("stream-lost")).to_be_hidden()
        await expect(page.get_by_test_id("sighting")).to_have_count(4, timeout=SHOWN_MS)


async def test_a_list_that_cannot_be_had(tmp_path: Path, browser: Browser) -> None:
    async with event_server(tmp_path) as url:
        page = await browser.new_page()
        await page.route("**/api/v1/events?*", lambda route: route.abort())
        await page.goto(f"{url}/?lang=en#events")
        await expect(page.get_by_test_id("timeline-blank")).to_contain_text("could not be loaded")
        await page.unroute("**/api/v1/events?*")
        await page.get_by_test_id("timeline-act").click()
        await expect(page.get_by_test_id("timeline-blank")).to_contain_text("Nothing has been confirmed")


async def test_the_timeline_by_keyboard(tmp_path: Path, browser: Browser) -> None:
    events = series(60)
    await write(tmp_path, events)
    async with event_server(tmp_path) as url:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=en#events?range=week")
        await expect(page.get_by_test_id("sighting")).to_have_count(50)
        await sighting(page, id_of(events, -1)).get_by_role("link").focus()
        for key in ("j", "j", "k", "ArrowRight", "End"):
            await page.keyboard.press(key)
        last = id_of(events, 10)
        await expect(sighting(page, last).get_by_role("link")).to_be_focused()
        place = await page.evaluate("scrollY")
        assert place > 200
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("event-id")).to_contain_text(last)
        await page.keyboard.press("Escape")
        await expect(sighting(page, last).get_by_role("link")).to_be_focused()
        await expect(sighting(page, last)).to_be_in_viewport()
        assert await page.evaluate("location.hash") == "#events?range=week"
        await page.keyboard.press("/")
        await expect(page.get_by_test_id("filter-text")).to_be_focused()
        watched.check()
