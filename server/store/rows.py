"""Between events and the rows of their table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.events import Event, State, Verdict
from ..wire import path_columns, path_of

AS_THEY_ARE = (
    *("id", "revision", "state", "feed", "kind", "label", "track_id", "first_seen", "last_seen", "confirmed_at"),
    *("ended_at", "best_score", "looks", "hits", "width", "height", "model", "policy", "verdict", "note"),
    *("verdict_at", "retracted_at"),
)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of an event's evidence. ``size`` in bytes."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept. ``feed_revision`` is the newest that its feed told; ``evidence`` is writing, complete,
    stopped or removed, and None where there never was any; ``held`` evidence is never removed by itself."""

    event: Event
    feed_revision: int
    evidence: str | None = None
    held: bool = False
    files: tuple[EvidenceFile, ...] = ()


def row_of(event: Event) -> dict[str, Any]:
    """The columns that an event fills."""
    return {
        **{name: getattr(event, name) for name in AS_THEY_ARE},
        "box": [round(float(value), 2) for value in event.box],
        "path": path_columns(event.path),
    }


def stored_of(row: Mapping[str, Any]) -> StoredEvent:
    """The event in a row."""
    x1, y1, x2, y2 = row["box"]
    event = Event(
        **{
            **{name: row[name] for name in AS_THEY_ARE},
            "state": State(row["state"]),
            "verdict": Verdict(row["verdict"]) if row["verdict"] else None,
            "box": (x1, y1, x2, y2),
            "path": path_of(row["path"]),
        }
    )
    return StoredEvent(event, row["feed_revision"], row["evidence"], row["held"])
