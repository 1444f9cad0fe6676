"""Episodes: what the model saw at a feed, from when it saw something until it saw nothing any more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select

from .database import Database
from .schema import episodes

PAGE = 20
"""Episodes read at once: no more than this is in memory, and no reader stays in the way of the writer."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode. ``began`` and ``ended`` are unix seconds; ``looks`` are the lines of a recording without its header
    (:mod:`server.core.replay`), ``at`` seconds since ``began``."""

    id: str
    camera: str
    began: float
    ended: float
    width: int
    height: int
    model: str
    labels: tuple[str, ...]
    looks: str


class Episodes:
    """The table of episodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, episode: Episode) -> None:
        """Keep one."""
        async with self._database.write() as connection:
            await connection.execute(insert(episodes), {**asdict(episode), "labels": list(episode.labels)})

    async def select(
        self,
        cameras: Sequence[str] = (),
        since: float | None = None,
        until: float | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[Episode, None]:
        """Episodes that lie in a time, at any of these cameras or, without any, at all: the oldest first, read as they
        are taken. Times are unix seconds."""
        wanted: list[ColumnElement[bool]] = [episodes.c.camera.in_(list(cameras))] if cameras else []
        if since is not None:
            wanted.append(episodes.c.ended >= since)
        if until is not None:
            wanted.append(episodes.c.began <= until)
        query = select(episodes).where(and_(True, *wanted)).order_by(episodes.c.began, episodes.c.id)
        last: Episode | None = None
        count = 0
        while limit is None or count < limit:
            page = query.limit(PAGE if limit is None else min(PAGE, limit - count))
            if last:
                later = and_(episodes.c.began == last.began, episodes.c.id > last.id)
                page = page.where(or_(episodes.c.began > last.began, later))
            async with self._database.read() as connection:
                rows = (await connection.execute(page)).all()
            for row in rows:
                last = Episode(**{**row._mapping, "labels": tuple(row.labels)})
                count += 1
                yield last
            if len(rows) < PAGE:
                return

    async def prune(self, before: float) -> int:
        """Remove what ended before a time (unix s); returns how many."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(episodes).where(episodes.c.ended < before))).rowcount
