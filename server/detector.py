"""The worker pool: a fixed number of looks at a time, shared fairly by all feeds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .broadcast import Mailbox
from .core.detections import Detections
from .core.frame import Frame
from .core.labels import Labels
from .core.schedule import Turn, next_ready, next_turn
from .looker import Failed, Looker, Passed, Timing
from .metrics import Metrics
from .plugins import Backend, ModelInfo

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]

MOST_PICTURES_WAITING = 16


class Busy(Exception):
    """More single pictures wait than can be held."""


class Subject(Protocol):
    """A feed as the scheduler sees it."""

    name: str
    mailbox: Mailbox[Frame]

    def look_rate(self) -> float:
        """Looks a second it wants now."""
        ...

    def looked_by(self, model: ModelInfo) -> None:
        """The looks that come now are by this model, which is another than before. Runs on the event loop."""
        ...

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        """Take the outcome of a look. Runs on the event loop."""
        ...


@dataclass(slots=True)
class _Seat:
    subject: Subject
    last_look: float = float("-inf")
    booked: float = 0.0
    in_flight: bool = False
    model: ModelInfo | None = None
    """Whose looks it knows of."""

    def turn(self) -> Turn | None:
        """Its turn, if a frame waits."""
        frame = self.subject.mailbox.peek()
        if not frame:
            return None
        rate = self.subject.look_rate()
        return Turn(self.subject.name, rate, self.last_look, self.booked + 1 / rate, frame.captured_at)


@dataclass(slots=True)
class _Ask:
    picture: Image
    asked_at: float
    confidence: float
    answer: asyncio.Future[tuple[Detections, Timing]]


class Detector:
    """Owns the model and its workers. All methods run on the event loop; only the look itself runs in a worker thread.

    Feeds take turns by :mod:`server.core.schedule`, one look in flight each. A single picture goes before the feeds,
    but never twice in a row while one of them is due. A feed with frames is looked at every two seconds at the least
    as long as the workers manage one look at each feed in that time; with more feeds, all wait equally long.
    """

    def __init__(self, backend: Backend, workers: int, confidence: float, nms_iou: float, metrics: Metrics) -> None:
        self.looker = Looker(backend, workers, nms_iou, metrics)
        self._workers = workers
        self._confidence = confidence
        self._metrics = metrics
        self._seats: dict[str, _Seat] = {}
        self._asks: deque[_Ask] = deque()
        self._looks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._picture_was_last = False
        self._clock = 0.0
        self.ready = asyncio.Event()
        """Set once the model is warm."""

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self.looker.model

    @property
    def labels(self) -> Labels:
        """What the classes of all detections refer to, whichever model saw them."""
        return self.looker.labels

    async def swap(self, backend: Backend, failed: Failed, passed: Passed) -> float:
        """Put another model in place of the one in use, once that is warm: see :meth:`server.looker.Looker.swap`."""
        await self.ready.wait()
        return await self.looker.swap(backend, failed, passed)

    async def __aenter__(self) -> Self:
        self.scheduler = asyncio.create_task(self._run(), name="scheduler")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ready.clear()
        self.scheduler.cancel()
        await asyncio.gather(self.scheduler, return_exceptions=True)
        for ask in self._asks:
            ask.answer.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)
        await self.looker.close()

    def attach(self, subject: Subject) -> None:
        """Look at this feed from now on."""
        self._seats[subject.name] = _Seat(subject)
        self._changed.set()

    def detach(self, name: str) -> None:
        """Look no more; a look in flight ends unheard."""
        self._seats.pop(name, None)

    def wake(self) -> None:
        """A feed has a new frame, or another rate."""
        self._changed.set()

    def hurry(self, name: str) -> None:
        """Look at this feed as soon as a worker is free, before all others and whatever its rate: something began."""
        if seat := self._seats.get(name):
            seat.last_look = float("-inf")
            self._changed.set()

    def is_due(self, name: str) -> bool:
        """Whether a look at the frame that waits at this feed is due, and only a worker is wanting."""
        seat = self._seats.get(name)
        turn = seat.turn() if seat else None
        return turn is not None and turn.ready_at <= time.monotonic()

    async def look_at(self, picture: Image, confidence: float) -> tuple[Detections, Timing]:
        """Look at one picture, RGB (H, W, 3) uint8; raises :class:`Busy` when too many wait."""
        if len(self._asks) >= MOST_PICTURES_WAITING:
            raise Busy
        ask = _Ask(picture, time.monotonic(), confidence, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._changed.set()
        return await ask.answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await self.looker.warm_up()
        self.ready.set()
        while True:
            self._changed.clear()
            while len(self._looks) < self._workers and self._start_next():
                pass
            due = next_ready(self._waiting()) if len(self._looks) < self._workers else None
            timer = loop.call_later(max(due - time.monotonic(), 0), self._changed.set) if due is not None else None
            await self._changed.wait()
            if timer:
                timer.cancel()

    def _waiting(self) -> list[Turn]:
        return [turn for seat in self._seats.values() if not seat.in_flight and (turn := seat.turn())]

    def _start_next(self) -> bool:
        now = time.monotonic()
        turn = next_turn(self._waiting(), now, self._clock)
        if self._asks and not (self._picture_was_last and turn):
            self._picture_was_last = True
            ask = self._asks.popleft()
            if not ask.answer.done():
                self._own(self._answer(ask))
            return True
        if not turn:
            return False
        self._picture_was_last = False
        seat = self._seats[turn.feed]
        frame = seat.subject.mailbox.take()
        if frame:
            booked = turn.booked(self._clock, now)
            self._clock = max(self._clock, booked)
            seat.last_look, seat.booked, seat.in_flight = turn.rhythm(now), booked, True
            self._own(self._look_for(seat, frame))
        return True

    def _own(self, look: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(look, name="look")
        self._looks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._looks.discard(task)
        self._changed.set()

    async def _look_for(self, seat: _Seat, frame: Frame) -> None:
        try:
            seen = await self.looker.look(frame.picture, frame.captured_at, self._confidence)
            self._metrics.look_seconds.observe(time.monotonic() - frame.captured_at)
            if self._seats.get(seat.subject.name) is seat:
                if seat.model is not seen.model:
                    seat.subject.looked_by(seen.model)
                    seat.model = seen.model
                seat.subject.looked(frame, seen.detections, seen.timing)
        except Exception:
            self._metrics.look_failures.inc()
            log.exception("a look at feed %s failed", seat.subject.name)
        finally:
            seat.in_flight = False

    async def _answer(self, ask: _Ask) -> None:
        try:
            seen = await self.looker.look(ask.picture, ask.asked_at, ask.confidence)
            if not ask.answer.done():
                ask.answer.set_result((seen.detections, seen.timing))
        except Exception as error:
            self._metrics.look_failures.inc()
            if not ask.answer.done():
                ask.answer.set_exception(error)
