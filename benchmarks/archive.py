"""A store with a million events: how fast it takes new ones, and how fast it finds what is asked for."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text

from server.core.events import Event, PathPoint, State, Verdict
from server.core.identifiers import uuid7
from server.core.reports import Report
from server.keeping import Keeping
from server.store.database import Database
from server.store.rows import row_of
from server.store.schema import changes, events
from server.store.search import Search
from server.wire import compact, event_body
from tests.support.events import suspected

from .kept import databases, kept_in, sighting, subscribe
from .results import Options, Result, Row, below, percentile

EVENTS, QUICK_EVENTS = 1_000_000, 20_000
CAMERAS = 50
SPAN_S = 730 * 86_400.0
"""Two years, as long as events are kept unless told otherwise."""

LOG_S = 30 * 86_400.0
"""As long as changes and deliveries are kept."""

AT_ONCE = 5000
TIMES, QUICK_TIMES = 200, 20
SLOW_S = 20.0
"""A search is asked for so long, and not so many times, where it is slow."""

RECORDED, QUICK_RECORDED, TOGETHER = 500, 50, 50
DEEP = 1000
P95_MS = 50.0
RARE, COMMON, ABSENT = "umbrella", "cleaner", "submarine"
RARE_EVERY, NOTED, COMMON_SHARE = 50_000, 0.03, 0.3
RECEIVER_PORT = 1
"""Nobody listens there: what is measured is the writing."""


def run(options: Options) -> Result:
    """See docs/performance.md."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Result:
    count, times = (QUICK_EVENTS, QUICK_TIMES) if options.quick else (EVENTS, TIMES)
    recorded = QUICK_RECORDED if options.quick else RECORDED
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        async with databases(Path(name)) as urls:
            for database, url in urls.items():
                begun = time.monotonic()
                await _fill(url, count)
                print(f"   {database}: {count} events made in {time.monotonic() - begun:.0f} s", flush=True)
                async with kept_in(url, Path(name)) as kept:
                    rows.append(Row(f"{database}: size of {count} events", await _size(kept.database, url), "GB"))
                    rows += await _recording(database, kept, recorded)
                    found, each = await _searching(database, kept, times)
                rows += found
                data[f"{database}, ms"] = each
    settings = {"events": count, "cameras": CAMERAS, "recorded": recorded, "times": times, "page": 50}
    return Result("archive", rows, settings, data)


# --- the events ------------------------------------------------------------------------------------------------------


def made(count: int, now: float) -> Iterator[Event]:
    """So many events as they are in the end, evenly over two years, the oldest first. Chance has a fixed seed."""
    chance = random.Random(1)
    for number in range(count):
        at = now - SPAN_S + SPAN_S * number / count
        randomness = chance.getrandbits(80).to_bytes(10, "big")
        label = "knife" if chance.random() < 0.03 else "gun"
        event = suspected(
            at,
            id=uuid7(at, randomness),
            revision=2,
            state=State.ENDED,
            feed=f"camera-{chance.randrange(CAMERAS)}",
            label=label,
            kind=label,
            last_seen=at + 4,
            ended_at=at + 6,
            best_score=chance.random(),
            looks=chance.randint(1, 90),
            hits=chance.randint(1, 60),
            path=_path(chance),
            model="gun-yolov8n",
            policy="p2-5e49beb050",
        )
        yield _judged(chance, event, number) if chance.random() < 0.4 else event


def _judged(chance: random.Random, event: Event, number: int) -> Event:
    """One that was confirmed, and may have been judged."""
    event = replace(event, revision=3, confirmed_at=event.first_seen + 0.4)
    if chance.random() < 0.75:
        return event
    verdict = chance.choice(list(Verdict))
    note = None
    if number % RARE_EVERY < 3:
        note = f"it was an {RARE.title()} in the rain"
    elif chance.random() < NOTED / 0.1:
        note = f"the {COMMON} with a broom" if chance.random() < COMMON_SHARE else "seen by the guard at the door"
    at = event.first_seen + 60
    taken_back = verdict is Verdict.FALSE
    state, retracted_at = (State.RETRACTED, at) if taken_back else (event.state, None)
    return replace(event, revision=4, verdict=verdict, verdict_at=at, note=note, state=state, retracted_at=retracted_at)


def _path(chance: random.Random) -> tuple[PathPoint, ...]:
    x, y = chance.random() * 0.8, chance.random() * 0.8
    return tuple(PathPoint(n / 10, (x, y, x + 0.1, y + 0.15), chance.random()) for n in range(chance.randint(1, 30)))


