"""What the store needs from time to time is done, and a fault puts it off and no more."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import select

from server import housekeeping as module
from server.config import EventSettings
from server.core.events import State
from server.housekeeping import DAY_S, Housekeeping
from server.store.database import Database
from server.store.events import SILENT_S, EventStore
from server.store.schema import servers

from .support.events import confirmed, suspected
from .support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

SETTINGS = EventSettings(keep_days=10, keep_changes_days=3)


class FakeStore:
    """Remembers what it was asked for; fails as often as it is told."""

    def __init__(self) -> None:
        self.alive_at: list[float] = []
        self.ended: list[tuple[float, Collection[str]]] = []
        self.pruned: list[tuple[str, float]] = []
        self.now = 1_800_000_000.0
        self.failures = 0

    async def clock(self) -> float:
        return self.now

    async def alive(self, now: float) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is away")
        self.alive_at.append(now)

    async def end_lost(self, now: float, gone: Collection[str] = ()) -> int:
        self.ended.append((now, gone))
        return 2 if gone else 0

    async def prune(self, events_before: str, changes_before: float) -> None:
        self.pruned.append((events_before, changes_before))


@asynccontextmanager
async def keeping_house(store: object, gone: Collection[str] = (), **others: float) -> AsyncIterator[list[float]]:
    """Housekeeping; gives from when on the others were pruned."""
    pruned: list[float] = []

    async def prune(before: float) -> None:
        pruned.append(before)

    async with Housekeeping(store, SETTINGS, gone, {prune: others.get("days", 30)}):  # type: ignore[arg-type]
        yield pruned


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every ten seconds."""
    monkeypatch.setattr(module, "ALIVE_EVERY_S", 0.01)


async def test_before_anything_else_it_is_alive_and_the_lost_end(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    async with keeping_house(store, gone=["before"]):
        assert store.alive_at == [store.now]
        assert store.ended == [(store.now, ["before"])]
        assert "2 events were still open when their server stopped" in caplog.text


@pytest.mark.usefixtures("often")
async def test_what_is_old_goes() -> None:
    store = FakeStore()
    async with keeping_house(store, days=30) as pruned:
        await eventually(lambda: len(store.alive_at) > 5)
        assert pruned == [store.now - 30 * DAY_S], "not every time"
    ((events_before, changes_before),) = store.pruned
    assert (UUID(events_before).int >> 80) / 1000 == store.now - 10 * DAY_S
    assert changes_before == store.now - 3 * DAY_S


@pytest.mark.usefixtures("often")
async def test_old_things_go_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRUNE_EVERY_S", 0.02)
    store = FakeStore()
    async with keeping_house(store) as pruned:
        await eventually(lambda: len(pruned) > 3)


@pytest.mark.usefixtures("often")
async def test_a_fault_puts_it_off(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    async with keeping_house(store):
        store.failures = 3
        before = len(store.alive_at)
        await eventually(lambda: not store.failures and len(store.alive_at) > before)
    assert "housekeeping is put off: the disk is away" in caplog.text


@pytest.mark.usefixtures("often")
async def test_a_database_that_is_away_keeps_no_server_from_starting() -> None:
    store = FakeStore()
    store.failures = 1
    async with keeping_house(store, gone=["before"]):
        assert store.ended == []
        await eventually(lambda: store.ended)
    assert store.ended[0] == (store.now, ["before"])


@pytest.mark.usefixtures("often")
async def test_a_clock_before_1970() -> None:
    """A machine without a battery begins there, and settings may ask for more than there is."""
    store = FakeStore()
    store.now = 60.0
    async with keeping_house(store):
        await eventually(lambda: store.pruned)
    assert UUID(store.pruned[0][0]).int >> 80 == 0


async def test_a_server_that_was_killed_and_one_that_runs(database: Database) -> None:
    killed, runs, here = (EventStore(database, name) for name in ("killed", "runs", "here"))
    mine, others = suspected(time.time(), 1), confirmed(suspected(time.time(), 2))
    for store, event in ((killed, others), (runs, mine)):
        await store.alive(await store.clock())
        await store.record([event], time.time())
    async with keeping_house(here, gone=["killed"]):
        assert (await here.get(others.id)).event.state is State.ENDED
        assert (await here.get(mine.id)).event.state is State.SUSPECTED
    async with database.read() as connection:
        names = set((await connection.execute(select(servers.c.id))).scalars())
    assert names == {"killed", "runs", "here"}


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_servers_go_by_one_clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines on one database may differ by more than the time after which a server counts as gone."""
    there, here = EventStore(database, "there"), EventStore(database, "here")
    real = time.time
    event = confirmed(suspected(real()))
    async with keeping_house(there):
        await there.record([event], real())
        monkeypatch.setattr(time, "time", lambda: real() + 10 * SILENT_S)
        async with keeping_house(here):
            await here.alive(await here.clock())
        assert (await here.get(event.id)).event.state is State.CONFIRMED
