"""What goes wrong in the middle of a stream, without an end of it: damage, other sizes, a clock that jumps, loss."""

from __future__ import annotations

import asyncio

import pytest

from ..support.browser import Browser, browser_of
from ..support.fleet import Fleet
from ..support.network import far_host, why_not
from ..support.rtsp import Mount, RtspServer, rtsp_server
from ..support.waiting import eventually
from .conftest import Units

WATCHED_S = 12.0
LOSS_PERCENT = 5.0


def went_on(told: list[str]) -> bool:
    """Whether a camera stayed live."""
    return told == ["live"]


async def damaged(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    """A third of the pictures lost or half of them noise: still watched, and well again when that is over."""
    await rtsp.mount("/damaged", Mount(units.get("small"), damaged=0.3))
    await fleet.add("damaged", rtsp.url("/damaged"))
    await fleet.until("damaged", "live", within_s=15)
    told = await fleet.states("damaged", WATCHED_S)
    assert told[-1] in ("live", "connecting"), told
    assert (await fleet.show("damaged"))["frames"]["looked_at"] > 5
    await rtsp.damage("/damaged", 0)
    await fleet.until("damaged", "live", within_s=5)
    assert went_on(await fleet.states("damaged", 4))
    assert (await fleet.show("damaged"))["frames_per_second"] == pytest.approx(15, rel=0.25)


async def another_size(fleet: Fleet, rtsp: RtspServer, units: Units, viewer: Browser) -> None:
    """The camera changes its resolution without a word: a viewer goes on with the new pictures."""
    await rtsp.mount("/changing", Mount(units.get("small")))
    await fleet.add("changing", rtsp.url("/changing"))
    await fleet.until("changing", "live")
    await viewer.call("burned_in", camera="changing")
    await viewer.wait_for_pictures(10)
    assert viewer.pictures[-1].width == 640
    watching = asyncio.create_task(fleet.states("changing", 6))
    for kind, width in (("h264", 1280), ("small", 640)):
        await rtsp.switch("/changing", units.get(kind))
        await eventually(lambda width=width: viewer.pictures[-1].width == width, f"pictures {width} wide")  # type: ignore[misc]
        await viewer.wait_for_pictures(len(viewer.pictures) + 10)
        assert (await fleet.sees("changing", 3))["width"] == width
    assert went_on(await watching)


async def a_jump_of_the_clock(fleet: Fleet, rtsp: RtspServer, units: Units, viewer: Browser) -> None:
    """RTP timestamps leap by two hours and back by one: nothing is heard of it, and a viewer's own never go back."""
    await rtsp.mount("/jumping", Mount(units.get("small")))
    await fleet.add("jumping", rtsp.url("/jumping"))
    await fleet.until("jumping", "live")
    await viewer.call("overlay", camera="jumping")
    watching = asyncio.create_task(fleet.states("jumping", 8))
    for seconds in (7200, -3600):
        await rtsp.jump("/jumping", seconds)
        await fleet.sees("jumping", 30, within_s=5)
    assert went_on(await watching)
    stamps = [message["timestamp"] for message in viewer.of_type("boxes")]
    assert len(stamps) > 5
    assert stamps == sorted(set(stamps))
    assert stamps[-1] - stamps[0] < 30 * 90_000


@pytest.mark.timeout(60)
async def test_a_stream_that_misbehaves_is_watched_on(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    """All at the same time, for each takes long."""
    async with browser_of(fleet.client) as one, browser_of(fleet.client) as other, asyncio.TaskGroup() as group:
        group.create_task(damaged(fleet, rtsp, units))
        group.create_task(another_size(fleet, rtsp, units, one))
        group.create_task(a_jump_of_the_clock(fleet, rtsp, units, other))


@pytest.mark.timeout(60)
async def test_lost_packets_are_borne(fleet: Fleet, units: Units) -> None:
    """One packet in twenty is lost on the way, over TCP and over UDP."""
    if missing := why_not():
        pytest.skip(missing)
    with far_host() as host:
        mounts = {"/tcp": Mount(units.get("small")), "/udp": Mount(units.get("small"))}
        async with rtsp_server(mounts, address=host.address, namespace=host.namespace) as server:
            for transport in ("tcp", "udp"):
                await fleet.add(transport, server.url(f"/{transport}"), transport=transport)
            await asyncio.gather(*(fleet.until(name, "live") for name in ("tcp", "udp")))
            host.lose(LOSS_PERCENT)
            before = await fleet.all()
            told = await asyncio.gather(*(fleet.states(name, WATCHED_S) for name in ("tcp", "udp")))
            after = await fleet.all()
            assert all(went_on(states) for states in told), told
            for name in ("tcp", "udp"):
                looks = after[name]["frames"]["looked_at"] - before[name]["frames"]["looked_at"]
                pictures = after[name]["frames"]["seen"] - before[name]["frames"]["seen"]
                assert looks >= WATCHED_S / 2, name
                assert pictures >= 15 * WATCHED_S / 2, name
            host.lose(0)
            for name in ("tcp", "udp"):
                await fleet.remove(name)
