"""Events as a feed would tell them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.core.events import Event, PathPoint, State
from server.core.identifiers import uuid7

FIRST = 1_790_000_000.0
"""Unix seconds at which the events of the tests begin unless told otherwise."""


def new_id(at: float = FIRST, number: int = 0) -> str:
    """The id of an event that began then."""
    return uuid7(at, number.to_bytes(10, "big"))


def suspected(at: float = FIRST, number: int = 0, **fields: Any) -> Event:
    """The first revision of an event."""
    usual = Event(
        id=new_id(at, number),
        revision=1,
        state=State.SUSPECTED,
        feed="gate",
        label="gun",
        kind="gun",
        track_id=1,
        first_seen=at,
        last_seen=at,
        confirmed_at=None,
        ended_at=None,
        best_score=0.5,
        looks=1,
        hits=1,
        box=(10.0, 20.0, 30.0, 40.0),
        width=640,
        height=480,
        path=(PathPoint(0.0, (0.1, 0.2, 0.3, 0.4), 0.5),),
        model="model",
        policy="p1-0",
    )
    return replace(usual, **fields)


def confirmed(event: Event, after_s: float = 0.5) -> Event:
    """Its next revision: confirmed so long after it began."""
    at = event.first_seen + after_s
    told = replace(event, state=State.CONFIRMED, confirmed_at=at, last_seen=at, best_score=0.9, looks=5, hits=4)
    return replace(told, revision=event.revision + 1)


def ended(event: Event, after_s: float = 5.0) -> Event:
    """Its next revision: ended so long after it began."""
    return replace(event, state=State.ENDED, ended_at=event.first_seen + after_s, revision=event.revision + 1)
