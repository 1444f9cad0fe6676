"""Bodies of requests: JSON, bounded, and an object."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .problems import Problem

MOST_BYTES = 64 * 1024

Json = dict[str, Any]


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
