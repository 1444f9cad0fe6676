"""Rates and delays over the last moments."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

KEPT = 3
"""Events that count however old they are: two periods, so that what happens once in two seconds has a rate too."""

SHORTEST_SPAN_S = 1.0
"""What came in less time is told as if it had taken so long: a burst at the start is no rate."""


class Rate:
    """How often something happened a second, over the last ``window_s`` or, if it is rarer, over its last periods."""

    def __init__(self, window_s: float = 3.0, most: int = 512) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque(maxlen=most)

    def count(self, now: float) -> None:
        """It happened at ``now`` (s)."""
        if self._over(now):
            self._times.clear()
        self._times.append(now)

    def at(self, now: float) -> float:
        """Times a second up to ``now``: it falls as soon as the next is overdue, and is 0 after silence."""
        while len(self._times) > KEPT and now - self._times[0] > self._window_s:
            self._times.popleft()
        if len(self._times) < 2 or self._over(now):
            return 0.0
        periods, span = len(self._times) - 1, self._times[-1] - self._times[0]
        steady = periods / max(span, SHORTEST_SPAN_S)
        return min(steady, (periods + 1) / max(now - self._times[0], SHORTEST_SPAN_S))

    def _over(self, now: float) -> bool:
        """Whether it has been silent for the window, and for two of its periods."""
        if len(self._times) < 2:
            return False
        period = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        return now - self._times[-1] > max(self._window_s, 2 * period)


@dataclass(frozen=True, slots=True)
class Delay:
    """Median and 95th percentile of delays, in seconds."""

    median: float
    p95: float


class Delays:
    """The last delays; 100 of them are ten seconds at the usual rate."""

    def __init__(self, most: int = 100) -> None:
        self._seconds: deque[float] = deque(maxlen=most)

    def add(self, seconds: float) -> None:
        """One more delay, in seconds."""
        self._seconds.append(seconds)

    def summary(self) -> Delay | None:
        """What they come to, or None when there was none."""
        if not self._seconds:
            return None
        median, p95 = np.percentile(self._seconds, (50, 95))
        return Delay(float(median), float(p95))
