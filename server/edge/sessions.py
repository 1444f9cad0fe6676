"""How many may use Vigie at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..metrics import Metrics
from .problems import Problem


class SessionPlaces:
    """A fixed number of places for WebRTC and WebSocket sessions together."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self._taken = 0
        self._metrics = metrics

    @contextmanager
    def take(self, transport: str) -> Iterator[None]:
        """Hold a place for as long as the block runs; raises :class:`Problem` when all are taken."""
        if self._taken >= self.most:
            raise Problem("too-many-sessions", 503, f"All {self.most} places are taken. Try again later.")
        self._taken += 1
        gauge = self._metrics.sessions.labels(transport)
        gauge.inc()
        try:
            yield
        finally:
            self._taken -= 1
            gauge.dec()
