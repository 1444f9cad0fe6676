"""What an outbox knows of each receiver while it runs: how it stands, and what is under way to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ..core.breaker import Breaker, Circuit


@dataclass(slots=True)
class Lane:
    """The way to one receiver. Times are of the outbox's own clock."""

    breaker: Breaker = field(default_factory=Breaker)
    running: set[int] = field(default_factory=set)
    """Numbers of deliveries under way, until what came of them is written."""
    quiet_until: float = 0.0
    """The receiver asked to be left alone until then."""
    is_back: bool = False
    """Its circuit closed: what waits for it is due."""
    failing_since: float | None = None
    """Since when no try succeeded, of those that this server made."""
    failure: str = ""
    """How the newest of them failed."""
    gave_up_at: float = float("-inf")
    """When what waits for it was last given up with a failure."""

    def permits(self, now: float) -> bool:
        """Whether something may be sent."""
        return now >= self.quiet_until and self.breaker.permits(now)

    def room(self, now: float, most: int) -> int:
        """How many deliveries may begin, of ``most`` under way: where it failed, one to see whether it is back."""
        free = max(most - len(self.running), 0)
        return free if self.breaker.circuit(now) is Circuit.CLOSED else min(free, 1)

    def until(self) -> float | None:
        """From when something may be sent, if that is a matter of time."""
        half_open = self.breaker.until()
        return self.quiet_until if half_open is None else max(self.quiet_until, half_open)

    def failed_for(self, now: float) -> float:
        """For how long no try has succeeded while some failed."""
        return 0.0 if self.failing_since is None else now - self.failing_since

    def succeeded(self) -> bool:
        """A delivery arrived; whether that closed the circuit."""
        closed = self.breaker.succeeded()
        self.is_back |= closed
        self.failing_since = None
        return closed

    def failed(self, now: float, chance: float, error: str, wish_s: float) -> bool:
        """A delivery failed; whether that opened the circuit."""
        self.quiet_until = max(self.quiet_until, now + wish_s)
        self.failure = error
        if self.failing_since is None:
            self.failing_since = now
        was_closed = self.breaker.circuit(now) is Circuit.CLOSED
        return self.breaker.failed(now, chance) and was_closed


class Lanes:
    """One for each receiver."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def of(self, subscription_id: str) -> Lane:
        """The lane of a receiver."""
        return self._lanes.setdefault(subscription_id, Lane())

    def circuit(self, subscription_id: str, now: float) -> Circuit:
        """How the circuit of a receiver stands."""
        lane = self._lanes.get(subscription_id)
        return lane.breaker.circuit(now) if lane else Circuit.CLOSED

    def renew(self, subscription_id: str) -> None:
        """Begin anew with a receiver: it is another, or its owner says that it is well."""
        lane = self.of(subscription_id)
        lane.breaker, lane.quiet_until, lane.failing_since, lane.is_back = Breaker(), 0.0, None, True

    def keep(self, names: Collection[str]) -> None:
        """Forget the receivers that are no more."""
        for name in [name for name, lane in self._lanes.items() if name not in names and not lane.running]:
            del self._lanes[name]

    def __iter__(self) -> Iterator[tuple[str, Lane]]:
        return iter(tuple(self._lanes.items()))
