"""When a delivery that failed is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass

GROWTH = 2.0
MOST_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Waits that double from ``first_s`` to ``most_s``, each anything from nothing to all of that by chance (the "full
    jitter" of M. Brooker, Exponential Backoff And Jitter, 2015): receivers that were lost together are not asked in
    step. After ``for_s`` it is over."""

    first_s: float = 1.0
    most_s: float = 900.0
    for_s: float = 86_400.0

    def next_try(self, failures: int, since: float, now: float, chance: float, wish_s: float | None) -> float | None:
        """When to try again after ``failures`` tries in a row, the last one at ``now``; None when it is given up.

        ``since``: when trying began. ``chance``: a random number from 0 to 1. ``wish_s``: how long the receiver wants
        to be left alone, which holds up to ``most_s``. The last try comes when the time is up, not before.
        """
        end = since + self.for_s
        if now >= end:
            return None
        longest = min(self.first_s * GROWTH ** min(failures - 1, MOST_DOUBLINGS), self.most_s)
        own = min(now + chance * longest, end)
        return max(own, now + self.within_reason(wish_s))

    def within_reason(self, wish_s: float | None) -> float:
        """For how many seconds a wish to be left alone holds: an alert is worth more than a wish for an hour."""
        return min(max(wish_s or 0.0, 0.0), self.most_s)
