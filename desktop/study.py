"""What is being looked at on this machine: what the window needs of it, whether picture, video or camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, SignalInstance

from server.batch import Result
from server.broadcast import Mailbox
from server.core.drawing import Mark
from server.core.events import State
from server.plugins import Stop

from .images import Shown


@dataclass(frozen=True, slots=True)
class Row:
    """A sighting for the list. ``at`` is seconds of its video, ``until`` when it was last seen; ``clock`` is unix
    seconds of what a camera saw."""

    label: str
    score: float
    state: State
    at: float | None = None
    until: float | None = None
    clock: float | None = None


class Study(QObject):
    """Something that is looked at. Signals come from other threads; the rest is for the window's thread.

    ``screen`` holds the newest image: one that the window had no time for is replaced.
    """

    pictured = Signal()
    """There is an image in ``screen``, which was empty."""
    changed = Signal()
    """Sightings, markers or what is known of the length changed."""
    told = Signal(str, dict)
    """How it stands: a key of the words, and what they need."""

    live = False
    """Whether it is a camera: without a length, and nothing to export."""
    is_picture = False
    """Whether it is a single picture."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.screen: Mailbox[Shown] = Mailbox()
        self._stops: list[Stop] = []

    def begin(self) -> None:
        """Start to work for it, once its signals are connected."""
        raise NotImplementedError

    def show(self, shown: Shown) -> None:
        """Leave an image for the window."""
        if self.screen.put(shown):
            self.pictured.emit()

    def marks(self, at: float) -> Sequence[Mark]:
        """The boxes on an image of this time."""
        raise NotImplementedError

    def rows(self) -> list[Row]:
        """The sightings so far, in the order they began."""
        raise NotImplementedError

    def decide(self, confidence: float) -> None:
        """Go by another threshold from now on."""
        raise NotImplementedError

    def result(self) -> Result | None:
        """All that was found, once all was looked at: what can be exported."""
        return None

    def write_copy(self, copy: Path, stop: Stop, progress: SignalInstance) -> None:
        """Write an annotated copy; ``progress`` is told the share that is done. Blocks the caller, which is no thread
        of the window's. Raises FileError."""
        raise NotImplementedError

    def close(self) -> None:
        """Let all that works for it end; a second time does nothing."""
        for stop in self._stops:
            stop.set()
