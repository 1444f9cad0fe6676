"""Whose turn is it? The rule by which feeds share the workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A feed that has a new frame and no look in flight: wanted looks a second and when its last look began (s).

    ``paid`` is what its looks have cost it so far, in seconds of its own rate: see :func:`next_turn`.
    """

    feed: str
    rate: float
    last_look: float
    paid: float = 0.0

    @property
    def due(self) -> float:
        """When its next look is due (s)."""
        return self.last_look + 1 / self.rate

    def start(self, clock: float) -> float:
        """Where on the shared ``clock`` its look would begin. Who was silent gets one look back for it and no more."""
        return max(self.paid, clock - self.price())

    def price(self) -> float:
        """What a look costs it."""
        return 1 / self.rate


def next_turn(waiting: Iterable[Turn], now: float, clock: float = 0.0) -> Turn | None:
    """The feed to look at now, or None when none is due.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): a look costs a feed one period of its own, and among the due the
    one that has paid least goes first; of equals, the one looked at longest ago. Under overload each feed then gets the
    same share of the rate it asked for. The caller moves ``clock`` forward to the :meth:`Turn.start` of each look it
    begins, and sets the feed's ``paid`` to that start and its :meth:`Turn.price`.
    """
    due = [turn for turn in waiting if turn.due <= now]
    return min(due, key=lambda turn: (turn.start(clock), turn.last_look), default=None)


def next_due(waiting: Iterable[Turn]) -> float | None:
    """When the first of these becomes due (s), or None when nobody waits."""
    return min((turn.due for turn in waiting), default=None)
