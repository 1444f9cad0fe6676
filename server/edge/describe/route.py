"""What is said of a route: what it takes, what it answers, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..queries import Parameter

Json = dict[str, Any]
Key = tuple[str, str]
"""Method and path, as in the table of permits."""


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON object of this type. ``changes``: any of its fields may be left out, and ``without`` cannot be given;
    such a body has a ``name`` of its own, and ``more`` are fields besides."""

    shape: Any
    example: Json
    changes: bool = False
    name: str = ""
    without: tuple[str, ...] = ()
    more: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body of one of these content types; ``form``: or the field ``file`` of a form."""

    kinds: tuple[str, ...]
    form: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error: JSON of the type ``shape``, else ``kind``, else nothing. ``headers`` say what each is
    for."""

    says: str
    shape: Any = None
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """All of it. ``problems`` are the slugs that are its own: those of every route are added."""

    tag: str
    summary: str
    answers: Mapping[int, Answer]
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: JsonBody | RawBody | None = None
    problems: tuple[str, ...] = ()
    more: str = ""


def ok(shape: Any, says: str = "It is done.", status: int = 200, **headers: str) -> dict[int, Answer]:
    """One answer in JSON."""
    return {status: Answer(says, shape, headers=headers)}


NOTHING = {204: Answer("It is done.")}
LOCATION = {"Location": "Where it is."}
