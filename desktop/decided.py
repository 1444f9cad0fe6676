"""What a threshold makes of the looks at a video: tracks and events, by the server's own tracker and policy."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from pathlib import Path

from server.batch import Result, Telling, at_confidence
from server.config import Settings
from server.core.analyzer import STALE_S, SeenTrack
from server.core.drawing import Mark, mark_of
from server.core.events import Event
from server.core.frame import Picture
from server.core.replay import RecordedLook
from server.plugins import ModelInfo


class Decided:
    """Takes in looks in one thread; others may ask meanwhile, for what is there is never changed, only added to."""

    def __init__(self, file: Path, settings: Settings, model: ModelInfo, confidence: float) -> None:
        self.confidence = confidence
        self.events: tuple[Event, ...] = ()
        """In the order they began."""
        self.result: Result | None = None
        """All of it, once :meth:`close` was called."""
        self._telling = Telling(file, at_confidence(settings, confidence), model)
        self._ats: list[float] = []
        self._visible: list[tuple[SeenTrack, ...]] = []

    @property
    def looks(self) -> int:
        """How many were taken in."""
        return len(self._ats)

    def take_in(self, look: RecordedLook, size: Picture) -> None:
        """The next look; of ``size`` only the sides count."""
        self._telling.take_in(size, look.at, look.detections(size.width, size.height))
        self.events = self._telling.events
        self._visible.append(tuple(self._telling.visible(look.at)))
        self._ats.append(look.at)

    def close(self, seconds: float) -> None:
        """There are no more looks; the video is so long."""
        if self.result is None:
            self._telling.seconds = seconds
            self.result = self._telling.result()
            self.events = self.result.events

    def marks(self, at: float) -> Sequence[Mark]:
        """The boxes on the picture ``at`` seconds: those of the look before it, moved on."""
        index = bisect.bisect_right(self._ats, at + 1e-3) - 1
        if index < 0 or at - self._ats[index] > STALE_S:
            return []
        return [mark_of(seen, at) for seen in self._visible[index]]
