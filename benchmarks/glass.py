"""Glass to glass: a time code drawn into the camera's picture and read back off the page, in a real browser."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from .results import FIXTURES, Options, Result, Row, Unavailable, below, percentile
from .serving import running_server

PICTURE = FIXTURES / "pictures" / "gun-ab7ce795b1a9cf05.jpg"
"""A gun is in sight, so that boxes are drawn and the server looks more often: the harder case."""

SCRIPT = Path(__file__).with_name("glass.js")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    # The page's camera is a canvas: without leave to use a real one Chromium would hide local addresses behind mDNS.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
LIVE_TIMEOUT_S = 30.0
SETTLING_S = 5.0
TAKEN_EVERY_S = 5.0
MOST_DRIFT = 1.2

Sample = tuple[float, float, float]
"""In ms: when it was read on the page's clock, its delay, and how much later the browser expects it on the screen."""


def run(options: Options) -> Result:
    """See docs/performance.md."""
    executable = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if not executable:
        raise Unavailable("no Chromium here: apt-get install chromium")
    seconds = 60 * options.minutes if options.minutes else 10.0 if options.quick else 60.0
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            version = browser.version
            for transport, length_s in (("webrtc", seconds), ("websocket", min(seconds, 30.0))):
                found = _visit(browser, transport, length_s)
                data[transport] = found
                rows += _rows(transport, found)
        finally:
            browser.close()
    settings = {"picture": "640x480", "frames_per_second": 30, "mode": "burned_in", "chromium": version}
    return Result("glass", rows, {**settings, "seconds": seconds}, data)


def _visit(browser: Browser, transport: str, seconds: float) -> dict[str, Any]:
    """One visitor for so long, on a server of its own."""
    with running_server() as server:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        try:
            picture = base64.b64encode(PICTURE.read_bytes()).decode()
            script = SCRIPT.read_text(encoding="utf-8")
            page.add_init_script(script.replace("__PICTURE__", f"data:image/jpeg;base64,{picture}"))
            page.goto(server.url + ("/?transport=websocket" if transport == "websocket" else "/"))
            page.get_by_test_id("start").click()
            _wait_until_live(page, transport)
            time.sleep(SETTLING_S)
            cpu_s, before, begun = server.cpu_s(), server.counts(), time.monotonic()
            page.evaluate("() => vigieBench.begin()")
            samples: list[Sample] = []
            told = 0.0
            while (elapsed := time.monotonic() - begun) < seconds:
                time.sleep(min(TAKEN_EVERY_S, seconds - elapsed))
                samples += page.evaluate("() => vigieBench.take()")
                if elapsed - told >= 30:
                    told = elapsed
                    print(f"   {transport}: {elapsed:.0f} s, median {percentile(_delays(samples), 50):.0f} ms")
            took = time.monotonic() - begun
            counts = page.evaluate(
                "() => (({drawn, read, unreadable, repeated}) => ({drawn, read, unreadable, repeated}))(vigieBench)"
            )
            state = page.get_by_test_id("state").get_attribute("data-state")
            cpu, after = (server.cpu_s() - cpu_s) / took, server.counts()
        finally:
            page.close()
    if not samples:
        raise Unavailable(f"{transport}: no time code could be read ({counts}, the page says {state})")
    delays = _delays(samples)
    return {
        **counts,
        "state_at_the_end": state,
        "seconds": took,
        "server_cores": cpu,
        "server_per_second": {
            "frames_seen": (after.seen - before.seen) / took,
            "pictures_encoded": (after.encoded - before.encoded) / took,
            "looks": (after.looked_at - before.looked_at) / took,
        },
        "delay_ms": {str(share): percentile(delays, share) for share in (1, 5, 25, 50, 75, 95, 99, 100)},
        "expected_on_screen_later_ms": percentile([late for _, _, late in samples], 50),
        "minutes": list(_minutes(samples)),
    }


def _wait_until_live(page: Page, transport: str) -> None:
    # Playwright's own wait is an eval, which the page's policy forbids.
    shown = "video" if transport == "webrtc" else "picture-canvas"
    end = time.monotonic() + LIVE_TIMEOUT_S
    while time.monotonic() < end:
        state = page.get_by_test_id("state").get_attribute("data-state")
        if state == "live" and page.get_by_test_id(shown).is_visible():
            return
        time.sleep(0.1)
    raise Unavailable(f"{transport}: not live within {LIVE_TIMEOUT_S:g} s, the page says {state}")


def _rows(transport: str, found: dict[str, Any]) -> Iterator[Row]:
    name = {"webrtc": "WebRTC", "websocket": "WebSocket fallback"}[transport]
    delay = found["delay_ms"]
    share = found["read"] / max(found["drawn"], 1)
    middle = (delay["25"], delay["75"])
    if transport == "websocket":
        yield Row(f"{name}: median", delay["50"], "ms", middle)
        yield Row(f"{name}: 95th percentile", delay["95"], "ms")
    else:
        yield below(f"{name}: median", delay["50"], 200, spread=middle)
        yield below(f"{name}: 95th percentile", delay["95"], 350)
    yield Row(f"{name}: pictures that came back readable, of those drawn", 100 * share, "%")
    yield Row(f"{name}: pictures a second that came back", found["read"] / found["seconds"], "/s")
    minutes = found["minutes"]
    if transport == "webrtc" and len(minutes) > 1:
        for statistic in ("median", "p95"):
            ratio = minutes[-1][statistic] / minutes[0][statistic]
            which = f"minute {len(minutes)} over minute 1"
            yield below(f"{name}: {statistic} of {which}", ratio, MOST_DRIFT, "x")


def _minutes(samples: list[Sample]) -> Iterator[dict[str, float]]:
    begun = samples[0][0]
    for minute in range(max(1, round((samples[-1][0] - begun) / 60_000))):
        delays = _delays([s for s in samples if minute * 60_000 <= s[0] - begun < (minute + 1) * 60_000])
        yield {"median": percentile(delays, 50), "p95": percentile(delays, 95), "pictures": len(delays)}


def _delays(samples: list[Sample]) -> list[float]:
    return [delay for _, delay, _ in samples]
