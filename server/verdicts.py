"""What people say of events reaches the feeds, whichever server took it in."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

from .broadcast import Closed, Overflow
from .cameras import Cameras
from .core.reports import Report
from .store.changes import Change, ChangeLog
from .store.events import EventStore, UnknownEvent

log = logging.getLogger(__name__)

WAITING = 1000
SAID = (Report.JUDGED, Report.RETRACTED, Report.REINSTATED)


class Verdicts:
    """Follows the log of changes: a gun that a person called no gun must not go on alarming."""

    def __init__(self, cameras: Cameras, store: EventStore, changes: ChangeLog) -> None:
        self._cameras = cameras
        self._store = store
        self._changes = changes
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="verdicts")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        with self._changes.live.read(WAITING, Overflow.DROP_OLDEST) as changes:
            try:
                while True:
                    change = await changes.next()
                    if change.type in SAID:
                        await self._pass_on(change)
            except Closed:
                return

    async def _pass_on(self, change: Change) -> None:
        try:
            event = (await self._store.get(change.event_id)).event
        except UnknownEvent:
            return
        except Exception:
            log.exception("the verdict on event %s cannot be passed on", change.event_id)
            return
        if feed := self._cameras.feed(event.feed):
            feed.judged(event)
