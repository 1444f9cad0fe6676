"""Events, in memory: the newest of them, each in its latest revision."""

from __future__ import annotations

from collections import OrderedDict

from .core.events import Event


class EventStore:
    """Holds the last ``most`` events. They do not outlive the process."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._events: OrderedDict[str, Event] = OrderedDict()

    def put(self, event: Event) -> None:
        """Keep this revision of an event, unless a later one is already here."""
        known = self._events.get(event.id)
        if known and known.revision >= event.revision:
            return
        self._events[event.id] = event
        if len(self._events) > self._most:
            self._events.popitem(last=False)

    def newest(self, limit: int) -> list[Event]:
        """At most ``limit`` events, the newest first."""
        events = list(self._events.values())
        return events[: -limit - 1 : -1]
