"""What a feed does with a frame: shows it, has it looked at, tells what was seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .broadcast import Broadcast, Mailbox
from .core.analyzer import Analyzer, Observation, SeenTrack
from .core.detections import Detections
from .core.events import Event
from .core.frame import Frame, Picture
from .core.rates import Delay, Delays, Rate
from .detector import Detector, Timing
from .metrics import Metrics
from .store import EventStore


class FeedState(StrEnum):
    """Where a feed stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame was looked at; ``delay_s`` is from the frame received to the boxes ready."""

    observation: Observation
    timing: Timing
    delay_s: float


@dataclass(frozen=True, slots=True)
class Stats:
    """A feed's figures of the last seconds; the frames are counted since it began."""

    state: FeedState
    reason: str | None
    width: int
    height: int
    frames_per_second: float
    looks_per_second: float
    delay: Delay | None
    frames_seen: int
    frames_looked_at: int
    frames_dropped: int


Message = Looked | Event | Stats


@dataclass(frozen=True, slots=True)
class Rates:
    """Looks a second at a feed: usually, and while an event is open."""

    usual: float
    suspicious: float


class Feed:
    """One camera or one browser session: takes frames, shows them, has them looked at, tells what was seen.

    Everything here runs on the event loop. ``display`` carries every frame to whoever shows video, ``messages`` what
    was seen; ``mailbox`` holds the newest frame for the detector.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        analyzer: Analyzer,
        detector: Detector,
        store: EventStore,
        metrics: Metrics,
        rates: Rates,
    ) -> None:
        self.name = name
        self.kind = kind
        self.display: Broadcast[Frame] = Broadcast()
        self.messages: Broadcast[Message] = Broadcast()
        self.mailbox: Mailbox[Frame] = Mailbox()
        self.state = FeedState.CONNECTING
        self.reason: str | None = None
        self._analyzer = analyzer
        self._detector = detector
        self._store = store
        self._metrics = metrics
        self._rates = rates
        self._frames = Rate()
        self._looks = Rate()
        self._delays = Delays()
        self._seen = self._looked_at = self._lost_before = 0
        self._size = (0, 0)

    def publish(self, picture: Picture, timestamp: int, captured_at: float, sequence: int | None = None) -> Frame:
        """A new picture. ``sequence`` numbers it, where the sender does; else the feed counts."""
        frame = Frame(
            picture,
            self.name,
            self._seen if sequence is None else sequence,
            timestamp,
            captured_at,
            time.time() - (time.monotonic() - captured_at),
        )
        self._seen += 1
        self._size = (picture.width, picture.height)
        self._frames.count(captured_at)
        self._metrics.frames_seen.labels(self.kind).inc()
        if self.state is FeedState.CONNECTING:
            self.state = FeedState.LIVE
        self.display.send(frame)
        if not self.mailbox.put(frame):
            self._metrics.frames_dropped.labels(self.kind).inc()
        self._detector.wake()
        return frame

    def lost(self, count: int) -> None:
        """So many frames arrived but were overtaken before they got here."""
        self._seen += count
        self._lost_before += count
        self._metrics.frames_seen.labels(self.kind).inc(count)
        self._metrics.frames_dropped.labels(self.kind).inc(count)

    def look_rate(self) -> float:
        """See :class:`server.detector.Subject`."""
        return self._rates.suspicious if self._analyzer.suspicious else self._rates.usual

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        """See :class:`server.detector.Subject`."""
        observation = self._analyzer.observe(frame, detections, frame.captured_at)
        now = time.monotonic()
        delay = now - frame.captured_at
        self._looked_at += 1
        self._looks.count(now)
        self._delays.add(delay)
        self._metrics.frames_looked_at.labels(self.kind).inc()
        self.messages.send(Looked(observation, timing, delay))
        self._tell(observation.events)

    def tracks_at(self, at: float) -> list[SeenTrack]:
        """What to draw on a frame captured ``at`` (monotonic s)."""
        return self._analyzer.visible(at)

    def tick(self) -> None:
        """Once a second: end what is over and tell the figures."""
        self._tell(self._analyzer.expire(time.monotonic(), time.time()))
        self.messages.send(self.stats())

    def stats(self) -> Stats:
        """The figures of this moment."""
        now = time.monotonic()
        return Stats(
            self.state,
            self.reason,
            *self._size,
            self._frames.at(now),
            self._looks.at(now),
            self._delays.summary(),
            self._seen,
            self._looked_at,
            self.mailbox.dropped + self._lost_before,
        )

    def close(self, reason: str) -> None:
        """End the feed's events and all who read it. A second time does nothing."""
        self._tell(self._analyzer.close(time.time()))
        self.display.close(reason)
        self.messages.close(reason)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._store.put(event)
            self._metrics.events.labels(event.state).inc()
            self.messages.send(event)
