"""Rates and delays over the last moments."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np


class Rate:
    """How often something happened a second, over the last ``window_s``."""

    def __init__(self, window_s: float = 3.0, most: int = 512) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque(maxlen=most)

    def count(self, now: float) -> None:
        """It happened at ``now`` (s)."""
        self._times.append(now)

    def at(self, now: float) -> float:
        """Times a second up to ``now``: 0 after silence, and honest before the window has filled."""
        while self._times and now - self._times[0] > self._window_s:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        span = max(now - self._times[0], self._times[-1] - self._times[0])
        return (len(self._times) - 1) / span if span > 0 else 0.0


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
