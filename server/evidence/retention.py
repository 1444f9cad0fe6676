"""How long evidence stays, and what goes when there is no room: never what is held, never what is being written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from ..config import EvidenceSettings
from ..metrics import Metrics
from ..steadyclock import SteadyClock
from ..store.database import is_transient
from ..store.evidence import EvidenceRows, Terms
from .bucket import Bucket, BucketAway
from .folder import EvidenceFolder

log = logging.getLogger(__name__)

DAY_S = 86_400.0

FULL = 1_000_000
"""With less left on the disk, the database may have no room to write that evidence is removed."""

SLACK = 1.1
"""Once nothing is kept, so much more room is needed before anything is: else it would stop and go on by turns."""

T = TypeVar("T")

Report = Callable[[str | None], None]
"""Told once why no evidence is kept any more, and None when it is again."""


class Retention:
    """Makes room, and says when there is none. For the event loop; what blocks is done by ``pool``."""

    def __init__(
        self,
        settings: EvidenceSettings,
        folder: EvidenceFolder,
        bucket: Bucket | None,
        rows: EvidenceRows,
        pool: Executor,
        metrics: Metrics,
        report: Report,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._bucket = bucket
        self._rows = rows
        self._pool = pool
        self._metrics = metrics
        self._report = report
        self._clock = SteadyClock()
        self._lock = asyncio.Lock()
        self._kept: int | None = None
        self.reason: str | None = None
        """Why nothing is kept now."""

    def added(self, size: int) -> None:
        """So many bytes more are kept."""
        if self._kept is not None:
            self._count(self._kept + size)

    async def ready(self) -> bool:
        """Whether there is room for more, after making some if that is needed and can be. Never raises."""
        async with self._lock:
            try:
                missing = await self._missing()
                if missing:
                    await self._make_room()
                    missing = await self._missing()
            except Exception as error:
                log.exception("whether there is room for evidence cannot be told")
                missing = f"the room left cannot be told ({type(error).__name__})"
            self._tell(missing)
        return missing is None

    async def sweep(self) -> None:
        """Let go of what has had its time, then see to the room. Raises what the database does."""
        now, settings = time.time(), self._settings
        terms = Terms(
            *(now - days * DAY_S for days in (settings.keep_days, settings.keep_real_days, settings.keep_false_days))
        )
        if not self._clock.was_set():
            async for event_id in self._pages(lambda after: self._rows.overdue(terms, after)):
                await self.remove(event_id)
        self._kept = None
        if settings.enabled:
            await self.ready()

    async def resume(self) -> None:
        """Go on with removals that were broken off, by an end of the server or by what was in the way of files."""
        for event_id in await self._rows.unforgotten():
            if self._is_mine(event_id):
                await self._clear(event_id)

    async def remove(self, event_id: str) -> bool:
        """Let go of the evidence of an event, unless it is held or written by now."""
        if not await self._let_go(event_id):
            return False
        await self._clear(event_id)
        return True

    async def _let_go(self, event_id: str) -> bool:
        try:
            gone = await self._rows.let_go(event_id)
        except Exception as error:
            if self._bucket or not is_transient(error) or await self._do(self._folder.free) > FULL:
                raise
            # The database needs room to write, and this is what there is to make room of: the files go first.
            if not await self._rows.may_go(event_id):
                return False
            await self._do(self._folder.discard, event_id)
            self._kept = None
            gone = await self._written(event_id)
        if gone:
            log.info("the evidence of event %s is removed", event_id)
        return gone

    async def _written(self, event_id: str) -> bool:
        """Whether it could be written down that files are gone: what became free may be taken at once, by events."""
        try:
            return await self._rows.let_go(event_id)
        except Exception as error:
            if is_transient(error):
                return False
            raise

    async def _clear(self, event_id: str) -> bool:
        """Whether the files of what was let go are gone."""
        try:
            if self._bucket:
                await self._bucket.remove(event_id)
            size = await self._do(self._folder.discard, event_id)
        except (BucketAway, OSError) as error:  # its rows stay, and so it is tried again
            log.warning("the files of event %s are not removed yet: %s", event_id, error)
            return False
        await self._rows.forget(event_id)
        if self._bucket:
            self._kept = None
        elif self._kept is not None:
            self._count(self._kept - size)
        return True

    def _count(self, kept: int) -> None:
        self._kept = kept
        self._metrics.evidence_bytes.set(kept)

    async def _missing(self) -> str | None:
        """What there is no room for, in words; None when there is room."""
        free, slack = await self._do(self._folder.free), SLACK if self.reason else 1
        if free < self._settings.least_free_bytes * slack:
            return f"the disk has {free / 1e6:.0f} MB left, less than evidence.least_free_bytes"
        if self._kept is None:
            self._count(await self._rows.total() if self._bucket else await self._do(self._folder.size))
        assert self._kept is not None
        if self._kept > self._settings.most_bytes:
            return f"{self._kept / 1e6:.0f} MB are kept, more than evidence.most_bytes"
        if self._bucket and (size := await self._do(self._folder.size)) * slack > self._settings.spool_bytes:
            return f"{size / 1e6:.0f} MB wait for the bucket, more than evidence.spool_bytes"
        return None

    async def _make_room(self) -> None:
        """Let the oldest go until there is room or nothing is left that may go."""
        if self._bucket and (self._kept or 0) <= self._settings.most_bytes:
            return  # what fills the disk has not reached the bucket yet: it must not go
        async for event_id in self._pages(self._rows.oldest):
            if await self._let_go(event_id) and not (await self._clear(event_id) and await self._missing()):
                return  # enough is gone; or files stay for now, and then letting go of more makes no room

    async def _pages(self, page: Callable[[str], Awaitable[Sequence[str]]]) -> AsyncIterator[str]:
        after = ""
        while ids := await page(after):
            for event_id in ids:
                if self._is_mine(event_id):
                    yield event_id
            after = ids[-1]

    def _is_mine(self, event_id: str) -> bool:
        """What other servers on the same database keep in folders of theirs cannot be removed here."""
        return self._bucket is not None or not self._rows.is_shared or self._folder.has(event_id)

    def _tell(self, missing: str | None) -> None:
        if (missing is None) == (self.reason is None):
            self.reason = missing
            return
        self.reason = missing
        if missing:
            log.error("no evidence is kept from now on: %s", missing)
        else:
            log.info("evidence is kept again")
        self._report(missing)

    async def _do(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
