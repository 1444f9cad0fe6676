"""A turn of the outbox: in one transaction it settles what it tried and takes what is due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from .schema import attempts, deliveries, subscriptions
from .subscriptions import MOST_AT_ONCE, STAYS

MOST_LOGGED = 50
"""Tries of one delivery that the log keeps, the newest."""

FAR_S = 3600.0
"""No wait and no lease is so long: what lies further ahead was set by a clock that was wrong."""

FRESH = 1.5
"""When trying began longer ago than so many times the time for trying, nobody tried meanwhile: it begins anew."""

WAITING = deliveries.c.state == literal_column("'waiting'")
"""In the very words of the index: a parameter in their place would keep it from being used."""

GONE = "410 gone"

row = deliveries.c

AT_ONCE = -row.created_at
"""The ``next_at`` of what is due whatever the clocks say. The newest has the lowest and goes first: an alarm of now
must not wait behind those of yesterday."""

TEST_WAITING = row.event_id.is_(None) & (row.state.concat("") == "waiting")
"""So that it cannot be looked for with that index: tests, which have no event, are found by another, and are few."""


@dataclass(frozen=True, slots=True)
class Due:
    """What waits for one receiver. ``now``: something is due; ``later``: when more will be (unix s); ``test_at``: when
    a test is, which goes out even where nothing else does; below 0: at once."""

    subscription_id: str
    channel: str
    enabled: bool
    now: bool
    later: float | None
    test_at: float | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver is."""

    channel: str
    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is this server's to try. ``since``: when trying began, by the outbox's own clock."""

    seq: int
    id: str
    subscription_id: str
    event_id: str | None
    type: str
    body: str
    attempts: int
    created_at: float
    since: float


@dataclass(frozen=True, slots=True)
class Settled:
    """How a try ended. ``next_at``: when the next one comes, None when it is over; ``at``: when this one began (unix
    s); ``gone``: the receiver wants nothing more, ever."""

    claimed: Claimed
    state: str
    next_at: float | None
    at: float
    took_ms: float
    outcome: str
    status: int | None = None
    error: str | None = None
    response: str | None = None
    gone: bool = False


class Turn:
    """One transaction. ``server`` holds the leases; ``now`` is the outbox's own clock, which may not be that of the
    wall: only what is shown to people has the wall's."""

    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def due(self, now: float) -> list[Due]:
        """What waits for whom: for each receiver three looks at the end of an index, however much waits."""
        own = row.subscription_id == subscriptions.c.id
        query = select(
            subscriptions.c.id,
            subscriptions.c.channel,
            subscriptions.c.enabled,
            exists().where(own, WAITING, row.next_at <= now),
            select(func.min(row.next_at)).where(own, WAITING, row.next_at > now).scalar_subquery(),
            select(func.min(row.next_at)).where(own, TEST_WAITING).scalar_subquery(),
        )
        return [Due(*found) for found in (await self._connection.execute(query.where(STAYS))).all()]

    async def addresses(self, ids: Iterable[str]) -> dict[str, Address]:
        """Where these receivers are."""
        table = subscriptions.c
        query = select(table.id, table.channel, table.url, table.secrets).where(table.id.in_(sorted(ids)))
        return {r.id: Address(r.channel, r.url, tuple(r.secrets)) for r in await self._connection.execute(query)}

    async def claim(
        self, subscription_id: str, limit: int, now: float, lease_s: float, for_s: float, *, tests: bool = False
    ) -> list[Claimed]:
        """Take what is due for one receiver, at most so many, and lease it: nobody else takes it for ``lease_s``.

        The newest first, but of one event only the oldest that still waits. ``for_s``: the time for trying. ``tests``:
        tests alone, which belong to no event.
        """
        chosen = self._heads(subscription_id, tests).where(row.next_at <= now).limit(limit).cte("chosen")
        fresh = row.since.between(now - FRESH * for_s, now)
        query = (
            update(deliveries)
            .where(row.seq.in_(select(chosen.c.seq)))
            .values(
                leased_by=self._server,
                leased_until=now + lease_s,
                next_at=now + lease_s,
                since=case((fresh, row.since), else_=now),
            )
            .returning(*(row[name] for name in Claimed.__dataclass_fields__))
        )
        found = (await self._connection.execute(query)).all()
        return sorted((Claimed(*values) for values in found), key=lambda claimed: claimed.seq)

    async def settle(self, outcomes: Sequence[Settled]) -> list[Settled]:
        """Write how tries ended. What was removed meanwhile is passed over, and so is a failure of a delivery that
        another server took when its lease was over, or that was given up with others.

        Returns those by which a receiver is gone: what waits for it is to be given up (:meth:`leave`)."""
        held = await self._held({outcome.claimed.seq for outcome in outcomes})
        valid = [o for o in outcomes if o.claimed.seq in held and (o.state == "delivered" or held[o.claimed.seq])]
        if not valid:
            return []
        await self._connection.execute(SETTLE, [_values(outcome) for outcome in valid])
        await self._connection.execute(insert(attempts), [_attempt(outcome) for outcome in valid])
        failed = [o for o in valid if o.state != "delivered"]
        if failed:
            await self._connection.execute(FORGET, [{"s": o.claimed.seq} for o in failed])
        await self._let_follow(valid)
        await self._tell_receivers(valid)
        gone = list({o.claimed.subscription_id: o for o in valid if o.gone}.values())
        for outcome in gone:
            own = subscriptions.c.id == outcome.claimed.subscription_id
            await self._connection.execute(update(subscriptions).where(own).values(enabled=False, reason=GONE))
        return gone

    async def leave(self, gone: Settled) -> bool:
        """Give up what waits for a receiver that wanted nothing more, unless its owner switched it on since: at most
        :data:`MOST_AT_ONCE`. Whether that was all. What is under way may still arrive, and counts then."""
        left = select(subscriptions.c.id).where(subscriptions.c.reason == GONE)
        rest = (row.subscription_id == gone.claimed.subscription_id) & WAITING & row.subscription_id.in_(left)
        dead = {"state": "dead", "done_at": gone.at, "last_error": gone.error, "leased_by": None, "leased_until": None}
        done = await self._connection.execute(update(deliveries).where(WAITING, _some(rest)).values(dead))
        return done.rowcount < MOST_AT_ONCE

    async def hasten(self, subscription_id: str) -> bool:
        """What waits for a receiver is due: it is back, or another. At most :data:`MOST_AT_ONCE`; whether that was
        all."""
        free = WAITING & row.leased_by.is_(None)
        put_off = (row.subscription_id == subscription_id) & free & (row.next_at > 0)
        done = await self._connection.execute(update(deliveries).where(free, _some(put_off)).values(next_at=AT_ONCE))
        return done.rowcount < MOST_AT_ONCE

    async def give_up(self, subscription_id: str, now: float, wall: float, for_s: float, error: str) -> int:
        """A receiver failed for so long and failed again: that was a try for all that have waited as long. Gives the
        oldest of them up, at most :data:`MOST_AT_ONCE`; returns how many."""
        oldest = (
            select(row.seq, row.created_at, row.since)
            .where(row.subscription_id == subscription_id, WAITING, row.leased_by.is_(None))
            .order_by(row.seq)
            .limit(MOST_AT_ONCE)
            .subquery()
        )
        over = select(oldest.c.seq).where(oldest.c.created_at <= wall - for_s, oldest.c.since <= now - for_s)
        dead = update(deliveries).where(row.seq.in_(over)).values(state="dead", done_at=wall, last_error=error)
        return (await self._connection.execute(dead)).rowcount

    async def release(self, seqs: Collection[int]) -> None:
        """Give back what was taken and not tried to the end."""
        mine = row.seq.in_(sorted(seqs)) & WAITING & (row.leased_by == self._server)
        await self._connection.execute(update(deliveries).where(mine).values(**FREE))

    async def release_of(self, servers: Collection[str]) -> int:
        """Give back all that servers took which are known to run no more; returns how much."""
        lost = update(deliveries).where(WAITING, row.leased_by.in_(sorted(servers)))
        return (await self._connection.execute(lost.values(**FREE))).rowcount

    async def mend(self, now: float) -> int:
        """Have due what a wrong clock put off; returns how much."""
        far = update(deliveries).where(WAITING, row.next_at > now + FAR_S)
        return (await self._connection.execute(far.values(**FREE))).rowcount

    def _heads(self, subscription_id: str, tests: bool) -> Select[tuple[int]]:
        which = TEST_WAITING if tests else WAITING & ~exists().where(EARLIER)
        query = select(row.seq).where(row.subscription_id == subscription_id, which)
        return query.order_by(row.next_at, row.seq).with_for_update(skip_locked=True, of=deliveries)

    async def _held(self, seqs: set[int]) -> dict[int, bool]:
        """Those that are not known to have arrived, and whether they wait and the lease is ours."""
        query = select(row.seq, row.state, row.leased_by).where(row.seq.in_(sorted(seqs)), row.state != "delivered")
        found = await self._connection.execute(query.order_by(row.seq).with_for_update())
        return {seq: state == "waiting" and holder == self._server for seq, state, holder in found.all()}

    async def _let_follow(self, outcomes: Iterable[Settled]) -> None:
        """Later reports of the same event wait as long as the one before them, and no longer."""
        puts_off, lets_go = [], []
        for outcome in outcomes:
            claimed = outcome.claimed
            if claimed.event_id is None:
                continue
            key = {"s": claimed.seq, "sub": claimed.subscription_id, "event": claimed.event_id}
            if outcome.next_at is not None:
                puts_off.append({**key, "at": outcome.next_at})
            elif claimed.attempts:
                lets_go.append(key)
        if puts_off:
            await self._connection.execute(FOLLOWERS.values(next_at=bindparam("at")), puts_off)
        if lets_go:
            await self._connection.execute(FOLLOWERS.values(next_at=AT_ONCE), lets_go)

    async def _tell_receivers(self, outcomes: Iterable[Settled]) -> None:
        news: dict[str, dict[str, Any]] = {}
        for outcome in outcomes:
            values = news.setdefault(outcome.claimed.subscription_id, {})
            if outcome.state == "delivered":
                values["last_success_at"] = outcome.at
            else:
                values["last_failure_at"] = outcome.at
                values["last_failure_status"] = outcome.status
                values["last_failure_error"] = outcome.error
        for subscription_id, values in sorted(news.items()):
            own = subscriptions.c.id == subscription_id
            await self._connection.execute(update(subscriptions).where(own).values(**values))


