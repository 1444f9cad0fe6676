"""A feed that shows numbered pictures and, when told, a gun; and the evidence that is kept of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from server.config import EvidenceSettings
from server.core.analyzer import Analyzer
from server.core.detections import Detections
from server.core.events import Event
from server.core.frame import Frame, Picture
from server.core.identifiers import uuid7
from server.core.policy import ConfirmationPolicy
from server.core.watch import WatchSettings
from server.evidence.keeper import Evidence
from server.evidence.tape import SourceTap
from server.evidence.witness import FeedWitness
from server.metrics import Metrics
from server.store.database import Database
from server.store.events import EventStore
from server.store.evidence import EvidenceRows, EvidenceState, Kept

from ..core.builders import detections_of
from ..support.coded import RATE, STEP, CodedPicture, coded, grey_pictures
from ..support.waiting import eventually

WIDTH, HEIGHT = 64, 48
BOX = (16, 12, 32, 36)
LONG = 20 * RATE


@lru_cache(maxsize=4)
def stream(codec: str = "h264") -> tuple[CodedPicture, ...]:
    """Twenty seconds, a key frame each."""
    return tuple(coded(grey_pictures(LONG, WIDTH, HEIGHT), codec))


@dataclass
class Stage:
    """One feed in the hands of a test. Its pictures are numbered from 0; see :func:`server.core.evidence`."""

    evidence: Evidence
    database: Database
    folder: Path
    reports: list[str | None]
    metrics: Metrics
    codec: str | None = "h264"
    events: dict[str, Event] = field(default_factory=dict)
    shown: int = 0

    def __post_init__(self) -> None:
        witnesses = self.evidence.witnesses("door", "camera")
        self.witness: FeedWitness | None = witnesses[0] if witnesses else None
        self.rows = EvidenceRows(self.database)
        self.store = EventStore(self.database, "here")
        self.analyzer = Analyzer(
            "door", ("gun",), lambda unix: uuid7(unix, uuid4().bytes[:10]), ConfirmationPolicy(span_s=0), model="yolo"
        )
        self.numbers: dict[float, int] = {}
        """The number of the picture that was captured then."""
        self.guns: list[float] = []
        """When a gun was to be seen."""
        self.unwritten: list[Event] = []
        self.due = 0.0
        self.tap: SourceTap | None = None
        if self.codec and self.witness:
            self.connect()

    def connect(self) -> None:
        """Begin to read the source."""
        assert self.witness
        tap = self.witness.tap()
        assert isinstance(tap, SourceTap)
        assert self.codec
        tap.begin(self.codec, b"")
        self.tap = tap

    async def show(self, *guns: Sequence[float], keep: bool = True) -> Frame:
        """One picture now, looked at; ``guns``: the boxes that are seen in it."""
        number, now = self.shown, time.monotonic()
        self.shown += 1
        if self.tap and self.codec:
            coded_picture = stream(self.codec)[number % LONG]
            turn = number // LONG * LONG * STEP
            tape_time = self.tap.packet(
                coded_picture.data, coded_picture.pts + turn, coded_picture.dts + turn, coded_picture.is_key
            )
            if tape_time is not None:
                self.tap.shown(tape_time, now)
        self.numbers[now] = number % 25
        if guns:
            self.guns.append(now)
        frame = Frame(
            Picture.grey(WIDTH, HEIGHT, 20 + 8 * (number % 25)), "door", number, number * STEP, now, time.time()
        )
        if self.witness:
            self.witness.frame(frame)
        self.look(frame, detections_of(*guns) if guns else Detections.none())
        if keep:
            await self.keep()
        return frame

    def look(self, frame: Frame, detections: Detections) -> None:
        """What the model says of a frame."""
        observation = self.analyzer.observe(frame, detections, frame.captured_at)
        if self.witness:
            self.witness.looked(observation)
        self.tell(observation.events)

    def tell(self, events: Sequence[Event]) -> None:
        """What the feed tells of its events; as with a real one, they are in the database a moment later."""
        for event in events:
            self.events[event.id] = event
            if self.witness:
                self.witness.event(event)
        self.unwritten += events

    async def keep(self) -> None:
        """Write what was told to the database."""
        events, self.unwritten = self.unwritten, []
        if events:
            await self.store.record(events, time.time())

    async def play(self, seconds: float, *guns: Sequence[float]) -> None:
        """Pictures in real time."""
        for _ in range(round(seconds * RATE)):
            await self.show(*guns)
            await self.pace()

    async def pace(self) -> None:
        """Wait for the time of the next picture. What was late is made up for, as by a camera with its own clock."""
        now = time.monotonic()
        self.due = (max(self.due, now - 0.2) if self.due else now) + 1 / RATE
        await asyncio.sleep(max(self.due - now, 0))

    async def confirm(self, *guns: Sequence[float]) -> Event:
        """Show a gun until it is confirmed."""
        for _ in range(3 * RATE):
            await self.show(*(guns or (BOX,)))
            if found := [event for event in self.events.values() if event.confirmed_at and not event.ended_at]:
                return found[-1]
            await self.pace()
        raise AssertionError("it was not confirmed")

    async def end(self) -> None:
        """The feed ends, and all that is open."""
        self.tell(self.analyzer.close(time.time()))
        if self.witness:
            self.witness.close("the camera was removed")
        await self.keep()

    async def is_over(self, event_id: str, state: EvidenceState = EvidenceState.COMPLETE) -> Kept:
        """Wait for the evidence of an event to be in this state."""

        async def found() -> Kept | None:
            kept = await self.rows.find(event_id)
            return kept if kept and kept.state is state and not self.evidence.is_writing(event_id) else None

        kept = await eventually(found, f"the evidence of {event_id} to be {state}")
        assert kept
        return kept

    async def content(self, event_id: str, name: str) -> bytes:
        """A file as it is given out."""
        kept = await self.rows.find(event_id)
        assert kept
        parts = [part async for part in self.evidence.read(event_id, name, 0, kept.files[name].size)]
        return b"".join(parts)

    async def json(self, event_id: str, name: str = "manifest.json") -> Any:
        """A file that is JSON."""
        return json.loads(await self.content(event_id, name))

    async def looks(self, event_id: str) -> list[dict[str, Any]]:
        """The detections without their header."""
        text = (await self.content(event_id, "detections.jsonl")).decode()
        return [json.loads(line) for line in text.splitlines()[1:]]

    def configure(self, **settings: Any) -> None:
        """Other settings of the camera."""
        assert self.witness
        self.witness.configure(WatchSettings(**settings))


def settings(**changes: Any) -> EvidenceSettings:
    """Short times; and any disk has room enough."""
    return EvidenceSettings(**{"before_s": 1.0, "after_s": 0.4, "longest_s": 20, "least_free_bytes": 0, **changes})


@asynccontextmanager
async def staged(
    folder: Path, codec: str | None = "h264", place: Path | None = None, **changes: Any
) -> AsyncIterator[Stage]:
    """A stage with a database of its own in ``folder``, or in another ``place``; both may have been used before."""
    reports: list[str | None] = []
    metrics = Metrics()
    async with Database(f"sqlite:///{(place or folder) / 'vigie.db'}") as database:
        evidence = Evidence(settings(**changes), folder, database, ("gun",), metrics, reports.append)
        async with evidence:
            stage = Stage(evidence, database, folder / "evidence", reports, metrics, codec)
            yield stage
            await stage.end()
