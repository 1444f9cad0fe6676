"""Cameras that cannot be opened: each says why, and comes when that is mended."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime

import pytest

from ..support.fleet import Fleet
from ..support.hosts import black_hole, silent_host
from ..support.rtsp import Mount, RtspServer, free_port, rtsp_server
from ..support.server import Json
from ..support.waiting import eventually
from .conftest import Units

PASSWORD = "c0rrect-h0rse"
WRONG = "wr0ng-battery"
GIVEN_UP_S = 10.0
REMOVED_WITHIN_S = 1.5


def check_next_try(camera: Json) -> None:
    """It says when it tries again, in at most half a minute."""
    wait = datetime.fromisoformat(camera["next_try_at"]).timestamp() - time.time()
    assert -2 < wait <= 30


async def test_what_cannot_be_opened_says_why(
    fleet: Fleet, rtsp: RtspServer, units: Units, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = {"/door": Mount(units.get("small"))}
    async with (
        rtsp_server(mounts, user="admin", password=PASSWORD) as basic,
        rtsp_server(mounts, user="admin", password=PASSWORD, digest=True) as digest,
    ):
        with silent_host() as (silent, _), black_hole() as nowhere:
            reasons = {
                "basic": (basic.url("/door", f"admin:{WRONG}"), "password"),
                "digest": (digest.url("/door", f"admin:{WRONG}"), "password"),
                "nobody": (basic.url("/door"), "password"),
                "path": (rtsp.url("/none"), "path"),
                "refused": (f"rtsp://127.0.0.1:{free_port()}/", "nothing listens"),
                "away": (f"rtsp://127.0.0.1:{nowhere}/", "answer"),
                "silent": (f"rtsp://127.0.0.1:{silent}/", "answer"),
                "silent-http": (f"http://127.0.0.1:{silent}/", "answer"),
                "silent-rtmp": (f"rtmp://127.0.0.1:{silent}/live/x", "answer"),
                "sound": (rtsp.url("/sound"), "no video"),
            }
            begun = time.monotonic()
            for name, (url, _) in reasons.items():
                await fleet.add(name, url)

            async def retrying(name: str) -> Json:
                camera = await fleet.until(name, "retrying", within_s=GIVEN_UP_S + 2)
                check_next_try(camera)
                return camera

            cameras = dict(zip(reasons, await asyncio.gather(*map(retrying, reasons)), strict=True))
            assert time.monotonic() - begun < GIVEN_UP_S + 2
        wrong = {n: cameras[n]["reason"] for n, (_, word) in reasons.items() if word not in str(cameras[n]["reason"])}
        assert not wrong
        # What is mended comes live, and no password was ever shown.
        for name in ("basic", "digest", "nobody"):
            await fleet.change(name, username="admin", password=PASSWORD)
        await asyncio.gather(*(fleet.until(name, "live", within_s=8) for name in ("basic", "digest", "nobody")))
        shown = (await fleet.client.get("/api/v1/cameras")).text
        for secret in (WRONG, PASSWORD):
            assert secret not in shown
            assert secret not in caplog.text
        assert cameras["basic"]["credentials"] is True
        assert cameras["nobody"]["credentials"] is False


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
async def test_removal_in_the_middle_of_opening_is_quick(fleet: Fleet, scheme: str) -> None:
    with silent_host() as (port, accepted):
        await fleet.add("silent", f"{scheme}://127.0.0.1:{port}/x")
        await eventually(lambda: accepted, "the connection")
        begun = time.monotonic()
        await fleet.remove("silent")
        assert time.monotonic() - begun < REMOVED_WITHIN_S
        # Its thread says that it is done in its last line: it may take the moment to return.
        await eventually(lambda: "source silent" not in [thread.name for thread in threading.enumerate()], within_s=2)


async def test_removal_while_no_connection_comes_is_quick(fleet: Fleet) -> None:
    with black_hole() as port:
        await fleet.add("away", f"rtsp://127.0.0.1:{port}/x")
        await eventually(lambda: "source away" in [thread.name for thread in threading.enumerate()])
        begun = time.monotonic()
        await fleet.remove("away")
        assert time.monotonic() - begun < REMOVED_WITHIN_S
        assert "source away" not in [thread.name for thread in threading.enumerate()]


async def test_a_probe_says_why_not(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    async with rtsp_server({"/door": Mount(units.get("small"))}, user="admin", password=PASSWORD) as locked:
        with silent_host() as (silent, _):
            asked = {
                locked.url("/door", f"admin:{WRONG}"): "password",
                rtsp.url("/none"): "path",
                rtsp.url("/sound"): "no video",
                f"rtsp://127.0.0.1:{free_port()}/": "nothing listens",
                f"rtsp://127.0.0.1:{silent}/": "answer",
            }

            # One after the other but for the silent one: no more than a few probes run at a time.
            async def reason(url: str) -> str:
                answer = await fleet.client.post("/api/v1/cameras/probe", json={"url": url})
                body = answer.json()
                assert answer.status == 200, body
                assert body["ok"] is False
                assert body["took_ms"] <= 11_000
                assert WRONG not in answer.text
                return str(body["reason"])

            slow = asyncio.create_task(reason(list(asked)[-1]))
            reasons = [await reason(url) for url in list(asked)[:-1]] + [await slow]
    for told, word in zip(reasons, asked.values(), strict=True):
        assert word in told
