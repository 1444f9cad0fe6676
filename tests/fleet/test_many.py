"""Many cameras: the end of one is no matter to the others, and 500 that came and went leave nothing."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from ..support.fleet import Fleet
from ..support.hosts import black_hole, silent_host
from ..support.leaks import Held, all_gone
from ..support.rtsp import Mount, RtspServer, free_port, rtsp_server
from ..support.server import Json, Server, client_of
from .conftest import Units

ROUNDS = 500
AT_ONCE = 10
ROUNDS_WITHIN_S = 60.0
REMOVED_WITHIN_S = 2.5
LONGEST_GAP_S = 0.5
SPAN_S = 8.0
LOOK_RATE = 2.0


@pytest.mark.timeout(180)
async def test_500_cameras_that_come_and_go_leave_nothing(fleet: Fleet, rtsp: RtspServer) -> None:
    """Live ones, dead ones and silent ones; some are removed at once, some when they are live."""
    # Once with all kinds, for what the first of all opens for good, such as a pool's threads.
    await come_and_go(fleet.client.server, rtsp, 3 * AT_ONCE)
    before, begun = Held.now(), time.monotonic()
    removals = await come_and_go(fleet.client.server, rtsp, ROUNDS)
    took = time.monotonic() - begun
    print(f"{took:.1f} s; removal: median {statistics.median(removals):.3f} s, longest {max(removals):.2f} s")
    assert len(removals) == ROUNDS
    assert max(removals) < REMOVED_WITHIN_S
    assert took < ROUNDS_WITHIN_S
    assert not await fleet.all()
    await all_gone(before)
    assert await fleet.client.metric("vigie_feeds{camera}") == 0


async def come_and_go(server: Server, rtsp: RtspServer, count: int) -> list[float]:
    """Add and remove so many cameras; how long each removal took, in s."""
    removals: list[float] = []
    async with AsyncExitStack() as stack:
        silent, _ = stack.enter_context(silent_host())
        nowhere = stack.enter_context(black_hole())
        fleet = Fleet(await stack.enter_async_context(client_of(server)))
        urls = [
            rtsp.url("/small"),
            f"rtsp://127.0.0.1:{free_port()}/",
            f"rtsp://127.0.0.1:{silent}/",
            rtsp.url("/none"),
            f"rtsp://127.0.0.1:{nowhere}/",
            f"http://127.0.0.1:{silent}/",
            rtsp.url("/fast"),
        ]
        rounds = iter(range(count))

        async def visitor() -> None:
            for number in rounds:
                name = f"camera-{number}"
                await fleet.add(name, urls[number % len(urls)])
                if number % 35 == 0:
                    await fleet.until(name, "live")
                elif number % 3 == 0:
                    await asyncio.sleep(0.05)
                at = time.monotonic()
                await fleet.remove(name)
                removals.append(time.monotonic() - at)

        async with asyncio.TaskGroup() as visitors:
            for _ in range(AT_ONCE):
                visitors.create_task(visitor())
    return removals


@dataclass(slots=True)
class Watched:
    """What was seen of one camera: looks at the beginning and the end, and the longest time without a new picture."""

    looks: list[int] = field(default_factory=list)
    seen: int = -1
    grew_at: float = 0.0
    longest_gap_s: float = 0.0

    def note(self, camera: Json, now: float) -> None:
        """Its figures of this moment."""
        self.looks.append(camera["frames"]["looked_at"])
        if camera["frames"]["seen"] > self.seen:
            self.seen, self.grew_at = camera["frames"]["seen"], now
        self.longest_gap_s = max(self.longest_gap_s, now - self.grew_at)

    @property
    def looked(self) -> int:
        """Looks in the whole time."""
        return self.looks[-1] - self.looks[0]


async def watched(fleet: Fleet, names: list[str], seconds: float) -> dict[str, Watched]:
    """Watch cameras for so long."""
    found = {name: Watched() for name in names}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        cameras, now = await fleet.all(), time.monotonic()
        for name in names:
            found[name].note(cameras[name], now)
        await asyncio.sleep(0.05)
    return found


@pytest.mark.timeout(90)
async def test_the_end_of_one_of_eight_costs_the_others_nothing(fleet: Fleet, rtsp: RtspServer, units: Units) -> None:
    others = [f"other-{number}" for number in range(7)]
    async with rtsp_server({"/one": Mount(units.get("small"))}) as doomed:
        await fleet.add("one", doomed.url("/one"), look_rate=LOOK_RATE)
        for name in others:
            await fleet.add(name, rtsp.url("/small"), look_rate=LOOK_RATE)
        await asyncio.gather(*(fleet.until(name, "live") for name in ("one", *others)))
        before = await watched(fleet, others, SPAN_S)
        await doomed.kill()
        outage = await watched(fleet, others, SPAN_S)
        assert (await fleet.show("one"))["state"] in ("retrying", "connecting")
        await doomed.start()
        after = await watched(fleet, others, SPAN_S)
        assert {camera["state"] for camera in (await fleet.all()).values()} == {"live"}
    told = {
        name: [f"{when[name].looked} looks, gap {when[name].longest_gap_s:.2f} s" for when in (before, outage, after)]
        for name in others
    }
    # Measured by the worse of before and after: what the machine does without an outage is no fault of one.
    usual_looks = min(sum(each.looked for each in when.values()) for when in (before, after))
    usual_gap_s = max(each.longest_gap_s for when in (before, after) for each in when.values())
    assert sum(each.looked for each in outage.values()) >= 0.8 * usual_looks, told
    for name in others:
        assert outage[name].looked >= 0.6 * usual_looks / len(others), told
        assert outage[name].longest_gap_s <= max(LONGEST_GAP_S, 1.5 * usual_gap_s), told
