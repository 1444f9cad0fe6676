"""The routes of events over a store of the test's own, with no camera and no model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from server.edge.event_stream import EventStream
from server.edge.events import EventRoutes
from server.edge.http import make_app
from server.edge.sessions import SessionPlaces
from server.metrics import Metrics
from server.store.changes import ChangeLog
from server.store.database import Database
from server.store.deliveries import Deliveries
from server.store.events import EventStore

from .access import local_guard


@dataclass(frozen=True, slots=True)
class Desk:
    """A server of events at ``url``, and what is behind it."""

    url: str
    store: EventStore
    changes: ChangeLog


@asynccontextmanager
async def desk(database: Database, listeners: int = 100) -> AsyncIterator[Desk]:
    """Serve the events of a database for as long as the block runs."""
    async with ChangeLog(database) as changes:
        store = EventStore(database, "here", written=changes.wake)
        stream = EventStream(changes, SessionPlaces(listeners, Metrics()))
        routes = [*stream.routes(), *EventRoutes(store, changes, Deliveries(database)).routes()]
        runner = web.AppRunner(make_app(routes, (), local_guard()), shutdown_timeout=5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield Desk(f"http://127.0.0.1:{runner.addresses[0][1]}", store, changes)
        finally:
            changes.live.close("the server stops")
            await runner.cleanup()
