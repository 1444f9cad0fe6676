"""Parameters of a query, read and held to their bounds."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from .problems import Problem

MOST_VALUES = 64
MOST_SIGNS = 200


def number(request: web.Request, name: str, usual: float, least: float, most: float) -> float:
    """A number within its bounds; raises :class:`Problem`, as all of these do."""
    text = request.query.get(name)
    try:
        value = usual if text is None else float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Problem("invalid-parameter", 400, f"The parameter {name} is a number from {least:g} to {most:g}.")
    return value


def texts(request: web.Request, name: str, known: Collection[str] | None = None) -> tuple[str, ...]:
    """All values of a parameter that may be given several times, each once; ``known``: of these alone."""
    values = tuple(dict.fromkeys(request.query.getall(name, ())))
    if len(values) > MOST_VALUES:
        raise Problem("invalid-parameter", 400, f"The parameter {name} can be given {MOST_VALUES} times at the most.")
    if any(not value or len(value) > MOST_SIGNS or "\0" in value for value in values):
        raise Problem("invalid-parameter", 400, f"The parameter {name} is a text of 1 to {MOST_SIGNS} signs.")
    if known is not None and not set(values) <= set(known):
        raise Problem("invalid-parameter", 400, f"The parameter {name} is one of: {', '.join(known)}.")
    return values


def text(request: web.Request, name: str) -> str:
    """A text that may be missing or empty."""
    value = request.query.get(name, "").strip()
    if len(value) > MOST_SIGNS or "\0" in value:
        raise Problem("invalid-parameter", 400, f"The parameter {name} is a text of at most {MOST_SIGNS} signs.")
    return value


def flag(request: web.Request, name: str) -> bool:
    """1 or 0; 0 where it is missing."""
    value = request.query.get(name, "0")
    if value not in ("0", "1"):
        raise Problem("invalid-parameter", 400, f"The parameter {name} is 0 or 1.")
    return value == "1"


def identifier(request: web.Request, name: str) -> str | None:
    """A version 7 UUID, or None where it is missing."""
    value = request.query.get(name)
    if value is None:
        return None
    if not is_identifier(value):
        raise Problem("invalid-parameter", 400, f"The parameter {name} is what the page before gave as next.")
    return value


def is_identifier(value: str) -> bool:
    """Whether this is how the id of an event is written."""
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def moment(request: web.Request, name: str) -> float | None:
    """A time as RFC 3339 has it -> unix seconds, or None where it is missing."""
    value = request.query.get(name)
    if value is None:
        return None
    if (unix := unix_of(value)) is None:
        raise Problem("invalid-parameter", 400, f"The parameter {name} is a time such as 2026-11-23T10:00:00Z.")
    return unix


def unix_of(value: str) -> float | None:
    """A time as RFC 3339 has it -> unix seconds; None where it is none."""
    try:
        parsed = datetime.fromisoformat(value.replace(" ", "+", 1) if "T" in value else value)
        unix = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return unix if 0 <= unix < 2**37 else None
