"""What is kept and told, put together: the database, the log of changes, the outbox, the journal."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .config import Settings
from .core.events import Event
from .core.links import evidence_links
from .housekeeping import Housekeeping, Prune
from .journal import Journal
from .metrics import Metrics
from .outbox.dispatch import Outbox
from .presence import Presence
from .store.changes import ChangeLog
from .store.database import Database
from .store.deliveries import Deliveries
from .store.episodes import Episodes
from .store.events import EventStore
from .store.evidence import links_key
from .store.subscriptions import Declaration, Subscriptions
from .wire import Json


@dataclass(slots=True)
class Links:
    """Makes the links that alerts carry. ``base_url`` is how others reach this server, without a slash at its end."""

    key: bytes
    days: float
    base_url: str = ""

    def of(self, event: Event) -> list[Json]:
        """Those to the evidence of an event that has or will have some."""
        if event.confirmed_at is None or not event.feed:
            return []
        return [dict(link) for link in evidence_links(event.id, self.base_url, self.key, time.time(), self.days)]


@dataclass(frozen=True, slots=True)
class Keeping:
    """All of it, open."""

    database: Database
    changes: ChangeLog
    subscriptions: Subscriptions
    deliveries: Deliveries
    episodes: Episodes
    outbox: Outbox
    store: EventStore
    journal: Journal
    links: Links


def base_url_of(settings: Settings, port: int) -> str:
    """How others reach this server: as the settings say, else at the address it listens on."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls.enabled else "http"
    return (settings.public_url or f"{scheme}://{host}:{port}").rstrip("/")


@asynccontextmanager
async def keeping(database: Database, settings: Settings, own: Presence, metrics: Metrics) -> AsyncIterator[Keeping]:
    """Open it over an open database. What closes last is the outbox, so that the last events still go out."""
    links = Links(await links_key(database), settings.evidence.link_days, base_url_of(settings, settings.port))
    subscriptions, deliveries = Subscriptions(database, settings.webhooks.most), Deliveries(database)
    episodes = Episodes(database, settings.events.recordings_bytes)
    await subscriptions.declare(_declared(settings), time.time())
    async with ChangeLog(database) as changes, Outbox(deliveries, settings, metrics, own.id, own.gone) as outbox:

        def written() -> None:
            changes.wake()
            outbox.wake()

        store = EventStore(database, own.id, links.of if settings.evidence.enabled else lambda _: [], written)
        others: dict[Prune, float] = {
            deliveries.prune: settings.webhooks.keep_days,
            episodes.prune: settings.events.keep_recordings_days,
        }
        async with (
            Housekeeping(store, settings.events, own.gone, others),
            Journal(store, metrics, changes.tell_unkept) as journal,
        ):
            yield Keeping(database, changes, subscriptions, deliveries, episodes, outbox, store, journal, links)


def _declared(settings: Settings) -> list[Declaration]:
    """The receivers that the settings name."""
    return [Declaration("mqtt", settings.mqtt.url, settings.mqtt.states)] if settings.mqtt.url else []
