"""What one feed knows: from detections to tracks, states and events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .detections import Detections
from .events import Event, EventLog, State, Verdict
from .frame import Frame
from .policy import ConfirmationPolicy
from .regions import Polygon, in_zones
from .tracking import Track, Tracker, TrackerSettings

HOLD_S = 0.35
"""A box stays on the screen through looks that missed its object for so long: at ten looks a second, three."""

STALE_S = 2.0
"""A look older than this says nothing of what is in the picture now."""


@dataclass(frozen=True, slots=True)
class SeenTrack:
    """A track with the state of its event."""

    track: Track
    label: str
    state: State


@dataclass(frozen=True, slots=True)
class Observation:
    """All that one look at one frame told. ``tracks`` are those seen in this very frame, one for each detection."""

    frame: Frame
    detections: Detections
    tracks: tuple[SeenTrack, ...]
    events: tuple[Event, ...]


class Analyzer:
    """The memory of one feed. ``new_id`` makes an event's id from a unix time; ``model`` names the model;
    ``labels`` are those of all classes it may be told of, and may get more meanwhile.

    ``zones`` may change at any time: what has its centre outside of all of them is left out before it is tracked.
    """

    def __init__(
        self,
        feed: str,
        labels: Sequence[str],
        new_id: Callable[[float], str],
        policy: ConfirmationPolicy | None = None,
        tracker: TrackerSettings | None = None,
        model: str = "",
    ) -> None:
        self.zones: tuple[Polygon, ...] = ()
        self._labels = labels
        self._last_look = float("-inf")
        self._tracker = Tracker(tracker)
        self._log = EventLog(feed, self._labels, policy or ConfirmationPolicy(), new_id, model=model)

    @property
    def policy(self) -> ConfirmationPolicy:
        """When a sighting is confirmed. It may change at any time: open sightings go on under the new one."""
        return self._log.policy

    @policy.setter
    def policy(self, policy: ConfirmationPolicy) -> None:
        if policy != self._log.policy:
            self._log.policy = policy

    @property
    def model(self) -> str:
        """The model that sees what comes now; it may change at any time."""
        return self._log.model

    @model.setter
    def model(self, model: str) -> None:
        self._log.model = model

    @property
    def suspicion(self) -> State | None:
        """The gravest state of an open event, or None when none is open: then more looks are worth their cost."""
        states = self._log.states
        return next((state for state in (State.CONFIRMED, State.SUSPECTED) if state in states), None)

    @property
    def gravest(self) -> Event | None:
        """The event that :attr:`suspicion` is about."""
        return self._log.gravest

    def observe(self, frame: Frame, detections: Detections, now: float) -> Observation:
        """Take in what the model saw in ``frame``; ``now`` is when the frame was taken, in monotonic seconds."""
        picture = frame.picture
        self._last_look = now
        if self.zones:
            detections = detections.where(in_zones(detections.boxes, self.zones, picture.width, picture.height))
        seen = self._tracker.update(detections, now, picture.width, picture.height)
        events = self._log.observe(self._tracker.tracks, now, frame.captured_unix, picture.width, picture.height)
        tracks = {track.id: track for track in self._tracker.tracks}
        return Observation(
            frame, seen, tuple(self._seen(tracks[int(track_id)]) for track_id in seen.track_ids), tuple(events)
        )

    def visible(self, at: float) -> list[SeenTrack]:
        """What a screen should show on a frame taken ``at`` (s): the tracks of the newest look and of those just before
        it, while that look is not too old to say anything."""
        if at - self._last_look > STALE_S:
            return []
        return [self._seen(track) for track in self._tracker.tracks if self._last_look - track.last_seen <= HOLD_S]

    def judge(self, event_id: str, verdict: Verdict) -> None:
        """A person judged an event: one said to be false raises no alarm any more, unless it is judged otherwise."""
        self._log.judge(event_id, verdict)

    def expire(self, now: float, unix: float) -> list[Event]:
        """End what has not been seen for long, when no look comes to say so."""
        return self._log.expire(now, unix)

    def close(self, unix: float) -> list[Event]:
        """End everything, because the feed ends."""
        return self._log.close(unix)

    def _seen(self, track: Track) -> SeenTrack:
        label = self._labels[track.class_id] if track.class_id < len(self._labels) else str(track.class_id)
        return SeenTrack(track, label, self._log.state_of(track.id) or State.SUSPECTED)
