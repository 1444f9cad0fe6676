"""From a confirmed event to the receiver's socket: how long it takes, and how many alerts go out a second."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.core.events import Event
from tests.support.events import confirmed

from .kept import databases, kept_in, sighting, subscribe
from .results import ROOT, Options, Result, Row, at_least, below, percentile

RATE, BURST = 5, 10
EVENTS, QUICK_EVENTS = 500, 50
MEDIAN_MS, P99_MS = 50.0, 250.0
DELIVERIES, QUICK_DELIVERIES = 2000, 300
LIVE, A_SECOND = 10, 200.0
DOUBT_S = 0.3
"""From a suspicion to its confirmation."""

PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """An alert that came to a receiver; ``at`` in monotonic seconds."""

    port: int
    event_id: str
    at: float


class Hooks:
    """The process of the receivers; ``ports``: first those that answer, then those that do not."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ports: list[int] = self._answer()

    def arrivals(self) -> list[Arrival]:
        """The alarms that came since this was asked for the last time."""
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        return [Arrival(port, event, at) for port, event, kind, at in self._answer() if kind == "event.confirmed"]

    def _answer(self) -> list[Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the receivers broke: see their message above")
        return list(json.loads(line))


def run(options: Options) -> Result:
    """See docs/performance.md."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Result:
    events = QUICK_EVENTS if options.quick else EVENTS
    deliveries = QUICK_DELIVERIES if options.quick else DELIVERIES
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        async with databases(Path(name)) as urls:
            for database, url in urls.items():
                for way, size in (("one at a time", 1), (f"{BURST} at once", BURST)):
                    took = await _delays(url, Path(name), events, size)
                    rows += _delay_rows(f"{database}, {way}", took, events)
                    data[f"{database}, {way}, ms"] = [1000 * seconds for seconds in took]
                    print(f"   {database}, {way}: {1000 * statistics.median(took):.1f} ms", flush=True)
                one = await _rate(url, Path(name), 1, 1, deliveries)
                many = await _rate(url, Path(name), LIVE, 0, deliveries)
                rows.append(at_least(f"{database}: alerts a second, one of two receivers dead", one, A_SECOND, "/s"))
                rows.append(Row(f"{database}: alerts a second to {LIVE} receivers together", many, "/s"))
                print(f"   {database}: {one:.0f} and {many:.0f} a second", flush=True)
    settings = {"events": events, "a_second": RATE, "burst": BURST, "deliveries": deliveries, "live": LIVE}
    return Result("alerts", rows, settings, data)


def _delay_rows(name: str, took: list[float], events: int) -> list[Row]:
    ms = [1000 * seconds for seconds in took]
    return [
        below(f"{name}: event to socket, median", percentile(ms, 50), MEDIAN_MS),
        below(f"{name}: event to socket, 99th percentile", percentile(ms, 99), P99_MS),
        Row(f"{name}: event to socket, longest", max(ms), "ms"),
        below(f"{name}: alerts that did not come", events - len(took), 0, ""),
    ]


async def _delays(url: str, folder: Path, count: int, burst: int) -> list[float]:
    """How long (s) each of so many confirmed events took, five a second on average, that many at once."""
    with _hooks(1, 0) as hooks:
        async with kept_in(url, folder) as kept:
            one = await subscribe(kept, hooks.ports[0])
            begun: dict[str, float] = {}
            arrived: dict[str, float] = {}
            for number in range(0, count, burst):
                seen = [sighting(number + each) for each in range(burst)]
                for event in seen:
                    kept.journal.put(event, _nobody)
                await asyncio.sleep(min(DOUBT_S, burst / RATE / 2))
                for event in seen:
                    begun[event.id] = time.monotonic()
                    kept.journal.put(confirmed(event), _nobody)
                await asyncio.sleep(burst / RATE / 2)
            await _all_came(hooks, arrived, count)
            await kept.subscriptions.remove(one.id)
    return [arrived[event] - at for event, at in begun.items() if event in arrived]


async def _all_came(hooks: Hooks, arrived: dict[str, float], count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while len(arrived) < count and time.monotonic() < end:
        for arrival in await asyncio.to_thread(hooks.arrivals):
            arrived.setdefault(arrival.event_id, arrival.at)
        await asyncio.sleep(0.2)


async def _rate(url: str, folder: Path, live: int, dead: int, deliveries: int) -> float:
    """Alerts a second to those that answer, while as many events as it takes are confirmed all at once."""
    with _hooks(live, dead) as hooks:
        async with kept_in(url, folder) as kept:
            known = [await subscribe(kept, port) for port in hooks.ports]
            begun = time.monotonic()
            for number in range(deliveries // live):
                kept.journal.put(confirmed(sighting(number)), _nobody)
            arrivals: list[Arrival] = []
            answering = set(hooks.ports[:live])
            end = begun + PATIENCE_S
            while len(arrivals) < deliveries and time.monotonic() < end:
                await asyncio.sleep(0.5)
                arrivals += [a for a in await asyncio.to_thread(hooks.arrivals) if a.port in answering]
            for one in known:
                await kept.subscriptions.remove(one.id)
    return len(arrivals) / (max(arrival.at for arrival in arrivals) - begun)


@contextmanager
def _hooks(live: int, dead: int) -> Iterator[Hooks]:
    command = [sys.executable, "-m", "benchmarks.hooks", str(live), str(dead)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Hooks(process)
    finally:
        process.kill()
        process.wait()


def _nobody(_: Event) -> None:
    """No screen is there."""
