"""What Vigie says of an event, as JSON: the same in the API, on every channel and to every receiver."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .core.events import Event, PathPoint
from .core.reports import Report, time_of

Json = dict[str, Any]


def event_body(event: Event) -> Json:
    """An event, without its path. The camera of one that is about the server itself is null."""
    return {
        "id": event.id,
        "revision": event.revision,
        "state": event.state,
        "kind": event.kind,
        "camera": event.feed or None,
        "label": event.label,
        "first_seen": iso(event.first_seen),
        "last_seen": iso(event.last_seen),
        "confirmed_at": iso(event.confirmed_at),
        "ended_at": iso(event.ended_at),
        "retracted_at": iso(event.retracted_at),
        "best_score": round(event.best_score, 4),
        "looks": event.looks,
        "hits": event.hits,
        "track_id": event.track_id,
        "box": box_body(event.box),
        "image": {"width": event.width, "height": event.height},
        "model": event.model,
        "policy": event.policy,
        "verdict": event.verdict,
        "verdict_at": iso(event.verdict_at),
        "note": event.note,
    }


def report_body(event: Event, report: Report) -> Json:
    """What a change of an event says: ``{"type", "timestamp", "data"}``."""
    return {"type": report, "timestamp": iso(time_of(event, report)), "data": event_body(event)}


def told_of(event: Event, report: Report) -> str:
    """The same as JSON text."""
    return compact(report_body(event, report))


def path_body(event: Event) -> list[Json]:
    """Where an event's object was, in pixels of the picture that ``image`` tells the size of."""
    size = (event.width, event.height, event.width, event.height)
    return [
        {
            "at": round(point.at, 3),
            "box": box_body(side * whole for side, whole in zip(point.box, size, strict=True)),
            "score": round(point.score, 4),
        }
        for point in event.path
    ]


def path_columns(path: Iterable[PathPoint]) -> list[list[float]]:
    """A path as it is kept: ``[at, x1, y1, x2, y2, score]`` for each point."""
    return [[round(value, 5) for value in (point.at, *point.box, point.score)] for point in path]


def path_of(columns: Iterable[list[float]]) -> tuple[PathPoint, ...]:
    """The path that :func:`path_columns` kept."""
    return tuple(PathPoint(at, (x1, y1, x2, y2), score) for at, x1, y1, x2, y2, score in columns)


def box_body(box: Iterable[float]) -> Json:
    """A box x1, y1, x2, y2 in pixels, to a tenth."""
    return dict(zip(("x1", "y1", "x2", "y2"), (round(float(value), 1) for value in box), strict=True))


def iso(unix: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if unix is None:
        return None
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact(body: Json) -> str:
    """JSON without spaces."""
    return json.dumps(body, separators=(",", ":"))
