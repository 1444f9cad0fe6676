"""Who is told of events: webhooks that the API adds, and receivers that the settings declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .schema import deliveries, subscriptions

STATES = ("suspected", "confirmed", "ended", "retracted", "judged")
"""What a subscription may ask for; ``confirmed`` and ``retracted`` bring what is reinstated too."""

USUAL_STATES = ("confirmed", "ended", "retracted")
MOST_SECRETS = 2
LISTS = ("kinds", "cameras", "states", "secrets")

MOST_AT_ONCE = 1000
"""Rows that one transaction changes, where more may be: SQLite has one at a time, and events wait for it."""

UNDECLARED = "not in the settings"
REMOVED = "removed"
STAYS = subscriptions.c.reason.is_distinct_from(REMOVED)
"""Not those that are being removed, which takes a while where much was sent: nobody sees them, nobody tells them."""


class SubscriptionRefused(Exception):
    """It cannot be had like this. ``slug``: unknown-webhook, too-many-webhooks or declared-webhook."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


@dataclass(frozen=True, slots=True)
class Subscription:
    """One receiver and what it wants to hear of; no kinds or no cameras means all. ``secrets``: the newest first.
    ``reason``: why it was switched off by itself. Times are unix seconds."""

    id: str
    channel: str
    url: str
    created_at: float
    description: str = ""
    kinds: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    states: tuple[str, ...] = USUAL_STATES
    secrets: tuple[str, ...] = field(default=(), repr=False)
    enabled: bool = True
    reason: str | None = None
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure_status: int | None = None
    last_failure_error: str | None = None

    @property
    def declared(self) -> bool:
        """Whether it comes from the settings."""
        return self.id == self.channel

    def wants(self, report: str, camera: str, kind: str, ever_confirmed: bool) -> bool:
        """Whether its filter lets a report (``event.confirmed`` and so on) through."""
        state = report.removeprefix("event.")
        # A retraction that was wrong may be the first that is heard of an alarm.
        asked = ("confirmed", "retracted") if state == "reinstated" else (state,)
        return (
            any(one in self.states for one in asked)
            and (not self.kinds or kind in self.kinds)
            and (not self.cameras or camera in self.cameras)
            # Who was never told that something is suspected need not hear that it was nothing.
            and (state != "ended" or ever_confirmed or "suspected" in self.states)
        )


@dataclass(frozen=True, slots=True)
class Declaration:
    """A receiver that the settings name: one for each channel that is not told of its receivers by the API."""

    channel: str
    url: str
    states: tuple[str, ...] = USUAL_STATES


