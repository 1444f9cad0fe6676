"""All that keeps and sends events, opened as the server does, over each database that this machine has."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

from server.core.events import Event
from server.core.signature import secret_of
from server.keeping import Keeping, keeping
from server.metrics import Metrics
from server.presence import presence
from server.store.database import Database
from server.store.subscriptions import Subscription
from tests.support.events import suspected
from tests.support.post_office import webhook_settings
from tests.support.postgres import postgres_server, why_not


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Fresh ones by their names: SQLite, and PostgreSQL where it is installed, which gives up no durability here."""
    async with AsyncExitStack() as stack:
        urls = {"SQLite": f"sqlite:///{folder}/vigie.db"}
        if missing := why_not():
            print(f"   without PostgreSQL: {missing}", flush=True)
        else:
            server = stack.enter_context(postgres_server(fsync="on", full_page_writes="on", shared_buffers="128MB"))
            urls["PostgreSQL"] = await stack.enter_async_context(server.database())
        yield urls


@asynccontextmanager
async def kept_in(url: str, folder: Path) -> AsyncIterator[Keeping]:
    """Everything over one database."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        own = stack.enter_context(presence(folder))
        yield await stack.enter_async_context(keeping(database, webhook_settings(), own, Metrics()))


async def subscribe(kept: Keeping, port: int) -> Subscription:
    """A webhook at a port of this machine, for what a webhook usually gets."""
    url, secret = f"http://127.0.0.1:{port}/hook", secret_of(os.urandom(24))
    return await kept.subscriptions.add(Subscription(uuid4().hex, "webhook", url, time.time(), secrets=(secret,)))


def sighting(number: int = 0) -> Event:
    """The first revision of an event that begins now, at one of fifty cameras."""
    randomness = int.from_bytes(os.urandom(8), "big")
    return suspected(time.time(), randomness, feed=f"camera-{number % 50}")
