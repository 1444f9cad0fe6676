"""Many listeners of the live stream: how soon the last of them has a change, what that costs, whether any is lost."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .kept import databases
from .results import ROOT, Options, Result, Row, below, percentile
from .serving import ServerProcess

LISTENERS, QUICK_LISTENERS = 500, 50
CHANGES, QUICK_CHANGES = 200, 25
RATE = 5
BURST = 200
SETTLING_S = 1.0
PATIENCE_S = 60.0

Came = dict[str, tuple[int, int, float]]
"""By the ids of events: how many times it came, to how many listeners, and when the last one had it."""


class Child:
    """A process that answers each line with one line of JSON; its first line comes by itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.first = self._answer()

    def ask(self, line: str = "") -> Any:
        """One line, and what is answered."""
        assert self._process.stdin
        print(line, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process broke: see its message above")
        return json.loads(line)


def run(options: Options) -> Result:
    """See docs/performance.md."""
    count = QUICK_LISTENERS if options.quick else LISTENERS
    changes = QUICK_CHANGES if options.quick else CHANGES
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name), count, changes))


async def _measure(folder: Path, count: int, changes: int) -> Result:
    rows: list[Row] = []
    data: dict[str, Any] = {}
    async with databases(folder) as urls:
        for database, url in urls.items():
            found, delays = await asyncio.to_thread(
                _round, f"{database}, {count} listeners", url, folder, count, changes
            )
            rows += found
            data[f"{database}: change to last listener, ms"] = delays
    settings = {"listeners": count, "changes": changes, "a_second": RATE, "burst": BURST}
    return Result("listeners", rows, settings, data)


def _round(name: str, url: str, folder: Path, count: int, changes: int) -> tuple[list[Row], list[float]]:
    with _child("desk", url, str(folder)) as desk, _child("readers", str(desk.first), str(count)) as readers:
        server = ServerProcess("", desk.pid)
        time.sleep(SETTLING_S)
        before, begun = server.cpu_s(), time.monotonic()
        handed: dict[str, float] = desk.ask(f"{changes} {1 / RATE}")
        cores = (server.cpu_s() - before) / (time.monotonic() - begun)
        came = _until_all_came(readers, count, changes)
        delays = [1000 * (came[event][2] - at) for event, at in handed.items() if event in came]
        burst: dict[str, float] = desk.ask(f"{BURST} 0")
        flood = _until_all_came(readers, count, BURST)
        took = max(last for _, _, last in flood.values()) - min(burst.values())
        print(f"   {name}: {percentile(delays, 50):.0f} ms, {cores:.2f} cores", flush=True)
        missed = (changes + BURST) * count - sum(there for found in (came, flood) for _, there, _ in found.values())
        twice = sum(total - there for found in (came, flood) for total, there, _ in found.values())
        rows = [
            Row(f"{name}: change to the last of them, median", percentile(delays, 50), "ms"),
            Row(f"{name}: change to the last of them, 99th percentile", percentile(delays, 99), "ms"),
            Row(f"{name}: processor, {RATE} changes a second", cores, "cores"),
            Row(f"{name}: {BURST} changes at once, until all have all", took, "s"),
            Row(f"{name}: memory", server.resident_mb(), "MB"),
            below(f"{name}: changes missed by any", missed, 0, ""),
            below(f"{name}: changes that came twice", twice, 0, ""),
        ]
    return rows, delays


def _until_all_came(readers: Child, count: int, events: int) -> Came:
    came: Came = {}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for event_id, total, listeners, last in readers.ask():
            before = came.get(event_id, (0, 0, 0.0))
            came[event_id] = (before[0] + total, before[1] + listeners, max(before[2], last))
        if sum(listeners for _, listeners, _ in came.values()) >= events * count:
            break
        time.sleep(0.5)
    return came


@contextmanager
def _child(module: str, *arguments: str) -> Iterator[Child]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Child(process)
    finally:
        process.kill()
        process.wait()
