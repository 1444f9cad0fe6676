"""Parameters of a query. Each reads itself, holds to its bounds and says what they are: what the API's description
tells of a parameter is what is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from aiohttp import web

from .problems import Problem

MOST_VALUES = 64
MOST_SIGNS = 200

Json = dict[str, Any]


class Parameter(Protocol):
    """What the description of the API asks of one."""

    @property
    def name(self) -> str:
        """How it is called."""

    @property
    def says(self) -> str:
        """What it is for."""

    def schema(self) -> Json:
        """The JSON Schema of its values."""


def _wrong(detail: str) -> Problem:
    return Problem("invalid-parameter", 400, detail)


@dataclass(frozen=True, slots=True)
class Number:
    """A number within its bounds; ``usual`` where it is not given, None: what the settings say."""

    name: str
    says: str
    usual: float | None
    least: float
    most: float

    def of(self, request: web.Request, usual: float = math.nan) -> float:
        """What a request gives, else the usual; raises :class:`Problem`, as all of these do."""
        text = request.query.get(self.name)
        try:
            value = (usual if self.usual is None else self.usual) if text is None else float(text)
        except ValueError:
            value = math.nan
        if not self.least <= value <= self.most:
            raise _wrong(f"The parameter {self.name} is a number from {self.least:g} to {self.most:g}.")
        return value

    def schema(self) -> Json:
        """A number."""
        default = {} if self.usual is None else {"default": self.usual}
        return {"type": "number", "minimum": self.least, "maximum": self.most, **default}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within its bounds; ``usual`` where it is not given."""

    name: str
    says: str
    usual: int
    least: int
    most: int

    def of(self, request: web.Request) -> int:
        """What a request gives."""
        text = request.query.get(self.name)
        if text is None:
            return self.usual
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and self.least <= int(text) <= self.most):
            raise _wrong(f"The parameter {self.name} is a whole number from {self.least} to {self.most}.")
        return int(text)

    def schema(self) -> Json:
        """An integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most, "default": self.usual}


def limit(usual: int, most: int) -> Whole:
    """How many a page has."""
    return Whole("limit", "How many a page has at the most.", usual, 1, most)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; ``usual``, which may be the empty text, where it is not given."""

    name: str
    says: str
    words: tuple[str, ...]
    usual: str = ""

    def of(self, request: web.Request) -> str:
        """What a request gives."""
        value = request.query.get(self.name)
        if value is None:
            return self.usual
        if value not in self.words:
            raise _wrong(f"The parameter {self.name} is one of: {', '.join(self.words)}.")
        return value

    def schema(self) -> Json:
        """An enumeration."""
        return {"type": "string", "enum": list(self.words), **({"default": self.usual} if self.usual else {})}


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, the parameter given once for each; ``known``: of these alone."""

    name: str
    says: str
    known: tuple[str, ...] = ()

    def of(self, request: web.Request) -> tuple[str, ...]:
        """What a request gives, each value once."""
        values = tuple(dict.fromkeys(request.query.getall(self.name, ())))
        if len(values) > MOST_VALUES:
            raise _wrong(f"The parameter {self.name} can be given {MOST_VALUES} times at the most.")
        if any(not value or len(value) > MOST_SIGNS or "\0" in value for value in values):
            raise _wrong(f"The parameter {self.name} is a text of 1 to {MOST_SIGNS} signs.")
        if self.known and not set(values) <= set(self.known):
            raise _wrong(f"The parameter {self.name} is one of: {', '.join(self.known)}.")
        return values

    def schema(self) -> Json:
        """A list: ``camera=gate&camera=door``."""
        one: Json = {"type": "string", "minLength": 1, "maxLength": MOST_SIGNS}
        return {
            "type": "array",
            "maxItems": MOST_VALUES,
            "items": {"type": "string", "enum": list(self.known)} if self.known else one,
        }


@dataclass(frozen=True, slots=True)
class Text:
    """A text that may be missing or empty."""

    name: str
    says: str

    def of(self, request: web.Request) -> str:
        """What a request gives, without the spaces around it."""
        value = request.query.get(self.name, "").strip()
        if len(value) > MOST_SIGNS or "\0" in value:
            raise _wrong(f"The parameter {self.name} is a text of at most {MOST_SIGNS} signs.")
        return value

    def schema(self) -> Json:
        """A string."""
        return {"type": "string", "maxLength": MOST_SIGNS}


@dataclass(frozen=True, slots=True)
class Flag:
    """1 or 0; ``usual`` where it is missing."""

    name: str
    says: str
    usual: bool = False

    def of(self, request: web.Request) -> bool:
        """What a request gives."""
        value = request.query.get(self.name, str(int(self.usual)))
        if value not in ("0", "1"):
            raise _wrong(f"The parameter {self.name} is 0 or 1.")
        return value == "1"

    def schema(self) -> Json:
        """Two strings: a query has no numbers."""
        return {"type": "string", "enum": ["0", "1"], "default": str(int(self.usual))}


@dataclass(frozen=True, slots=True)
class Cursor:
    """The id of an event that a page ended with."""

    name: str
    says: str

    def of(self, request: web.Request) -> str | None:
        """What a request gives, or None where it is missing."""
        value = request.query.get(self.name)
        if value is not None and not is_identifier(value):
            raise _wrong(f"The parameter {self.name} is what the page before gave as next.")
        return value

    def schema(self) -> Json:
        """A UUID."""
        return {"type": "string", "format": "uuid"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as RFC 3339 has it."""

    name: str
    says: str

    def of(self, request: web.Request) -> float | None:
        """What a request gives, as unix seconds, or None where it is missing."""
        value = request.query.get(self.name)
        if value is None:
            return None
        if (unix := unix_of(value)) is None:
            raise _wrong(f"The parameter {self.name} is a time such as 2026-11-23T10:00:00Z.")
        return unix

    def schema(self) -> Json:
        """A date and time."""
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True)
class Plain:
    """A parameter that its handler reads by itself."""

    name: str
    says: str
    of: Json

    def schema(self) -> Json:
        """What was given for it."""
        return self.of


def is_identifier(value: str) -> bool:
    """Whether this is how the id of an event is written."""
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def unix_of(value: str) -> float | None:
    """A time as RFC 3339 has it -> unix seconds; None where it is none."""
    try:
        parsed = datetime.fromisoformat(value.replace(" ", "+", 1) if "T" in value else value)
        unix = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return unix if 0 <= unix < 2**37 else None
