"""Keeps the audit log beside the requests: an action is not held up by what is written of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from types import TracebackType

from .background import Background
from .steadyclock import SteadyClock
from .store.audit import AuditRows, Entry
from .store.database import is_transient, plain_words

log = logging.getLogger(__name__)

MOST_WAITING = 1000
AGAIN_S = 1.0
PRUNE_EVERY_S = 3600.0
DAY_S = 86_400.0
REFUSED_A_MINUTE = 60
"""Of more, the log would be what guessers write, and what others did would be pushed out of it."""


class AuditLog(Background):
    """Writes what :meth:`note` is told, in its order. While the database is away up to 1000 entries wait."""

    def __init__(self, rows: AuditRows, keep_days: float) -> None:
        super().__init__("audit log")
        self.rows = rows
        self._keep_days = keep_days
        self._clock = SteadyClock()
        self._waiting: deque[Entry] = deque()
        self._come = asyncio.Event()
        self._minute, self._refused = 0, 0
        self._dropped = 0

    def note(self, actor: str, address: str, action: str, target: str = "", outcome: str = "done") -> None:
        """One thing that was done, or refused."""
        now = time.time()
        if outcome != "done" and not self._has_room(now):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        plain = "".join(sign if sign.isprintable() else "?" for sign in target)[:200]
        self._waiting.append(Entry(now, actor[:80], address[:45], action, plain, outcome))
        self._come.set()

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        pruned = float("-inf")
        while True:
            try:
                async with asyncio.timeout(PRUNE_EVERY_S):
                    await self._come.wait()
            except TimeoutError:
                pass
            self._come.clear()
            if not await self._write():
                self._come.set()
                await asyncio.sleep(AGAIN_S)
            elif time.monotonic() - pruned >= PRUNE_EVERY_S and await self._prune():
                pruned = time.monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if not await self._write():
            log.warning("%d entries of the audit log were not kept", len(self._waiting))

    def _has_room(self, now: float) -> bool:
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._refused = minute, 0
        self._refused += 1
        return self._refused <= REFUSED_A_MINUTE

    async def _write(self) -> bool:
        """Whether nothing waits any more."""
        entries = list(self._waiting)
        if not entries:
            return True
        try:
            await self.rows.add(entries)
        except Exception as error:
            log.warning("the audit log is put off: %s", plain_words(error), exc_info=not is_transient(error))
            return False
        for _ in entries:
            self._waiting.popleft()
        if self._dropped:
            log.warning("%d entries of the audit log were lost while the database was away", self._dropped)
            self._dropped = 0
        return True

    async def _prune(self) -> bool:
        if self._clock.was_set():  # by a wrong time everything may be old
            return True
        try:
            await self.rows.prune(time.time() - self._keep_days * DAY_S)
        except Exception as error:
            log.warning("the audit log is not pruned: %s", plain_words(error), exc_info=not is_transient(error))
            return False
        return True
