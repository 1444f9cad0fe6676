"""Threads with an owner: each can be told to stop, and all have ended once the crew is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from server.plugins import Stop

END_S = 10.0
"""How long a thread may take to end: a model that is being opened cannot be called back."""


class Crew:
    """Starts threads. Whoever starts one gets its :class:`Stop` and need not wait for its end; :meth:`close` does."""

    def __init__(self) -> None:
        self._threads: list[tuple[threading.Thread, Stop]] = []

    @property
    def at_work(self) -> int:
        """How many threads have not ended."""
        return sum(thread.is_alive() for thread, _ in self._threads)

    def start(self, name: str, work: Callable[[Stop], None]) -> Stop:
        """Do some work, which has to end soon when it is told to, in a thread of its own."""
        self._threads = [(thread, stop) for thread, stop in self._threads if thread.is_alive()]
        stop = Stop()
        thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
        self._threads.append((thread, stop))
        thread.start()
        return stop

    def close(self) -> None:
        """Tell all to stop and wait for them."""
        for _, stop in self._threads:
            stop.set()
        for thread, _ in self._threads:
            thread.join(END_S)
