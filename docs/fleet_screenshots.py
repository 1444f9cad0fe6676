"""Pictures of the wall, the camera page and its dialogs, from the running product."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import FIXTURES, server_process
from tests.browser.fleet import NOWHERE, at, wait_for_tile
from tests.browser.live import LONG_MS, until, wait_for_event

Size = tuple[int, int]
PHONE, DESKTOP, WALL = (390, 844), (1440, 900), (1920, 1080)
SUFFIXES = {PHONE: "-phone", DESKTOP: "", WALL: "-wall"}


def _clip(name: str, clip: str, *labels: str) -> dict[str, Any]:
    return {"name": name, "url": str(FIXTURES / clip), "loop": True, "labels": labels}


PATIENCE_MS = 180_000
"""For what the model must see: nine cameras on a small machine leave it little time."""

NINE = (
    _clip("gate", "people-720p.mp4", "outside"),
    _clip("entrance", "gun-pan.mp4", "ground floor"),
    {"name": "yard", "url": NOWHERE, "labels": ["outside"]},
    _clip("stairs", "gun-walk-720p.mp4", "ground floor"),
    _clip("lobby", "people-720p.mp4", "ground floor"),
    {**_clip("lift", "people-720p.mp4", "first floor"), "enabled": False},
    {"name": "guard-phone", "url": "whip:"},
    _clip("corridor", "people-720p.mp4", "first floor"),
    {**_clip("drill-recording", "gun-flash.mp4"), "loop": False},
)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take: where, in which sizes, after doing what."""

    name: str
    place: str
    sizes: tuple[Size, ...]
    act: Callable[[Page], Awaitable[None]]


@asynccontextmanager
async def fleet(folder: Path, count: int) -> AsyncIterator[str]:
    """A server with the first ``count`` of the cameras."""
    async with server_process(folder, "--config", _settings(folder, count)) as (url, _):
        yield url


def _settings(folder: Path, count: int) -> str:
    folder.mkdir()
    settings = folder / "vigie.yaml"
    settings.write_text(json.dumps({"cameras": NINE[:count]}))  # JSON is YAML
    return str(settings)


async def nothing(page: Page) -> None:
    """For a page that is ready as soon as it is there."""


async def first_picture(page: Page) -> None:
    """The wall with a picture."""
    await wait_for_tile(page, "gate", "[data-link=live]")


async def one_suspected(page: Page) -> None:
    """The wall with a picture in each tile, while something is suspected."""
    await wait_for_tile(page, "stairs", "[data-link=live]")
    await first_picture(page)
    await page.wait_for_selector("[data-testid=tile][data-suspicion=suspected]", timeout=PATIENCE_MS)


async def one_confirmed(page: Page) -> None:
    """The wall with a picture in each tile, while something is confirmed."""
    await until(page, "() => !document.querySelector('.tile[data-state=live]:not([data-link=live])')")
    await page.wait_for_selector("[data-testid=tile][data-suspicion=confirmed]", timeout=PATIENCE_MS)


async def alarm_elsewhere(page: Page) -> None:
    """One camera on the screen, an alarm on another page."""
    await page.locator("label[for=layout-1]").click()
    await first_picture(page)
    await expect(page.get_by_test_id("watch-go").first).to_be_visible(timeout=PATIENCE_MS)


async def confirmed(page: Page) -> None:
    """The camera page while something is confirmed."""
    await wait_for_event(page, "confirmed", PATIENCE_MS)
    await until(page, "() => document.querySelector('vigie-camera [data-testid=fps]').dataset.value >= 5")


