"""What people say of events reaches the feed whose event it is, whoever took it in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from server.core.events import Event, State, Verdict
from server.store import changes as changes_module
from server.store.changes import ChangeLog
from server.store.database import Database
from server.store.events import EventStore
from server.verdicts import Verdicts

from .support.events import FIRST, confirmed, ended, suspected
from .support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


@dataclass
class FakeFeed:
    """Remembers what it was told."""

    told: list[Event] = field(default_factory=list)

    def judged(self, event: Event) -> None:
        self.told.append(event)


@dataclass
class FakeCameras:
    """Two cameras."""

    gate: FakeFeed = field(default_factory=FakeFeed)
    hall: FakeFeed = field(default_factory=FakeFeed)

    def feed(self, name: str) -> FakeFeed | None:
        return {"gate": self.gate, "hall": self.hall}.get(name)


def told(feed: FakeFeed, count: int) -> bool:
    return len(feed.told) == count


@asynccontextmanager
async def following(database: Database) -> AsyncIterator[tuple[EventStore, FakeCameras, ChangeLog]]:
    """A store, and cameras that hear of verdicts on what is in it."""
    cameras = FakeCameras()
    async with ChangeLog(database) as changes:
        store = EventStore(database, "here", written=changes.wake)
        async with Verdicts(cameras, store, changes):  # type: ignore[arg-type]
            yield store, cameras, changes


async def test_what_a_person_says_reaches_the_feed(database: Database) -> None:
    event = confirmed(suspected())
    async with following(database) as (store, cameras, _):
        await store.record([event, confirmed(suspected(number=1, feed="hall"))], FIRST)
        for count, verdict in enumerate((Verdict.FALSE, Verdict.REAL, Verdict.UNSURE), 1):
            await store.judge(event.id, verdict, None, FIRST)
            await eventually(partial(told, cameras.gate, count))
    assert [(known.id, known.state, known.revision) for known in cameras.gate.told] == [
        (event.id, State.RETRACTED, 3),
        (event.id, State.CONFIRMED, 4),
        (event.id, State.CONFIRMED, 5),
    ]
    assert cameras.gate.told[0].path == event.path, "the whole event"
    assert cameras.hall.told == []


async def test_what_feeds_tell_does_not_come_back_to_them(database: Database) -> None:
    event = confirmed(suspected())
    async with following(database) as (store, cameras, _):
        await store.record([event, ended(event)], FIRST)
        await store.judge(event.id, Verdict.REAL, None, FIRST)
        await eventually(lambda: cameras.gate.told)
    assert [known.verdict for known in cameras.gate.told] == [Verdict.REAL]


async def test_a_verdict_that_another_server_took_in(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "OWN_POLL_S", 0.05)
    event = confirmed(suspected())
    async with Database(database_url) as one, Database(database_url) as other, following(one) as (store, cameras, _):
        await store.record([event], FIRST)
        await EventStore(other, "there").judge(event.id, Verdict.FALSE, None, FIRST)
        await eventually(lambda: cameras.gate.told)
    assert cameras.gate.told[0].state is State.RETRACTED


async def test_a_camera_that_is_no_more(database: Database) -> None:
    lost, event = (confirmed(suspected(number=number, feed=feed)) for number, feed in enumerate(("cellar", "gate")))
    async with following(database) as (store, cameras, _):
        await store.record([lost, event], FIRST)
        await store.judge(lost.id, Verdict.FALSE, None, FIRST)
        await store.judge(event.id, Verdict.FALSE, None, FIRST)
        await eventually(lambda: cameras.gate.told)


async def test_a_fault_at_one_keeps_none_of_the_next_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = (confirmed(suspected(number=number)) for number in range(2))
    real = EventStore.get

    async def get(self: EventStore, event_id: str) -> object:
        if event_id == bad.id:
            raise OSError("the database is away")
        return await real(self, event_id)

    async with following(database) as (store, cameras, _):
        await store.record([bad, good], FIRST)
        monkeypatch.setattr(EventStore, "get", get)
        await store.judge(bad.id, Verdict.FALSE, None, FIRST)
        await store.judge(good.id, Verdict.FALSE, None, FIRST)
        await eventually(lambda: cameras.gate.told)
    assert [known.id for known in cameras.gate.told] == [good.id]
    assert f"the verdict on event {bad.id} cannot be passed on" in caplog.text


async def test_the_log_may_close_first(database: Database) -> None:
    async with following(database) as (_, _, changes):
        changes.live.close("the server stops")
