"""Who is told while servers are killed: three receivers that want different things, one of them in a mood."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from aiohttp import web
from sqlalchemy import func, select

from server.core.signature import secret_of
from server.store.database import Database
from server.store.schema import deliveries, events
from server.store.subscriptions import STATES, USUAL_STATES, Subscription, Subscriptions

from ..support.receiver import Answer, Got, Receiver, receiving

FAILS, SLOW, SLOW_S = 0.05, 0.05, 0.5
"""Shares of its tries at which the one in a mood answers 500 or takes its time, and how long that is at the most."""

WANTS = {"all": STATES, "usual": USUAL_STATES, "alarms": ("confirmed",)}
IN_A_MOOD = "usual"


def checking(secret: str, chance: random.Random | None) -> Answer:
    """An answer to what is signed with this secret; with a ``chance`` not always a good one."""

    async def answer(receiver: Receiver, got: Got) -> web.StreamResponse:
        got.verify(secret)
        if chance and chance.random() < SLOW:
            await asyncio.sleep(chance.random() * SLOW_S)
        return web.Response(status=500 if chance and chance.random() < FAILS else 200)

    return answer


@asynccontextmanager
async def audience(database: Database, moody: bool = True) -> AsyncIterator[dict[str, Receiver]]:
    """The receivers, subscribed, by the ids of their subscriptions; ``moody``: whether that one is."""
    async with AsyncExitStack() as stack:
        receivers: dict[str, Receiver] = {}
        for name, states in WANTS.items():
            secret = secret_of(os.urandom(24))
            answer = checking(secret, random.Random(7) if moody and name == IN_A_MOOD else None)
            receiver = await stack.enter_async_context(receiving(answer))
            wish = Subscription(
                uuid4().hex, "webhook", receiver.url(), time.time(), name, states=states, secrets=(secret,)
            )
            await Subscriptions(database).add(wish)
            receivers[wish.id] = receiver
        yield receivers


async def all_told(database: Database) -> bool:
    """Whether every event is over and nothing waits to be delivered."""
    async with database.read() as connection:
        waiting = select(func.count()).where(deliveries.c.state == "waiting").scalar_subquery()
        still_open = select(func.count()).where(events.c.ended_at.is_(None)).scalar_subquery()
        return (await connection.execute(select(waiting + still_open))).scalar() == 0
