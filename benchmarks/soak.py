"""Eight cameras that are killed, frozen, removed and added by chance for a long time: whether anything grows."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.fleet import Fleet, fleet_of
from tests.support.rtsp import Mount, RtspServer, available, rtsp_server
from tests.support.server import client_of, serving

from .fleet_clips import clips_in, urls_of
from .results import Options, Result, Row, Unavailable, below

CAMERAS = 8
MINUTES = 20.0
EARLY = 0.25
"""When memory is first read, as a share of the run: minute 5 of 20."""

GROWTH = 1.03
TROUBLE_EVERY_S = 5.0
CALM_S = 10.0
SAMPLES_S = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds: MB, and counts."""

    at_s: float
    resident_mb: float
    tasks: int
    threads: int
    descriptors: int

    @classmethod
    def now(cls, begun: float) -> Held:
        """At this moment."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            time.monotonic() - begun,
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            len(asyncio.all_tasks()),
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),
        )


def run(options: Options) -> Result:
    """See docs/performance.md."""
    if not available():
        raise Unavailable("there is no RTSP server on this machine: see tests/rtsp-server.sh")
    return asyncio.run(_measure(options.minutes or (1.0 if options.quick else MINUTES)))


async def _measure(minutes: float) -> Result:
    chance = random.Random(1)
    samples: list[Held] = []
    troubles: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clips = await asyncio.to_thread(clips_in, folder / "clips")
        server = await stack.enter_async_context(serving(folder))
        client = await stack.enter_async_context(client_of(server))
        fleet = await stack.enter_async_context(fleet_of(client))
        cameras = {}
        for number, clip in enumerate(urls_of(CAMERAS, CAMERAS // 4)):
            mount = {"/live": Mount(clips[clip])}
            cameras[f"camera-{number}"] = await stack.enter_async_context(rtsp_server(mount))
        for name, rtsp in cameras.items():
            await fleet.add(name, rtsp.url("/live"), motion_gate=True, look_rate=None)
        begun = time.monotonic()
        sampling = asyncio.create_task(_sample(samples, begun))
        await _troubled(fleet, cameras, chance, troubles, begun + EARLY * minutes * 60)
        early = await _calm(fleet, cameras, begun)
        print(f"   early: {early.resident_mb:.0f} MB", flush=True)
        await _troubled(fleet, cameras, chance, troubles, begun + minutes * 60)
        late = await _calm(fleet, cameras, begun)
        print(f"   late: {late.resident_mb:.0f} MB; {troubles}", flush=True)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
    rows = [
        Row(f"memory with {CAMERAS} cameras, after {early.at_s / 60:.1f} min", early.resident_mb, "MB"),
        Row(f"memory with {CAMERAS} cameras, after {late.at_s / 60:.1f} min", late.resident_mb, "MB"),
        below("memory, end over early", late.resident_mb / early.resident_mb, GROWTH, "x"),
        below("more tasks at the end", late.tasks - early.tasks, 0, ""),
        below("more threads at the end", late.threads - early.threads, 0, ""),
        below("more file descriptors at the end", late.descriptors - early.descriptors, 0, ""),
        Row("kills, freezes, removals", sum(troubles.values())),
    ]
    return Result(
        "soak",
        rows,
        {"cameras": CAMERAS, "minutes": minutes},
        {"troubles": troubles, "early": asdict(early), "late": asdict(late), "samples": [asdict(s) for s in samples]},
    )


async def _sample(samples: list[Held], begun: float) -> None:
    while True:
        samples.append(Held.now(begun))
        await asyncio.sleep(SAMPLES_S)


async def _troubled(
    fleet: Fleet, cameras: dict[str, RtspServer], chance: random.Random, troubles: dict[str, int], until: float
) -> None:
    """One trouble after the other until it is time; each of them is over before this returns."""
    under_way: set[asyncio.Task[None]] = set()
    busy: set[str] = set()
    while time.monotonic() < until:
        free = [name for name in cameras if name not in busy]
        if free:
            name, kind = chance.choice(free), chance.choice(("kill", "kill for long", "freeze", "remove", "stop"))
            troubles[kind] = troubles.get(kind, 0) + 1
            busy.add(name)
            task = asyncio.create_task(_trouble(kind, name, fleet, cameras[name], chance))
            under_way.add(task)
            task.add_done_callback(lambda _, name=name: busy.discard(name))  # type: ignore[misc]
        await asyncio.sleep(chance.uniform(0.2, 2 * TROUBLE_EVERY_S))
        for task in [task for task in under_way if task.done()]:
            under_way.remove(task)
            task.result()
    await asyncio.gather(*under_way)


async def _trouble(kind: str, name: str, fleet: Fleet, rtsp: RtspServer, chance: random.Random) -> None:
    if kind == "remove":
        await fleet.remove(name)
        await asyncio.sleep(chance.uniform(0, 3))
        await fleet.add(name, rtsp.url("/live"), motion_gate=True, look_rate=None)
    elif kind == "stop":
        await fleet.change(name, enabled=False)
        await asyncio.sleep(chance.uniform(0, 3))
        await fleet.change(name, enabled=True)
    elif kind == "freeze":
        await rtsp.freeze("/live")
        await asyncio.sleep(chance.uniform(1, 15))
        await rtsp.freeze("/live", False)
    else:
        await rtsp.kill()
        await asyncio.sleep(chance.uniform(0, 3) if kind == "kill" else chance.uniform(10, 40))
        await rtsp.start()


async def _calm(fleet: Fleet, cameras: dict[str, RtspServer], begun: float) -> Held:
    """What is held once all cameras are live again."""
    await asyncio.gather(*(fleet.until(name, "live", within_s=60) for name in cameras))
    await asyncio.sleep(CALM_S)
    await asyncio.gather(*(fleet.until(name, "live", within_s=60) for name in cameras))
    return Held.now(begun)
