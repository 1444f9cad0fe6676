"""``kill -9`` of servers at random instants, hundreds of times: what was promised, and what of it was lost."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from server.store.database import Database
from tests.crash.audience import audience
from tests.crash.process import site
from tests.crash.proof import kept_in, mistakes
from tests.crash.test_killed import CAMERAS, drain, kill_again_and_again, promised

from .kept import databases
from .results import Options, Result, Row, below

ROUNDS, QUICK_ROUNDS = 300, 20
SERVERS = {"SQLite": 1, "PostgreSQL": 2}


def run(options: Options) -> Result:
    """See docs/performance.md."""
    return asyncio.run(_measure(QUICK_ROUNDS if options.quick else ROUNDS))


async def _measure(rounds: int) -> Result:
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        async with databases(Path(name)) as urls:
            for database, url in urls.items():
                found, wrong = await _killed(database, url, Path(name), rounds)
                rows += found
                data[database] = wrong
    return Result("crashes", rows, {"rounds": rounds, "cameras": CAMERAS, "servers": SERVERS}, data)


async def _killed(name: str, url: str, folder: Path, rounds: int) -> tuple[list[Row], list[str]]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        receivers = await stack.enter_async_context(audience(database))
        folders = [folder / f"{name}-{number}" for number in range(SERVERS[name])]
        sites = [await stack.enter_async_context(site(url, each)) for each in folders]
        begun = time.monotonic()
        await kill_again_and_again(sites, rounds, random.Random(rounds))
        killing_s, begun = time.monotonic() - begun, time.monotonic()
        await drain(sites, database)
        draining_s = time.monotonic() - begun
        kept, told = await kept_in(database), promised(sites)
    wrong = mistakes(kept, receivers, told)
    ids = [got.id for receiver in receivers.values() for got in receiver.got]
    again = sum(count - 1 for count in Counter(ids).values())
    unopened = sum(not life.opened.is_set() for one in sites for life in one.lives)
    print(f"   {name}: {rounds} kills in {killing_s:.0f} s, {len(told)} promises, {len(wrong)} broken", flush=True)
    rows = [
        Row(f"{name}, {SERVERS[name]} at a time: servers killed", rounds, note=f"{unopened} while they started"),
        Row(f"{name}: changes promised", len(told)),
        Row(f"{name}: changes kept", len(kept.changes)),
        Row(f"{name}: deliveries made", len(set(ids))),
        Row(f"{name}: of those, sent again with the same id and content", again),
        Row(f"{name}: from the last kill until all are delivered", draining_s, "s"),
        below(f"{name}: changes or deliveries lost, out of order, doubled or altered", len(wrong), 0, ""),
    ]
    return rows, wrong
