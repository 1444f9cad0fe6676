"""A player and a publisher that others wrote, in a real browser: the standards, and not only our reading of them."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from ..support.waiting import eventually

MODULES = Path(__file__).resolve().parents[2] / "node_modules" / "whip-whep"
PAGE = """<!doctype html><title>player</title><video autoplay muted playsinline></video>
<script type="module">
import { WHEPClient } from './whep.js';
import { WHIPClient } from './whip.js';
const video = document.querySelector('video');
let peer;
window.view = async (url) => {
    peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.ontrack = ({ track, streams }) => { if (track.kind === 'video') video.srcObject = streams[0]; };
    window.player = new WHEPClient();
    await window.player.view(peer, url);
};
window.publish = async (url, token) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const sending = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const track of stream.getTracks())
        sending.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    window.publisher = new WHIPClient();
    await window.publisher.publish(sending, url, token);
};
window.shown = async () => {
    let frames = 0;
    for (const stat of (await peer.getStats()).values())
        if (stat.type === 'inbound-rtp' && stat.kind === 'video') frames = stat.framesDecoded;
    return { width: video.videoWidth, time: video.currentTime, frames };
};
window.ready = true;
</script>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not MODULES.is_dir() and os.environ.get("CI") != "true",
        reason="the package whip-whep is not installed: tests/npm.sh does it",
    ),
]


@pytest.fixture
async def player(browser: Browser, server: str) -> AsyncIterator[Page]:
    """A page of the server's own origin, with the standard player and publisher on it."""
    page = await browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    async def serve(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if name == "player.html":
            await route.fulfill(body=PAGE, content_type="text/html")
        else:
            await route.fulfill(body=(MODULES / name).read_text(), content_type="text/javascript")

    await page.route("**/standard/*", serve)
    await page.goto(f"{server}/standard/player.html")
    await eventually(lambda: page.evaluate("window.ready"), "the page")
    yield page
    assert not errors, errors


def camera(server: str, name: str) -> dict[str, Any] | None:
    """What the API says of a camera."""
    with urllib.request.urlopen(f"{server}/api/v1/cameras", timeout=10) as answer:
        cameras = json.load(answer)["cameras"]
    return next((camera for camera in cameras if camera["name"] == name), None)


async def decoded(page: Page) -> int:
    """Pictures that the player has decoded and shows."""
    shown = await page.evaluate("window.shown()")
    return int(shown["frames"]) if shown["width"] == 640 and shown["time"] > 0 else 0


async def plays(page: Page) -> None:
    """Until pictures come, and go on coming."""
    begun = await eventually(lambda: decoded(page), "a picture", within_s=40)

    async def goes_on() -> bool:
        return await decoded(page) >= begun + 20

    await eventually(goes_on, "20 pictures more", within_s=40)


@pytest.mark.parametrize("query", ["", "?mode=overlay"])
async def test_the_player_plays_a_camera_and_leaves(player: Page, server: str, query: str) -> None:
    await player.evaluate("(url) => window.view(url)", f"{server}/whep/clip{query}")
    await plays(player)
    assert watching(server, "clip") == 1
    await player.evaluate("window.player.stop()")
    assert watching(server, "clip") == 0


async def test_the_publisher_pushes_a_camera_which_the_player_plays(player: Page, server: str, tmp_path: Path) -> None:
    token = (tmp_path / "whip-token").read_text().strip()
    await player.evaluate("([url, token]) => window.publish(url, token)", [f"{server}/whip/webcam", token])

    def is_live() -> bool:
        pushed = camera(server, "webcam")
        return pushed is not None and pushed["state"] == "live"

    await eventually(is_live, "a live camera", within_s=40)
    await player.evaluate("(url) => window.view(url)", f"{server}/whep/webcam")
    await plays(player)
    await player.evaluate("window.publisher.stop()")
    assert camera(server, "webcam") is None, "it was there by the push alone"


async def test_the_publisher_is_refused_without_the_token(player: Page, server: str) -> None:
    error = await player.evaluate("(url) => window.publish(url, 'guess').catch(String)", f"{server}/whip/webcam")
    assert "401" in error


def watching(server: str, name: str) -> int:
    """How many watch a camera."""
    found = camera(server, name)
    assert found
    return int(found["viewers"])
