"""All evidence of one server: opens cases, brings them to their end, and finds it again."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..config import EvidenceSettings, cores
from ..core.backoff import Backoff
from ..metrics import Metrics
from ..store.database import Database, plain_words
from ..store.evidence import EvidenceRows, EvidenceState, Kept
from ..store.rows import EvidenceFile
from . import papers
from .bucket import Bucket, BucketAway
from .case import Case, Means
from .folder import EvidenceFolder
from .retention import Report, Retention
from .witness import FeedWitness

log = logging.getLogger(__name__)

WRITERS = 4
NICENESS = 8
"""Coding for clips takes what everything else leaves: a clip may stutter, live video and looks may not."""

MOST_CASES = 256
MOST_CLIPS = 32
"""At a time. Past the one an event gets its pictures and detections; past the other, nothing."""

SWEEP_EVERY_S = 60.0
STOPPED_EVERY_S = 5.0
"""While nothing is kept, whether there is room again is seen to more often."""

RESUME_EVERY_S = 3600.0
"""What could not be removed is tried again."""

ABANDONED_S, ABANDONED_SHARED_S = 900.0, 86_400.0
"""How long after its end the evidence of an event may count as being written, when nobody here writes it. Another
server may be cut off from the database for long and finish it yet."""

CHUNK = 1 << 18
GRACE_S = 8.0


class Evidence:
    """Open it in a context manager: after the database, before the feeds; so feeds end first, and cases may finish.

    ``labels`` are those of all classes, and may get more; ``report`` see :data:`server.evidence.retention.Report`.
    """

    def __init__(
        self,
        settings: EvidenceSettings,
        data_dir: Path,
        database: Database,
        labels: Sequence[str],
        metrics: Metrics,
        report: Report = lambda _: None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._folder = EvidenceFolder(data_dir / "evidence")
        self._bucket = Bucket(settings) if settings.url else None
        self._rows = EvidenceRows(database)
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="evidence")
        self._coders = ThreadPoolExecutor(cores(), thread_name_prefix="evidence-coder", initializer=_yield_to_others)
        self._retention = Retention(settings, self._folder, self._bucket, self._rows, self._writers, metrics, report)
        self._means = Means(settings, self._folder, self._rows, self._retention, self._writers, labels, self._finished)
        self._cases: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._left: list[str] = []
        self._waiting: dict[str, None] = {}
        self._arrived = asyncio.Event()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Make the folder; what was not finished when the server last stopped is finished now. Raises OSError."""
        await self._means.do(self._folder.prepare)
        self._left = await self._means.do(self._folder.unfinished) if self._folder.is_ours else []
        self._tasks = [
            asyncio.create_task(self._recover(), name="evidence left"),
            asyncio.create_task(self._sweep(), name="evidence sweep"),
        ]
        if self._bucket:
            self._tasks.append(asyncio.create_task(self._upload(self._bucket), name="evidence uploads"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._cases:
            await asyncio.wait(self._cases.values(), timeout=GRACE_S)
        tasks = [*self._cases.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in (self._coders, self._writers):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        self._folder.close()

    def witnesses(self, feed: str, kind: str) -> tuple[FeedWitness, ...]:
        """Who collects the evidence of a feed of this name and kind: nobody where none is kept."""
        if not self._settings.enabled:
            return ()
        return (FeedWitness(kind, self._means, self._coders, self._metrics, self._open),)

    def is_writing(self, event_id: str) -> bool:
        """Whether the evidence of an event is being written here."""
        return event_id in self._cases

    async def find(self, event_id: str) -> Kept | None:
        """What is kept of an event; None when there is no such event."""
        return await self._rows.find(event_id)

    async def read(self, event_id: str, name: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from ``start`` up to ``stop``. Raises FileNotFoundError when it is not to be had here,
        :class:`server.evidence.bucket.BucketAway`, OSError."""
        try:
            file = await self._means.do(self._folder.open, event_id, name)
        except FileNotFoundError:
            if not self._bucket:
                raise
            async for chunk in self._bucket.read(event_id, name, start, stop):
                yield chunk
            return
        with file:
            file.seek(start)
            left = stop - start
            while left > 0 and (chunk := await self._means.do(file.read, min(left, CHUNK))):
                left -= len(chunk)
                yield chunk

    def _open(self, case: Case, witness: FeedWitness) -> bool:
        """Run a case; whether there is a place for it."""
        event_id = case.event.id
        if self._closing or len(self._cases) >= MOST_CASES:
            log.error("event %s gets no evidence: %d others are being written", event_id, len(self._cases))
            return False
        if len(self._cases) >= MOST_CLIPS:
            case.without_clip("no clip: too many events at once")
        task = asyncio.create_task(case.run(), name=f"evidence {event_id}")
        self._cases[event_id] = task
        task.add_done_callback(lambda done: self._closed(case, witness, done))
        return True

    def _closed(self, case: Case, witness: FeedWitness, task: asyncio.Task[None]) -> None:
        del self._cases[case.event.id]
        witness.done(case)
        if not task.cancelled() and (error := task.exception()):
            log.error("the evidence of event %s broke off", case.event.id, exc_info=error)

    async def _finished(self, event_id: str, state: EvidenceState, files: Sequence[EvidenceFile]) -> None:
        """All rows of an event are written: its files may go where they are kept."""
        self._metrics.evidence.labels(state).inc()
        self._retention.added(sum(file.size for file in files))
        await self._means.do(self._folder.finish, event_id)
        if self._bucket:
            self._put_off([event_id])

    def _put_off(self, event_ids: Iterable[str]) -> None:
        """Bring these to the bucket."""
        self._waiting.update(dict.fromkeys(event_ids))
        self._metrics.evidence_waiting.set(len(self._waiting))
        self._arrived.set()

    async def _recover(self) -> None:
        """Finish what an end of the server left behind."""
        if self._bucket:
            there = await self._means.do(self._folder.finished)
            self._put_off(event_id for event_id in there if not self._is_unfinished(event_id))
        while self._left:
            event_id = self._left[0]
            try:
                files = await self._means.do(papers.finish_left, self._folder, event_id)
                state = EvidenceState.COMPLETE if files else EvidenceState.REMOVED
                if await self._means.save(event_id, state, files):
                    log.info("the evidence of event %s is finished: the server ended before", event_id)
                    await self._finished(event_id, state, files)
                else:
                    await self._means.do(self._folder.discard, event_id)
            except (OSError, ValueError) as error:
                log.warning("what is left of event %s cannot be finished: %s", event_id, error)
            except Exception:
                log.exception("what is left of event %s cannot be finished", event_id)
            self._left.remove(event_id)

    def _is_unfinished(self, event_id: str) -> bool:
        return event_id in self._cases or event_id in self._left

    async def _sweep(self) -> None:
        """Let go of what has had its time, and see to the room."""
        due = resume_due = float("-inf")
        while True:
            try:
                if time.monotonic() >= due:
                    await self._retention.sweep()
                    await self._settle()
                    due = time.monotonic() + SWEEP_EVERY_S
                elif self._retention.reason:
                    await self._retention.ready()
                if time.monotonic() >= resume_due:
                    await self._retention.resume()
                    resume_due = time.monotonic() + RESUME_EVERY_S
            except Exception as error:
                log.warning("old evidence stays for now: %s", plain_words(error))
            await asyncio.sleep(STOPPED_EVERY_S)

    async def _settle(self) -> None:
        """What nobody finishes any more is as complete as it is."""
        patience = 0.0 if self._folder.is_ours else ABANDONED_S  # nobody else writes here
        if self._rows.is_shared:
            patience = ABANDONED_SHARED_S
        for event_id in await self._rows.abandoned(time.time() - patience):
            if self._is_unfinished(event_id):
                continue
            kept = await self._rows.find(event_id)
            state = EvidenceState.COMPLETE if kept and kept.files else EvidenceState.REMOVED
            await self._rows.save(event_id, state, [], time.time())

    async def _upload(self, bucket: Bucket) -> None:
        """Bring what is finished to the bucket, one event after the other; what does not get there stays here and is
        tried again."""
        backoff, told = Backoff(), ""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                event_id = next(iter(self._waiting))
                try:
                    await self._put(bucket, event_id)
                except (BucketAway, OSError) as error:
                    if str(error) != told:
                        log.error("evidence does not reach the bucket and waits here: %s", error)
                        told = str(error)
                    del self._waiting[event_id]
                    self._waiting[event_id] = None  # behind the others
                    await asyncio.sleep(backoff.next(random.random()))
                except Exception:
                    log.exception("the evidence of event %s stays here", event_id)
                    del self._waiting[event_id]
                else:
                    if told:
                        log.info("evidence reaches the bucket again")
                    backoff, told = Backoff(), ""
                    del self._waiting[event_id]
                self._metrics.evidence_waiting.set(len(self._waiting))

    async def _put(self, bucket: Bucket, event_id: str) -> None:
        if await self._rows.find(event_id) is None:
            log.warning("the evidence of event %s stays here: this database does not know the event", event_id)
            return
        for file in await self._means.do(papers.present, self._folder, event_id):
            await bucket.put(event_id, file.name, self._folder.path(event_id, file.name))
        kept = await self._rows.find(event_id)
        if kept and kept.state is EvidenceState.REMOVED:
            await bucket.remove(event_id)
        await self._means.do(self._folder.discard, event_id)


def _yield_to_others() -> None:
    """In a new thread: lower its priority, as far as this system has one for each thread."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
