"""Server-sent events: nothing is missed and nothing comes twice, however often the line breaks."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from server.edge import event_stream
from server.store.database import Database, DatabaseAway
from server.store.events import EventStore
from server.store.schema import changes
from tests.support.desk import desk
from tests.support.events import FIRST, confirmed, new_id, suspected
from tests.support.sse import EventSource, event_source
from tests.support.waiting import eventually


async def record(store: EventStore, *numbers: int) -> None:
    for number in numbers:
        await store.record([suspected(FIRST, number)], FIRST)


async def ids(source: EventSource, count: int) -> list[str]:
    return [(await asyncio.wait_for(source.next(), 20)).data["data"]["id"] for _ in range(count)]


def expected(*numbers: int) -> list[str]:
    return [new_id(FIRST, number) for number in numbers]


async def test_a_change_comes_as_it_is_written(database: Database) -> None:
    async with desk(database) as served, event_source(served.url) as source:
        await source.opened()
        event = confirmed(suspected())
        await served.store.record([event], FIRST)
        sent = await source.next()
        assert (sent.type, sent.data["type"]) == ("event", "event.confirmed")
        assert sent.data["timestamp"] == sent.data["data"]["confirmed_at"]
        assert (sent.data["data"]["id"], sent.data["data"]["revision"]) == (event.id, 2)
        assert int(sent.id) == await served.changes.newest()


async def test_who_comes_back_gets_what_he_missed_and_then_goes_on(database: Database) -> None:
    async with desk(database) as served:
        async with event_source(served.url) as source:
            await source.opened()
            await record(served.store, 1, 2)
            await ids(source, 2)
            last = source.last_id
        await record(served.store, *range(3, 10))
        async with event_source(served.url, last) as source:
            assert await ids(source, 7) == expected(*range(3, 10))
            await record(served.store, 10)
            assert await ids(source, 1) == expected(10)


async def test_a_line_that_breaks_before_the_first_change(database: Database) -> None:
    async with desk(database) as served:
        await record(served.store, 1)
        async with event_source(served.url) as source:
            last = await source.opened()
        await record(served.store, 2)
        async with event_source(served.url, last) as source:
            assert await ids(source, 1) == expected(2)


async def test_a_hundred_breaks_while_changes_come(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PAGE", 7)
    count, chance, seen = 600, random.Random(4), list[str]()
    async with desk(database) as served:
        async with event_source(served.url) as source:
            last = await source.opened()
        writing = asyncio.create_task(record(served.store, *range(count)))
        breaks = 0
        while len(seen) < count:
            async with event_source(served.url, last) as source:
                await source.opened()
                seen += await ids(source, min(chance.randint(0, 11), count - len(seen)))
                last = source.last_id
            breaks += 1
        await writing
    assert seen == expected(*range(count))
    assert breaks > 50


async def test_a_database_that_goes_away_ends_the_stream_and_the_reader_comes_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(last: int) -> Any:
        raise DatabaseAway("the database is not there")

    async with desk(database) as served:
        async with event_source(served.url) as source:
            await source.opened()
            await record(served.store, 1)
            await ids(source, 1)
            last = source.last_id
        await record(served.store, 2)
        with monkeypatch.context() as patch:
            patch.setattr(served.changes, "after", away)
            async with aiohttp.ClientSession() as session:
                answer = await session.get(f"{served.url}/api/v1/events/stream", headers={"Last-Event-ID": last})
                assert answer.status == 200
                assert await answer.read() == f"retry: {event_stream.RETRY_MS}\nid: {last}\n\n".encode()
        assert "the event stream of a reader ends: the database is not there" in caplog.text
        async with event_source(served.url, last) as source:
            assert await ids(source, 1) == expected(2)


async def test_what_is_no_longer_kept_is_told(database: Database) -> None:
    async with desk(database) as served:
        await record(served.store, 1, 2, 3)
        newest = await served.changes.newest()
        async with database.write() as connection:
            await connection.execute(changes.delete().where(changes.c.seq < newest))
        async with event_source(served.url, "0") as source:
            sent = await source.next()
            assert (sent.type, int(sent.id)) == ("reset", newest)
            await record(served.store, 4)
            assert await ids(source, 1) == expected(4)


async def test_a_number_of_another_database_is_no_place(database: Database) -> None:
    async with desk(database) as served, event_source(served.url, "999999") as source:
        assert (await source.next()).type == "reset"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "٣"])
async def test_what_is_no_number_is_refused(database: Database, last: str) -> None:
    async with (
        desk(database) as served,
        aiohttp.ClientSession() as http,
        http.get(f"{served.url}/api/v1/events/stream", params={"last_event_id": last}) as response,
    ):
        assert response.status == 400
        assert (await response.json())["type"] == "urn:vigie:problem:invalid-parameter"


async def test_readers_have_places_and_leave_them(database: Database) -> None:
    async with desk(database, listeners=1) as served, aiohttp.ClientSession() as http:
        async with event_source(served.url) as source:
            await source.opened()
            async with http.get(f"{served.url}/api/v1/events/stream") as response:
                assert response.status == 503

        async def free() -> Any:  # nothing is written: that the reader has gone is noticed all the same
            async with http.get(f"{served.url}/api/v1/events/stream") as response:
                return response.status == 200

        await eventually(free, "a free place")


async def test_a_reader_that_is_too_slow_is_cut_off_and_comes_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing piles up for him, and he misses nothing."""
    monkeypatch.setattr(event_stream, "WAITING", 5)
    async with desk(database) as served:
        async with event_source(served.url) as source:
            last = await source.opened()
            await served.store.record([suspected(FIRST, number) for number in range(500)], FIRST)
            with pytest.raises(EOFError):
                await ids(source, 500)
        async with event_source(served.url, last) as source:
            assert await ids(source, 500) == expected(*range(500))


async def test_an_idle_stream_gives_signs_of_life(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LOOK_ROUND_S", 0.02)
    monkeypatch.setattr(event_stream, "SIGN_OF_LIFE_S", 0.05)
    async with desk(database) as served, event_source(served.url) as source:
        await source.opened()
        lines = [await asyncio.wait_for(source.response.content.readline(), 20) for _ in range(6)]
        assert b": alive\n" in lines


async def test_the_end_of_the_server_ends_the_stream(database: Database) -> None:
    async with desk(database) as served:
        source_of = event_source(served.url)
        source = await source_of.__aenter__()
        await source.opened()
    with pytest.raises(EOFError):
        await asyncio.wait_for(source.next(), 10)
    await source_of.__aexit__(None, None, None)


async def test_what_is_not_kept_yet_comes_without_a_place(database: Database) -> None:
    """A guard must hear of a gun though the disk is stuck; and who then loses the line misses nothing."""
    async with desk(database) as served, event_source(served.url) as source:
        place = await source.opened()
        event = confirmed(suspected())
        served.changes.tell_unkept(event)
        first = await source.next()
        assert (first.data["type"], first.data["data"]["id"], first.id) == ("event.confirmed", event.id, place)
        await served.store.record([event], FIRST)
        second = await source.next()
        assert second.data == first.data
        assert int(second.id) > int(place)
