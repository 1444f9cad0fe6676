"""Detections of one look after another become tracks: the same object, with an id and a motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .detections import NO_TRACK, Detections
from .geometry import Boxes, centres, iou

FURTHEST_PREDICTION_S = 0.5
"""Past this a straight line says nothing of a hand; a prediction stays where it was then."""

SHORTEST_STEP_S = 0.05
"""Between looks closer than this a box moves by less than the model errs: the error must not be taken for a speed."""


@dataclass(frozen=True, slots=True)
class Track:
    """One object as last seen: ``box`` (4,) float32 in pixels, ``velocity`` (2,) of its centre in pixels a second."""

    id: int
    class_id: int
    box: NDArray[np.float32]
    velocity: NDArray[np.float32]
    score: float
    first_seen: float
    last_seen: float
    hits: int

    def box_at(self, now: float) -> NDArray[np.float32]:
        """The box (4,) moved on to the time ``now`` by the track's own motion."""
        ahead = min(max(now - self.last_seen, 0.0), FURTHEST_PREDICTION_S)
        return np.asarray(self.box + np.tile(self.velocity, 2) * np.float32(ahead), np.float32)


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """What the tracker goes by. ``reach`` is how far an object may stray from its prediction: in parts of the picture's
    diagonal a second; ``slack`` the same in parts of the object's own diagonal, whatever the time."""

    new_score: float = 0.25
    keep_score: float = 0.10
    lost_after_s: float = 1.5
    reach: float = 0.35
    slack: float = 0.75
    most_size_ratio: float = 2.5
    position_gain: float = 0.7
    velocity_gain: float = 0.4


class Tracker:
    """Associates in two stages, as ByteTrack does (Zhang 2022, arXiv:2110.06864): strong detections first, then weak
    ones, which may carry a track on but not begin one.

    Boxes of small fast objects often do not overlap from one look to the next, so a pair may match by distance where it
    does not by IoU; the distance allowed grows with the time passed, because looks come at a rate that load changes.
    Motion is an alpha-beta filter: at ten looks a second of a hand, more states than position and velocity are noise.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._tracks: dict[int, Track] = {}
        self._next_id = 1
        self._size = (0, 0)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All tracks not yet lost, oldest first."""
        return tuple(self._tracks.values())

    def update(self, seen: Detections, now: float, width: int, height: int) -> Detections:
        """Take in one look at time ``now`` (s); returns the detections with their track ids.

        Weak detections that carry no track on are left out.
        """
        settings = self._settings
        self._tracks = {t.id: t for t in self.tracks if now - t.last_seen <= settings.lost_after_s}
        self._resize(width, height)
        ids = np.full(len(seen), NO_TRACK, np.int64)
        free = dict(self._tracks)
        diagonal = float(np.hypot(width, height))
        strong = seen.scores >= settings.new_score
        for stage in (strong, ~strong & (seen.scores >= settings.keep_score)):
            rows = np.flatnonzero(stage)
            for row, track in self._pairs(seen, rows, list(free.values()), now, diagonal):
                del free[track.id]
                ids[row] = track.id
                self._tracks[track.id] = self._moved(track, seen.boxes[row], float(seen.scores[row]), now)
        for row in np.flatnonzero(strong & (ids == NO_TRACK)).tolist():
            ids[row] = self._begin(seen, row, now)
        return seen.tracked(ids).where(ids != NO_TRACK)

    def _resize(self, width: int, height: int) -> None:
        """Keep the tracks in place when the picture changes its size: a browser sends fewer pixels when it is short of
        time or bandwidth."""
        if self._tracks and self._size != (width, height):
            scale = np.array([width / self._size[0], height / self._size[1]], np.float32)
            self._tracks = {
                t.id: replace(t, box=t.box * np.tile(scale, 2), velocity=t.velocity * scale) for t in self.tracks
            }
        self._size = (width, height)

    def _begin(self, seen: Detections, row: int, now: float) -> int:
        track = Track(
            id=self._next_id,
            class_id=int(seen.classes[row]),
            box=seen.boxes[row],
            velocity=np.zeros(2, np.float32),
            score=float(seen.scores[row]),
            first_seen=now,
            last_seen=now,
            hits=1,
        )
        self._next_id += 1
        self._tracks[track.id] = track
        return track.id

    def _pairs(
        self, seen: Detections, rows: NDArray[np.intp], tracks: list[Track], now: float, diagonal: float
    ) -> Iterator[tuple[int, Track]]:
        """Cheapest pairs first. Greedy, not Hungarian: with the handful of guns in a picture both pick the same."""
        if not len(rows) or not tracks:
            return
        cost = self._costs(seen.boxes[rows], tracks, now, diagonal)
        cost[seen.classes[rows][:, None] != np.array([t.class_id for t in tracks])[None, :]] = np.inf
        while np.isfinite(cost).any():
            i, j = np.unravel_index(int(np.argmin(cost)), cost.shape)
            cost[i, :] = cost[:, j] = np.inf
            yield int(rows[i]), tracks[j]

    def _costs(self, boxes: Boxes, tracks: list[Track], now: float, diagonal: float) -> NDArray[np.float64]:
        """Cost (N, M): below 1 by overlap, 1 to 2 by distance, infinite where a pair cannot be."""
        settings = self._settings
        predicted = np.stack([t.box_at(now) for t in tracks])
        elapsed = np.array([now - t.last_seen for t in tracks])
        overlap = iou(boxes, predicted)
        distance = np.linalg.norm(centres(boxes)[:, None] - centres(predicted)[None], axis=2)
        size, track_size = _diagonals(boxes)[:, None], _diagonals(predicted)[None]
        gate = settings.slack * (size + track_size) / 2 + settings.reach * diagonal * elapsed[None]
        ratio = np.maximum(size, track_size) / np.maximum(np.minimum(size, track_size), 1e-6)
        cost = np.where(overlap > 0, 1 - overlap, 1 + distance / np.maximum(gate, 1e-6)).astype(np.float64)
        cost[(ratio > settings.most_size_ratio) | ((overlap <= 0) & (distance > gate))] = np.inf
        return cost

    def _moved(self, track: Track, box: NDArray[np.float32], score: float, now: float) -> Track:
        settings = self._settings
        elapsed = max(now - track.last_seen, SHORTEST_STEP_S)
        predicted = track.box_at(now)
        error = centres(box[None])[0] - centres(predicted[None])[0]
        # The second sighting has no motion to go by yet: take it whole.
        gain = settings.velocity_gain if track.hits > 1 else 1.0
        velocity = track.velocity + np.float32(gain / elapsed) * error
        smoothed = predicted + np.float32(settings.position_gain) * (box - predicted)
        return replace(
            track,
            box=np.asarray(smoothed, np.float32),
            velocity=np.asarray(velocity, np.float32),
            score=score,
            last_seen=now,
            hits=track.hits + 1,
        )


def _diagonals(boxes: Boxes) -> NDArray[np.float32]:
    return np.asarray(np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), np.float32)
