"""What is known of evidence in the database: its state at its event, and a row for each file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..core.events import Verdict
from ..core.identifiers import uuid7
from .database import Database
from .rows import EvidenceFile
from .schema import events, evidence, keys

LINKS_KEY = "links"
PAGE = 50


class EvidenceState(StrEnum):
    """Where the evidence of an event stands."""

    WRITING = "writing"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """There was no room for it, or not for all of it."""
    REMOVED = "removed"


KEPT = (EvidenceState.COMPLETE, EvidenceState.STOPPED)
MAY_GO = (events.c.evidence.in_(KEPT), ~events.c.held)


@dataclass(frozen=True, slots=True)
class Kept:
    """The evidence of one event. ``state`` is None where there never was any."""

    state: EvidenceState | None
    files: dict[str, EvidenceFile]


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when evidence is kept: what began before these times (unix s) goes, by what a person said of the event."""

    usual: float
    real: float
    false: float


class EvidenceRows:
    """Reads and writes all that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_shared = not database.is_sqlite
        """Whether other servers write here, too."""

    async def save(self, event_id: str, state: EvidenceState, files: Sequence[EvidenceFile], now: float) -> bool:
        """Put down the state and these files, in place of what was there under their names; False when there is no such
        event, or its evidence was removed meanwhile."""
        rows = [
            {
                "event_id": event_id,
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "at": now,
            }
            for file in files
        ]
        async with self._database.write() as connection:
            mine = (events.c.id == event_id) & (events.c.evidence.is_distinct_from(EvidenceState.REMOVED))
            done = await connection.execute(update(events).where(mine).values(evidence=state))
            if not done.rowcount:
                return False
            if rows:
                names = [file.name for file in files]
                await connection.execute(
                    delete(evidence).where(evidence.c.event_id == event_id, evidence.c.name.in_(names))
                )
                await connection.execute(insert(evidence), rows)
        return True

    async def find(self, event_id: str) -> Kept | None:
        """What there is of an event; None when there is no such event."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(events.c.evidence).where(events.c.id == event_id))).first()
            if found is None:
                return None
            rows = (await connection.execute(select(evidence).where(evidence.c.event_id == event_id))).mappings()
            files = {
                row["name"]: EvidenceFile(row["name"], row["media_type"], row["size"], row["sha256"]) for row in rows
            }
        return Kept(EvidenceState(found[0]) if found[0] else None, files)

    async def overdue(self, terms: Terms, after: str = "") -> list[str]:
        """A page of events whose evidence has had its time, oldest first, those behind the id ``after``."""
        usual, real, false = (uuid7(max(of, 0), bytes(10)) for of in (terms.usual, terms.real, terms.false))
        before = {None: usual, Verdict.UNSURE: usual, Verdict.REAL: real, Verdict.FALSE: false}
        return await self._first({verdict: events.c.id < of for verdict, of in before.items()}, after)

    async def oldest(self, after: str = "") -> list[str]:
        """A page of events whose evidence may go when room is needed and takes some, oldest first."""
        has_files = exists().where(evidence.c.event_id == events.c.id)
        return await self._first(dict.fromkeys((None, *Verdict), has_files), after)

    async def abandoned(self, before: float) -> list[str]:
        """Events over before a time (unix s) whose evidence still counts as being written."""
        query = select(events.c.id).where(events.c.evidence == EvidenceState.WRITING, events.c.ended_at < before)
        return await self._ids(query.order_by(events.c.id).limit(PAGE))

    async def may_go(self, event_id: str) -> bool:
        """Whether :meth:`let_go` would do it: for that nothing need be written."""
        return bool(await self._ids(select(events.c.id).where(events.c.id == event_id, *MAY_GO)))

    async def let_go(self, event_id: str) -> bool:
        """Say that evidence is removed, unless it is held or written; its files are known until :meth:`forget`."""
        query = update(events).where(events.c.id == event_id, *MAY_GO)
        async with self._database.write() as connection:
            done = await connection.execute(query.values(evidence=EvidenceState.REMOVED))
        return done.rowcount > 0

    async def forget(self, event_id: str) -> None:
        """The files of evidence that was let go are gone."""
        async with self._database.write() as connection:
            await connection.execute(delete(evidence).where(evidence.c.event_id == event_id))

    async def unforgotten(self) -> list[str]:
        """Events whose evidence was let go but may still be there: a server stopped in between."""
        query = select(evidence.c.event_id).distinct().join(events, events.c.id == evidence.c.event_id)
        return await self._ids(query.where(events.c.evidence == EvidenceState.REMOVED))

    async def total(self) -> int:
        """Bytes of all files."""
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.coalesce(func.sum(evidence.c.size), 0))) or 0)

    async def _first(self, wanted: Mapping[Verdict | None, ColumnElement[bool]], after: str) -> list[str]:
        """A page of what may go, oldest first, by what was said of the event. Each state with each verdict is read off
        an index, in order; a query for all of them would read all evidence."""
        found: list[str] = []
        async with self._database.read() as connection:
            for verdict, further in wanted.items():
                for state in KEPT:
                    said = events.c.verdict.is_(None) if verdict is None else events.c.verdict == verdict
                    mine = (events.c.evidence == state, said, ~events.c.held, events.c.id > after, further)
                    query = select(events.c.id).where(*mine).order_by(events.c.id).limit(PAGE)
                    found += (await connection.execute(query)).scalars()
        return sorted(found)[:PAGE]

    async def _ids(self, query: object) -> list[str]:
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())  # type: ignore[call-overload]


async def links_key(database: Database) -> bytes:
    """The key that links to evidence are signed with, the same for all servers of one database."""
    query = select(keys.c.value).where(keys.c.name == LINKS_KEY)
    async with database.read() as connection:
        kept = await connection.scalar(query)
    if kept is None:
        try:
            async with database.write() as connection:
                await connection.execute(insert(keys).values(name=LINKS_KEY, value=secrets.token_hex(32)))
        except IntegrityError:  # another server was first
            pass
        async with database.read() as connection:
            kept = await connection.scalar(query)
    return bytes.fromhex(str(kept))
