"""A server with a small fleet, and reading the wall and the camera page as their user sees them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Locator, Page

from .conftest import FIXTURES, server_process
from .live import LONG_MS, until

NOWHERE = "rtsp://127.0.0.1:9/stream"
"""Nobody listens at the port of the discard service."""

CAMERAS = (
    {"name": "gate", "url": str(FIXTURES / "people-720p.mp4"), "loop": True, "labels": ["outside"]},
    {"name": "hall", "url": str(FIXTURES / "gun-pan.mp4"), "loop": True, "labels": ["inside"]},
    {"name": "yard", "url": NOWHERE, "labels": ["outside"]},
    {"name": "stairs", "url": str(FIXTURES / "people-720p.mp4"), "loop": True, "labels": ["inside"]},
)

DARK = """([x, y]) => {
    const video = document.querySelector('vigie-camera [data-testid=video]');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    if (!canvas.width) return false;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const [red, green, blue] = context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data;
    return Math.max(red, green, blue) < 45;
}"""
"""Whether the video is black at a place, given in fractions."""


@asynccontextmanager
async def fleet_server(folder: Path, cameras: tuple[dict[str, Any], ...] = CAMERAS) -> AsyncIterator[str]:
    """A server with these cameras in its settings file; gives its URL."""
    settings = folder / "vigie.yaml"
    settings.write_text(json.dumps({"cameras": cameras}))  # JSON is YAML
    async with server_process(folder, "--config", str(settings)) as (url, _):
        yield url


async def camera_of(url: str, name: str) -> dict[str, Any]:
    """What the server says of a camera."""
    async with ClientSession() as session, session.get(f"{url}/api/v1/cameras/{name}") as answer:
        body = await answer.json()
        assert isinstance(body, dict)
        return body


def tile(page: Page, name: str) -> Locator:
    """A camera's tile on the wall."""
    return page.locator(f"[data-testid=tile][data-camera={name}]")


async def wait_for_tile(page: Page, name: str, attributes: str, timeout_ms: float = LONG_MS) -> None:
    """Until a tile has these attributes, as a CSS selector."""
    await page.wait_for_selector(f"[data-testid=tile][data-camera={name}]{attributes}", timeout=timeout_ms)


async def wait_for_moving(page: Page, name: str) -> None:
    """Until a tile's video shows more than ten pictures."""
    selector = f"[data-camera={name}] [data-testid=tile-video]"
    shown = "(s) => document.querySelector(s)?.getVideoPlaybackQuality().totalVideoFrames > 10"
    await until(page, shown, selector)


async def open_camera(page: Page, url: str, name: str) -> None:
    """Open a camera's page and wait for its video."""
    await page.goto(f"{url}/?lang=en#camera/{name}")
    await page.wait_for_selector("vigie-camera [data-testid=state][data-state=live]", timeout=LONG_MS)


async def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place on the picture to draw on, given in fractions, as pixels of the page."""
    box = await page.get_by_test_id("areas").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]
