"""Cameras that break off: what is told meanwhile, and how soon they are back."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import pytest

from ..support.browser import browser_of
from ..support.fleet import Fleet
from ..support.rtsp import Mount, RtspServer, rtsp_server
from ..support.server import Json
from ..support.waiting import eventually
from .conftest import Units

BACK_WITHIN_S = 5.0
LONG_OUTAGE_S = 40.0
"""After so long the wait between two tries has grown to all it can be."""


async def away(fleet: Fleet, name: str) -> Json:
    """Wait until the camera is tried again and again; it says why, and when next."""
    camera = await fleet.until(name, "retrying", within_s=15)
    assert camera["reason"]
    wait = datetime.fromisoformat(camera["next_try_at"]).timestamp() - time.time()
    assert -1 < wait <= 30
    return camera


async def back(fleet: Fleet, name: str, within_s: float = BACK_WITHIN_S) -> Json:
    """Wait for the first picture and a few more."""
    before = (await fleet.show(name))["frames"]["seen"]
    begun = time.monotonic()

    async def came() -> Json | None:
        camera = await fleet.show(name)
        return camera if camera["frames"]["seen"] > before else None

    camera = await eventually(came, f"the first picture of {name}", within_s)
    assert camera is not None
    print(f"{name}: back after {time.monotonic() - begun:.2f} s")
    assert camera["state"] == "live"
    assert camera["reason"] is None
    assert camera["next_try_at"] is None
    return await fleet.sees(name, 10)


async def a_short_outage_and_another_codec(fleet: Fleet, units: Units) -> None:
    """The server is killed and comes back with H.265; who watches sees pictures again, in the same session."""
    async with rtsp_server({"/door": Mount(units.get("small"))}) as server, browser_of(fleet.client) as viewer:
        assert (await fleet.add("short", server.url("/door")))["state"] == "connecting"
        assert (await fleet.until("short", "live"))["codec"] == "h264"
        await viewer.call("burned_in", camera="short")
        await viewer.wait_for_pictures(10)
        await server.kill()
        await away(fleet, "short")
        server.mounts["/door"] = Mount(units.get("hevc"))
        await asyncio.sleep(3)
        await server.start()
        seen = len(viewer.pictures)
        camera = await back(fleet, "short")
        assert (camera["codec"], camera["width"], camera["height"]) == ("hevc", 1280, 720)
        await eventually(lambda: viewer.pictures[-1].width == 1280, "the new pictures")
        await viewer.wait_for_pictures(seen + 10)
        stamps = viewer.timestamps_received
        assert stamps == sorted(stamps)
        await fleet.remove("short")


async def a_long_outage(fleet: Fleet, units: Units) -> None:
    async with rtsp_server({"/gate": Mount(units.get("small"))}) as server:
        await fleet.add("long", server.url("/gate"))
        await fleet.until("long", "live")
        await server.kill()
        await away(fleet, "long")
        await asyncio.sleep(LONG_OUTAGE_S)
        assert (await fleet.show("long"))["state"] in ("retrying", "connecting")
        await server.start()
        await back(fleet, "long")
        await fleet.remove("long")


async def away_from_the_start(fleet: Fleet, units: Units) -> None:
    """Added while its server is down."""
    async with rtsp_server({"/yard": Mount(units.get("small"))}) as server:
        await server.kill()
        await fleet.add("late", server.url("/yard"))
        assert "nothing listens" in (await away(fleet, "late"))["reason"]
        await asyncio.sleep(12)
        await server.start()
        await back(fleet, "late")
        await fleet.remove("late")


async def frozen(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    """Pictures stop while the connection stays: stalled, then given up, then back."""
    await rtsp.mount("/frozen", Mount(units.get("small")))
    await fleet.add("frozen", rtsp.url("/frozen"))
    await fleet.until("frozen", "live")
    await rtsp.freeze("/frozen")
    stalled = await fleet.until("frozen", "stalled", within_s=7)
    assert "no picture" in stalled["reason"]
    given_up = await away(fleet, "frozen")
    assert "no picture" in given_up["reason"]
    assert given_up["frames"]["seen"] == stalled["frames"]["seen"], "it looked alive once more"
    await asyncio.sleep(5)
    await rtsp.freeze("/frozen", False)
    await back(fleet, "frozen", within_s=15)  # it is at every try that it sends nothing: nothing tells when it is back
    await rtsp.freeze("/frozen")
    await fleet.until("frozen", "stalled", within_s=7)
    await rtsp.freeze("/frozen", False)
    await fleet.until("frozen", "live", within_s=2)  # what was only stalled goes on at once
    await fleet.remove("frozen")


async def hung(fleet: Fleet, units: Units) -> None:
    """The camera's own process hangs: connections are taken, nobody answers."""
    async with rtsp_server({"/roof": Mount(units.get("small"))}) as server:
        await fleet.add("hung", server.url("/roof"))
        await fleet.until("hung", "live")
        server.hang()
        await fleet.until("hung", "stalled", within_s=7)
        await away(fleet, "hung")
        server.go_on()
        await back(fleet, "hung", within_s=15)
        await fleet.remove("hung")


@pytest.mark.timeout(150)
async def test_cameras_come_back(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    """All at the same time, for each takes long."""
    async with asyncio.TaskGroup() as group:
        group.create_task(a_short_outage_and_another_codec(fleet, units))
        group.create_task(a_long_outage(fleet, units))
        group.create_task(away_from_the_start(fleet, units))
        group.create_task(frozen(fleet, rtsp, units))
        group.create_task(hung(fleet, units))


async def test_a_stopped_camera_stays_away_until_it_is_started(fleet: Fleet, rtsp: RtspServer) -> None:
    await fleet.add("door", rtsp.url("/small"))
    await fleet.until("door", "live")
    stopped = await fleet.client.post("/api/v1/cameras/door/stop")
    assert stopped.json()["state"] == "stopped"
    seen = (await fleet.show("door"))["frames"]["seen"]
    assert set(await fleet.states("door", 2)) == {"stopped"}
    assert (await fleet.show("door"))["frames"]["seen"] == seen
    started = await fleet.client.post("/api/v1/cameras/door/start")
    assert started.json()["state"] == "connecting"
    await fleet.sees("door", 5)
