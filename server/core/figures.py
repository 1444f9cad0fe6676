"""What a feed counts: frames, looks, delays, and why frames were not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .history import Counts, History, Skipped
from .rates import Delay, Delays, Rate

INTERVAL_WEIGHT = 0.1
"""Of the newest interval in the smoothed one."""


class Cause(StrEnum):
    """Why a frame was not looked at: see :class:`server.core.history.Skipped`."""

    STILL = "still"
    RATE = "rate"
    BUSY = "busy"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Summary:
    """Rates and delays of the last moments, and what was counted since the beginning."""

    frames_per_second: float
    looks_per_second: float
    delay: Delay | None
    counts: Counts


class Figures:
    """The figures of one feed. ``began`` and all times are monotonic seconds, unless said otherwise."""

    def __init__(self, began: float) -> None:
        self.history = History(began)
        self.last_frame_at: float | None = None
        self.frame_interval: float | None = None
        self._frames = Rate()
        self._looks = Rate()
        self._delays = Delays()
        self._span_delays = Delays()
        self.seen = self._looked_at = self._moving = 0
        self._skipped = dict.fromkeys(Cause, 0)

    def frame(self, captured_at: float, moving: bool, steady: bool) -> None:
        """A frame arrived; ``steady`` where the time since the one before it is no pause."""
        self.seen += 1
        self._moving += moving
        self._frames.count(captured_at)
        if self.last_frame_at is not None and steady:
            interval = captured_at - self.last_frame_at
            smoothed = interval if self.frame_interval is None else self.frame_interval
            self.frame_interval = smoothed + INTERVAL_WEIGHT * (interval - smoothed)
        self.last_frame_at = captured_at

    def lost(self, count: int) -> None:
        """So many more frames arrived, but not here."""
        self.seen += count

    def skip(self, cause: Cause, count: int = 1) -> None:
        """So many frames will not be looked at."""
        self._skipped[cause] += count

    def look(self, now: float, delay_s: float) -> None:
        """A look ended, so long after its frame came."""
        self._looked_at += 1
        self._looks.count(now)
        self._delays.add(delay_s)
        self._span_delays.add(delay_s)

    def tick(self, now: float, unix: float, state: str) -> None:
        """About once a second: add to the history what is due."""
        if self.history.due(now):
            delay = self._span_delays.summary()
            self._span_delays = Delays()
            self.history.add(now, unix, state, self._counts(), delay.p95 if delay else None)

    def summary(self, now: float) -> Summary:
        """The figures of this moment."""
        return Summary(self._frames.at(now), self._looks.at(now), self._delays.summary(), self._counts())

    def _counts(self) -> Counts:
        skipped = Skipped(**{cause.value: count for cause, count in self._skipped.items()})
        return Counts(self.seen, self._looked_at, self._moving, skipped)
