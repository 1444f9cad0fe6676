"""Which events are asked for, and how the database finds them without sorting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, union_all

from ..core.identifiers import uuid7
from .rows import StoredEvent
from .schema import events

NONE = "none"


@dataclass(frozen=True, slots=True)
class Search:
    """Empty means all. ``verdicts`` may hold ``none``; ``since`` and ``until`` are unix seconds of first sight;
    ``after`` is the id that the page before ended with; ``text`` is looked for in camera, label, kind and note."""

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


def statement(search: Search) -> Select[Any]:
    """At most one more than ``limit`` rows, newest first.

    Each index ends with the id, so one value of one column is read off in order. For several values of a column the
    newest of each are put together; all other conditions are kept from choosing an index of their own (``coalesce``),
    after which everything found would have to be sorted.
    """
    choices = [
        (events.c.feed, search.cameras),
        (events.c.verdict, search.verdicts),
        (events.c.kind, search.kinds),
        (events.c.state, search.states),
    ]
    asked = [(column, values) for column, values in choices if values]
    common = _common(search) + [func.coalesce(column, NONE).in_(values) for column, values in asked[1:]]
    most = search.limit + 1
    if not asked:
        return select(events).where(*common).order_by(events.c.id.desc()).limit(most)
    column, values = asked[0]
    ids = [
        select(
            select(events.c.id)
            .where(_is(column, value), *common)
            .order_by(events.c.id.desc())
            .limit(most)
            .subquery()
            .c.id
        )
        for value in values
    ]
    found = ids[0] if len(ids) == 1 else union_all(*ids)
    return select(events).where(events.c.id.in_(found)).order_by(events.c.id.desc()).limit(most)


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
    if search.text:
        escaped = search.text.lower()
        for sign in ("\\", "%", "_"):
            escaped = escaped.replace(sign, f"\\{sign}")
        conditions.append(
            or_(
                *(
                    func.lower(column).like(f"%{escaped}%", escape="\\")
                    for column in (events.c.feed, events.c.label, events.c.kind, events.c.note)
                )
            )
        )
    return conditions
