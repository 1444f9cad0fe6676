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

MOST_SLACK_S = 0.15
"""More is not needed to find a fresh frame, and a look once in two seconds must not become one in three."""

LATE_S = 1.75
"""A feed not looked at for so long goes before all others: with :data:`MOST_SLACK_S` and the time until a worker is
free, no feed with frames waits longer than two seconds while the workers manage one look at each feed in that time."""

IDLE_RATE = 1 / LATE_S
"""Looks a second at a feed where nothing moves."""


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
        return self.last_look + self.price()

    @property
    def ready_at(self) -> float:
        """When it may be looked at (s). A frame that comes late in the period need not grow old until the look is due:
        :meth:`rhythm` sees to the rate."""
        return self.arrived if self.arrived >= self.due - self.slack() else self.due

    def rhythm(self, now: float) -> float:
        """What counts as the beginning of a look that begins ``now``: the time it was due, if that is close. So the
        rate holds on average though looks begin when frames come; after a longer wait the rhythm begins anew."""
        return self.due if abs(now - self.due) <= self.slack() else now

    def late(self, now: float) -> bool:
        """Whether it has waited so long that shares do not matter any more."""
        return now - self.last_look >= LATE_S

    def start(self, clock: float) -> float:
        """Where on the shared ``clock`` its look would begin. Who was silent or held up gets a few looks back."""
        return max(self.paid, clock - MOST_CREDIT * self.price())

    def booked(self, clock: float, now: float) -> float:
        """Where on the ``clock`` a look that begins ``now`` is booked: a late one never ahead of it, else a feed that
        got its looks by waiting would run up a debt, and others would lose what they had paid."""
        start = self.start(clock)
        return min(start, clock) if self.late(now) else start

    def price(self) -> float:
        """What a look costs it."""
        return 1 / self.rate

    def slack(self) -> float:
        """By how much a look may begin early or late and keep the rhythm (s)."""
        return min(SLACK * self.price(), MOST_SLACK_S)


def next_turn(waiting: Iterable[Turn], now: float, clock: float = 0.0) -> Turn | None:
    """The feed to look at now, or None when none is ready.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): a look costs a feed one period of its own, and among those
    ready the one that has paid least goes first. Of those within half a look of it, the one with the freshest frame
    goes; of equals, the one looked at longest ago. Under overload each feed then gets the same share of the rate it
    asked for, of frames as new as can be. But whoever has waited for :data:`LATE_S` goes before all that, the longest
    first: however little there is to share, each feed is looked at.

    For each look it begins, the caller takes its :meth:`Turn.booked`, moves ``clock`` forward to that, sets
    ``last_look`` to :meth:`Turn.rhythm`, and next time ``paid`` to what was booked plus one look at the rate of then: a
    feed that wakes is not held to the price of its sleep.
    """
    ready = [turn for turn in waiting if turn.ready_at <= now]
    if not ready:
        return None
    if late := [turn for turn in ready if turn.late(now)]:
        return min(late, key=lambda turn: (turn.last_look, turn.start(clock)))
    least = min(turn.start(clock) for turn in ready)
    near = [turn for turn in ready if turn.start(clock) <= least + turn.price() / 2]
    return min(near, key=lambda turn: (-turn.arrived, turn.start(clock), turn.last_look))


def next_ready(waiting: Iterable[Turn]) -> float | None:
    """When the first of these becomes ready (s), or None when nobody waits."""
    return min((turn.ready_at for turn in waiting), default=None)
