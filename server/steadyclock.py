"""Notices when the clock was set while the server runs: nobody knows then how old anything is."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

MOST_S = 3600.0
"""So far off a clock may be set that nothing minds: summer time by mistake, and all that is less."""


class SteadyClock:
    """Holds the time of day against a clock that only goes on, from when it was made: at the start of the server."""

    def __init__(self) -> None:
        self._began = _distance()
        self._told = False

    def was_set(self) -> bool:
        """Whether the clock is more than :data:`MOST_S` away from where it would be, had nobody set it; said once."""
        off = _distance() - self._began
        if abs(off) <= MOST_S:
            self._told = False
            return False
        if not self._told:
            log.error(
                "the clock was set by %+.1f hours: nothing is removed for its age until it is set back, or the server "
                "starts anew",
                off / 3600,
            )
            self._told = True
        return True


def _distance() -> float:
    """How far the time of day is from a clock that only goes on; while the machine sleeps, too, if the system can."""
    steady = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return time.time() - steady
