"""Who is told of events: webhooks that the API adds, and receivers that the settings declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .schema import subscriptions

STATES = ("suspected", "confirmed", "ended", "retracted", "judged")
"""What a subscription may ask for; ``retracted`` brings what is reinstated too."""

USUAL_STATES = ("confirmed", "ended", "retracted")
MOST_SECRETS = 2
LISTS = ("kinds", "cameras", "states", "secrets")


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
        state = {"reinstated": "retracted"}.get(report.removeprefix("event."), report.removeprefix("event."))
        return (
            state in self.states
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
        self._most = most

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
            added = select(func.count()).where(subscriptions.c.id != subscriptions.c.channel)
            if int(await connection.scalar(added) or 0) >= self._most:
                raise SubscriptionRefused(
                    "too-many-webhooks", f"There are {self._most} webhooks already. Remove one, or raise the limit."
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
        """It and all its deliveries go. Raises :class:`SubscriptionRefused`."""
        async with self._database.write() as connection:
            changeable(await _get(connection, subscription_id))
            await connection.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))

    async def declare(self, declared: Sequence[Declaration], now: float) -> None:
        """Have exactly these from the settings, each under the name of its channel; what was seen of one that was
        there already stays."""
        async with self._database.write() as connection:
            known = {subscription.id for subscription in await all_of(connection) if subscription.declared}
            names = {declaration.channel for declaration in declared}
            await connection.execute(delete(subscriptions).where(subscriptions.c.id.in_(known - names)))
            for one in declared:
                values = {"url": one.url, "states": list(one.states)}
                if one.channel in known:
                    own = subscriptions.c.id == one.channel
                    await connection.execute(update(subscriptions).where(own).values(**values))
                else:
                    new = Subscription(one.channel, one.channel, one.url, now, states=one.states)
                    await connection.execute(insert(subscriptions).values(**_row_of(new)))

    async def _change(self, subscription_id: str, change: Callable[[Subscription], Mapping[str, Any]]) -> Subscription:
        own = subscriptions.c.id == subscription_id
        async with self._database.write() as connection:
            now = changeable(await _get(connection, subscription_id, lock=not self._database.is_sqlite))
            if values := change(now):
                await connection.execute(update(subscriptions).where(own).values(**values))
            return await _get(connection, subscription_id)


async def all_of(connection: AsyncConnection) -> list[Subscription]:
    """All, in the order in which they were added, within a transaction."""
    query = select(subscriptions).order_by(subscriptions.c.created_at, subscriptions.c.id)
    return [_of(row) for row in (await connection.execute(query)).mappings()]


async def _get(connection: AsyncConnection, subscription_id: str, *, lock: bool = False) -> Subscription:
    query = select(subscriptions).where(subscriptions.c.id == subscription_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise SubscriptionRefused("unknown-webhook", f"There is no webhook {subscription_id[:80]!r}.")
    return _of(row)


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
