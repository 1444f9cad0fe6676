"""Events in the database: written with their change and their deliveries in one transaction, found again by search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.events import Event, Verdict
from ..core.reports import Report, ended, judged, merged
from ..wire import Json, compact, report_body
from . import deliveries
from .database import Database
from .rows import EvidenceFile, StoredEvent, row_of, stored_of
from .schema import changes, events, evidence, servers
from .search import Names, Page, Search, names, statement

MOST_AT_ONCE = 200
MOST_SEARCHES = 2
"""At a time: a search for words that are nowhere takes long, and others read with the same few connections."""

SILENT_S = 60.0
"""A server that has not been heard of for so long is taken to be gone, and its open events end."""

FORGOTTEN_S = 7 * 86_400.0


class UnknownEvent(Exception):
    """There is no such event."""


@dataclass(frozen=True, slots=True)
class Written:
    """A change that is in the database now."""

    event: Event
    report: Report


Links = Callable[[Event], list[Json]]
"""Signed links to the evidence of an event, for those who get it from outside."""


class EventStore:
    """All events. ``server`` is the id of this server, whose events end when it is gone; ``links`` see :data:`Links`;
    ``written`` is called after each commit with a change in it."""

    def __init__(
        self, database: Database, server: str, links: Links = lambda _: [], written: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._server = server
        self._links = links
        self._written = written
        self._searching = asyncio.Semaphore(MOST_SEARCHES)

    async def record(self, seen: Sequence[Event], now: float) -> list[Event | None]:
        """Write what feeds tell, oldest first, in one transaction; each comes back as it is kept, or as None where it
        is known already. ``now``: unix seconds."""
        told: list[Event | None] = []
        async with self._database.write() as connection:
            await self._database.append_in_order(connection)
            kept = await self._of_ids(connection, {event.id for event in seen})
            for event in seen:
                known = kept.get(event.id)
                if known and event.revision <= known.feed_revision:
                    told.append(None)
                    continue
                changed, report = merged(known.event if known else None, event)
                await self._put(connection, changed, report, now, event.revision, known)
                kept[event.id] = StoredEvent(changed, event.revision, *((known.evidence, known.held) if known else ()))
                told.append(changed)
        if any(told):
            self._written()
        return told

    async def judge(self, event_id: str, verdict: Verdict, note: str | None, now: float) -> Written | None:
        """What a person says of an event; None when that is nothing new. Raises :class:`UnknownEvent`."""
        async with self._database.write() as connection:
            await self._database.append_in_order(connection)
            known = (await self._of_ids(connection, {event_id})).get(event_id)
            if known is None:
                raise UnknownEvent(event_id)
            change = judged(known.event, verdict, note, now)
            if change is None:
                return None
            await self._put(connection, *change, now, known.feed_revision, known)
        self._written()
        return Written(*change)

    async def hold(self, event_id: str, held: bool) -> None:
        """Keep the evidence of an event for good, or no longer. Raises :class:`UnknownEvent`."""
        async with self._database.write() as connection:
            done = await connection.execute(update(events).where(events.c.id == event_id).values(held=held))
        if not done.rowcount:
            raise UnknownEvent(event_id)

    async def get(self, event_id: str) -> StoredEvent:
        """One event; raises :class:`UnknownEvent`."""
        async with self._database.read() as connection:
            known = (await self._of_ids(connection, {event_id})).get(event_id)
            if known is None:
                raise UnknownEvent(event_id)
            return (await self._with_files(connection, [known]))[0]

    async def search(self, search: Search) -> Page:
        """The newest events that a search finds."""
        async with self._searching, self._database.read() as connection:
            named = await self._names(connection, search.text) if search.text else Names()
            rows = (await connection.execute(statement(search, named))).mappings().all()
            found = await self._with_files(connection, [stored_of(dict(row)) for row in rows[: search.limit]])
        return Page(tuple(found), found[-1].event.id if len(rows) > search.limit else None)

    async def clock(self) -> float:
        """The time that all who share the database go by, in unix seconds."""
        return await self._database.clock()

    async def alive(self, now: float) -> None:
        """Say that this server runs. ``now``: by :meth:`clock`."""
        async with self._database.write() as connection:
            done = await connection.execute(update(servers).where(servers.c.id == self._server).values(seen_at=now))
            if not done.rowcount:
                await connection.execute(insert(servers).values(id=self._server, seen_at=now))
                await connection.execute(delete(servers).where(servers.c.seen_at < now - FORGOTTEN_S))

    async def end_lost(self, now: float, gone: Collection[str] = ()) -> int:
        """End the events that nobody else will end: those of servers that are silent or known to be ``gone``. Returns
        how many."""
        lost, count = self.lost(now, gone), 0
        while True:
            async with self._database.write() as connection:
                await self._database.append_in_order(connection)
                page = [stored_of(dict(row)) for row in (await connection.execute(lost)).mappings()]
                for known in page:
                    await self._put(
                        connection, *ended(known.event, known.event.last_seen), now, known.feed_revision, known
                    )
            if not page:
                break
            count += len(page)
        if count:
            self._written()
        return count

    def lost(self, now: float, gone: Collection[str]) -> Select[Any]:
        """Some of those events, in no order: asked for one, SQLite would read all events there are."""
        alive = select(servers.c.id).where(servers.c.seen_at >= now - SILENT_S, servers.c.id.not_in(gone))
        others = events.c.server.not_in(alive) & (events.c.server != self._server)
        return select(events).where(events.c.ended_at.is_(None), others).limit(MOST_AT_ONCE)

    async def prune(self, events_before: str, changes_before: float) -> None:
        """Remove events whose id sorts before ``events_before`` and that have no evidence left, and changes written
        before ``changes_before`` (unix s), some at a time: others write too."""
        old = (
            select(events.c.id)
            .where(events.c.id < events_before, events.c.ended_at.is_not(None), ~events.c.held)
            .where(events.c.evidence.is_(None) | (events.c.evidence == "removed"))
            .limit(MOST_AT_ONCE)
        )
        past = select(changes.c.seq).where(changes.c.at < changes_before).limit(10 * MOST_AT_ONCE)
        for table, column, gone in ((events, events.c.id, old), (changes, changes.c.seq, past)):
            while True:
                async with self._database.write() as connection:
                    done = await connection.execute(delete(table).where(column.in_(gone)))
                if not done.rowcount:
                    break

    async def _put(
        self,
        connection: AsyncConnection,
        event: Event,
        report: Report,
        now: float,
        feed_revision: int,
        known: StoredEvent | None,
    ) -> None:
        row = {**row_of(event), "feed_revision": feed_revision}
        if known is None:
            await connection.execute(insert(events).values(**row, server=self._server))
        else:
            await connection.execute(update(events).where(events.c.id == event.id).values(**row))
        told = report_body(event, report)
        await connection.execute(
            insert(changes).values(event_id=event.id, revision=event.revision, type=report, at=now, body=compact(told))
        )
        links = self._links(event)
        data = {**told["data"], "evidence": {"files": links} if links else None}
        await deliveries.fan_out(
            connection,
            deliveries.Report(
                event_id=event.id,
                type=report,
                camera=event.feed,
                kind=event.kind,
                body=compact({**told, "data": data}),
                at=now,
                ever_confirmed=event.confirmed_at is not None,
            ),
        )

    async def _names(self, connection: AsyncConnection, text: str) -> Names:
        """The cameras and kinds that hold a text."""
        cameras, kinds = [
            tuple((await connection.execute(names(column, text))).scalars())
            for column in (events.c.feed, events.c.kind)
        ]
        return Names(cameras, kinds)

    async def _of_ids(self, connection: AsyncConnection, ids: Iterable[str]) -> dict[str, StoredEvent]:
        """No row needs a lock: who changes events is alone since :meth:`Database.append_in_order`."""
        rows = (await connection.execute(select(events).where(events.c.id.in_(sorted(ids))))).mappings()
        return {row["id"]: stored_of(dict(row)) for row in rows}

    async def _with_files(self, connection: AsyncConnection, found: list[StoredEvent]) -> list[StoredEvent]:
        """The same with the files of their evidence."""
        ids = [stored.event.id for stored in found if stored.evidence]
        if not ids:
            return found
        query = select(evidence).where(evidence.c.event_id.in_(ids)).order_by(evidence.c.name)
        files: dict[str, list[Any]] = {}
        for row in (await connection.execute(query)).mappings():
            files.setdefault(row["event_id"], []).append(
                EvidenceFile(row["name"], row["media_type"], row["size"], row["sha256"])
            )
        return [
            StoredEvent(s.event, s.feed_revision, s.evidence, s.held, tuple(files.get(s.event.id, ()))) for s in found
        ]
