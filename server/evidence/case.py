"""The evidence of one event in the making: from its confirmation to its manifest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from ..config import EvidenceSettings
from ..core.drawing import Mark
from ..core.events import Event
from ..core.frame import Frame
from ..core.replay import RecordedLook
from ..store.database import is_transient, plain_words
from ..store.evidence import EvidenceRows, EvidenceState
from ..store.rows import EvidenceFile
from ..wire import Json, event_body, iso
from . import papers
from .clip import PacketLog, append, first_key
from .folder import EvidenceFolder
from .stills import stills
from .tape import Coded, Tape, Taping

log = logging.getLogger(__name__)

T = TypeVar("T")

STEP_S = 0.5
"""How often what came is put on the disk."""

LONGEST_DOUBT_S = 20.0
"""A suspicion may last for long: a clip shows so much of it at the most before its confirmation."""

MOST_WAITING = 32_000_000
"""Bytes that wait for a slow disk; with more the clip ends."""

MOST_LOOKS_WAITING = 4000
UNKNOWN_S = 60.0
"""How long an event may take to be in the database, before it is taken never to come."""

FIRST_RETRY_S, LAST_RETRY_S = 0.02, 2.0


class Room(Protocol):
    """Whether there is room for more on the disk."""

    async def ready(self) -> bool:
        """Whether there is, after making some if that is needed and can be."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a case needs: where to write, who does it, what holds for all."""

    settings: EvidenceSettings
    folder: EvidenceFolder
    rows: EvidenceRows
    room: Room
    pool: Executor
    labels: Sequence[str]
    finished: Callable[[str, EvidenceState, Sequence[EvidenceFile]], Awaitable[None]]
    """What comes after the last row of an event is written."""

    async def do(self, work: Callable[..., T], *arguments: object) -> T:
        """Work that blocks, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *arguments)

    async def save(self, event_id: str, state: EvidenceState, files: Sequence[EvidenceFile]) -> bool:
        """Put down state and files as soon as the event is in the database and that can be written to; False when the
        event does not come, or its evidence was removed."""
        wait, missing, told = FIRST_RETRY_S, 0.0, ""
        while True:
            try:
                if await self.rows.save(event_id, state, files, time.time()):
                    return True
                missing += wait
                if missing > UNKNOWN_S:
                    return False
            except Exception as error:
                if not is_transient(error):
                    raise
                if (words := plain_words(error)) != told:
                    log.warning("the evidence of event %s cannot be put down yet: %s", event_id, words)
                    told = words
            await asyncio.sleep(wait)
            wait = min(2 * wait, LAST_RETRY_S)


@dataclass(frozen=True, slots=True)
class SeenLook:
    """A look at a feed, its ``at`` in monotonic seconds, and its picture's time on the tape where that is known."""

    look: RecordedLook
    tape_time: int | None


@dataclass(frozen=True, slots=True)
class Shot:
    """The picture that shows an event best, and what is drawn on it."""

    frame: Frame
    marks: tuple[Mark, ...]