class Subscriptions:
    """All of them. ``most``: how many the API may add."""

    def __init__(self, database: Database, most: int = 100) -> None:
        self._database = database
        self.most = most

    async def all(self) -> list[Subscription]:
        """In the order in which they were added."""
        async with self._database.read() as connection:
            return await all_of(connection)

    async def get(self, subscription_id: str) -> Subscription:
        """One of them; raises :class:`SubscriptionRefused`."""
        async with self._database.read() as connection:
            return await _get(connection, subscription_id)

    async def add(self, subscription: Subscription) -> Subscription:
        """A new one; raises :class:`SubscriptionRefused` when there are too many."""
        async with self._database.write() as connection:
            added = select(func.count()).where(subscriptions.c.id != subscriptions.c.channel, STAYS)
            if int(await connection.scalar(added) or 0) >= self.most:
                raise SubscriptionRefused(
                    "too-many-webhooks", f"There are {self.most} webhooks already. Remove one, or raise the limit."
                )
            await connection.execute(insert(subscriptions).values(**_row_of(subscription)))
        return subscription

    async def change(self, subscription_id: str, changes: Mapping[str, Any]) -> Subscription:
        """Change some of url, description, kinds, cameras, states and enabled. Who switches it on or off does away
        with the reason why it was off."""
        values = {name: list(value) if name in LISTS else value for name, value in changes.items()}
        if "enabled" in values:
            values["reason"] = None
        return await self._change(subscription_id, lambda _: values)

    async def rotate(self, subscription_id: str, secret: str) -> Subscription:
        """A new secret; the one before stays live with it."""
        return await self._change(subscription_id, lambda now: {"secrets": [secret, *now.secrets][:MOST_SECRETS]})

    async def drop_previous(self, subscription_id: str) -> Subscription:
        """Only the newest secret is live."""
        return await self._change(subscription_id, lambda now: {"secrets": list(now.secrets[:1])})

    async def remove(self, subscription_id: str) -> None:
        """It is gone, and all its deliveries go, some at a time: others write too. Raises
        :class:`SubscriptionRefused`."""
        own = subscriptions.c.id == subscription_id
        async with self._database.write() as connection:
            known = await _get(connection, subscription_id)
            if known.reason != UNDECLARED:
                changeable(known)
            await connection.execute(update(subscriptions).where(own).values(enabled=False, reason=REMOVED))
        await clear(self._database)

    async def declare(self, declared: Sequence[Declaration], now: float) -> None:
        """Have exactly these from the settings switched on, each under the name of its channel. One that was there
        already keeps what waits for it; one that is no more among them is switched off, and what waits for it waits on:
        the settings may have been forgotten at this start."""
        async with self._database.write() as connection:
            known = {one.id: one for one in await all_of(connection) if one.declared}
            forgotten = known.keys() - {declaration.channel for declaration in declared}
            off = update(subscriptions).where(subscriptions.c.id.in_(forgotten), subscriptions.c.enabled)
            await connection.execute(off.values(enabled=False, reason=UNDECLARED))
            for one in declared:
                values: dict[str, Any] = {"url": one.url, "states": list(one.states)}
                if one.channel in known:
                    if known[one.channel].reason == UNDECLARED:
                        values |= {"enabled": True, "reason": None}
                    own = subscriptions.c.id == one.channel
                    await connection.execute(update(subscriptions).where(own).values(**values))
                else:
                    cut_off = delete(subscriptions).where(subscriptions.c.id == one.channel)  # amid a removal
                    await connection.execute(cut_off)
                    new = Subscription(one.channel, one.channel, one.url, now, states=one.states)
                    await connection.execute(insert(subscriptions).values(**_row_of(new)))

    async def _change(self, subscription_id: str, change: Callable[[Subscription], Mapping[str, Any]]) -> Subscription:
        own = subscriptions.c.id == subscription_id
        async with self._database.write() as connection:
            now = changeable(await _get(connection, subscription_id, lock=not self._database.is_sqlite))
            if values := change(now):
                await connection.execute(update(subscriptions).where(own).values(**values))
            return await _get(connection, subscription_id)


async def all_of(connection: AsyncConnection, *, lock: bool = False) -> list[Subscription]:
    """All, in the order in which they were added, within a transaction. ``lock``: none goes before its end."""
    query = select(subscriptions).where(STAYS).order_by(subscriptions.c.created_at, subscriptions.c.id)
    if lock:
        query = query.with_for_update(read=True, key_share=True)
    return [_of(row) for row in (await connection.execute(query)).mappings()]


async def _get(connection: AsyncConnection, subscription_id: str, *, lock: bool = False) -> Subscription:
    query = select(subscriptions).where(subscriptions.c.id == subscription_id, STAYS)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise SubscriptionRefused("unknown-webhook", f"There is no webhook {subscription_id[:80]!r}.")
    return _of(row)


async def clear(database: Database) -> None:
    """Finish what removes subscriptions, also where a server stopped amid it."""
    removed = select(subscriptions.c.id).where(~STAYS)
    some = select(deliveries.c.seq).where(deliveries.c.subscription_id.in_(removed)).limit(MOST_AT_ONCE)
    while True:
        async with database.write() as connection:
            done = await connection.execute(delete(deliveries).where(deliveries.c.seq.in_(some)))
            if done.rowcount < MOST_AT_ONCE:
                empty = ~exists().where(deliveries.c.subscription_id == subscriptions.c.id)
                await connection.execute(delete(subscriptions).where(~STAYS, empty))
                return


def changeable(subscription: Subscription) -> Subscription:
    """The same; raises :class:`SubscriptionRefused` for one of the settings."""
    if subscription.declared:
        raise SubscriptionRefused(
            "declared-webhook", f"{subscription.id} comes from the settings of the server, and is changed there."
        )
    return subscription


def _row_of(subscription: Subscription) -> dict[str, Any]:
    row = {name: getattr(subscription, name) for name in Subscription.__dataclass_fields__}
    return {name: list(value) if name in LISTS else value for name, value in row.items()}


def _of(row: RowMapping) -> Subscription:
    values: dict[str, Any] = {name: tuple(value) if name in LISTS else value for name, value in row.items()}
    return Subscription(**values)
