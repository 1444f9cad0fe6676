"""What the store needs from time to time: a sign of life, an end for events of servers that are gone, and room."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Self

from .background import Background
from .config import EventSettings
from .core.identifiers import uuid7
from .steadyclock import SteadyClock
from .store.database import is_transient, plain_words
from .store.events import EventStore

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 10.0
PRUNE_EVERY_S = 3600.0
DAY_S = 86_400.0

Prune = Callable[[float], Awaitable[object]]
"""Removes what is older than a time in unix seconds."""


class Housekeeping(Background):
    """Does all that in a task of its own. ``gone``: servers known to run no more; ``others``: what else is pruned, and
    after how many days."""

    def __init__(
        self, store: EventStore, settings: EventSettings, gone: Collection[str], others: Mapping[Prune, float]
    ) -> None:
        super().__init__("housekeeping")
        self._store = store
        self._settings = settings
        self._gone = gone
        self._others = others
        self._clock = SteadyClock()

    async def __aenter__(self) -> Self:
        """End what was left open when this server last stopped."""
        await self._try(self._look_after)
        return await super().__aenter__()

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        pruned = float("-inf")
        while True:
            await asyncio.sleep(ALIVE_EVERY_S)
            due = time.monotonic() - pruned >= PRUNE_EVERY_S
            if await self._try(self._look_after) and due and await self._try(self._prune):
                pruned = time.monotonic()

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was done: a database that is locked, full or away keeps no server from starting or running."""
        try:
            await work()
        except Exception as error:
            known = None if is_transient(error) else error
            log.warning("housekeeping is put off: %s", plain_words(error), exc_info=known)
            return False
        return True

    async def _look_after(self) -> None:
        now = await self._store.clock()
        await self._store.alive(now)
        if count := await self._store.end_lost(now, self._gone):
            log.warning("%d events were still open when their server stopped; they are ended now", count)

    async def _prune(self) -> None:
        if self._clock.was_set():  # by a wrong time everything may be old
            return
        now = await self._store.clock()
        events_before = max(now - self._settings.keep_days * DAY_S, 0)
        await self._store.prune(uuid7(events_before, bytes(10)), now - self._settings.keep_changes_days * DAY_S)
        for prune, days in self._others.items():
            await prune(now - days * DAY_S)
