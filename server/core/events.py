"""The life of a sighting: suspected, confirmed, ended, and what a person said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .geometry import clip
from .policy import ConfirmationPolicy, Look
from .tracking import Track

Corners = tuple[float, float, float, float]

MOST_POINTS = 240
"""Points of a path, however long its object was in sight."""


class State(StrEnum):
    """Where an event stands. It moves forward only, but that a retraction can be taken back."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    ENDED = "ended"
    RETRACTED = "retracted"


class Verdict(StrEnum):
    """What a person said of an event."""

    REAL = "real"
    FALSE = "false"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Where an object was seen: ``at`` seconds after its event began; ``box`` is x1, y1, x2, y2 as fractions of the
    picture."""

    at: float
    box: Corners
    score: float


@dataclass(frozen=True, slots=True)
class Event:
    """One object sighted on one feed. Times are unix seconds; ``box`` is x1, y1, x2, y2 in pixels at the best score.

    ``revision`` grows by one with each change told: of two versions with one ``id``, the higher is the truth.
    ``kind`` is what is told of: the label of what was sighted, or the name of what else happened. ``model`` names the
    model, ``policy`` is the version of the confirmation policy that it was last held against.
    """

    id: str
    revision: int
    state: State
    feed: str
    label: str
    kind: str
    track_id: int
    first_seen: float
    last_seen: float
    confirmed_at: float | None
    ended_at: float | None
    best_score: float
    looks: int
    hits: int
    box: Corners
    width: int
    height: int
    path: tuple[PathPoint, ...] = ()
    model: str = ""
    policy: str = ""
    verdict: Verdict | None = None
    note: str | None = None
    verdict_at: float | None = None
    retracted_at: float | None = None


@dataclass(slots=True)
class _Sighting:
    """An open event and what decides it. ``began``, ``first_hit`` and ``last_hit`` are monotonic seconds, the last two
    those of its track; the event's own times are unix. The path is put into the event when it is told."""

    event: Event
    began: float
    first_hit: float
    last_hit: float
    looks: list[Look] = field(default_factory=list)
    path: list[PathPoint] = field(default_factory=list)
    dismissed: bool = False
    """A person said that it is nothing."""

    @property
    def state(self) -> State:
        return State.RETRACTED if self.dismissed else self.event.state

    def told(self) -> Event:
        """The event with its path."""
        return replace(self.event, path=tuple(self.path))