async def history(page: Page) -> None:
    """The camera page, at its plot."""
    await expect(page.get_by_test_id("plot")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_test_id("history").scroll_into_view_if_needed()
    await page.get_by_test_id("plot").focus()


async def editor(page: Page) -> None:
    """A mask and a zone, drawn and not saved."""
    await page.wait_for_selector("vigie-camera [data-testid=state][data-state=live]", timeout=LONG_MS)
    await page.get_by_test_id("draw").click()
    for kind, corners in (
        ("mask", ((0.02, 0.05), (0.14, 0.05), (0.2, 0.48), (0.02, 0.48))),
        ("zone", ((0.3, 0.3), (0.78, 0.26), (0.9, 0.95), (0.22, 0.95))),
    ):
        await page.get_by_test_id(f"add-{kind}").click()
        await page.get_by_test_id("areas").scroll_into_view_if_needed()
        for corner in corners:
            await page.mouse.click(*await at(page, *corner))
        await page.get_by_test_id("finish-area").click()
    await page.get_by_test_id("areas").scroll_into_view_if_needed()


async def adding(page: Page) -> None:
    """The dialog for a new camera."""
    await page.get_by_test_id("add-camera").click()


async def tested(page: Page) -> None:
    """The dialog after a test that succeeded."""
    await adding(page)
    origin: str = await page.evaluate("location.origin")
    await page.get_by_test_id("camera-name").fill("dock")
    await page.get_by_test_id("camera-url").fill(f"{origin}/api/v1/cameras/gate/mjpeg?boxes=0")
    await page.get_by_test_id("probe-button").click()
    await expect(page.get_by_test_id("probe-picture")).to_be_visible(timeout=LONG_MS)


async def refused(page: Page) -> None:
    """The dialog after a test that failed, and a name that is taken."""
    await adding(page)
    await page.get_by_test_id("camera-name").fill("gate")
    await page.get_by_test_id("camera-url").fill(NOWHERE)
    await page.get_by_test_id("probe-button").click()
    await page.wait_for_selector("[data-testid=probe][data-state=failed]", timeout=LONG_MS)
    await page.get_by_test_id("camera-save").click()
    await page.wait_for_selector("[aria-invalid=true]", timeout=LONG_MS)


async def editing(page: Page) -> None:
    """The dialog for a known camera, with everything open."""
    await page.get_by_test_id("edit").click()
    await page.locator("details.more summary").click()


async def removing(page: Page) -> None:
    """The question before a camera goes."""
    await page.get_by_test_id("remove").click()


async def token(page: Page) -> None:
    """The token of a pushed camera. It leaves no camera behind."""
    await adding(page)
    await page.locator("label[for=camera-kind-whip]").click()
    name = f"phone-{await page.evaluate('Date.now() % 1000')}"
    await page.get_by_test_id("camera-name").fill(name)
    await page.get_by_test_id("camera-save").click()
    await expect(page.get_by_test_id("whip-token")).to_be_visible()
    await page.evaluate("name => fetch(`/api/v1/cameras/${name}`, { method: 'DELETE' })", name)


BOTH = (PHONE, DESKTOP)
SHOTS: dict[int, tuple[Shot, ...]] = {
    0: (Shot("wall-empty", "wall", BOTH, nothing),),
    1: (Shot("wall-1", "wall", (*BOTH, WALL), first_picture),),
    4: (
        Shot("wall-4", "wall", (*BOTH, WALL), one_suspected),
        Shot("camera", "camera/entrance", BOTH, confirmed),
        Shot("history", "camera/entrance", BOTH, history),
    ),
    9: (
        Shot("wall-9", "wall", (*BOTH, WALL), one_confirmed),
        Shot("wall-elsewhere", "wall", BOTH, alarm_elsewhere),
        Shot("camera-down", "camera/yard", BOTH, nothing),
        Shot("editor", "camera/gate", BOTH, editor),
        Shot("add", "wall", BOTH, adding),
        Shot("add-tested", "wall", BOTH, tested),
        Shot("add-refused", "wall", BOTH, refused),
        Shot("edit", "camera/gate", BOTH, editing),
        Shot("remove", "camera/gate", BOTH, removing),
        Shot("token", "wall", BOTH, token),
    ),
}


async def open_page(browser: Browser, url: str, size: Size) -> Page:
    """A page of this size, on a device that is touched where it is small."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=size == PHONE)
    page = await context.new_page()
    await page.goto(url)
    return page