class Case:
    """Collects what proves one event. All methods run on the event loop; :meth:`run` is its task's.

    ``began_at`` is when the event began (monotonic s). Pictures are written at once and never again, so that their
    hashes hold; everything else when the event is over, or as long as a clip may be.
    """

    def __init__(
        self,
        event: Event,
        began_at: float,
        shot: Shot | None,
        looks: Sequence[SeenLook],
        taping: Taping | None,
        means: Means,
    ) -> None:
        self.event = event
        self._began_at = began_at
        self._shot = shot
        self._frame = _frame_body(shot.frame) if shot else None
        self._size = (shot.frame.picture.width, shot.frame.picture.height) if shot else (event.width, event.height)
        self._means = means
        self._taping = taping
        self._tape: Tape | None = None
        self._tape_time = 0
        self._next: int | None = None
        settings = means.settings
        self._from = max(began_at, time.monotonic() - LONGEST_DOUBT_S) - settings.before_s
        self._until = self._from + settings.longest_s
        self._looks: deque[SeenLook] = deque((s for s in looks if s.look.at >= self._from), MOST_LOOKS_WAITING)
        self._pictures: list[Coded] = []
        self._waiting = 0
        self._notes: list[str] = []
        self._filming = taping is not None
        self._begun = False
        self._gathered = False
        self._over = asyncio.Event()
        self._closed = False
        if not self._filming:
            self._notes.append("no clip: too many events at once" if settings.clips else "no clip: clips are off")
        self.collect()

    def looked(self, seen: SeenLook) -> None:
        """One more look at the feed."""
        if seen.look.at <= self._until and not self._gathered:
            self._looks.append(seen)

    def changed(self, event: Event) -> None:
        """The event changed."""
        self.event = event
        if event.ended_at is not None:
            self._until = min(self._until, time.monotonic() + self._means.settings.after_s)

    def close(self) -> None:
        """The feed ends: finish with what there is."""
        self.collect()
        self._closed = True
        self._over.set()

    def collect(self) -> None:
        """Take what is new on the tape, before the tape lets go of it."""
        if not self._filming or self._taping is None or self._gathered:
            return
        if self._tape is None and not self._begin():
            return
        assert self._tape
        new = self._tape.since(self._next or 0)
        if new and self._next is not None and new[0].number != self._next:
            self._leave_off("the clip ends early: the disk was too slow")
            return
        if new:
            self._next = new[-1].number + 1
            self._pictures += new
            self._waiting += sum(len(coded.data) for coded in new)
        if self._waiting > MOST_WAITING:
            self._leave_off("the clip ends early: the disk was too slow")
        elif self._tape.ended and not self._closed and self._taping.tape is not self._tape:
            self._leave_off(f"the clip ends early: {self._tape.ended}")

    def without_clip(self, note: str) -> None:
        """Make no clip; ``note`` says why. Before it runs."""
        self._tape = None
        self._pictures.clear()
        self._waiting = 0
        self._leave_off(note)

    async def run(self) -> None:
        """Until all is written. What breaks off is finished at the next start."""
        means, event_id = self._means, self.event.id
        if not await means.room.ready():
            self._gather_no_more()
            await means.save(event_id, EvidenceState.STOPPED, [])
            return
        state = EvidenceState.COMPLETE
        begun = asyncio.create_task(means.save(event_id, EvidenceState.WRITING, []), name=f"evidence begun {event_id}")
        saved: asyncio.Task[bool] | None = None
        try:
            try:
                pictures = await self._trying(self._open)
                saved = asyncio.create_task(self._save_pictures(begun, pictures), name=f"evidence pictures {event_id}")
                await self._follow()
                self._gather_no_more()
                files = await self._trying(self._finish)
            except Exception as error:
                if isinstance(error, OSError):
                    log.warning("the evidence of event %s is not whole: %s", event_id, error.strerror)
                else:
                    log.exception("the evidence of event %s is not whole", event_id)
                self._gather_no_more()
                state, files = EvidenceState.STOPPED, await means.do(self._rest)
            known = await (saved or begun) and await means.save(event_id, state, files)
            if not known:
                await means.do(self._discard)
                return
            await means.finished(event_id, state, files)
        finally:
            for task in (begun, saved):
                if task:
                    task.cancel()
            await asyncio.gather(*(task for task in (begun, saved) if task), return_exceptions=True)

    async def _save_pictures(self, begun: asyncio.Task[bool], files: Sequence[EvidenceFile]) -> bool:
        return await begun and await self._means.save(self.event.id, EvidenceState.WRITING, files)

    async def _trying(self, work: Callable[[], T]) -> T:
        """Work in a thread, once more after making room where the disk was full."""
        try:
            return await self._means.do(work)
        except OSError as error:
            log.info("evidence of event %s: %s; room is made", self.event.id, error.strerror)
            await self._means.room.ready()
            return await self._means.do(work)

    async def _follow(self) -> None:
        """Put what comes on the disk until the event is over, and what is to be shown from after it."""
        while True:
            done = self._closed or time.monotonic() > self._until + STEP_S
            self.collect()
            try:
                await self._append()
            except OSError as error:
                if not await self._means.room.ready():
                    self._leave_off("the clip ends early: the disk is full")
                    self._notes.append(f"what came then is missing: {error.strerror}")
                    return
            if done:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_S):
                    await self._over.wait()

    async def _append(self) -> None:
        pictures, looks = list(self._pictures), list(self._looks)
        await self._means.do(self._write, pictures, looks)
        # Only now, so that what the disk did not take is tried again.
        del self._pictures[: len(pictures)]
        self._waiting = sum(len(coded.data) for coded in self._pictures)
        for _ in looks:
            self._looks.popleft()

    def _gather_no_more(self) -> None:
        """What is left to do may wait long for the database: until then nothing may pile up."""
        self._gathered = True
        self._pictures.clear()
        self._waiting = 0
        self._looks.clear()
        self._shot = None

    def _leave_off(self, note: str) -> None:
        self._filming = False
        self._notes.append(note)

    def _begin(self) -> bool:
        """Find the picture that the clip begins with."""
        tape = self._taping.tape if self._taping else None
        if tape is None:
            return False
        there = tape.since(0)
        index = first_key(there, tape.time_near(self._from))
        if index is None:
            return False
        self._tape, self._next = tape, there[index].number
        self._tape_time = tape.time_near(self._began_at)
        return True

    # --- in a thread ---

    def _open(self) -> list[EvidenceFile]:
        """The pictures, and the beginning of the rest."""
        work = self._work()
        self._facts().write(work)
        if self._shot is None:
            return []
        made = stills(self._shot.frame.picture, self._shot.marks)
        files = [self._means.folder.write(self.event.id, name, data) for name, data in made.items()]
        self._shot = None  # a frame of a decoder's is much to hold
        return files

    def _write(self, pictures: Sequence[Coded], looks: Sequence[SeenLook]) -> None:
        work = self._work()
        if pictures and self._tape:
            packets = PacketLog(work / papers.PACKETS)
            if not self._begun:
                packets.begin(self._tape.codec, self._tape.sets)
                self._begun = True
            packets.append(pictures)
        if looks:
            rows = [(replace(seen.look, at=seen.look.at - self._from), seen.tape_time) for seen in looks]
            append(work / papers.LOOKS, papers.looks_text(rows, self._means.labels).encode())

    def _finish(self) -> list[EvidenceFile]:
        if self._filming and not self._tape:
            self._notes.append("no clip: no video came that could be kept")
        self._facts().write(self._work())
        return papers.finish(self._means.folder, self.event.id)

    def _rest(self) -> list[EvidenceFile]:
        """What there is of a case that could not be finished."""
        return papers.present(self._means.folder, self.event.id)

    def _discard(self) -> None:
        log.warning("event %s is not known; its evidence goes", self.event.id)
        self._means.folder.discard(self.event.id)

    def _work(self) -> Path:
        return self._means.folder.work(self.event.id)

    def _facts(self) -> papers.Facts:
        event, tape = self.event, self._tape
        return papers.Facts(
            event=event_body(event),
            labels=tuple(self._means.labels),
            width=self._size[0],
            height=self._size[1],
            began=event.first_seen - (self._began_at - self._from),
            tape_time=self._tape_time,
            tape_unix=event.first_seen,
            frame=self._frame,
            cut=tape.time_near(self._until) if tape and not tape.ended else None,
            notes=tuple(self._notes),
        )


def _frame_body(frame: Frame) -> Json:
    return {"captured_at": iso(frame.captured_unix), "sequence": frame.sequence, "timestamp": frame.timestamp}
