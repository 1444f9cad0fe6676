"""How soon a camera is back: from its server listening again to the first picture, after outages of many lengths."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from tests.support.fleet import Fleet, fleet_of
from tests.support.rtsp import Mount, RtspServer, available, rtsp_server
from tests.support.server import client_of, serving
from tests.support.waiting import eventually

from .fleet_clips import clips_in
from .results import Options, Result, Row, Unavailable, below, percentile

OUTAGES_S = (0.5, 1, 2, 5, 10, 15, 20, 30, 40, 60)
QUICK_S = (0.5, 2, 5)
LONGEST_S = 5.0
STEADY_S = 3.0


def run(options: Options) -> Result:
    """See docs/performance.md."""
    if not available():
        raise Unavailable("there is no RTSP server on this machine: see tests/rtsp-server.sh")
    return asyncio.run(_measure(QUICK_S if options.quick else OUTAGES_S))


async def _measure(outages: tuple[float, ...]) -> Result:
    back: dict[float, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = await asyncio.to_thread(clips_in, folder / "clips")
        async with (
            serving(folder) as server,
            client_of(server) as client,
            fleet_of(client) as fleet,
            rtsp_server({"/door": Mount(clips["busy-0"])}) as rtsp,
        ):
            await fleet.add("door", rtsp.url("/door"))
            for outage in outages:
                await fleet.until("door", "live", within_s=30)
                await asyncio.sleep(STEADY_S)
                back[outage] = await _outage(fleet, rtsp, outage)
                print(f"   away for {outage:g} s: back after {back[outage]:.2f} s", flush=True)
    seconds = list(back.values())
    rows = [
        Row(
            "first picture after the server is back, median", percentile(seconds, 50), "s", (min(seconds), max(seconds))
        ),
        below("first picture after the server is back, longest", max(seconds), LONGEST_S, "s"),
    ]
    return Result("recovery", rows, {"outages_s": outages}, {"back_after_s": {str(k): v for k, v in back.items()}})


async def _outage(fleet: Fleet, rtsp: RtspServer, seconds: float) -> float:
    """Kill the server, start it again after so long; the seconds from then to the first picture."""
    await rtsp.kill()
    await asyncio.sleep(seconds)
    seen = (await fleet.show("door"))["frames"]["seen"]
    await rtsp.start()
    begun = time.monotonic()

    async def came() -> bool:
        return bool((await fleet.show("door"))["frames"]["seen"] > seen)

    await eventually(came, "a picture", within_s=60)
    return time.monotonic() - begun
