"""Bodies of requests: JSON, bounded, and an object."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .problems import Problem

MOST_BYTES = 64 * 1024

Json = dict[str, Any]


async def read_text(request: web.Request, what: str) -> bytes:
    """A body of at most 64 kB; raises :class:`Problem`."""
    data = await request.content.read(MOST_BYTES + 1)
    while len(data) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES + 1 - len(data))):
        data += more
    if len(data) > MOST_BYTES:
        raise Problem("malformed-request", 413, f"{what} has 64 kB at the most.")
    return data


async def read_json(request: web.Request, what: str) -> Json:
    """A JSON object of at most 64 kB; raises :class:`Problem`. ``what`` begins the sentence of one too long."""
    if request.content_type != "application/json":
        raise Problem("unsupported-content-type", 415, "Send JSON, with the content type application/json.")
    data = await read_text(request, what)
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-request", 400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Problem("malformed-request", 400, "The body must be a JSON object.")
    return body
