"""The log of changes: what anybody can read on from where he stopped, and who reads it live."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select

from ..background import Background
from ..broadcast import Broadcast
from ..core.events import Event
from ..core.reports import report_of
from ..wire import told_of
from .database import Database, plain_words
from .schema import changes

log = logging.getLogger(__name__)

PAGE = 500
UNKEPT = 0
"""The number of a change that is not in the log yet."""

OWN_POLL_S = 5.0
SHARED_POLL_S = 0.25
"""Other servers on the same PostgreSQL wake nobody here."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one event. ``seq`` grows in the order in which changes can be seen; ``body`` is the JSON text of
    ``{"type", "timestamp", "data"}``; ``at`` is when it was written (unix s)."""

    seq: int
    event_id: str
    revision: int
    type: str
    at: float
    body: str


class ChangeLog(Background):
    """Reads what is written to the log, whoever wrote it, and gives it to all who listen."""

    def __init__(self, database: Database) -> None:
        super().__init__("changes")
        self._database = database
        self._poll_s = OWN_POLL_S if database.is_sqlite else SHARED_POLL_S
        self._written = asyncio.Event()
        self.live: Broadcast[Change] = Broadcast()
        self.position = 0
        """The number of the newest change that was given out."""

    async def __aenter__(self) -> Self:
        self.position = await self.newest()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.close("the server stops")
        await super().__aexit__(kind, error, trace)

    def tell_unkept(self, event: Event) -> None:
        """An event that could not be written in time, to all who listen now; it comes again once it is written. Its
        number is 0: nobody can go on from it."""
        report = report_of(event)
        self.live.send(Change(UNKEPT, event.id, event.revision, report, time.time(), told_of(event, report)))

    def wake(self) -> None:
        """Something was written."""
        self._written.set()

    async def newest(self) -> int:
        """The number of the newest change, 0 where there is none."""
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.max(changes.c.seq))) or 0)

    async def oldest(self) -> int:
        """The number of the oldest change that is still kept; one more than the newest where none is."""
        async with self._database.read() as connection:
            first = await connection.scalar(select(func.min(changes.c.seq)))
        return int(first) if first is not None else self.position + 1

    async def after(self, seq: int, limit: int = PAGE) -> list[Change]:
        """The changes behind a number, oldest first."""
        query = select(changes).where(changes.c.seq > seq).order_by(changes.c.seq).limit(limit)
        async with self._database.read() as connection:
            return [_change(row) for row in (await connection.execute(query)).mappings()]

    async def of_event(self, event_id: str) -> list[Change]:
        """What is kept of the changes of one event, oldest first."""
        query = select(changes).where(changes.c.event_id == event_id).order_by(changes.c.revision)
        async with self._database.read() as connection:
            return [_change(row) for row in (await connection.execute(query)).mappings()]

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        told = ""
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._written.wait()
            except TimeoutError:
                pass
            self._written.clear()
            try:
                while page := await self.after(self.position):
                    for change in page:
                        self.live.send(change)
                    self.position = page[-1].seq
                told = ""
            except Exception as error:  # the database is away: what was missed is read when it is back
                words = plain_words(error)
                if words != told:
                    log.warning("changes cannot be read: %s; it is tried again", words)
                    told = words


def _change(row: Mapping[Any, Any]) -> Change:
    return Change(row["seq"], row["event_id"], row["revision"], row["type"], row["at"], row["body"])
