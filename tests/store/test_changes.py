"""The log of changes: in the order in which they can be seen, for whoever listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.broadcast import Overflow, Reader
from server.store.changes import Change, ChangeLog
from server.store.database import Database
from server.store.events import EventStore
from tests.support.events import FIRST, confirmed, new_id, suspected


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[tuple[EventStore, ChangeLog, Reader[Change]]]:
    async with ChangeLog(database) as log:
        with log.live.read(10_000, Overflow.CLOSE) as reader:
            yield EventStore(database, "here", written=log.wake), log, reader


async def test_changes_are_given_out_as_they_are_written(database: Database) -> None:
    async with listening(database) as (store, log, reader):
        event = suspected()
        await store.record([event, confirmed(event)], FIRST)
        first, second = await reader.next(), await reader.next()
        assert [(c.event_id, c.revision, c.type) for c in (first, second)] == [
            (event.id, 1, "event.suspected"),
            (event.id, 2, "event.confirmed"),
        ]
        assert first.seq < second.seq == log.position == await log.newest()
        assert json.loads(second.body)["data"]["state"] == "confirmed"
        assert await log.after(first.seq) == [second]
        assert await log.of_event(event.id) == [first, second]
        assert await log.oldest() == first.seq


async def test_a_log_opened_later_begins_with_what_comes_then(database: Database) -> None:
    store = EventStore(database, "here")
    await store.record([suspected(number=1)], FIRST)
    async with listening(database) as (store, log, reader):
        assert log.position == await log.newest() > 0
        await store.record([suspected(number=2)], FIRST)
        assert (await reader.next()).event_id == new_id(FIRST, 2)


async def test_an_empty_log(database: Database) -> None:
    async with listening(database) as (_, log, _reader):
        assert (await log.newest(), await log.oldest(), await log.after(0)) == (0, 1, [])


async def test_what_another_server_writes_comes_too(database: Database, database_url: str) -> None:
    """By itself: nobody wakes this server for it."""
    async with listening(database) as (_, log, reader), Database(database_url) as other:
        await EventStore(other, "there").record([suspected()], FIRST)
        if database.is_sqlite:
            log.wake()  # one SQLite file has one server; its own poll is slow
        assert (await asyncio.wait_for(reader.next(), 10)).event_id == new_id()


async def test_writers_at_once_are_seen_in_one_order(database: Database, database_url: str) -> None:
    """Who reads on from a number must not miss one that was given out earlier and could be seen only later."""
    async with listening(database) as (store, log, reader), Database(database_url) as other:
        there = EventStore(other, "there", written=log.wake)

        async def write(into: EventStore, first: int) -> None:
            for number in range(first, first + 40):
                await into.record([suspected(FIRST, number)], FIRST)

        writing = asyncio.gather(*(write(into, 1000 * n) for n, into in enumerate((store, there, store, there))))
        seen = [await asyncio.wait_for(reader.next(), 30) for _ in range(160)]
        await writing
        assert [change.seq for change in seen] == sorted(change.seq for change in seen)
        assert len({change.event_id for change in seen}) == 160
