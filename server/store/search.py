"""Which events are asked for, and how the database finds them without sorting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, union_all

from ..core.identifiers import uuid7
from .rows import StoredEvent
from .schema import events

NONE = "none"
TEXTS = (events.c.feed, events.c.kind, events.c.label, events.c.note)
MOST_WAYS = 100
"""Far from what a database takes in one query."""


@dataclass(frozen=True, slots=True)
class Search:
    """Empty means all. ``verdicts`` may hold ``none``; ``since`` and ``until`` are unix seconds of first sight;
    ``after`` is the id that the page before ended with; ``text`` is looked for in camera, kind and note, and in the
    label, which is the kind for all that has one of its own."""

    limit: int = 50
    after: str | None = None
    cameras: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    confirmed: bool = False
    since: float | None = None
    until: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where the next page begins (None: there is none)."""

    events: tuple[StoredEvent, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Names:
    """The cameras and kinds that hold the text of a search."""

    cameras: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def names(column: ColumnElement[str], text: str) -> Select[Any]:
    """The values of an indexed column that hold a text: its values are read off the index, each once, from one to the
    next, however many rows have it."""
    first = select(func.min(column).label("name")).cte("names", recursive=True)
    after = select(func.min(column)).where(column > first.c.name).correlate(first).scalar_subquery()
    every = first.union_all(select(after).where(first.c.name.is_not(None)))
    return select(every.c.name).where(_holds(every.c.name, text))


def statement(search: Search, named: Names = Names()) -> Select[Any]:
    """At most one more than ``limit`` rows, newest first. ``named``: what :func:`names` gives for its text.

    Each index ends with the id, so one value of one column is read off in order. For several values of a column the
    newest of each are put together; all other conditions are kept from choosing an index of their own (``coalesce``),
    after which everything found would have to be sorted.
    """
    most = search.limit + 1
    ways, common = _ways(search, named)
    if not ways:
        return select(events).where(*common).order_by(events.c.id.desc()).limit(most)
    ids = [
        select(select(events.c.id).where(way, *common).order_by(events.c.id.desc()).limit(most).subquery().c.id)
        for way in ways
    ]
    found = ids[0] if len(ids) == 1 else union_all(*ids)
    return select(events).where(events.c.id.in_(found)).order_by(events.c.id.desc()).limit(most)


def _ways(search: Search, named: Names) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Conditions that each have an index, of which one must hold; and those that must hold besides.

    A text that is in no camera's name and no kind's can be in notes alone, which few events have. One that is in a few
    names is looked for there; and one that is in many is soon found by walking down all events.
    """
    choices = [
        (events.c.feed, search.cameras),
        (events.c.verdict, search.verdicts),
        (events.c.kind, search.kinds),
        (events.c.state, search.states),
    ]
    asked = [(column, values) for column, values in choices if values]
    noted = events.c.note.is_not(None) & _holds(events.c.note, search.text)
    by_name = [_is(events.c.feed, name) for name in named.cameras] + [_is(events.c.kind, name) for name in named.kinds]
    ways: list[ColumnElement[bool]] = []
    rest, texts = asked, [or_(*(_holds(column, search.text) for column in TEXTS))]
    if search.text and not by_name:
        ways, texts = [noted], []
    elif asked:
        (column, values), *rest = asked
        ways = [_is(column, value) for value in values]
    elif search.text and len(by_name) < MOST_WAYS:
        ways, texts = [*by_name, noted], []
    others = [func.coalesce(column, NONE).in_(values) for column, values in rest]
    return ways, [*_common(search), *others, *(texts if search.text else [])]


def _holds(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a text is in a column, as people read it: capitals or not."""
    escaped = text.lower()
    for sign in ("\\", "%", "_"):
        escaped = escaped.replace(sign, f"\\{sign}")
    return func.lower(column).like(f"%{escaped}%", escape="\\")


def _is(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    return column.is_(None) if column is events.c.verdict and value == NONE else column == value


def _common(search: Search) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if search.confirmed:
        conditions.append(events.c.confirmed_at.is_not(None))
    if search.after:
        conditions.append(events.c.id < search.after)
    # The id begins with the millisecond of first sight: it bounds what is read, and the exact time decides.
    if search.since is not None:
        conditions += [events.c.id >= uuid7(max(search.since, 0), bytes(10)), events.c.first_seen >= search.since]
    if search.until is not None:
        conditions += [events.c.id <= uuid7(max(search.until, 0), b"\xff" * 10), events.c.first_seen < search.until]
    return conditions
