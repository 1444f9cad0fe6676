"""What each receiver is to get: written in the transaction of the change that it tells of, kept until it is known to
have arrived, shown, replayed."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, Update, delete, exists, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.identifiers import uuid7
from ..urls import redacted
from ..wire import Json, iso
from .database import Database
from .schema import attempts, deliveries, events, subscriptions
from .subscriptions import MOST_AT_ONCE, STAYS, all_of, clear
from .turns import AT_ONCE, GONE, Turn

ALL_STATES = ("waiting", "delivered", "dead")
TAKEN_BACK = ("event.retracted", "event.reinstated")

WHOLE = tuple(column for column in deliveries.c if column.name != "body")


@dataclass(frozen=True, slots=True)
class Report:
    """What a change says. ``body``: the JSON text that receivers get; ``at``: unix seconds; ``ever_confirmed``: whether
    the event was a confirmed one at any time."""

    event_id: str
    type: str
    camera: str
    kind: str
    body: str
    at: float
    ever_confirmed: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One report for one receiver. ``id`` is the same on every try; ``attempts`` are those since it was made or
    replayed. Times are unix seconds; ``next_at`` is below 0 for at once."""

    seq: int
    id: str
    subscription_id: str
    event_id: str | None
    type: str
    state: str
    attempts: int
    created_at: float
    next_at: float
    leased_until: float | None
    done_at: float | None
    last_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One try, as the log keeps it."""

    at: float
    took_ms: float
    outcome: str
    status: int | None
    error: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many deliveries of a receiver are not delivered."""

    waiting: int = 0
    dead: int = 0


async def fan_out(connection: AsyncConnection, report: Report) -> int:
    """One delivery for each receiver that wants this report, within the transaction of its change; returns how many.

    What takes an alert back, or gives it again, goes to all who got the alert, whatever they ask for now; it waits
    where the owner switched the receiver off. No receiver is removed before the transaction ends.
    """
    known = await all_of(connection, lock=True)
    alarmed: set[str] = set()
    if known and report.type in TAKEN_BACK:
        told = select(deliveries.c.subscription_id).where(
            deliveries.c.event_id == report.event_id, deliveries.c.type == "event.confirmed"
        )
        alarmed = set((await connection.execute(told)).scalars())
    wanting = [
        subscription.id
        for subscription in known
        if (subscription.enabled and subscription.wants(report.type, report.camera, report.kind, report.ever_confirmed))
        or (subscription.id in alarmed and subscription.reason != GONE)
    ]
    if wanting:
        await connection.execute(
            insert(deliveries).values(
                [
                    _new(subscription_id, report.event_id, report.type, report.body, report.at)
                    for subscription_id in wanting
                ]
            )
        )
    return len(wanting)


