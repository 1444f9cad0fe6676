"""A circuit breaker: a receiver that fails again and again is asked once in a while, not by everything that waits."""

from __future__ import annotations

from enum import StrEnum

FAILURES = 5
FIRST_S = 5.0
MOST_S = 60.0
"""Longer waits would spare a dead receiver little, and keep an alert from one that has just come back."""


class Circuit(StrEnum):
    """How a receiver stands."""

    CLOSED = "closed"
    OPEN = "open"
    """Nothing is sent for now."""
    HALF_OPEN = "half-open"
    """One try may show whether it is back."""


class Breaker:
    """Opens after some failures in a row. ``now`` is in seconds, of any one clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._wait_s = FIRST_S
        self._open_until: float | None = None
        self._probing = False

    def circuit(self, now: float) -> Circuit:
        """How it stands at ``now``."""
        if self._open_until is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._probing or now >= self._open_until else Circuit.OPEN

    def permits(self, now: float) -> bool:
        """Whether a try may begin: any while it is closed, one at a time while it is half open."""
        return self._open_until is None or (now >= self._open_until and not self._probing)

    def until(self) -> float | None:
        """From when one try may begin, if it is a matter of time."""
        return None if self._probing else self._open_until

    def begin(self) -> None:
        """A try begins."""
        self._probing = self._open_until is not None

    def succeeded(self) -> bool:
        """A try succeeded; whether that closed the circuit."""
        reopened = self._open_until is not None
        self.cease()
        self._failures, self._wait_s, self._open_until = 0, FIRST_S, None
        return reopened

    def failed(self, now: float, chance: float) -> bool:
        """A try failed; whether the circuit is open now. Half of each wait is by ``chance``, from 0 to 1."""
        self._failures += 1
        was_probe = self._probing
        self.cease()
        if self._open_until is None and self._failures < FAILURES:
            return False
        if self._open_until is None or was_probe:  # not by those that were under way when it opened
            self._open_until = now + self._wait_s * (0.5 + 0.5 * chance)
            self._wait_s = min(self._wait_s * 2, MOST_S)
        return True

    def cease(self) -> None:
        """A try ended and says nothing of the receiver."""
        self._probing = False
