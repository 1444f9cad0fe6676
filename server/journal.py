"""From the feeds to the store: an event is told once it is kept."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from .background import Background
from .core.backoff import Backoff
from .core.events import Event, State
from .logs import about
from .metrics import Metrics
from .store.database import is_transient, plain_words

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
AT_ONCE = 256
PATIENCE_S = 1.0
"""A guard must see an alarm though the disk is stuck: after so long it is shown before it is kept."""

LAST_CHANCE_S = 5.0
LONGEST_RETRY_S = 2.0

Tell = Callable[[Event], None]


class Keeper(Protocol):
    """Where events are kept."""

    async def record(self, seen: Sequence[Event], now: float) -> list[Event | None]:
        """Write them in one transaction; see :meth:`server.store.events.EventStore.record`."""
        ...


class _Entry:
    """An event on its way. It is told once: as it was kept or, if that takes too long, as it came."""

    __slots__ = ("_overdue", "_tell", "_timer", "event")

    def __init__(self, event: Event, tell: Tell, overdue: Tell) -> None:
        self.event = event
        self._tell: Tell | None = tell
        self._overdue = overdue
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._tell_unkept)

    def tell(self, event: Event) -> None:
        """Tell it, unless it was told already."""
        self._timer.cancel()
        tell, self._tell = self._tell, None
        if tell:
            tell(event)

    def _tell_unkept(self) -> None:
        self.tell(self.event)
        self._overdue(self.event)


class Journal(Background):
    """Takes events from all feeds, in order, and writes them, as many together as wait. For the event loop only.

    While the database is locked, full or away, they wait here and are tried again; what is too many goes, and first
    what was never confirmed.
    """

    def __init__(self, store: Keeper, metrics: Metrics, overdue: Tell = lambda _: None) -> None:
        """``overdue`` is called with what was not kept in time, for those who else hear of what is kept."""
        super().__init__("journal")
        self._overdue = overdue
        self._store = store
        self._metrics = metrics
        self._waiting: deque[_Entry] = deque()
        self._writing: list[_Entry] = []
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(LAST_CHANCE_S):
                await self._empty.wait()
        except TimeoutError:
            lost = len(self._waiting) + len(self._writing)
            self._metrics.events_lost.inc(lost)
            log.error("%d changes of events could not be kept before the end", lost)
        await super().__aexit__(kind, error, trace)

    def put(self, event: Event, tell: Tell) -> None:
        """Keep this revision of an event, then tell it, with the revision that it was kept as."""
        if len(self._waiting) >= MOST_WAITING:
            self._make_room()
        self._waiting.append(_Entry(event, tell, self._overdue))
        self._empty.clear()
        self._arrived.set()

    def _make_room(self) -> None:
        # The end of a suspicion can be kept without its beginning, but not the other way: it would stay open.
        spare = min(
            self._waiting, key=lambda entry: (entry.event.confirmed_at is not None, entry.event.ended_at is not None)
        )
        self._waiting.remove(spare)
        self._metrics.events_lost.inc()
        if spare.event.confirmed_at is not None:
            log.error("a change of the confirmed event %s is lost: the database has been away too long", spare.event.id)

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                self._writing = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
                await self._write(self._writing)
                self._writing = []
            self._empty.set()

    async def _write(self, batch: list[_Entry]) -> None:
        """Until it is written; what can never be written goes, alone."""
        backoff, told = Backoff(), ""
        while True:
            try:
                begun = time.monotonic()
                kept = await self._store.record([entry.event for entry in batch], time.time())
                self._metrics.stage_seconds.labels("store").observe(time.monotonic() - begun)
                break
            except Exception as error:
                if not is_transient(error):
                    await self._write_apart(batch, error)
                    return
                words = plain_words(error)
                if words != told:
                    log.error("events cannot be kept: %s; it is tried again", words)
                    told = words
                await asyncio.sleep(min(backoff.next(random.random()) / 4, LONGEST_RETRY_S))
        if told:
            log.info("events are kept again")
        for entry, event in zip(batch, kept, strict=True):
            # None: a try before this one wrote it, and its answer was lost.
            self._measure(entry.event)
            entry.tell(event or entry.event)

    def _measure(self, event: Event) -> None:
        """Log what became of an event, and how long its alarm took."""
        with about(event=event.id, camera=event.feed):
            log.info("%s: %s %s", event.feed, event.kind, event.state)
        if event.state is State.CONFIRMED:
            self._metrics.sight_to_alert_seconds.observe(max(time.time() - event.first_seen, 0))

    async def _write_apart(self, batch: list[_Entry], error: Exception) -> None:
        if len(batch) > 1:
            for entry in batch:
                await self._write([entry])
            return
        self._metrics.events_lost.inc()
        with about(event=batch[0].event.id, camera=batch[0].event.feed):
            log.error("event %s cannot be kept", batch[0].event.id, exc_info=error)
        batch[0].tell(batch[0].event)
