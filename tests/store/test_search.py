"""Searching events: what is found, page by page, and that nothing is sorted for it."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.dialects import sqlite

from server.core.events import Event, Verdict
from server.store import search as module
from server.store.database import Database
from server.store.events import EventStore
from server.store.schema import events
from server.store.search import Names, Search, names, statement
from tests.support.events import FIRST, confirmed, ended, suspected

CAMERAS = ("gate", "hall", "yard")
STEP_S = 10.0


def _all() -> list[Event]:
    """Thirty events: every third confirmed, of three cameras in turn."""
    made = []
    for number in range(30):
        kind = "knife" if number % 5 == 0 else "gun"
        event = suspected(FIRST + number * STEP_S, number, feed=CAMERAS[number % 3], kind=kind, label=kind)
        made.append(confirmed(event) if number % 3 == 0 else ended(event) if number % 3 == 1 else event)
    return made


ALL = _all()


@pytest_asyncio.fixture
async def store(database: Database) -> EventStore:
    store = EventStore(database, "here")
    await store.record(ALL, FIRST)
    await store.judge(ALL[3].id, Verdict.FALSE, "50% of an Umbrella_stand", FIRST)
    await store.judge(ALL[6].id, Verdict.REAL, None, FIRST)
    return store


async def found(store: EventStore, **search: Any) -> list[int]:
    """The numbers of the events found."""
    page = await store.search(Search(**{"limit": 100, **search}))
    numbers = {event.id: number for number, event in enumerate(ALL)}
    return [numbers[stored.event.id] for stored in page.events]


def numbers(condition: Any) -> list[int]:
    return [number for number in reversed(range(30)) if condition(number)]


async def test_the_newest_first(store: EventStore) -> None:
    assert await found(store) == list(reversed(range(30)))


@pytest.mark.parametrize("limit", [1, 7, 29, 30, 31])
async def test_pages_hold_everything_once(store: EventStore, limit: int) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await store.search(Search(limit=limit, after=after))
        seen += [stored.event.id for stored in page.events]
        after = page.next
        if after is None:
            break
    assert seen == [event.id for event in reversed(ALL)]


async def test_an_event_that_comes_between_two_pages_moves_none(store: EventStore) -> None:
    first = await store.search(Search(limit=10))
    await store.record([suspected(FIRST + 1000, 99)], FIRST)
    second = await store.search(Search(limit=10, after=first.next))
    together = [stored.event.id for stored in (*first.events, *second.events)]
    assert together == [event.id for event in reversed(ALL)][:20]


@pytest.mark.parametrize(
    ("search", "condition"),
    [
        ({"cameras": ("hall",)}, lambda n: n % 3 == 1),
        ({"cameras": ("hall", "yard")}, lambda n: n % 3 != 0),
        ({"cameras": ("nowhere",)}, lambda n: False),
        ({"kinds": ("knife",)}, lambda n: n % 5 == 0),
        ({"states": ("ended",)}, lambda n: n % 3 == 1),
        ({"states": ("ended", "suspected")}, lambda n: n % 3 != 0),
        ({"states": ("retracted",)}, lambda n: n == 3),
        ({"confirmed": True}, lambda n: n % 3 == 0),
        ({"verdicts": ("false",)}, lambda n: n == 3),
        ({"verdicts": ("none",)}, lambda n: n not in (3, 6)),
        ({"verdicts": ("none", "real")}, lambda n: n != 3),
        ({"cameras": ("gate",), "verdicts": ("none",), "kinds": ("gun",)}, lambda n: n % 15 in (3, 6, 9, 12) and n > 6),
        ({"since": FIRST + 5 * STEP_S}, lambda n: n >= 5),
        ({"until": FIRST + 5 * STEP_S}, lambda n: n < 5),
        ({"since": FIRST + 4.9 * STEP_S, "until": FIRST + 7 * STEP_S, "cameras": CAMERAS}, lambda n: n in (5, 6)),
        ({"since": FIRST + 9, "until": FIRST}, lambda n: False),
        ({"text": "UMBRELLA_"}, lambda n: n == 3),
        ({"text": "50%"}, lambda n: n == 3),
        ({"text": "%"}, lambda n: n == 3),
        ({"text": "\\"}, lambda n: False),
        ({"text": "' OR 1=1 --"}, lambda n: False),
        ({"text": "kni"}, lambda n: n % 5 == 0),
        ({"text": "yar"}, lambda n: n % 3 == 2),
        ({"text": "AL"}, lambda n: n % 3 == 1),
        ({"text": "kni", "cameras": ("hall",)}, lambda n: n % 5 == 0 and n % 3 == 1),
        ({"text": "umbrella", "cameras": ("gate",), "verdicts": ("false",)}, lambda n: n == 3),
        ({"text": "umbrella", "cameras": ("hall",)}, lambda n: False),
        ({"text": "ga", "verdicts": ("real", "false")}, lambda n: n in (3, 6)),
        ({"text": "ga", "since": FIRST + 5 * STEP_S}, lambda n: n % 3 == 0 and n >= 5),
    ],
)
async def test_what_a_search_finds(store: EventStore, search: dict[str, Any], condition: Any) -> None:
    assert await found(store, **search) == numbers(condition)


SEARCHES = [
    Search(),
    Search(after=ALL[9].id),
    Search(confirmed=True),
    Search(cameras=("gate",)),
    Search(cameras=CAMERAS, states=("ended", "confirmed"), verdicts=("real", "none")),
    Search(kinds=("gun", "knife"), confirmed=True, since=FIRST, until=FIRST + 100),
    Search(states=("ended",), cameras=("gate",)),
    Search(text="nowhere"),
    Search(text="nowhere", verdicts=("none",), states=("retracted",)),
    Search(text="a", cameras=("gate",)),
]


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("search", "named"),
    [
        *((search, Names()) for search in SEARCHES),
        (Search(text="a"), Names(("gate", "yard"), ("a",))),
        (Search(text="a", states=("ended",)), Names(("gate", "yard"))),
    ],
)
async def test_a_page_is_read_off_an_index(database: Database, search: Search, named: Names) -> None:
    """A page of a million events must not read or sort a million: each part has an index to walk down, and what is
    sorted at the end is a page. PostgreSQL plans by what is in the table: the benchmark measures it."""
    compiled = statement(search, named).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        plan = [row._mapping["detail"] for row in rows]
    reads = [line for line in plan if line.startswith(("SCAN events", "SEARCH events"))]
    assert reads
    assert all("USING INDEX" in line or "USING COVERING INDEX" in line for line in reads), plan
    assert sum("TEMP B-TREE" in line for line in plan) <= 1, plan
    if search.text and named == Names():
        assert any("ix_events_note" in line for line in reads), "it can be in notes alone"


async def test_a_text_that_many_names_hold(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAYS", 2)
    assert await found(store, text="a") == numbers(lambda n: True)
    assert await found(store, text="kni") == numbers(lambda n: n % 5 == 0)


async def test_the_names_that_hold_a_text(database: Database, store: EventStore) -> None:
    async with database.read() as connection:
        for text, expected in {"A": ["gate", "hall", "yard"], "ha": ["hall"], "%": [], "x": []}.items():
            assert list((await connection.execute(names(events.c.feed, text))).scalars()) == expected


async def test_no_names_where_there_are_no_events(database: Database) -> None:
    assert (await EventStore(database, "here").search(Search(text="gate"))).events == ()


async def test_a_lot_of_everything_is_one_query(store: EventStore) -> None:
    many = tuple(f"camera-{number}" for number in range(64))
    assert await found(store, cameras=many, kinds=many, verdicts=("none",), states=("ended",)) == []
