"""A journal that keeps events in memory and tells them at once."""

from __future__ import annotations

from server.core.events import Event
from server.journal import Journal, Tell


class FakeJournal(Journal):
    """Remembers the latest revision of each event, as a store would."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}

    def put(self, event: Event, tell: Tell) -> None:
        self.events[event.id] = event
        tell(event)

    def newest(self) -> list[Event]:
        """All events, the newest first."""
        return list(self.events.values())[::-1]
