"""Keeps what the model saw, so that another policy can be tried on it: episode by episode, never in the feed's way."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from .core.analyzer import Observation
from .core.events import Event
from .core.frame import Frame
from .core.identifiers import uuid7
from .core.replay import RecordedLook, Recording, look_line, look_of, read_looks
from .store.database import is_transient, plain_words
from .store.episodes import Episode, Episodes

log = logging.getLogger(__name__)

QUIET_S = 3.0
"""An episode goes on until so long after the last detection: events end within it, and misses belong to it."""

LONGEST_S = 60.0
MOST_SIZE = 20_000
"""Looks and detections of one episode, which then is cut; about 1.5 MB as text."""

MOST_WAITING = 64
MOST_WAITING_SIZE = 5 * MOST_SIZE
"""Episodes that wait to be written, and their looks and detections; of more, the oldest episodes are dropped."""

WRITE_EVERY_S = 1.0
LAST_WRITES_S = 3.0
TOO_SLOW = "the database does not take them in time"


@dataclass(slots=True)
class _Open:
    """An episode that goes on. ``began_at`` and ``last_hit`` are monotonic seconds, ``began`` unix; ``model`` is whose
    looks they are."""

    began_at: float
    began: float
    last_hit: float
    width: int
    height: int
    model: str
    looks: list[RecordedLook] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Closed:
    feed: str
    began: float
    width: int
    height: int
    looks: Sequence[RecordedLook]
    size: int
    model: str


class EpisodeKeeper:
    """A :class:`server.feed.Witness` of one feed: an episode begins with a look that has detections and goes on until
    none has had any for :data:`QUIET_S`. A longer one is cut, and so is one of another model than ``model`` tells now;
    the next goes on where it was cut."""

    def __init__(
        self,
        feed: str,
        model: Callable[[], str],
        closed: Callable[[_Closed], None],
        ended: Callable[[EpisodeKeeper], None],
    ) -> None:
        self._feed = feed
        self._model = model
        self._closed = closed
        self._ended = ended
        self._open: _Open | None = None

    def frame(self, frame: Frame) -> None:
        """Pictures are not kept."""

    def event(self, event: Event) -> None:
        """Nor are events: they are what comes out of a replay."""

    def looked(self, observation: Observation) -> None:
        """Take in a look."""
        frame, count = observation.frame, len(observation.detections)
        now = frame.captured_at
        self.expire(now)
        if self._open is None and count:
            size = frame.picture.width, frame.picture.height
            self._open = _Open(now, frame.captured_unix, now, *size, self._model())
        of = self._open
        if of is None or (of.looks and now - of.began_at <= of.looks[-1].at):
            return
        if now - of.began_at > LONGEST_S or of.size >= MOST_SIZE or (of.looks and of.model != self._model()):
            self._finish()
            began = of.began + now - of.began_at
            of = self._open = _Open(now, began, of.last_hit, of.width, of.height, self._model())
        of.looks.append(look_of(observation, of.began_at))
        of.size += 1 + count
        if count:
            of.last_hit = now

    def expire(self, now: float) -> None:
        """Close the episode when it is over; ``now`` in monotonic seconds."""
        if self._open and now - self._open.last_hit > QUIET_S:
            self._finish()

    def close(self, reason: str) -> None:
        """The feed ends, and with it the episode."""
        self._finish()
        self._ended(self)

    def _finish(self) -> None:
        if of := self._open:
            self._closed(_Closed(self._feed, of.began, of.width, of.height, of.looks, of.size, of.model))
        self._open = None


class EpisodeWriter:
    """Writes the episodes of all feeds, one after the other, in a task of its own. What cannot be written waits; when
    too much waits, the oldest goes."""

    def __init__(self, episodes: Episodes, model: Callable[[], str], labels: Sequence[str]) -> None:
        self.dropped = 0
        """Episodes that were not kept."""
        self._episodes = episodes
        self._model = model
        self._labels = labels
        self._keepers: set[EpisodeKeeper] = set()
        self._waiting: deque[_Closed] = deque()
        self._told = 0
        self._reason = TOO_SLOW
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="episodes")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in list(self._keepers):
            keeper.close("the server stops")
        self._over.set()
        if self._task:
            await asyncio.wait((self._task,), timeout=LAST_WRITES_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._tell()

    def keeper(self, feed: str) -> EpisodeKeeper:
        """A witness for a feed of this name."""
        keeper = EpisodeKeeper(feed, self._model, self._put, self._keepers.discard)
        self._keepers.add(keeper)
        return keeper

    def _put(self, closed: _Closed) -> None:
        self._waiting.append(closed)
        while len(self._waiting) > MOST_WAITING or sum(one.size for one in self._waiting) > MOST_WAITING_SIZE:
            self._waiting.popleft()
            self.dropped += 1

    async def _run(self) -> None:
        over = False
        while not over:
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    over = await self._over.wait()
            for keeper in list(self._keepers):  # of a feed that is looked at no more, nothing else would end it
                keeper.expire(time.monotonic())
            await self._write()
            self._tell()

    async def _write(self) -> None:
        """Write what waits, until all is written or something is in the way."""
        while self._waiting:
            closed = self._waiting.popleft()
            try:
                await self._episodes.add(await asyncio.to_thread(self._made, closed))
            except asyncio.CancelledError:
                self.dropped += 1
                raise
            except Exception as error:
                if is_transient(error):
                    self._waiting.appendleft(closed)
                    return
                self.dropped += 1
                self._reason = plain_words(error)

    def _made(self, closed: _Closed) -> Episode:
        lines = [look_line(look, self._labels) + "\n" for look in closed.looks]
        return Episode(
            uuid7(closed.began, os.urandom(10)),
            closed.feed,
            closed.began,
            closed.began + closed.looks[-1].at,
            closed.width,
            closed.height,
            closed.model,
            tuple(self._labels),
            "".join(lines),
        )

    def _tell(self) -> None:
        if self.dropped > self._told:
            log.warning("%d episodes were not kept: %s", self.dropped - self._told, self._reason)
            self._told, self._reason = self.dropped, TOO_SLOW


def recording_of(episode: Episode) -> Recording:
    """An episode as a recording. Raises :class:`server.core.replay.RecordingError`."""
    looks = read_looks(episode.looks.splitlines(), episode.labels)
    of = episode
    return Recording(of.camera, of.labels, of.width, of.height, looks, of.model, of.began)
