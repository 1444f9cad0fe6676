"""A visitor with a webcam, and a guard who watches a camera: the whole way, through a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from .conftest import Watched, chromium, server_process
from .live import start, tag, wait_for_event, wait_for_marks, wait_for_reading, wait_for_state

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CANDIDATES = re.compile(r"a=candidate:[^\r\n]*\r?\n")
LEAST_FPS = {"webrtc": 10, "websocket": 5}
"""The camera gives 30. Browser, model and video in both directions may share two cores, and with others: this tells
moving pictures from standing ones. What a quiet machine manages is in docs/performance.md."""


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
@pytest.mark.parametrize("mode", ["burned_in", "overlay"])
async def test_own_camera(server: str, browser: Browser, transport: str, mode: str) -> None:
    page = await browser.new_page()
    watched = Watched(page, server)
    await start(page, f"{server}/?lang=en&transport={transport}", mode)
    await wait_for_state(page, "live")
    assert await tag(page, "transport") == transport
    assert await wait_for_reading(page, "fps", LEAST_FPS[transport]) < 45
    assert await wait_for_reading(page, "looks", 1) < 31
    assert await wait_for_reading(page, "delay", 1) < 5000
    await wait_for_reading(page, "boxes", 1)
    if mode == "overlay":
        await wait_for_marks(page, "overlay", red=False)
        assert await tag(page, "keying") == "keyed"
    else:
        await wait_for_marks(page, "video" if transport == "webrtc" else "picture-canvas", red=True)
        assert await tag(page, "keying") == "burned_in"
    confirmed = await wait_for_event(page, "confirmed")
    await page.wait_for_selector(f"[data-testid=events] [data-id='{confirmed}'][data-state=ended]", timeout=30_000)
    await page.get_by_test_id("stop").click()
    await wait_for_state(page, "idle")
    watched.check()


@pytest.mark.parametrize("mode", ["burned_in", "overlay"])
async def test_watch_a_camera(server: str, browser: Browser, mode: str) -> None:
    page = await browser.new_page()
    watched = Watched(page, server)
    await start(page, f"{server}/?lang=en&camera=clip", mode)
    await wait_for_state(page, "live")
    await wait_for_reading(page, "fps", LEAST_FPS["webrtc"])
    await wait_for_reading(page, "boxes", 1)
    if mode == "overlay":
        await page.wait_for_selector("[data-testid=keying][data-keying=keyed]", timeout=30_000)
        await wait_for_marks(page, "overlay", red=False)
    else:
        await wait_for_marks(page, "video", red=True)
    await wait_for_event(page, "confirmed")
    watched.check()


async def without_candidates(route: Route) -> None:
    """Let an offer through with no way to reach either side, as where UDP is blocked."""
    request = route.request
    offer = request.post_data_json
    assert isinstance(offer, dict)
    offer["sdp"] = CANDIDATES.sub("", offer["sdp"])
    response = await route.fetch(post_data=json.dumps(offer))
    answer = await response.json()
    answer["sdp"] = CANDIDATES.sub("", answer["sdp"])
    await route.fulfill(response=response, json=answer)


async def test_falls_back_by_itself_where_udp_is_blocked(server: str, browser: Browser) -> None:
    page = await browser.new_page()
    await page.route("**/api/v1/webrtc/offer", without_candidates)
    await start(page, f"{server}/?lang=en", "burned_in")
    await wait_for_state(page, "live")
    assert await tag(page, "transport") == "websocket"
    assert await page.get_by_test_id("notice").is_visible()
    await wait_for_reading(page, "boxes", 1)


async def test_a_refused_camera_is_said_in_words(server: str) -> None:
    async with chromium("--deny-permission-prompts") as browser:
        page = await browser.new_page()
        await start(page, f"{server}/?lang=fr", "burned_in")
        await wait_for_state(page, "refused")
        assert "caméra" in (await page.get_by_test_id("panel").inner_text()).lower()


async def test_a_server_that_goes_away_is_said_so(tmp_path: Path, browser: Browser) -> None:
    async with server_process(tmp_path) as (url, process):
        page = await browser.new_page()
        await start(page, f"{url}/?transport=websocket", "burned_in")
        await wait_for_state(page, "live")
        process.kill()
        await process.wait()
        await page.wait_for_selector("[data-testid=state]:not([data-state=live])", timeout=30_000)
        assert await page.get_by_test_id("state").get_attribute("data-state") in ("lost", "error", "connecting")
