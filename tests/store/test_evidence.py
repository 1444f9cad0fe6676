"""What is known of evidence in the database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.event import listen, remove

from server.core.events import State, Verdict
from server.core.identifiers import uuid7
from server.store.database import Database
from server.store.evidence import EvidenceRows, EvidenceState, Terms, links_key
from server.store.rows import EvidenceFile
from server.store.schema import events

DAY_S = 86_400.0
NOW = 1_790_000_000.0


def file(name: str = "clean.jpg", size: int = 1000) -> EvidenceFile:
    return EvidenceFile(name, "image/jpeg", size, "ab" * 32)


async def add_event(
    database: Database, days_ago: float = 0, *, verdict: Verdict | None = None, held: bool = False, number: int = 0
) -> str:
    """An event that ended so long ago."""
    began = NOW - days_ago * DAY_S
    event_id = uuid7(began, number.to_bytes(10, "big"))
    async with database.write() as connection:
        await connection.execute(
            insert(events).values(
                id=event_id, revision=3, feed_revision=3, state=State.ENDED, feed="door", kind="gun", label="gun",
                track_id=1, first_seen=began, last_seen=began + 1, confirmed_at=began, ended_at=began + 3,
                best_score=0.9, looks=9, hits=9, box=[0, 0, 1, 1], width=64, height=48, path=[], model="yolo",
                policy="p1", verdict=verdict, held=held, server="here",
            )
        )  # fmt: skip
    return event_id


async def judge(database: Database, event_id: str, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(update(events).where(events.c.id == event_id).values(**values))


async def test_files_and_state_are_put_down_and_found(database: Database) -> None:
    rows = EvidenceRows(database)
    event = await add_event(database)
    kept = await rows.find(event)
    assert kept
    assert (kept.state, kept.files) == (None, {})
    assert await rows.save(event, EvidenceState.WRITING, [file("clean.jpg")], NOW)
    assert await rows.save(event, EvidenceState.COMPLETE, [file("clean.jpg", 5), file("clip.mp4", 7)], NOW)
    kept = await rows.find(event)
    assert kept
    assert kept.state is EvidenceState.COMPLETE
    assert {name: row.size for name, row in kept.files.items()} == {"clean.jpg": 5, "clip.mp4": 7}
    assert await rows.total() == 12


async def test_an_event_that_is_not_there(database: Database) -> None:
    rows = EvidenceRows(database)
    assert await rows.find("nobody") is None
    assert not await rows.save("nobody", EvidenceState.WRITING, [file()], NOW)
    assert not await rows.let_go("nobody")
    assert await rows.total() == 0


async def test_each_has_its_time(database: Database) -> None:
    rows = EvidenceRows(database)
    terms = Terms(usual=NOW - 30 * DAY_S, real=NOW - 365 * DAY_S, false=NOW - 7 * DAY_S)
    cases = {
        "usual": await add_event(database, 31),
        "unsure": await add_event(database, 32, verdict=Verdict.UNSURE),
        "usual, young": await add_event(database, 29),
        "real": await add_event(database, 33, verdict=Verdict.REAL),
        "real, old": await add_event(database, 400, verdict=Verdict.REAL),
        "false": await add_event(database, 8, verdict=Verdict.FALSE),
        "false, young": await add_event(database, 6, verdict=Verdict.FALSE),
        "held": await add_event(database, 500, held=True),
        "being written": await add_event(database, 501),
        "none": await add_event(database, 502),
    }
    for name, event in cases.items():
        if name != "none":
            state = EvidenceState.WRITING if name == "being written" else EvidenceState.COMPLETE
            await rows.save(event, state, [file()], NOW)
    due = await rows.overdue(terms)
    names = {event: name for name, event in cases.items()}
    assert [names[event] for event in due] == ["real, old", "unsure", "usual", "false"], "oldest first"
    assert await rows.overdue(terms, due[1]) == due[2:]


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_what_had_its_time_is_read_off_an_index(database: Database) -> None:
    """Whatever the terms: all evidence would be much to read each minute."""
    rows = EvidenceRows(database)
    asked: list[tuple[str, Any]] = []

    def remember(connection: object, cursor: object, text: str, values: Any, *_: object) -> None:
        asked.append((text, values))

    engine = database._readers.sync_engine
    listen(engine, "before_cursor_execute", remember)
    await rows.overdue(Terms(usual=NOW - 30 * DAY_S, real=NOW - 365 * DAY_S, false=NOW), uuid7(5.0, bytes(10)))
    await rows.oldest()
    remove(engine, "before_cursor_execute", remember)
    searches = [(text, values) for text, values in asked if text.startswith("SELECT")]
    async with database.read() as connection:
        for text, values in searches:
            plan = (await connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, values)).all()
            steps = [str(step._mapping["detail"]) for step in plan]
            assert steps[0].startswith(
                "SEARCH events USING INDEX ix_events_evidence (evidence=? AND verdict=? AND id>?"
            )
            assert not [step for step in steps if "TEMP B-TREE" in step], "nothing is sorted"
    assert len(searches) == 16


async def test_whether_it_may_go_is_told_without_writing(database: Database) -> None:
    rows = EvidenceRows(database)
    event = await add_event(database)
    assert not await rows.may_go(event)
    await rows.save(event, EvidenceState.COMPLETE, [file()], NOW)
    assert await rows.may_go(event)
    await judge(database, event, held=True)
    assert not await rows.may_go(event)


async def test_the_oldest_that_may_go_and_takes_room(database: Database) -> None:
    rows = EvidenceRows(database)
    held, empty, old, young = [await add_event(database, 9 - n, held=n == 0, number=n) for n in range(4)]
    for event in (held, old, young):
        await rows.save(event, EvidenceState.COMPLETE, [file()], NOW)
    await rows.save(empty, EvidenceState.STOPPED, [], NOW)
    assert await rows.oldest() == [old, young]
    assert await rows.oldest(old) == [young]


async def test_what_is_let_go_is_known_until_its_files_are_gone(database: Database) -> None:
    rows = EvidenceRows(database)
    event = await add_event(database)
    await rows.save(event, EvidenceState.WRITING, [file()], NOW)
    assert not await rows.let_go(event), "it is being written"
    await rows.save(event, EvidenceState.COMPLETE, [file()], NOW)
    assert await rows.let_go(event)
    assert not await rows.let_go(event)
    assert await rows.unforgotten() == [event]
    assert not await rows.save(event, EvidenceState.COMPLETE, [file()], NOW), "it does not come back"
    await rows.forget(event)
    assert await rows.unforgotten() == []
    kept = await rows.find(event)
    assert kept
    assert (kept.state, kept.files) == (EvidenceState.REMOVED, {})


async def test_what_is_held_is_not_let_go(database: Database) -> None:
    rows = EvidenceRows(database)
    event = await add_event(database)
    await rows.save(event, EvidenceState.COMPLETE, [file()], NOW)
    await judge(database, event, held=True)
    assert not await rows.let_go(event)
    await judge(database, event, held=False)
    assert await rows.let_go(event)


async def test_what_nobody_finishes_is_found(database: Database) -> None:
    rows = EvidenceRows(database)
    over, still_open = await add_event(database, 1, number=1), await add_event(database, 1, number=2)
    await judge(database, still_open, ended_at=None)
    for event in (over, still_open):
        await rows.save(event, EvidenceState.WRITING, [file()], NOW)
    assert await rows.abandoned(NOW) == [over]
    assert await rows.abandoned(NOW - 2 * DAY_S) == []


async def test_one_key_for_all_servers(database: Database, database_url: str) -> None:
    async with Database(database_url) as other:
        first, second = await asyncio.gather(links_key(database), links_key(other))
    assert first == second == await links_key(database)
    assert len(first) == 32


@pytest.mark.parametrize("text", ["'; DROP TABLE events; --", "\N{PILE OF POO}", "%"])
async def test_hostile_ids_find_nothing(text: str, database: Database) -> None:
    assert await EvidenceRows(database).find(text) is None
