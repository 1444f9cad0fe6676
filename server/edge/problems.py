"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from ..store.database import is_away, plain_words

log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is an error. ``detail`` is a whole sentence that says what to do; it holds no secret."""

    def __init__(
        self,
        slug: str,
        status: int,
        detail: str,
        title: str | None = None,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """``errors``: what is wrong with each field, as ``{"field", "detail"}``."""
        super().__init__(detail)
        self.errors = errors
        self.headers = headers
        self.slug = slug
        self.status = status
        self.title = title or slug.replace("-", " ").capitalize()
        self.detail = detail

    def response(self) -> web.Response:
        """The problem document."""
        body = {
            "type": f"urn:vigie:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **({"errors": self.errors} if self.errors else {}),
        }
        return web.Response(
            status=self.status, text=json.dumps(body), content_type="application/problem+json", headers=self.headers
        )


AWAY = Problem(
    "database-away",
    503,
    "The database cannot be used at the moment. Try again in a few seconds.",
    headers={"Retry-After": "2"},
)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong in a handler into a problem document, and log it."""
    path = request.rel_url.raw_path[:200]  # still percent-encoded: a line break in it would forge a line of the log
    try:
        return await handler(request)
    except Problem as problem:
        log.info("%s %s: %d %s", request.method, path, problem.status, problem.detail)
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        title = HTTPStatus(error.status).phrase
        answer = Problem(
            title.lower().replace(" ", "-"), error.status, f"{request.method} {path}: {title}.", title
        ).response()
        if allow := error.headers.get("Allow"):
            answer.headers["Allow"] = allow
        return answer
    except Exception as error:
        if is_away(error):
            log.warning("%s %s: the database cannot be used: %s", request.method, path, plain_words(error))
            return AWAY.response()
        log.exception("%s %s failed", request.method, path)
        return Problem("internal", 500, "Vigie failed at this request. Its log says why.").response()