async def _fill(url: str, count: int) -> None:
    """Put them into fresh tables, with what is kept of their changes and deliveries."""
    now = time.time()
    async with Database(url) as database:
        source = made(count, now)
        while some := list(islice(source, AT_ONCE)):
            told = [event for event in some if event.first_seen > now - LOG_S]
            async with database.write() as connection:
                own = [{**row_of(e), "feed_revision": e.revision, "server": "before", "held": False} for e in some]
                await connection.execute(insert(events), own)
                if told:
                    await connection.execute(insert(changes), [_change(event) for event in told])
        if not database.is_sqlite:
            async with database.write() as connection:
                await connection.execute(text("ANALYZE"))  # as PostgreSQL does by itself, in its own time


def _change(event: Event) -> dict[str, Any]:
    body = compact({"type": Report.ENDED, "timestamp": "", "data": event_body(event)})
    return {
        "event_id": event.id,
        "revision": event.revision,
        "type": Report.ENDED,
        "at": event.last_seen,
        "body": body,
    }


async def _size(database: Database, url: str) -> float:
    """GB on the disk."""
    if database.is_sqlite:
        return os.stat(url.removeprefix("sqlite:///")).st_size / 1e9
    async with database.read() as connection:
        return int(await connection.scalar(text("SELECT pg_database_size(current_database())")) or 0) / 1e9


# --- what is measured ------------------------------------------------------------------------------------------------


async def _recording(name: str, kept: Keeping, count: int) -> list[Row]:
    """Changes a second, each with a delivery, one by one as they come and many in one transaction as after a pause."""
    one = await subscribe(kept, RECEIVER_PORT)
    await kept.subscriptions.change(one.id, {"states": ("suspected",)})
    rates = []
    for together in (1, TOGETHER):
        begun = time.monotonic()
        for first in range(0, count, together):
            await kept.store.record([sighting(first + n) for n in range(together)], time.time())
        rates.append(count / (time.monotonic() - begun))
    await kept.subscriptions.remove(one.id)
    return [
        Row(f"{name}: events recorded a second, one at a time", rates[0], "/s"),
        Row(f"{name}: events recorded a second, {TOGETHER} at a time", rates[1], "/s"),
    ]


async def _searching(name: str, kept: Keeping, times: int) -> tuple[list[Row], dict[str, list[float]]]:
    """The first page of each search; and pages far down."""
    searches = {
        "newest page": Search(),
        f"page {DEEP}": Search(after=await _deep(kept.database)),
        "one camera": Search(cameras=("camera-7",)),
        "five cameras": Search(cameras=tuple(f"camera-{n}" for n in range(5))),
        "retracted": Search(states=("retracted",)),
        "confirmed at any time": Search(confirmed=True),
        "judged real": Search(verdicts=("real",)),
        "not judged, of one camera": Search(verdicts=("none",), cameras=("camera-7",)),
        "knives": Search(kinds=("knife",)),
        "a day a year ago": Search(since=time.time() - 366 * 86_400, until=time.time() - 365 * 86_400),
        "retracted knives of one camera in a month": Search(
            cameras=("camera-7",),
            kinds=("knife",),
            states=("retracted",),
            since=time.time() - 90 * 86_400,
            until=time.time() - 60 * 86_400,
        ),
        "a common word": Search(text=COMMON),
        "a rare word": Search(text=RARE),
        "a word that is nowhere": Search(text=ABSENT),
        "a part of some cameras' names": Search(text="ERA-4"),
        "a camera that is nowhere": Search(cameras=("cellar",)),
        "retracted and not judged, which nothing is": Search(states=("retracted",), verdicts=("none",)),
    }
    rows, data = [], {}
    for what, search in searches.items():
        took: list[float] = []
        end = time.monotonic() + SLOW_S
        while len(took) < times and time.monotonic() < end:
            begun = time.monotonic()
            page = await kept.store.search(search)
            took.append(1000 * (time.monotonic() - begun))
        words = f"{name}: {what}, 95th percentile"
        note = f"{len(page.events)} found"
        aims = what == "newest page"
        p95 = percentile(took, 95)
        rows.append(below(words, p95, P95_MS, note=note) if aims else Row(words, p95, "ms", note=note))
        data[what] = took
        print(f"   {words}: {p95:.1f} ms ({note})", flush=True)
    return rows, data


async def _deep(database: Database) -> str:
    """The id that the page before a deep one ends with."""
    async with database.read() as connection:
        count = int(await connection.scalar(select(func.count()).select_from(events)) or 0)
        rank = min(50 * (DEEP - 1), count // 2)
        query = select(events.c.id).order_by(events.c.id.desc()).offset(rank - 1).limit(1)
        return str(await connection.scalar(query))
