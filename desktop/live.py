"""A camera: shown as it comes, looked at as often as the model can, tried again when it is lost."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Sequence

from server.addresses import ANYWHERE
from server.batch import at_confidence
from server.broadcast import Mailbox
from server.config import CameraSettings, Settings
from server.core.analyzer import Analyzer, SeenTrack
from server.core.backoff import Backoff
from server.core.drawing import Mark, mark_of
from server.core.events import Event, State
from server.core.frame import Frame
from server.core.tracking import TrackerSettings
from server.plugins import PluginError, SourceLost, Stop, load
from server.reader import request_of
from server.replaying import Eye
from server.urls import redacted

from .crew import Crew
from .images import shown_of
from .sight import Sight
from .study import Row, Study

log = logging.getLogger(__name__)

FEED = "desktop"
MOST_EVENTS = 500
STALE_S = 2.0
"""Boxes of an older look say nothing of the picture of now."""


class LiveStudy(Study):
    """A camera. One thread reads and shows, the model's looks at the newest picture."""

    live = True

    def __init__(self, url: str, settings: Settings, sight: Sight, crew: Crew) -> None:
        """Raises pydantic's ValidationError for an address that cannot be one of a camera."""
        super().__init__(redacted(url))
        self._camera = CameraSettings(name=FEED, url=url)
        self._settings, self._sight, self._crew = settings, sight, crew
        self._confidence = settings.detector.confidence
        self._newest: Mailbox[Frame] = Mailbox()
        self._arrived = threading.Event()
        self._seen: tuple[float, tuple[SeenTrack, ...]] = (0.0, ())
        self._events: dict[str, Event] = {}
        self.last_picture_at: float | None = None
        """Monotonic seconds."""

    def begin(self) -> None:
        """See :class:`Study`."""
        self._stops += [self._sight.ask(self._look), self._crew.start("camera", self._read)]

    def marks(self, at: float) -> Sequence[Mark]:
        """See :class:`Study`."""
        looked_at, tracks = self._seen
        return [mark_of(track, max(at, looked_at)) for track in tracks] if at - looked_at < STALE_S else []

    def rows(self) -> list[Row]:
        """See :class:`Study`."""
        return [_row(event) for event in list(self._events.values())]

    def decide(self, confidence: float) -> None:
        """See :class:`Study`. What was seen before stays as it was decided then."""
        self._confidence = confidence

    def _read(self, stop: Stop) -> None:
        waits, numbers = Backoff(), itertools.count()
        while not stop.is_set():
            self.told.emit("connecting", {})
            begun = time.monotonic()
            reason = self._read_once(stop, numbers)
            self.last_picture_at = None
            if stop.is_set():
                return
            if reason is None:
                self.told.emit("over", {})
                return
            waits.lived(time.monotonic() - begun)
            wait_s = waits.next(random.random())
            self.told.emit("lost", {"reason": reason, "seconds": max(1, round(wait_s))})
            stop.wait(wait_s)

    def _read_once(self, stop: Stop, numbers: itertools.count[int]) -> str | None:
        """Read until the camera breaks off; why it did, or None when it is over."""
        try:
            with load("sources", self._camera.kind).open_source(request_of(self._camera, stop, ANYWHERE)) as source:
                for frame in source.frames():
                    now = time.monotonic()
                    if self.last_picture_at is None:
                        self.told.emit("live", {})
                    self.last_picture_at = now
                    self._newest.put(Frame(frame.picture, FEED, next(numbers), frame.timestamp, now, time.time()))
                    self._arrived.set()
                    self.show(shown_of(frame.picture, now))
        except (SourceLost, PluginError) as error:
            return str(error)
        except Exception as error:
            # Not the words of the error: they may hold the address with its password.
            log.error("the camera's reader broke by %s", type(error).__name__)
            return f"its reader broke ({type(error).__name__})"
        return None

    def _look(self, eye: Eye, stop: Stop) -> None:
        """In the model's thread."""
        numbers = itertools.count(1)
        analyzer, decided = self._analyzer(eye, numbers), self._confidence
        due = 0.0
        with stop.calling(self._arrived.set):
            while not stop.is_set():
                self._arrived.wait()
                stop.wait(due - time.monotonic())
                self._arrived.clear()
                frame = self._newest.take()
                if frame is None or stop.is_set():
                    continue
                if decided != self._confidence:
                    self._keep(analyzer.close(time.time()))
                    analyzer, decided = self._analyzer(eye, numbers), self._confidence
                options = self._settings.detector
                due = time.monotonic() + 1 / (options.suspicious_rate if analyzer.suspicion else options.look_rate)
                observation = analyzer.observe(frame, eye.look(frame.picture), frame.captured_at)
                self._seen = frame.captured_at, tuple(analyzer.visible(frame.captured_at))
                self._keep(observation.events)

    def _analyzer(self, eye: Eye, numbers: itertools.count[int]) -> Analyzer:
        settings, info = at_confidence(self._settings, self._confidence), eye.model().info
        options = settings.detector
        return Analyzer(
            FEED,
            info.labels,
            lambda _: f"{FEED}-{next(numbers)}",
            settings.policy.policy(),
            TrackerSettings(options.confidence, options.weak_confidence),
            info.name,
        )

    def _keep(self, events: Sequence[Event]) -> None:
        if events:
            kept = self._events | {event.id: event for event in events}
            self._events = dict(list(kept.items())[-MOST_EVENTS:])
            self.changed.emit()


def _row(event: Event) -> Row:
    state = State.SUSPECTED if event.confirmed_at is None else State.CONFIRMED
    return Row(event.label, event.best_score, state, clock=event.first_seen)
