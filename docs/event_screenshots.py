"""Pictures of the timeline, the event page and the alerts, from the running product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from docs.fleet_screenshots import DESKTOP, PATIENCE_MS, PHONE, SUFFIXES, WALL, Size, open_page
from tests.browser.conftest import FIXTURES
from tests.browser.events import event_server, get, post
from tests.browser.live import until
from tests.support.receiver import receiving, status
from tests.support.waiting import eventually

ENTRANCE = {"name": "entrance", "url": str(FIXTURES / "gun-walk-720p.mp4"), "loop": True, "motion_gate": False}
GATE = {"name": "gate", "url": str(FIXTURES / "people-720p.mp4"), "loop": True}
PICTURE = (1440, 1228)
"""That of the event page in the guide: down to who has been told."""

LINE = "document.querySelector('[data-testid=clip-line]')"
CLIP = "document.querySelector('[data-testid=clip]')"


@dataclass(frozen=True, slots=True)
class Site:
    """A server that has seen a gun, the event of it, and a receiver that does not take its retraction."""

    url: str
    event: str
    webhook: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take: where on a site, in which sizes, after doing what."""

    name: str
    place: Callable[[Site], str]
    sizes: tuple[Size, ...]
    act: Callable[[Page], Awaitable[None]]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """A server with an event that two receivers were told of, with all its evidence."""
    fault = status(503, "Service Unavailable")
    async with (
        receiving() as dispatch,
        receiving(fault, first=[status(200)] * 2) as board,
        event_server(folder, ENTRANCE, GATE) as url,
    ):
        await post(url, "webhooks", {"url": dispatch.url("/dispatch", "localhost"), "description": "Control room"})
        told = {"url": board.url("/school-board", "localhost"), "description": "School board"}
        webhook = (await post(url, "webhooks", {**told, "states": ["confirmed", "retracted"]}))["id"]

        async def recorded() -> str | None:
            events = (await get(url, "events?confirmed=1&state=ended"))["events"]
            done = [one["id"] for one in events if (one["evidence"] or {}).get("state") == "complete"]
            return str(done[-1]) if done else None

        event = await eventually(recorded, "an event with its evidence", PATIENCE_MS / 1000)
        assert event
        yield Site(url, event, str(webhook))


async def cards(page: Page) -> None:
    """The timeline with pictures."""
    await until(page, "() => document.querySelector('.sighting-picture')?.naturalWidth > 0")


async def filtered(page: Page) -> None:
    """The timeline with its filter open, where that is folded."""
    await cards(page)
    if await page.get_by_test_id("filter-toggle").is_visible():
        await page.get_by_test_id("filter-toggle").click()


async def with_boxes(page: Page) -> None:
    """The event page, its clip at the confirmed gun."""
    await until(page, f"() => {LINE}.max - {LINE}.min > 2.9 && {CLIP}.currentTime > 0")
    confirmed_s: float = await page.evaluate(f"(Number({LINE}.min) + Number({LINE}.max)) / 2")
    await page.get_by_test_id("event-title").focus()
    await page.keyboard.press("3")
    await page.keyboard.press("Space")
    await page.evaluate(f"{CLIP}.currentTime = {confirmed_s + 1.5}")
    await until(page, "() => document.querySelector('[data-testid=clip-boxes]').dataset.count === '1'")


async def asked(page: Page) -> None:
    """Before the alert is taken back."""
    await with_boxes(page)
    await page.keyboard.press("f")
    await expect(page.get_by_test_id("retract-text")).to_be_visible()


async def retracted(page: Page) -> None:
    """After it: one receiver has the retraction, the other does not take it."""
    await with_boxes(page)
    await page.keyboard.press("f")
    if await page.get_by_test_id("retract-yes").is_visible():
        await page.keyboard.press("Enter")
    await expect(page.locator("[data-testid=receipt][data-state=delivered]")).to_have_count(1, timeout=PATIENCE_MS)
    await page.get_by_test_id("event-title").focus()
    await page.evaluate("scrollTo(0, 0)")


async def score(page: Page) -> None:
    """The event page, at its plot."""
    await page.get_by_test_id("score-plot").scroll_into_view_if_needed()
    await page.get_by_test_id("score-plot").focus()
    await page.keyboard.press("ArrowRight")


async def listed(page: Page) -> None:
    """The alerts."""
    await expect(page.get_by_test_id("hook")).to_have_count(2)


async def adding(page: Page) -> None:
    """The dialog for a new webhook."""
    await listed(page)
    await page.get_by_test_id("hook-add").click()


async def tried(page: Page) -> None:
    """One receiver after a test that failed, with the log of a delivery."""
    await page.get_by_test_id("hook-test").click()
    await page.wait_for_selector("[data-testid=test-result]:not([data-state=working])", timeout=PATIENCE_MS)
    rows = page.get_by_test_id("delivery-toggle").filter(has_text="503")
    await rows.first.click(timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("attempts").first).to_be_visible()


BOTH = (PHONE, DESKTOP)
SHOTS = (
    Shot("events", lambda _: "events", (*BOTH, WALL), cards),
    Shot("events-filter", lambda _: "events?camera=entrance&range=hour", BOTH, filtered),
    Shot("event", lambda site: f"event/{site.event}", (*BOTH, WALL), with_boxes),
    Shot("event-ask", lambda site: f"event/{site.event}", BOTH, asked),
    Shot("event-score", lambda site: f"event/{site.event}", BOTH, score),
    Shot("alerts", lambda _: "webhooks", (*BOTH, WALL), listed),
    Shot("alerts-add", lambda _: "webhooks", BOTH, adding),
    Shot("alerts-one", lambda site: f"webhooks/{site.webhook}", BOTH, tried),
)


async def take(browser: Browser, work: Path, folder: Path, *, all_of_them: bool) -> None:
    """Every page in two languages, two themes and two sizes; or only the one that the README shows."""
    own = work / "events"
    own.mkdir()
    async with site(own) as seen:
        for shot in SHOTS if all_of_them else ():
            for language, theme in (("en", "light"), ("en", "dark"), ("fr", "light"), ("fr", "dark")):
                for size in shot.sizes:
                    address = f"{seen.url}/?lang={language}&theme={theme}#{shot.place(seen)}"
                    page = await open_page(browser, address, size)
                    await shot.act(page)
                    await _shoot(page, folder / f"{shot.name}-{language}-{theme}{SUFFIXES[size]}.png")
        page = await open_page(browser, f"{seen.url}/?lang=en&theme=light#event/{seen.event}", PICTURE)
        await retracted(page)
        await _shoot(page, folder / "event.png")


async def _shoot(page: Page, path: Path) -> None:
    await asyncio.sleep(0.5)  # let transitions end
    await page.screenshot(path=path)
    await page.close()
