"""A server with events and receivers of them, and reading the pages about them as their user sees them."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Locator, Page, expect

from server.core.events import Event, PathPoint
from server.store.database import Database
from server.store.events import EventStore
from tests.support.events import confirmed, ended, suspected

from .conftest import FIXTURES, server_process
from .live import LONG_MS, until

GUN = {"name": "gate", "url": str(FIXTURES / "gun-walk-720p.mp4"), "loop": False, "motion_gate": False}
"""A gun from its second second to its sixth, once."""

HOSTILE = '<img src=x onerror="document.title=1">'
SHOWN_MS = 15_000
"""A change written by another process is read within five seconds."""

WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@asynccontextmanager
async def event_server(
    folder: Path, *cameras: dict[str, Any], port: int = 0, private: bool = True
) -> AsyncIterator[str]:
    """A server with these cameras whose receivers may be on this machine; gives its URL."""
    settings = folder / "vigie.yaml"
    settings.write_text(json.dumps({"cameras": cameras, "webhooks": {"allow_private": private}}))  # JSON is YAML
    async with server_process(folder, "--config", str(settings), "--port", str(port)) as (url, _):
        yield url


async def write(folder: Path, events: Iterable[Event], now: float | None = None) -> None:
    """Write events into the database of a server, whether it runs or not."""
    async with Database(f"sqlite:///{folder / 'vigie.db'}") as database:
        await EventStore(database, "a-server-of-the-test").record(list(events), time.time() if now is None else now)


def life(at: float, number: int = 0, **fields: Any) -> list[Event]:
    """All revisions of a confirmed event that began then and is over."""
    path = tuple(PathPoint(i / 10, (0.2 + i / 50, 0.4, 0.4 + i / 50, 0.7), 0.6 + i / 40) for i in range(10))
    first = suspected(at, number, path=path, **fields)
    second = confirmed(first)
    return [first, second, ended(replace(second, last_seen=at + 0.9), 3.0)]


def series(count: int, every_s: float = 600, ago_s: float = 60, **fields: Any) -> list[Event]:
    """So many confirmed events, the newest so long ago; oldest first."""
    begin = time.time() - ago_s - every_s * (count - 1)
    return [event for number in range(count) for event in life(begin + every_s * number, number, **fields)]


def id_of(events: list[Event], number: int) -> str:
    """The id of the so manieth event; -1 is the newest."""
    return list(dict.fromkeys(event.id for event in events))[number]


async def get(url: str, path: str) -> dict[str, Any]:
    """What the server answers."""
    async with ClientSession() as session, session.get(f"{url}/api/v1/{path}") as answer:
        body = await answer.json(content_type=None)
        assert isinstance(body, dict)
        return body


async def post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the server answers to this."""
    async with ClientSession() as session, session.post(f"{url}/api/v1/{path}", json=body) as answer:
        assert answer.status < 400, await answer.text()
        told = await answer.json()
        assert isinstance(told, dict)
        return told


def sighting(page: Page, event_id: str) -> Locator:
    """An event's card on the timeline."""
    return page.locator(f"[data-testid=sighting][data-id='{event_id}']")


async def open_event(page: Page, url: str, event_id: str, language: str = "en") -> None:
    """Open an event's page and wait for what is known of it."""
    await page.goto(f"{url}/?lang={language}#event/{event_id}")
    await expect(page.get_by_test_id("event-id")).to_contain_text(event_id, timeout=LONG_MS)


async def open_recorded(page: Page, url: str) -> str:
    """Wait for a confirmed event of a camera, open its page, wait for its clip; the event's id."""
    await page.goto(f"{url}/?lang=en#events")
    await expect(page.get_by_test_id("sighting").first).to_be_visible(timeout=2 * LONG_MS)
    event_id = await page.get_by_test_id("sighting").first.get_attribute("data-id") or ""
    await open_event(page, url, event_id)
    await expect(page.get_by_test_id("evidence-clip")).to_be_enabled(timeout=2 * LONG_MS)
    return event_id


async def fits(page: Page) -> None:
    """Nothing on the page is wider than the screen."""
    await until(page, f"() => ({WIDER})() <= 0")
