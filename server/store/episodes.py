"""Episodes: what the model saw at a feed, from when it saw something until it saw nothing any more."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Delete, and_, delete, func, insert, or_, select

from .database import Database
from .schema import episodes

PAGE = 20
"""Episodes read at once: no more than this is in memory, and no reader stays in the way of the writer."""

MOST_AT_ONCE = 200
"""Removed in one transaction: others write too."""


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
    """The table of episodes. Of more than ``most_bytes`` of looks, the oldest go."""

    def __init__(self, database: Database, most_bytes: float = math.inf) -> None:
        self._database = database
        self._most_bytes = most_bytes
        # PostgreSQL knows the bytes of a text without reading it; not every SQLite has octet_length yet.
        self._size = (func.length if database.is_sqlite else func.octet_length)(episodes.c.looks)
        self._kept: int | None = None

    async def add(self, episode: Episode) -> None:
        """Keep one, after making room for it."""
        size = len(episode.looks)
        await self._shrink(self._most_bytes - size)
        async with self._database.write() as connection:
            await connection.execute(insert(episodes), {**asdict(episode), "labels": list(episode.labels)})
        if self._kept is not None:
            self._kept += size

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
        """Remove what began before a time (unix s), some at a time; returns how many. Then see to the size of all."""
        old = select(episodes.c.id).where(episodes.c.began < before).order_by(episodes.c.began).limit(MOST_AT_ONCE)
        count = 0
        while gone := await self._remove(delete(episodes).where(episodes.c.id.in_(old))):
            count += gone
        if not self._database.is_sqlite:  # other servers add to it, too
            self._kept = None
        await self._shrink(self._most_bytes)
        return count

    async def _shrink(self, most: float) -> None:
        """Let the oldest go until no more than this is kept."""
        if math.isinf(most):
            return
        if self._kept is None:
            async with self._database.read() as connection:
                self._kept = int(await connection.scalar(select(func.coalesce(func.sum(self._size), 0))) or 0)
        first = select(episodes.c.id, self._size).order_by(episodes.c.began, episodes.c.id).limit(MOST_AT_ONCE)
        while self._kept is not None and (left := self._kept - most) > 0:
            gone = []
            async with self._database.read() as connection:
                for episode_id, size in (await connection.execute(first)).all():
                    if left > 0:
                        gone.append(episode_id)
                        left -= size
            if not await self._remove(delete(episodes).where(episodes.c.id.in_(gone))):
                return

    async def _remove(self, query: Delete) -> int:
        """Remove some in a transaction of their own; returns how many."""
        async with self._database.write() as connection:
            sizes = list((await connection.execute(query.returning(self._size))).scalars())
        if self._kept is not None:
            self._kept -= sum(sizes)
        return len(sizes)