FREE: dict[str, Any] = {"leased_by": None, "leased_until": None, "next_at": AT_ONCE}

_earlier = deliveries.alias("earlier").c
EARLIER = (
    (_earlier.subscription_id == row.subscription_id)
    & (_earlier.event_id == row.event_id)
    & (_earlier.seq < row.seq)
    & (_earlier.state == literal_column("'waiting'"))
)
"""A report of the same event that must go first."""

SETTLE = (
    update(deliveries)
    .where(row.seq == bindparam("s"))
    .values(
        state=bindparam("to_state"),
        attempts=row.attempts + 1,
        next_at=bindparam("at"),
        done_at=bindparam("done"),
        last_status=bindparam("status"),
        last_error=bindparam("error"),
        leased_by=None,
        leased_until=None,
    )
)

FOLLOWERS = update(deliveries).where(
    row.subscription_id == bindparam("sub"),
    row.event_id == bindparam("event"),
    row.seq > bindparam("s"),
    WAITING,
    row.leased_by.is_(None),
)

_logged = attempts.alias("logged").c
FORGET = delete(attempts).where(
    attempts.c.delivery_seq == bindparam("s"),
    attempts.c.seq
    <= select(_logged.seq)
    .where(_logged.delivery_seq == bindparam("s"))
    .order_by(_logged.seq.desc())
    .offset(MOST_LOGGED)
    .limit(1)
    .scalar_subquery(),
)


def _some(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Of these rows so many as one transaction may change."""
    return row.seq.in_(select(row.seq).where(which).limit(MOST_AT_ONCE))


def _values(outcome: Settled) -> dict[str, Any]:
    return {
        "s": outcome.claimed.seq,
        "to_state": outcome.state,
        "at": outcome.next_at or 0.0,
        "done": outcome.at if outcome.next_at is None else None,
        "status": outcome.status,
        "error": outcome.error,
    }


def _attempt(outcome: Settled) -> dict[str, Any]:
    return {
        "delivery_seq": outcome.claimed.seq,
        "at": outcome.at,
        "took_ms": outcome.took_ms,
        "outcome": outcome.outcome,
        "status": outcome.status,
        "error": outcome.error,
        "response": outcome.response,
    }
