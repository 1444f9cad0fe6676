"""What sends, in a test: a database with subscriptions and deliveries, and a clock that the test turns."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import event, select

from server.config import Settings, load_settings
from server.core.identifiers import uuid7
from server.core.signature import secret_of
from server.metrics import Metrics
from server.outbox.dispatch import Outbox
from server.store.database import Database
from server.store.deliveries import Deliveries, Report, fan_out
from server.store.schema import attempts, deliveries
from server.store.subscriptions import Subscription, Subscriptions

from .waiting import eventually

NOBODY = "http://127.0.0.1:1/hook"
"""A port that nobody listens at."""


@dataclass(slots=True)
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Everything over one database."""

    database: Database

    @property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self.database)

    @property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.database)

    async def subscribe(self, url: str = NOBODY, **changes: Any) -> Subscription:
        """A new receiver."""
        values: dict[str, Any] = {"secrets": (secret_of(os.urandom(24)),), "channel": "webhook", **changes}
        return await self.subscriptions.add(Subscription(uuid4().hex, url=url, created_at=time.time(), **values))

    async def report(self, event: str = "", report: str = "event.confirmed", **changes: Any) -> str:
        """Tell everybody of a change of an event, a new one unless it is named; returns the event's id."""
        event = event or uuid7(time.time(), os.urandom(10))
        values: dict[str, Any] = {"camera": "gate", "kind": "gun", "at": time.time(), "ever_confirmed": True, **changes}
        body = {"type": report, "timestamp": "2026-11-25T10:00:00.000Z", "data": {"id": event, "camera": "gate"}}
        values.setdefault("body", json.dumps(body))
        async with self.database.write() as connection:
            await fan_out(connection, Report(event_id=event, type=report, **values))
        return event

    async def rows(self, **where: Any) -> list[Any]:
        """Deliveries as they are in the database, the oldest first."""
        query = select(deliveries).filter_by(**where).order_by(deliveries.c.seq)
        async with self.database.read() as connection:
            return list((await connection.execute(query)).all())

    async def states(self, **where: Any) -> list[str]:
        """The states of deliveries, the oldest first."""
        return [row.state for row in await self.rows(**where)]

    async def log(self) -> list[Any]:
        """All tries, the oldest first."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(attempts).order_by(attempts.c.seq))).all())

    async def delivered(self, count: int, **where: Any) -> None:
        """Wait until so many deliveries have arrived, and it is written that they did."""

        async def all_there() -> bool:
            return (await self.states(**where)).count("delivered") == count

        await eventually(all_there, f"{count} deliveries")

    @contextmanager
    def counting(self, statement: str) -> Iterator[list[int]]:
        """How many rows each statement that begins so touches."""
        counts: list[int] = []

        def count(_: Any, cursor: Any, sql: str, *__: Any) -> None:
            if sql.startswith(statement):
                counts.append(cursor.rowcount)

        engine = self.database._writer.sync_engine
        event.listen(engine, "after_cursor_execute", count)
        try:
            yield counts
        finally:
            event.remove(engine, "after_cursor_execute", count)

    @asynccontextmanager
    async def sending(self, server: str = "here", **options: Any) -> AsyncIterator[Outbox]:
        """An outbox; ``webhooks`` and ``grace_s`` are settings, all others are options of its own."""
        settings = webhook_settings(**options.pop("webhooks", {})).model_copy(
            update={"grace_s": options.pop("grace_s", 6.0)}
        )
        options.setdefault("metrics", Metrics())
        async with Outbox(self.deliveries, settings, server=server, **options) as outbox:
            yield outbox


def webhook_settings(**webhooks: Any) -> Settings:
    """Settings that allow receivers on this machine."""
    return load_settings(None, webhooks={"allow_private": True, **webhooks})


async def rest(outbox: Outbox) -> None:
    """Wait until an outbox has done all that is due by its clock."""
    outbox.wake()
    await eventually(lambda: outbox.resting, "rest in the outbox")


async def pass_time(outbox: Outbox, clock: Clock, seconds: float, step_s: float = 30.0) -> None:
    """Let time pass for an outbox, with all that happens in it."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(clock.now + step_s, end)
        await rest(outbox)
