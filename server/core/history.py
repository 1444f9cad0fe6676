"""How a feed fared in the last hour, one sample every ten seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

STEP_S = 10.0
MOST_SAMPLES = 360


@dataclass(frozen=True, slots=True)
class Skipped:
    """Frames never looked at, by cause.

    ``still``: nothing moved, and the motion gate held it back. ``rate``: a newer one came before the next look was
    due. ``busy``: a look was due, and no worker was free in time. ``lost``: overtaken before it reached the feed.
    """

    still: int = 0
    rate: int = 0
    busy: int = 0
    lost: int = 0

    @property
    def total(self) -> int:
        """All causes together."""
        return self.still + self.rate + self.busy + self.lost

    def __sub__(self, before: Skipped) -> Skipped:
        return Skipped(
            self.still - before.still, self.rate - before.rate, self.busy - before.busy, self.lost - before.lost
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """A span of about ten seconds up to ``at`` (unix s): the state at its end, means a second, the 95th percentile of
    the delay (s), what was skipped, and the share of frames (0 to 1) in which something moved."""

    at: float
    state: str
    frames_per_second: float
    looks_per_second: float
    delay_p95: float | None
    skipped: Skipped
    moving: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What a feed has counted since it began. ``moving`` are the frames in which something moved."""

    seen: int = 0
    looked_at: int = 0
    moving: int = 0
    skipped: Skipped = Skipped()


class History:
    """The last samples, oldest first. ``began`` is when the feed began (monotonic s)."""

    def __init__(self, began: float) -> None:
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._began = began
        self._before = Counts()

    def due(self, now: float) -> bool:
        """Whether a span ends at ``now`` (monotonic s). It is asked about once a second: half of that is slack."""
        return now - self._began >= STEP_S - 0.5

    def add(self, now: float, unix: float, state: str, counts: Counts, delay_p95: float | None) -> None:
        """End a span with these counts, and begin the next."""
        span = now - self._began
        seen = counts.seen - self._before.seen
        sample = Sample(
            unix,
            state,
            seen / span,
            (counts.looked_at - self._before.looked_at) / span,
            delay_p95,
            counts.skipped - self._before.skipped,
            (counts.moving - self._before.moving) / seen if seen else 0.0,
        )
        self._samples.append(sample)
        self._began, self._before = now, replace(counts)

    def samples(self) -> list[Sample]:
        """All samples kept, oldest first."""
        return list(self._samples)
