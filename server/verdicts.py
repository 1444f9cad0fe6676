"""What people say of events reaches the feeds, whichever server took it in."""

from __future__ import annotations

import logging

from .background import Background
from .broadcast import Closed, Overflow
from .cameras import Cameras
from .core.reports import Report
from .store.changes import Change, ChangeLog
from .store.events import EventStore, UnknownEvent

log = logging.getLogger(__name__)

WAITING = 1000
SAID = (Report.JUDGED, Report.RETRACTED, Report.REINSTATED)


class Verdicts(Background):
    """Follows the log of changes: a gun that a person called no gun must not go on alarming."""

    def __init__(self, cameras: Cameras, store: EventStore, changes: ChangeLog) -> None:
        super().__init__("verdicts")
        self._cameras = cameras
        self._store = store
        self._changes = changes

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
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
