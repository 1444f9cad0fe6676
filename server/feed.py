"""What a feed does with a frame: shows it, has it looked at, tells what was seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from .broadcast import Broadcast, Mailbox
from .core.analyzer import Analyzer, Observation, SeenTrack
from .core.detections import Detections
from .core.events import Event, State
from .core.figures import Cause, Figures
from .core.frame import Frame, Picture
from .core.history import Sample, Skipped
from .core.policy import ConfirmationPolicy
from .core.rates import Delay
from .core.schedule import IDLE_RATE
from .core.watch import Prepared, Watch, WatchSettings
from .detector import Detector
from .journal import Journal
from .looker import Timing
from .metrics import Metrics
from .plugins import ModelInfo, PacketTap


class FeedState(StrEnum):
    """Where a feed stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    """Connected, but no picture for a while."""
    RETRYING = "retrying"
    """Not connected, and another attempt will be made."""
    ENDED = "ended"
    """A file that was played once has ended."""
    STOPPED = "stopped"
    """By its owner."""


MOST_REMEMBERED = 1000
"""Events of a feed, for the verdicts on them."""

BEFORE_LIVE = (FeedState.CONNECTING, FeedState.STALLED, FeedState.RETRYING)
"""From these a picture makes a feed live."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame was looked at; ``delay_s`` is from the frame received to the boxes ready."""

    observation: Observation
    timing: Timing
    delay_s: float


@dataclass(frozen=True, slots=True)
class Stats:
    """A feed's figures of the last seconds; the frames are counted since it began. ``since`` and ``next_try_at`` are
    unix seconds; ``suspicion`` is the gravest state of an open event."""

    state: FeedState
    reason: str | None
    since: float
    next_try_at: float | None
    suspicion: State | None
    width: int
    height: int
    frames_per_second: float
    looks_per_second: float
    delay: Delay | None
    frames_seen: int
    frames_looked_at: int
    skipped: Skipped
    moving: bool

    @property
    def frames_dropped(self) -> int:
        """Frames never looked at, for whatever cause."""
        return self.skipped.total


Message = Looked | Event | Stats


@dataclass(slots=True)
class Rates:
    """Looks a second at a feed: usually, and while an event is open. All feeds share one, which may change."""

    usual: float
    suspicious: float


class Witness(Protocol):
    """Somebody who remembers what a feed showed and what was seen. All calls come on the event loop, and none waits."""

    def frame(self, frame: Frame) -> None:
        """A picture was published."""
        ...

    def looked(self, observation: Observation) -> None:
        """A picture was looked at."""
        ...

    def event(self, event: Event) -> None:
        """An event began or changed; it may not be kept yet."""
        ...

    def close(self, reason: str) -> None:
        """The feed ends."""
        ...


@runtime_checkable
class Recorder(Witness, Protocol):
    """A witness that keeps the video itself."""

    def tap(self) -> PacketTap | None:
        """Where the packets of one reading of a source go, besides. Any thread may call."""
        ...

    def configure(self, watch: WatchSettings) -> None:
        """What is watched changes: pictures published from now on are as these settings have it."""
        ...


