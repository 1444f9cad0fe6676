"""The life of a sighting: suspected, confirmed, ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .geometry import clip
from .policy import ConfirmationPolicy, Look
from .tracking import Track


class State(StrEnum):
    """Where an event stands. It moves forward only."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Event:
    """One object sighted on one feed. Times are unix seconds; ``box`` is x1, y1, x2, y2 in pixels at the best score.

    ``revision`` grows by one with each change told: of two versions with one ``id``, the higher is the truth.
    """

    id: str
    revision: int
    state: State
    feed: str
    label: str
    track_id: int
    first_seen: float
    last_seen: float
    confirmed_at: float | None
    ended_at: float | None
    best_score: float
    looks: int
    hits: int
    box: tuple[float, float, float, float]
    width: int
    height: int


@dataclass(slots=True)
class _Sighting:
    """An open event and what decides it. ``first_hit`` and ``last_hit`` of its track are monotonic seconds; the event's
    own times are unix."""

    event: Event
    first_hit: float
    last_hit: float
    looks: deque[Look] = field(default_factory=deque)


class EventLog:
    """Turns the tracks of one feed into events, one look at a time.

    Looks of different tracks are never counted together. But when a new track earns a confirmation while a confirmed
    event of its label has lost its own track, that event goes on with the new track: one gun is one alarm. Lost means
    not seen since the new track began; two in sight together are two guns, even if one is missed at times.
    """

    def __init__(
        self,
        feed: str,
        labels: Sequence[str],
        policy: ConfirmationPolicy,
        new_id: Callable[[float], str],
        ended_after_s: float = 2.0,
    ) -> None:
        self._feed = feed
        self._labels = labels
        self._policy = policy
        self._new_id = new_id
        self._ended_after_s = ended_after_s
        self._open: dict[int, _Sighting] = {}

    @property
    def open(self) -> tuple[Event, ...]:
        """Events not yet ended."""
        return tuple(sighting.event for sighting in self._open.values())

    def state_of(self, track_id: int) -> State | None:
        """The state of the event a track belongs to."""
        sighting = self._open.get(track_id)
        return sighting.event.state if sighting else None

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
            event = sighting.event
            if event.state is State.SUSPECTED and self._policy.confirms(tuple(sighting.looks), now):
                changed.append(self._confirm(track_id, unix))
            elif event.hits == 1:
                changed.append(event)
        return changed

    def expire(self, now: float, unix: float) -> list[Event]:
        """End the events whose object was not seen for long enough; returns them."""
        gone = [key for key, s in self._open.items() if now - s.last_hit > self._ended_after_s]
        return [self._end(key, unix) for key in gone]

    def close(self, unix: float) -> list[Event]:
        """End all open events, because the feed ends; returns them."""
        return [self._end(key, unix) for key in list(self._open)]

    def _end(self, key: int, unix: float) -> Event:
        event = self._open.pop(key).event
        return replace(event, state=State.ENDED, ended_at=max(unix, event.last_seen), revision=event.revision + 1)

    def _begin(self, track: Track, now: float, unix: float, width: int, height: int) -> _Sighting:
        event = Event(
            id=self._new_id(unix),
            revision=1,
            state=State.SUSPECTED,
            feed=self._feed,
            label=self._labels[track.class_id] if track.class_id < len(self._labels) else str(track.class_id),
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
        )
        return _Sighting(event, now, now, deque(maxlen=self._policy.of))

    def _miss(self, sighting: _Sighting, now: float) -> None:
        sighting.looks.append(Look(now, None))
        sighting.event = replace(sighting.event, looks=sighting.event.looks + 1)

    def _hit(self, sighting: _Sighting, track: Track, now: float, unix: float, width: int, height: int) -> None:
        x1, y1, x2, y2 = corners = _corners(track, width, height)
        sighting.last_hit = now
        sighting.looks.append(Look(now, track.score, (x2 - x1) * (y2 - y1) / (width * height)))
        event = replace(sighting.event, looks=sighting.event.looks + 1, hits=sighting.event.hits + 1, last_seen=unix)
        if track.score > event.best_score:
            event = replace(event, best_score=track.score, box=corners, width=width, height=height)
        sighting.event = event

    def _confirm(self, track_id: int, unix: float) -> Event:
        """Confirm a suspicion, or let it go up in the confirmed event that lost its track; returns what changed."""
        sighting = self._open[track_id]
        event = sighting.event
        orphans = [
            key
            for key, other in self._open.items()
            if other.event.state is State.CONFIRMED
            and other.event.label == event.label
            and other.last_hit < sighting.first_hit
        ]
        if not orphans:
            sighting.event = replace(event, state=State.CONFIRMED, confirmed_at=unix, revision=event.revision + 1)
            return sighting.event
        older = self._open.pop(max(orphans, key=lambda key: self._open[key].last_hit))
        ended = self._end(track_id, unix)
        older.event = _joined(older.event, event)
        older.first_hit, older.last_hit = sighting.first_hit, sighting.last_hit
        self._open[track_id] = older
        return ended


def _joined(older: Event, newer: Event) -> Event:
    """The older event gone on with the track of the newer. Its looks already count those at the newer, as misses."""
    best = max(older, newer, key=lambda event: event.best_score)
    return replace(
        older,
        track_id=newer.track_id,
        last_seen=newer.last_seen,
        hits=older.hits + newer.hits,
        best_score=best.best_score,
        box=best.box,
        width=best.width,
        height=best.height,
    )


def _corners(track: Track, width: int, height: int) -> tuple[float, float, float, float]:
    """The track's box within the picture: its motion may have carried it past the edge."""
    x1, y1, x2, y2 = (float(value) for value in clip(track.box[None], width, height)[0])
    return x1, y1, x2, y2
