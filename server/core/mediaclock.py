"""One media clock out of many: a camera's timestamps over jumps, gaps and reconnects."""

from __future__ import annotations

from .frame import CLOCK_RATE

LONGEST_STEP = 10 * CLOCK_RATE
"""A larger jump between two pictures is a new clock, not a pause."""


class MediaClock:
    """Maps the timestamps of a stream, and of those that follow it, onto one clock of 90 kHz that only grows.

    Where the stream's own clock cannot be believed (it jumps, goes back, or begins anew), the time that really passed
    takes its place, so that a viewer's clock never runs away from the picture.
    """

    def __init__(self) -> None:
        self._previous: int | None = None
        self._now = 0.0
        self._timestamp = 0

    def restart(self) -> None:
        """What follows is another stream."""
        self._previous = None

    def at(self, pts: int | None, now: float) -> int:
        """The clock for a picture with this timestamp (90 kHz, or None) that came ``now`` (monotonic s)."""
        known = pts is not None and self._previous is not None
        step = pts - self._previous if pts is not None and self._previous is not None else 0
        if not (known and 0 < step <= LONGEST_STEP):
            step = max(round((now - self._now) * CLOCK_RATE), 1) if self._now else 0
        self._previous, self._now = pts, now
        self._timestamp += step
        return self._timestamp