class Deliveries:
    """All of them, for who shows or replays them; the outbox takes its turns with :meth:`turn`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def shared(self) -> bool:
        """Whether servers that know nothing of one another may use this database."""
        return not self._database.is_sqlite

    @asynccontextmanager
    async def turn(self, server: str) -> AsyncIterator[Turn]:
        """A transaction in which the outbox of a server settles what it tried and takes what is due."""
        async with self._database.write() as connection:
            yield Turn(connection, server)

    async def clock(self) -> float:
        """The time that all who share the database go by, in unix seconds."""
        return await self._database.clock()

    async def add_test(self, subscription_id: str, body: str, now: float) -> Delivery:
        """A test for a receiver that is there."""
        row = _new(subscription_id, None, "test", body, now)
        async with self._database.write() as connection:
            await connection.execute(insert(deliveries).values(**row))
            return _of((await connection.execute(_whole().where(deliveries.c.id == row["id"]))).mappings().one())

    async def get(self, subscription_id: str, delivery_id: str) -> tuple[Delivery, str, list[LoggedAttempt]] | None:
        """One with its body and the log of its tries, the newest last; None where there is none."""
        own = (deliveries.c.id == delivery_id) & (deliveries.c.subscription_id == subscription_id)
        async with self._database.read() as connection:
            row = (await connection.execute(select(deliveries).where(own))).mappings().one_or_none()
            if row is None:
                return None
            query = select(attempts).where(attempts.c.delivery_seq == row["seq"]).order_by(attempts.c.seq)
            log = [
                LoggedAttempt(**{name: tried[name] for name in LoggedAttempt.__dataclass_fields__})
                for tried in (await connection.execute(query)).mappings()
            ]
        return _of(row), row["body"], log

    async def select(
        self, subscription_id: str, states: Collection[str], limit: int, before: int | None
    ) -> tuple[list[Delivery], int | None]:
        """A page of one receiver's in these states, the newest first, and what is ``before`` for the next page."""
        found: list[Delivery] = []
        async with self._database.read() as connection:
            for state in states:  # each read off the end of an index
                query = _whole().where(deliveries.c.subscription_id == subscription_id, deliveries.c.state == state)
                if before is not None:
                    query = query.where(deliveries.c.seq < before)
                query = query.order_by(deliveries.c.seq.desc()).limit(limit + 1)
                found += [_of(row) for row in (await connection.execute(query)).mappings()]
        found.sort(key=lambda delivery: -delivery.seq)
        page = found[:limit]
        return page, page[-1].seq if len(found) > limit else None

    async def of_event(self, event_id: str) -> list[Json]:
        """Who was told of an event and who was not yet, oldest first, as the API shows it."""
        query = (
            select(*WHOLE, subscriptions.c.channel, subscriptions.c.url)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription_id)
            .where(deliveries.c.event_id == event_id, STAYS)
            .order_by(deliveries.c.seq)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [{**delivery_body(_of(row)), "channel": row["channel"], "url": redacted(row["url"])} for row in rows]

    async def counts(self) -> dict[str, Count]:
        """How many wait and how many are dead, by receiver."""
        waiting, dead = (
            select(func.count())
            .where(
                deliveries.c.subscription_id == subscriptions.c.id, deliveries.c.state == literal_column(f"'{state}'")
            )
            .scalar_subquery()
            for state in ("waiting", "dead")
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(select(subscriptions.c.id, waiting, dead).where(STAYS))).all()
        return {row[0]: Count(row[1], row[2]) for row in rows}

    async def replay(self, subscription_id: str, delivery_id: str) -> Delivery | None:
        """Send one again, whatever became of it, with its id; None where there is none. One that is on its way stays
        as it is."""
        own = (deliveries.c.id == delivery_id) & (deliveries.c.subscription_id == subscription_id)
        async with self._database.write() as connection:
            await connection.execute(_anew().where(own, deliveries.c.leased_by.is_(None)))
            row = (await connection.execute(_whole().where(own))).mappings().one_or_none()
        return _of(row) if row else None

    async def replay_dead(self, subscription_id: str) -> int:
        """Send all that are dead again, each once, some at a time: others write too. Returns how many."""
        dead = (deliveries.c.subscription_id == subscription_id) & (deliveries.c.state == "dead")
        query = select(deliveries.c.seq).where(dead).order_by(deliveries.c.seq).limit(MOST_AT_ONCE)
        seqs, count = [0], 0
        while seqs:
            async with self._database.write() as connection:
                seqs = list((await connection.execute(query.where(deliveries.c.seq > seqs[-1]))).scalars())
                count += (await connection.execute(_anew().where(dead, deliveries.c.seq.in_(seqs)))).rowcount
        return count

    async def prune(self, before: float) -> None:
        """Remove what was delivered or given up before a time (unix s), some at a time: others write too. That a
        receiver got the alarm is known as long as the event is there: it may still be retracted."""
        row = deliveries.c
        alarm = (row.type == "event.confirmed") & exists().where(events.c.id == row.event_id)
        query = select(row.seq, row.done_at).where(row.done_at < before, ~alarm)
        query = query.order_by(row.done_at).limit(MOST_AT_ONCE)
        last = 0.0
        while True:
            async with self._database.read() as connection:  # past all that stays, which nobody has to wait for
                old = (await connection.execute(query.where(row.done_at >= last))).all()
            if not old:
                break
            last = old[-1].done_at
            async with self._database.write() as connection:
                gone = delete(deliveries).where(row.seq.in_([one.seq for one in old]), row.done_at < before)
                await connection.execute(gone)
        await clear(self._database)


def delivery_body(delivery: Delivery) -> Json:
    """A delivery as the API shows it."""
    tried_next = delivery.state == "waiting" and delivery.leased_until is None and delivery.next_at > 0
    return {
        "id": delivery.id,
        "webhook": delivery.subscription_id,
        "event": delivery.event_id,
        "type": delivery.type,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": iso(delivery.created_at),
        "next_try_at": iso(delivery.next_at) if tried_next else None,
        "delivered_at": iso(delivery.done_at) if delivery.state == "delivered" else None,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    }


def _new(subscription_id: str, event_id: str | None, report: str, body: str, at: float) -> dict[str, Any]:
    """The row of a new delivery. It is due at once, whatever the clocks say (see :data:`AT_ONCE`), and its time for
    trying begins when it is first tried."""
    return {
        "id": f"msg_{uuid7(at, secrets.token_bytes(10))}",
        "subscription_id": subscription_id,
        "event_id": event_id,
        "type": report,
        "body": body,
        "state": "waiting",
        "created_at": at,
        "since": 0.0,
        "next_at": -at,
    }


def _anew() -> Update:
    """What a replay does: it counts as new, and so does its time for trying."""
    return update(deliveries).values(state="waiting", attempts=0, since=time.time(), next_at=AT_ONCE, done_at=None)


def _whole() -> Select[Any]:
    return select(*WHOLE)


def _of(row: RowMapping) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__dataclass_fields__})
