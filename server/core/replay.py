"""Detections as they were recorded, and what a policy makes of them: the same tracker and log as of a live feed.

A recording is JSON lines: a header, then a look a line::

    {"format":"vigie-detections-1","feed":"door","model":"gun","labels":["gun"],"width":1280,"height":720,"began":0}
    {"at":0.1,"detections":[{"box":[0.41,0.32,0.5,0.38],"score":0.83,"label":"gun"}]}
    {"at":0.2,"detections":[]}

``at`` is seconds since ``began`` (unix seconds, 0 where it is not given); boxes are x1, y1, x2, y2 as fractions of the
picture. Looks without detections belong to it: they are the misses. Of the header, ``feed``, ``model`` and ``began``
may be left out; keys not named here are passed over.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .analyzer import Observation
from .detections import NO_TRACK, Detections
from .events import Event, EventLog, State
from .policy import ConfirmationPolicy
from .tracking import Tracker, TrackerSettings

FORMAT = "vigie-detections-1"

MOST_LABELS = 1000
MOST_TEXT = 200
MOST_SIDE = 32_768
MOST_SECONDS = 1e8
MOST_IN_A_LOOK = 300

SEPARATE_S = 60.0
"""What begins before the end of what came before it, because the clock was set back, is played so long after it."""


class RecordingError(ValueError):
    """A recording cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedLook:
    """One look, in columns: ``boxes`` (N, 4) float64 as fractions of the picture, ``scores`` (N,) float32, ``classes``
    (N,) int32 as indices into the labels of its recording; ``track_ids`` (N,) int64, or empty where they are not
    known, which are for whoever reads the lines. ``at`` is seconds since the recording began."""

    at: float
    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]
    track_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def detections(self, width: int, height: int) -> Detections:
        """In pixels of a picture of this size."""
        boxes = (self.boxes * (width, height, width, height)).astype(np.float32)
        return Detections(boxes, self.scores, self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Looks at one feed, oldest first. ``began`` is unix seconds; ``width`` and ``height`` are of its pictures."""

    feed: str
    labels: tuple[str, ...]
    width: int
    height: int
    looks: tuple[RecordedLook, ...]
    model: str = ""
    began: float = 0.0


def look_of(observation: Observation, began_at: float) -> RecordedLook:
    """What an observation saw. ``began_at``: when the recording began, in monotonic seconds as of its frames."""
    picture, seen = observation.frame.picture, observation.detections
    boxes = np.clip(seen.boxes / np.array((picture.width, picture.height) * 2), 0, 1)
    at = observation.frame.captured_at - began_at
    return RecordedLook(at, boxes, seen.scores, seen.classes, seen.track_ids)


def header_line(feed: str, labels: Sequence[str], width: int, height: int, model: str = "", began: float = 0.0) -> str:
    """The first line of a recording, without a line break."""
    header = {"format": FORMAT, "feed": feed, "model": model, "labels": list(labels), "width": width, "height": height}
    return _compact({**header, "began": round(began, 6)})


def look_line(look: RecordedLook, labels: Sequence[str]) -> str:
    """The line of a look, without a line break. A detection that is known to belong to a track has its ``track_id``."""
    track_ids = look.track_ids.tolist() or [NO_TRACK] * len(look.scores)
    detections = [
        {
            "box": [round(value, 6) for value in box],
            # The shortest text that reads back as the same float32.
            "score": float(str(score)),
            "label": labels[kind] if kind < len(labels) else str(kind),
            **({} if track_id == NO_TRACK else {"track_id": track_id}),
        }
        for box, score, kind, track_id in zip(look.boxes.tolist(), look.scores, look.classes, track_ids, strict=True)
    ]
    return _compact({"at": round(look.at, 6), "detections": detections})


def lines_of(recording: Recording) -> Iterator[str]:
    """A recording as JSON lines, each with its line break."""
    of = recording
    yield header_line(of.feed, of.labels, of.width, of.height, of.model, of.began) + "\n"
    for look in of.looks:
        yield look_line(look, of.labels) + "\n"


def read_recording(lines: Iterable[str]) -> Recording:
    """A recording from its JSON lines; empty lines are passed over. Raises :class:`RecordingError`."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for number, line in numbered:
        try:
            header = _header(line)
        except RecordingError as error:
            raise RecordingError(f"line {number}: {error}") from error
        return Recording(**header, looks=tuple(_looks(numbered, header["labels"])))
    raise RecordingError("line 1: a recording begins with a header, and this is empty")


def read_looks(lines: Iterable[str], labels: Sequence[str]) -> tuple[RecordedLook, ...]:
    """Looks from JSON lines that have no header. Raises :class:`RecordingError`."""
    return tuple(_looks(((number, line) for number, line in enumerate(lines, 1) if line.strip()), labels))


def _looks(lines: Iterable[tuple[int, str]], labels: Sequence[str]) -> Iterator[RecordedLook]:
    classes = {label: index for index, label in enumerate(labels)}
    last = -math.inf
    for number, line in lines:
        try:
            look = _look(line, classes)
            if look.at <= last:
                raise RecordingError("at is not after the look before it")
        except RecordingError as error:
            raise RecordingError(f"line {number}: {error}") from error
        last = look.at
        yield look


def _header(line: str) -> dict[str, Any]:
    body = _object(line)
    if body.get("format", FORMAT) != FORMAT:
        raise RecordingError(f"its format is not {FORMAT}")
    if missing := [key for key in ("labels", "width", "height") if key not in body]:
        raise RecordingError(f"a header says {' and '.join(missing)}")
    labels = body["labels"]
    if not isinstance(labels, list) or not 1 <= len(labels) <= MOST_LABELS or len(labels) > len(set(map(str, labels))):
        raise RecordingError(f"labels must be a list of 1 to {MOST_LABELS} texts, each once")
    sides = [_number(body[key], key, 1, MOST_SIDE) for key in ("width", "height")]
    return {
        "feed": _text(body.get("feed", ""), "feed"),
        "model": _text(body.get("model", ""), "model"),
        "labels": tuple(_text(label, "a label") for label in labels),
        "width": int(sides[0]),
        "height": int(sides[1]),
        "began": _number(body.get("began", 0), "began", 0, 1000 * MOST_SECONDS),
    }


def _look(line: str, classes: Mapping[str, int]) -> RecordedLook:
    body = _object(line)
    at = _number(body.get("at"), "at", 0, MOST_SECONDS)
    detections = body.get("detections")
    if not isinstance(detections, list) or len(detections) > MOST_IN_A_LOOK:
        raise RecordingError(f"detections must be a list of at most {MOST_IN_A_LOOK}")
    boxes, scores, kinds = [], [], []
    for detection in detections:
        if not isinstance(detection, dict):
            raise RecordingError("a detection must be an object")
        box = detection.get("box")
        if not isinstance(box, list) or len(box) != 4:
            raise RecordingError("a box must be a list of 4 fractions")
        x1, y1, x2, y2 = (_number(value, "a box", 0, 1) for value in box)
        if x1 > x2 or y1 > y2:
            raise RecordingError("a box must be x1, y1, x2, y2, the upper left corner first")
        label = detection.get("label")
        if not isinstance(label, str) or label not in classes:
            raise RecordingError(f"the label {str(label)[:40]!r} is not in the header")
        boxes.append((x1, y1, x2, y2))
        scores.append(_number(detection.get("score"), "a score", 0, 1))
        kinds.append(classes[label])
    best = np.argsort(-np.array(scores), kind="stable")
    return RecordedLook(
        at,
        np.array(boxes, np.float64).reshape(-1, 4)[best],
        np.array(scores, np.float32)[best],
        np.array(kinds, np.int32)[best],
    )


def _object(line: str) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordingError("it is not JSON") from error
    if not isinstance(body, dict):
        raise RecordingError("it is not a JSON object")
    return body


def _number(value: object, what: str, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise RecordingError(f"{what} must be a number from {least:g} to {most:g}")
    return float(value)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise RecordingError(f"{what} must be a text of at most {MOST_TEXT} signs")
    return value


def _compact(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


class Replay:
    """Looks of one feed, taken in one after the other, and the events that each of some policies makes of them.

    All policies see the same tracks, for tracking knows nothing of them. Recordings may follow one another: what one
    leaves open goes on in the next, if that begins soon enough.
    """

    def __init__(
        self,
        feed: str,
        labels: Sequence[str],
        policies: Sequence[ConfirmationPolicy],
        tracker: TrackerSettings | None = None,
        ended_after_s: float = 2.0,
        model: str = "",
    ) -> None:
        self._tracker = Tracker(tracker)
        self._logs = [EventLog(feed, labels, policy, _numbered(feed), ended_after_s, model) for policy in policies]
        self._events: list[dict[str, Event]] = [{} for _ in policies]
        self._ended_after_s = ended_after_s
        self._now, self._unix = -math.inf, 0.0
        self._origin: float | None = None

    def play(self, recording: Recording) -> Iterator[RecordedLook]:
        """Take in a recording look by look, so that it can be left at any."""
        if self._origin is None:
            self._origin = recording.began
        shift = recording.began - self._origin
        if recording.looks and shift + recording.looks[0].at <= self._now:
            shift = self._now + SEPARATE_S
        for look in recording.looks:
            self._take_in(look, shift + look.at, recording)
            yield look

    def close(self) -> None:
        """End what is still open, at the last look."""
        for number in range(len(self._logs)):
            self._keep(number, self._logs[number].close(self._unix))

    def events(self, policy: int) -> list[Event]:
        """What the policy of this number made, each event in its last revision, in the order they began."""
        return list(self._events[policy].values())

    def _take_in(self, look: RecordedLook, now: float, recording: Recording) -> None:
        if now - self._now > self._ended_after_s:
            self._pass(self._ended_after_s + 0.001)
        self._now, self._unix = now, recording.began + look.at
        width, height = recording.width, recording.height
        self._tracker.update(look.detections(width, height), now, width, height)
        for number, log in enumerate(self._logs):
            self._keep(number, log.observe(self._tracker.tracks, now, self._unix, width, height))

    def _pass(self, seconds: float) -> None:
        """Nobody looked for a while: a live feed would have ended its events meanwhile."""
        for number, log in enumerate(self._logs):
            self._keep(number, log.expire(self._now + seconds, self._unix + seconds))

    def _keep(self, number: int, events: Iterable[Event]) -> None:
        for event in events:
            self._events[number][event.id] = event


def replay(
    recording: Recording,
    policy: ConfirmationPolicy,
    tracker: TrackerSettings | None = None,
    ended_after_s: float = 2.0,
) -> list[Event]:
    """The events that a live feed with this policy would have made of the recording, each in its last revision."""
    run = Replay(recording.feed, recording.labels, (policy,), tracker, ended_after_s, recording.model)
    for _ in run.play(recording):
        pass
    run.close()
    return run.events(0)


@dataclass(frozen=True, slots=True)
class Compared:
    """An event with what another policy made of the same sighting: confirmed, suspected, or None for nothing."""

    event: Event
    before: State | None


def compare(now: Iterable[Event], before: Iterable[Event]) -> list[Compared]:
    """Events of one policy, each with what another made of the same sighting in the same looks."""
    others = {_sighting(event): reached(event) for event in before}
    return [Compared(event, others.get(_sighting(event))) for event in now]


def reached(event: Event) -> State:
    """How far an event came: suspected or confirmed, also when it has ended since."""
    return State.SUSPECTED if event.confirmed_at is None else State.CONFIRMED


def _sighting(event: Event) -> tuple[object, ...]:
    """What tells a sighting, whatever the policy: where and when it began."""
    return event.feed, event.label, event.first_seen, event.path[:1]


def _numbered(feed: str) -> Callable[[float], str]:
    """Ids that are the same each time: the feed, and the number of the event."""
    numbers = itertools.count(1)
    return lambda _: f"{feed or 'replay'}-{next(numbers)}"
