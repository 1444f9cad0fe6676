"""Whose turn is it? The rule by which feeds share the workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST_CREDIT = 4
"""Looks that a feed may catch up on. One would do for a single worker; with several that begin in step, a fast feed,
which can have only one look in flight, would lose its share to slow ones."""

SLACK = 0.6
"""Part of its period by which a look may begin early or late and keep the rhythm: enough for the next frame to come at
two frames a period."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A feed that has a new frame and no look in flight: wanted looks a second, when by its rhythm its last look began
    and when its frame arrived (s).

    ``paid`` is what its looks have cost it so far, in seconds of its own rate: see :func:`next_turn`.
    """

    feed: str
    rate: float
    last_look: float
    paid: float = 0.0
    arrived: float = float("-inf")

    @property
    def due(self) -> float:
        """When its next look is due (s)."""
        return self.last_look + 1 / self.rate

    @property
    def ready_at(self) -> float:
        """When it may be looked at (s). A frame that comes late in the period need not grow old until the look is due:
        :meth:`rhythm` sees to the rate."""
        return self.arrived if self.arrived >= self.due - SLACK * self.price() else self.due

    def rhythm(self, now: float) -> float:
        """What counts as the beginning of a look that begins ``now``: the time it was due, if that is close. So the
        rate holds on average though looks begin when frames come; after a longer wait the rhythm begins anew."""
        return self.due if abs(now - self.due) <= SLACK * self.price() else now

    def start(self, clock: float) -> float:
        """Where on the shared ``clock`` its look would begin. Who was silent or held up gets a few looks back."""
        return max(self.paid, clock - MOST_CREDIT * self.price())

    def price(self) -> float:
        """What a look costs it."""
        return 1 / self.rate


def next_turn(waiting: Iterable[Turn], now: float, clock: float = 0.0) -> Turn | None:
    """The feed to look at now, or None when none is ready.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): a look costs a feed one period of its own, and among those
    ready the one that has paid least goes first. Of those within half a look of it, the one with the freshest frame
    goes; of equals, the one looked at longest ago. Under overload each feed then gets the same share of the rate it
    asked for, of frames as new as can be. For each look it begins, the caller moves ``clock`` forward to its
    :meth:`Turn.start`, sets the feed's ``paid`` to that plus :meth:`Turn.price`, and ``last_look`` to
    :meth:`Turn.rhythm`.
    """
    ready = [turn for turn in waiting if turn.ready_at <= now]
    if not ready:
        return None
    least = min(turn.start(clock) for turn in ready)
    near = [turn for turn in ready if turn.start(clock) <= least + turn.price() / 2]
    return min(near, key=lambda turn: (-turn.arrived, turn.start(clock), turn.last_look))


def next_ready(waiting: Iterable[Turn]) -> float | None:
    """When the first of these becomes ready (s), or None when nobody waits."""
    return min((turn.ready_at for turn in waiting), default=None)