class Feed:
    """One camera or one browser session: takes frames, shows them, has them looked at, tells what was seen.

    Everything here runs on the event loop, but :meth:`prepare` and :meth:`tap`. ``display`` carries every frame to
    whoever shows video, ``messages`` what was seen; ``mailbox`` holds the newest frame for the detector.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        analyzer: Analyzer,
        detector: Detector,
        journal: Journal,
        metrics: Metrics,
        rates: Rates,
        witnesses: Sequence[Witness] = (),
    ) -> None:
        self.name = name
        self.kind = kind
        self.display: Broadcast[Frame] = Broadcast()
        self.messages: Broadcast[Message] = Broadcast()
        self.mailbox: Mailbox[Frame] = Mailbox()
        self.state = FeedState.CONNECTING
        self.reason: str | None = None
        self.since = time.time()
        """Since when the state is what it is, in unix seconds."""
        self.next_try_at: float | None = None
        """When the next attempt to connect begins, in unix seconds."""
        self.newest: Frame | None = None
        """The newest frame, for whoever asks for a still picture."""
        self._watch = Watch(WatchSettings())
        self._moving = True
        self._analyzer = analyzer
        self._detector = detector
        self._journal = journal
        self._witnesses = witnesses
        self._recorders = [witness for witness in witnesses if isinstance(witness, Recorder)]
        self._metrics = metrics
        self._rates = rates
        self._figures = Figures(time.monotonic())
        self._size = (0, 0)
        self._told_of: deque[str] = deque(maxlen=MOST_REMEMBERED)

    @property
    def suspicion(self) -> State | None:
        """The gravest state of an open event: confirmed, suspected, or None."""
        return self._analyzer.suspicion

    @property
    def gravest(self) -> Event | None:
        """The event that :attr:`suspicion` is about."""
        return self._analyzer.gravest

    @property
    def policy(self) -> ConfirmationPolicy:
        """When a sighting is confirmed; it may change at any time."""
        return self._analyzer.policy

    @policy.setter
    def policy(self, policy: ConfirmationPolicy) -> None:
        self._analyzer.policy = policy

    @property
    def last_frame_at(self) -> float | None:
        """When the newest frame was captured, in monotonic seconds."""
        return self._figures.last_frame_at

    @property
    def frame_interval(self) -> float | None:
        """Seconds from frame to frame, smoothed; pauses in which the feed was not live do not count."""
        return self._figures.frame_interval

    def become(self, state: FeedState, reason: str | None = None, next_try_at: float | None = None) -> None:
        """Take on a state and tell it at once, if it is news; ``next_try_at`` in unix seconds."""
        if (state, reason, next_try_at) == (self.state, self.reason, self.next_try_at):
            return
        if state is not self.state:
            self.since = time.time()
        self.state, self.reason, self.next_try_at = state, reason, next_try_at
        self.messages.send(self.stats())

    def configure(self, watch: WatchSettings) -> None:
        """From the next picture on, watch so. Who prepares one meanwhile sees all of the old or all of the new."""
        if watch == self._watch.settings:
            return
        self._watch = Watch(watch)
        self._analyzer.zones = watch.zones
        for recorder in self._recorders:
            recorder.configure(watch)
        self.newest = None  # it may show what is masked from now on, and so may the one that waits
        cause = self._cause()
        if self.mailbox.take():
            self._skip(cause)

    def tap(self) -> PacketTap | None:
        """Where the packets of one reading of its source go, besides. Any thread may call."""
        return next((tap for recorder in self._recorders if (tap := recorder.tap())), None)

    def prepare(self, picture: Picture, now: float) -> Prepared:
        """Burn in the masks, and find out whether something moves; ``now`` is when the picture came, in monotonic
        seconds. For the thread that has the pictures, one at a time."""
        return self._watch.prepare(picture, now)

    def publish(
        self, picture: Picture, timestamp: int, captured_at: float, sequence: int | None = None, moving: bool = True
    ) -> Frame:
        """A new picture, as :meth:`prepare` gave it. ``sequence`` numbers it, where the sender does; else the feed
        counts."""
        frame = Frame(
            picture,
            self.name,
            self._figures.seen if sequence is None else sequence,
            timestamp,
            captured_at,
            time.time() - (time.monotonic() - captured_at),
        )
        self._size = (picture.width, picture.height)
        self._figures.frame(captured_at, moving, steady=self.state is FeedState.LIVE)
        self._metrics.frames_seen.labels(self.kind).inc()
        if self.state in BEFORE_LIVE:
            self.become(FeedState.LIVE)
        self.newest = frame
        for witness in self._witnesses:
            witness.frame(frame)
        self.display.send(frame)
        self._leave_for_detector(frame, moving)
        return frame

    def publish_prepared(self, prepared: Prepared, timestamp: int, captured_at: float) -> None:
        """A new picture from :meth:`prepare`. One that was on its way while the masks changed is not shown."""
        if prepared.settings is self._watch.settings:
            self.publish(prepared.picture, timestamp, captured_at, moving=prepared.moving)
        else:
            self.lost(1)

    def lost(self, count: int) -> None:
        """So many frames arrived but were overtaken before they got here."""
        self._figures.lost(count)
        self._metrics.frames_seen.labels(self.kind).inc(count)
        self._skip(Cause.LOST, count)

    def look_rate(self) -> float:
        """See :class:`server.detector.Subject`. Nothing moving is looked at rarely, but never not at all."""
        usual = self._watch.settings.look_rate or self._rates.usual
        if self.suspicion:
            return max(usual, self._rates.suspicious)
        return usual if self._moving else min(usual, IDLE_RATE)

    def looked_by(self, model: ModelInfo) -> None:
        """See :class:`server.detector.Subject`."""
        self._analyzer.model = model.name

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        """See :class:`server.detector.Subject`."""
        observation = self._analyzer.observe(frame, detections, frame.captured_at)
        now = time.monotonic()
        delay = now - frame.captured_at
        self._figures.look(now, delay)
        self._metrics.frames_looked_at.labels(self.kind).inc()
        self.messages.send(Looked(observation, timing, delay))
        for witness in self._witnesses:
            witness.looked(observation)
        self._tell(observation.events)

    def tracks_at(self, at: float) -> list[SeenTrack]:
        """What to draw on a frame captured ``at`` (monotonic s)."""
        return self._analyzer.visible(at)

    def judged(self, event: Event) -> None:
        """A person judged an event of this feed: what is judged false alarms nobody any more."""
        if event.id not in self._told_of:  # a session of another time or server had this feed's name
            return
        if event.verdict:
            self._analyzer.judge(event.id, event.verdict)
        self.messages.send(event)

    def tick(self) -> None:
        """Once a second: end what is over and tell the figures."""
        now = time.monotonic()
        self._tell(self._analyzer.expire(now, time.time()))
        self._figures.tick(now, time.time(), self.state)
        self.messages.send(self.stats())

    def stats(self) -> Stats:
        """The figures of this moment."""
        figures = self._figures.summary(time.monotonic())
        return Stats(
            self.state,
            self.reason,
            self.since,
            self.next_try_at,
            self.suspicion,
            *self._size,
            figures.frames_per_second,
            figures.looks_per_second,
            figures.delay,
            figures.counts.seen,
            figures.counts.looked_at,
            figures.counts.skipped,
            self._moving and self.state is FeedState.LIVE,
        )

    def history(self) -> list[Sample]:
        """The last hour at most, one sample every ten seconds, oldest first."""
        return self._figures.history.samples()

    def close(self, reason: str) -> None:
        """End the feed's events and all who read it. A second time does nothing."""
        ended = self._analyzer.close(time.time())
        self._tell(ended)
        for event in ended:  # those who read go now, and cannot wait until it is kept
            self.messages.send(event)
        for witness in self._witnesses:
            witness.close(reason)
        self.display.close(reason)
        self.messages.close(reason)

    def _leave_for_detector(self, frame: Frame, moving: bool) -> None:
        cause = self._cause()
        if moving and not self._moving:
            self._detector.hurry(self.name)
        self._moving = moving
        if not self.mailbox.put(frame):
            self._skip(cause)
        self._detector.wake()

    def _cause(self) -> Cause:
        """Why the frame that waits was not looked at by now."""
        if self._detector.is_due(self.name):
            return Cause.BUSY
        return Cause.RATE if self._moving or self.suspicion else Cause.STILL

    def _skip(self, cause: Cause, count: int = 1) -> None:
        self._figures.skip(cause, count)
        self._metrics.frames_dropped.labels(self.kind, cause).inc(count)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._metrics.events.labels(event.state).inc()
            for witness in self._witnesses:
                witness.event(event)
            if event.revision == 1:
                self._told_of.append(event.id)
            self._journal.put(event, self.messages.send)
