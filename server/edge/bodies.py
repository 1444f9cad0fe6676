"""Bodies of requests: JSON, bounded, and an object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from .problems import Problem

MOST_BYTES = 64 * 1024

Json = dict[str, Any]

Shape = TypeVar("Shape", bound=BaseModel)


async def read_text(request: web.Request, what: str, most: int = MOST_BYTES) -> bytes:
    """A body of at most so many bytes; raises :class:`Problem`. ``what`` begins the sentence of one too long."""
    parts, left = [], most
    while left >= 0 and (part := await request.content.read(left + 1)):
        parts.append(part)
        left -= len(part)
    if left < 0:
        raise Problem("malformed-request", 413, f"{what} has {most // 1024} kB at the most.")
    return b"".join(parts)


async def read_json(request: web.Request, what: str, most: int = MOST_BYTES) -> Json:
    """A JSON object of at most so many bytes; raises :class:`Problem`, as :func:`read_text`."""
    if request.content_type != "application/json":
        raise Problem("unsupported-content-type", 415, "Send JSON, with the content type application/json.")
    data = await read_text(request, what, most)
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-request", 400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Problem("malformed-request", 400, "The body must be a JSON object.")
    return body


def shaped(shape: type[Shape], body: Json, wrong: Mapping[str, Problem]) -> Shape:
    """A body as this type. Raises the :class:`Problem` of the first field that is wrong; what a validator says of it,
    or of several together, is told instead, and a field that there is not is told by its name."""
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        usual = next(iter(wrong.values()))
        if unknown := [str(one["loc"][-1]) for one in mistakes if one["type"] == "extra_forbidden"]:
            names = ", ".join(sorted(unknown))[:200]
            known = ", ".join(shape.model_fields)
            raise Problem(usual.slug, usual.status, f"There is no such field: {names}. Known are: {known}.") from error
        field = next((str(one["loc"][0]) for one in mistakes if one["loc"]), "")
        problem = wrong.get(field, usual)
        if mistakes[0]["type"] == "value_error":
            said = str(mistakes[0]["msg"]).removeprefix("Value error, ")
            raise Problem(problem.slug, problem.status, said) from error
        raise problem from error
