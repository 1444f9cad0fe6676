"""How often somebody may be wrong before he has to wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 900.0
FORGOTTEN_S = 3600.0
MOST_KEYS = 10_000
"""Of more, the ones quiet for longest are forgotten."""


@dataclass(slots=True)
class _Record:
    wrong: int = 0
    locks: int = 0
    last: float = 0.0
    until: float = 0.0


class Guesses:
    """Counts wrong guesses by key. After ``most`` of them comes a wait, which doubles each time. A key is where the
    guesses come from: nobody else waits. Times are monotonic seconds."""

    def __init__(self, most: int, most_keys: int = MOST_KEYS) -> None:
        self._most = most
        self._most_keys = most_keys
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def wait_s(self, key: str, now: float) -> float:
        """How long this key must wait; 0: it may try."""
        record = self._records.get(key)
        return max(0.0, record.until - now) if record else 0.0

    def wrong(self, key: str, now: float) -> bool:
        """One more; whether it was the one after which a wait begins. What comes during a wait makes it no longer."""
        record = self._records.get(key)
        if record is None or now - record.last > FORGOTTEN_S:
            record = self._records[key] = _Record()
        self._records.move_to_end(key)
        while len(self._records) > self._most_keys:
            self._records.popitem(last=False)
        if record.until > now:
            return False
        record.wrong += 1
        record.last = now
        if record.wrong < self._most:
            return False
        record.until = now + min(FIRST_WAIT_S * 2**record.locks, LONGEST_WAIT_S)
        record.locks, record.wrong = min(record.locks + 1, 8), 0
        return True

    def right(self, key: str) -> None:
        """Who knows it is no guesser."""
        self._records.pop(key, None)
