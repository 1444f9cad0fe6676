"""Events in the database: each revision once, what people say stays, and nobody's event stays open for ever."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from server.core.events import State, Verdict
from server.core.reports import Report
from server.store.database import Database
from server.store.events import SILENT_S, EventStore, UnknownEvent
from server.store.schema import changes, events, evidence
from server.store.search import Search
from server.wire import Json
from tests.support.events import FIRST, confirmed, ended, new_id, suspected

NOW = FIRST + 100

NEW = suspected()
SURE = confirmed(NEW)
OVER = ended(SURE)


async def log_of(database: Database) -> list[tuple[str, int]]:
    """Type and revision of every change, in order."""
    async with database.read() as connection:
        rows = await connection.execute(select(changes.c.type, changes.c.revision).order_by(changes.c.seq))
        return [(kind, revision) for kind, revision in rows]


async def test_the_life_of_an_event(database: Database) -> None:
    store = EventStore(database, "here")
    for event in (NEW, SURE, OVER):
        assert await store.record([event], NOW) == [event]
        stored = await store.get(event.id)
        assert stored.event == event
        assert (stored.evidence, stored.held, stored.files) == (None, False, ())
    assert await log_of(database) == [("event.suspected", 1), ("event.confirmed", 2), ("event.ended", 3)]


async def test_all_revisions_at_once_are_each_a_change(database: Database) -> None:
    store = EventStore(database, "here")
    assert await store.record([NEW, SURE, OVER], NOW) == [NEW, SURE, OVER]
    assert len(await log_of(database)) == 3
    assert (await store.get(NEW.id)).event == OVER


async def test_a_revision_written_twice_is_there_once(database: Database) -> None:
    """As when the answer to a commit got lost."""
    store = EventStore(database, "here")
    await store.record([NEW, SURE], NOW)
    assert await store.record([NEW, SURE, OVER], NOW) == [None, None, OVER]
    assert len(await log_of(database)) == 3


async def test_a_false_alarm_stays_retracted_whatever_the_feed_tells(database: Database) -> None:
    store = EventStore(database, "here")
    await store.record([NEW, SURE], NOW)
    written = await store.judge(NEW.id, Verdict.FALSE, "a toy", NOW)
    assert written
    assert (written.report, written.event.revision) == (Report.RETRACTED, 3)
    (told,) = await store.record([OVER], NOW)
    assert told
    assert (told.state, told.revision, told.ended_at, told.note) == (State.RETRACTED, 4, OVER.ended_at, "a toy")
    back = await store.judge(NEW.id, Verdict.REAL, None, NOW)
    assert back
    assert (back.event.state, back.report) == (State.ENDED, Report.REINSTATED)
    assert [kind for kind, _ in await log_of(database)][2:] == ["event.retracted", "event.ended", "event.reinstated"]


async def test_the_same_verdict_twice_is_one_change(database: Database) -> None:
    store = EventStore(database, "here")
    await store.record([NEW, SURE], NOW)
    both = await asyncio.gather(*(store.judge(NEW.id, Verdict.FALSE, None, NOW) for _ in range(2)))
    assert sorted(change is None for change in both) == [False, True]
    assert len(await log_of(database)) == 3


async def test_a_verdict_on_what_is_not_there(database: Database) -> None:
    store = EventStore(database, "here")
    with pytest.raises(UnknownEvent):
        await store.judge(new_id(), Verdict.REAL, None, NOW)
    with pytest.raises(UnknownEvent):
        await store.hold(new_id(), True)
    with pytest.raises(UnknownEvent):
        await store.get(new_id())


async def test_a_change_tells_the_event_as_it_was(database: Database) -> None:
    woken: list[int] = []
    store = EventStore(database, "here", lambda _: [{"name": "clip.mp4"}], lambda: woken.append(1))
    hostile = replace(SURE, feed="<img src=x onerror=alert(1)>", label="\"'\u2028")
    await store.record([hostile], NOW)
    assert woken == [1]
    async with database.read() as connection:
        body: Json = json.loads(await connection.scalar(select(changes.c.body)) or "")
    assert body["type"] == "event.confirmed"
    assert body["timestamp"] == body["data"]["confirmed_at"]
    assert (body["data"]["camera"], body["data"]["label"]) == (hostile.feed, hostile.label)
    assert "evidence" not in body["data"], "the links are for those who are outside"


async def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    """Not the event without its change, nor the change without the event."""

    def breaks(_: object) -> list[Json]:
        raise RuntimeError("no links")

    store = EventStore(database, "here", breaks)
    with pytest.raises(RuntimeError):
        await store.record([NEW, SURE], NOW)
    assert await log_of(database) == []
    with pytest.raises(UnknownEvent):
        await EventStore(database, "here").get(NEW.id)


async def test_events_of_a_server_that_is_gone_are_ended(database: Database) -> None:
    here, there = EventStore(database, "here"), EventStore(database, "there")
    other = suspected(number=1)
    await there.alive(NOW)
    await here.alive(NOW)
    await there.record([NEW, SURE], NOW)
    await here.record([other], NOW)
    assert await here.end_lost(NOW + SILENT_S) == 0, "it was heard of just now"
    await here.alive(NOW + 2 * SILENT_S)
    assert await here.end_lost(NOW + 2 * SILENT_S) == 1
    event = (await here.get(NEW.id)).event
    assert (event.state, event.ended_at, event.revision) == (State.ENDED, SURE.last_seen, 3)
    assert (await here.get(other.id)).event.state is State.SUSPECTED, "its own go on"
    assert await here.end_lost(NOW + 3 * SILENT_S) == 0


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_open_events_are_found_without_reading_the_others(database: Database) -> None:
    """It is asked every ten seconds, and nobody else writes meanwhile."""
    async with database.read() as connection:
        query = (
            EventStore(database, "here")
            .lost(NOW, ())
            .compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        )
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        details = [row._mapping["detail"] for row in rows]
    assert any("ix_events_open" in detail for detail in details), details
    assert not any(detail.startswith("SCAN events USING INDEX sqlite_autoindex") for detail in details), details


async def test_events_of_the_process_before_are_ended_at_once(database: Database) -> None:
    before, after = EventStore(database, "before"), EventStore(database, "after")
    await before.alive(NOW)
    await before.record([NEW, SURE], NOW)
    await before.judge(NEW.id, Verdict.FALSE, None, NOW)
    await after.alive(NOW + 1)
    assert await after.end_lost(NOW + 1, ["before"]) == 1
    event = (await after.get(NEW.id)).event
    assert (event.state, event.ended_at) == (State.RETRACTED, SURE.last_seen)


async def test_old_events_go_but_not_those_with_evidence(database: Database) -> None:
    store = EventStore(database, "here")
    old, kept, held, young = (replace(OVER, id=new_id(FIRST + n, n)) for n in range(4))
    await store.record([old, kept, held, young, suspected(number=9)], FIRST)
    await store.hold(held.id, True)
    async with database.write() as connection:
        await connection.execute(events.update().where(events.c.id == kept.id).values(evidence="complete"))
        row = {"event_id": kept.id, "name": "clip.mp4", "media_type": "video/mp4", "size": 5, "sha256": "0" * 64}
        await connection.execute(evidence.insert().values(**row, at=NOW))
    await store.prune(new_id(FIRST + 3), FIRST + 1)
    left = {stored.event.id for stored in (await store.search(Search(limit=100))).events}
    assert left == {kept.id, held.id, young.id, suspected(number=9).id}, "what is open stays, too"
    assert [file.name for file in (await store.get(kept.id)).files] == ["clip.mp4"]
    assert await log_of(database) == [], "all changes were old"
