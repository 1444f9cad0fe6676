"""How long to wait before a camera is tried again."""

from __future__ import annotations

FIRST_S = 1.0
MOST_S = 30.0
GROWTH = 2.0
GOOD_S = 60.0
"""After so long without a break a camera is well again, and the next break is tried at once as if it were the first."""


class Backoff:
    """Waits that double up to half a minute, each shortened by chance so that cameras lost together do not come back
    in step (the "equal jitter" of M. Brooker, Exponential Backoff And Jitter, 2015)."""

    def __init__(self) -> None:
        self.tries = 0
        """How many waits there were since all was well."""

    def next(self, chance: float) -> float:
        """The next wait, in seconds. ``chance``: a random number from 0 to 1."""
        most = min(FIRST_S * GROWTH ** min(self.tries, 16), MOST_S)
        self.tries += 1
        return most / 2 + chance * most / 2

    def lived(self, seconds: float) -> None:
        """The camera was live for so long."""
        if seconds >= GOOD_S:
            self.tries = 0