class EventLog:
    """Turns the tracks of one feed into events, one look at a time.

    Looks of different tracks are never counted together. But when a new track earns a confirmation while a confirmed
    event of its label has lost its own track, that event goes on with the new track: one gun is one alarm. Lost means
    not seen since the new track began; two in sight together are two guns, even if one is missed at times.

    An event that a person dismissed is told no more until it ends, and no other track goes on with it.
    """

    def __init__(
        self,
        feed: str,
        labels: Sequence[str],
        policy: ConfirmationPolicy,
        new_id: Callable[[float], str],
        ended_after_s: float = 2.0,
        model: str = "",
    ) -> None:
        self._feed = feed
        self._labels = labels
        self._new_id = new_id
        self._ended_after_s = ended_after_s
        self.model = model
        """Which sees what comes now; it may change at any time, and an event keeps the one that saw it first."""
        self._open: dict[int, _Sighting] = {}
        self.policy = policy

    @property
    def policy(self) -> ConfirmationPolicy:
        """What decides. It may change at any time: what is suspected by then is held against the new one, what is
        confirmed stays so."""
        return self._policy

    @policy.setter
    def policy(self, policy: ConfirmationPolicy) -> None:
        self._policy = policy
        self._version = policy.version
        for sighting in self._open.values():
            if sighting.event.state is State.SUSPECTED:
                sighting.event = replace(sighting.event, policy=self._version)

    @property
    def open(self) -> tuple[Event, ...]:
        """Events not yet ended."""
        return tuple(sighting.told() for sighting in self._open.values())

    @property
    def states(self) -> set[State]:
        """The states of the events not yet ended; one that a person dismissed is retracted."""
        return {sighting.state for sighting in self._open.values()}

    @property
    def gravest(self) -> Event | None:
        """The confirmed event, else the suspected one, that was seen last; none that a person dismissed."""
        open_now = [sighting for sighting in self._open.values() if not sighting.dismissed]
        best = max(open_now, key=lambda s: (s.state is State.CONFIRMED, s.last_hit), default=None)
        return best.event if best else None

    def state_of(self, track_id: int) -> State | None:
        """The state of the event a track belongs to; retracted when a person dismissed it."""
        sighting = self._open.get(track_id)
        return sighting.state if sighting else None

    def judge(self, event_id: str, verdict: Verdict) -> None:
        """A person judged an event. Does nothing where it is not open: what is kept of it is not kept here."""
        for sighting in self._open.values():
            if sighting.event.id == event_id:
                sighting.dismissed = verdict is Verdict.FALSE

    def observe(self, tracks: Sequence[Track], now: float, unix: float, width: int, height: int) -> list[Event]:
        """Take in the tracks after one look at ``now`` (monotonic s) and ``unix`` (s); returns what changed."""
        changed = self.expire(now, unix)
        seen = {track.id: track for track in tracks if track.last_seen == now}
        for track in seen.values():
            if track.id not in self._open:
                self._open[track.id] = self._begin(track, now, unix, width, height)
        for track_id, sighting in list(self._open.items()):
            if track_id not in seen:
                self._miss(sighting, now)
                continue
            self._hit(sighting, seen[track_id], now, unix, width, height)
            if sighting.state is State.SUSPECTED and self._policy.confirms(sighting.looks, now):
                changed.append(self._confirm(track_id, unix))
            elif sighting.event.hits == 1:
                changed.append(sighting.told())
        return changed

    def expire(self, now: float, unix: float) -> list[Event]:
        """End the events whose object was not seen for long enough; returns them."""
        gone = [key for key, s in self._open.items() if now - s.last_hit > self._ended_after_s]
        return [self._end(key, unix) for key in gone]

    def close(self, unix: float) -> list[Event]:
        """End all open events, because the feed ends; returns them."""
        return [self._end(key, unix) for key in list(self._open)]

    def _end(self, key: int, unix: float) -> Event:
        event = self._open.pop(key).told()
        return replace(event, state=State.ENDED, ended_at=max(unix, event.last_seen), revision=event.revision + 1)

    def _begin(self, track: Track, now: float, unix: float, width: int, height: int) -> _Sighting:
        label = self._labels[track.class_id] if track.class_id < len(self._labels) else str(track.class_id)
        event = Event(
            id=self._new_id(unix),
            revision=1,
            state=State.SUSPECTED,
            feed=self._feed,
            label=label,
            kind=label,
            track_id=track.id,
            first_seen=unix,
            last_seen=unix,
            confirmed_at=None,
            ended_at=None,
            best_score=0.0,
            looks=0,
            hits=0,
            box=_corners(track, width, height),
            width=width,
            height=height,
            model=self.model,
            policy=self._version,
        )
        return _Sighting(event, now, now, now)

    def _miss(self, sighting: _Sighting, now: float) -> None:
        self._remember(sighting, Look(now, None))
        sighting.event = replace(sighting.event, looks=sighting.event.looks + 1)

    def _hit(self, sighting: _Sighting, track: Track, now: float, unix: float, width: int, height: int) -> None:
        x1, y1, x2, y2 = corners = _corners(track, width, height)
        box = x1 / width, y1 / height, x2 / width, y2 / height
        sighting.last_hit = now
        sighting.path.append(PathPoint(now - sighting.began, box, track.score))
        thin(sighting.path)
        share, centre = (box[2] - box[0]) * (box[3] - box[1]), ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        self._remember(sighting, Look(now, track.score, share, centre))
        event = sighting.event
        # The wall clock may be set back.
        last_seen = max(unix, event.last_seen)
        event = replace(event, looks=event.looks + 1, hits=event.hits + 1, last_seen=last_seen)
        if track.score > event.best_score:
            event = replace(event, best_score=track.score, box=corners, width=width, height=height)
        sighting.event = event

    def _remember(self, sighting: _Sighting, look: Look) -> None:
        sighting.looks.append(look)
        del sighting.looks[: self._policy.needless(sighting.looks, look.at)]

    def _confirm(self, track_id: int, unix: float) -> Event:
        """Confirm a suspicion, or let it go up in the confirmed event that lost its track; returns what changed."""
        sighting = self._open[track_id]
        event = sighting.event
        orphans = [
            key
            for key, other in self._open.items()
            if other.state is State.CONFIRMED
            and other.event.label == event.label
            and other.last_hit < sighting.first_hit
        ]
        if not orphans:
            at = max(unix, event.last_seen)
            sighting.event = replace(event, state=State.CONFIRMED, confirmed_at=at, revision=event.revision + 1)
            return sighting.told()
        older = self._open.pop(max(orphans, key=lambda key: self._open[key].last_hit))
        ended = self._end(track_id, unix)
        older.event = _joined(older.event, event)
        older.path += [replace(point, at=point.at + sighting.began - older.began) for point in sighting.path]
        thin(older.path)
        older.first_hit, older.last_hit = sighting.first_hit, sighting.last_hit
        self._open[track_id] = older
        return ended


def thin(path: list[PathPoint]) -> None:
    """Take points out of a path until there are no more than :data:`MOST_POINTS`, so that it stays even in time; the
    first, the last and the best stay."""
    while len(path) > MOST_POINTS:
        best = max(range(len(path)), key=lambda n: path[n].score)
        inner = (n for n in range(1, len(path) - 1) if n != best)
        del path[min(inner, key=lambda n: path[n + 1].at - path[n - 1].at)]


def _joined(older: Event, newer: Event) -> Event:
    """The older event gone on with the track of the newer. Its looks already count those at the newer, as misses."""
    best = max(older, newer, key=lambda event: event.best_score)
    return replace(
        older,
        track_id=newer.track_id,
        last_seen=max(older.last_seen, newer.last_seen),
        hits=older.hits + newer.hits,
        best_score=best.best_score,
        box=best.box,
        width=best.width,
        height=best.height,
    )


def _corners(track: Track, width: int, height: int) -> Corners:
    """The track's box within the picture: its motion may have carried it past the edge."""
    x1, y1, x2, y2 = (float(value) for value in clip(track.box[None], width, height)[0])
    return x1, y1, x2, y2
