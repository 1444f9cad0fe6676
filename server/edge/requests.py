"""Each request has an id, that its answer and every line of the log about it tell."""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from ..logs import about

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An id that a caller or a proxy gave is kept, unless it could be anything but an id."""

ID = web.RequestKey("id", str)


@web.middleware
async def identified(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id."""
    given = request.headers.get(HEADER, "")
    request[ID] = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
    with about(request=request[ID]):
        return await handler(request)


async def tell_id(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the id in the answer."""
    if ID in request:
        response.headers[HEADER] = request[ID]
