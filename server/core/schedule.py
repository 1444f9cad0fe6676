"""Whose turn is it? The rule by which feeds share the workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A feed that has a new frame and no look in flight: wanted looks a second and when its last look began (s)."""

    feed: str
    rate: float
    last_look: float

    @property
    def due(self) -> float:
        """When its next look is due (s)."""
        return self.last_look + 1 / self.rate

    def lateness(self, now: float) -> float:
        """Time since its last look, in periods: 1 when due, more when late."""
        return (now - self.last_look) * self.rate


def next_turn(waiting: Iterable[Turn], now: float) -> Turn | None:
    """The feed to look at now, or None when none is due.

    Among the due, the latest *in periods of its own* goes first: under overload each feed then gets the same share of
    the rate it asked for. With equal rates this is earliest deadline first.
    """
    due = [turn for turn in waiting if turn.due <= now]
    return max(due, key=lambda turn: turn.lateness(now), default=None)


def next_due(waiting: Iterable[Turn]) -> float | None:
    """When the first of these becomes due (s), or None when nobody waits."""
    return min((turn.due for turn in waiting), default=None)
